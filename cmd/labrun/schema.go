package main

import (
	"slices"

	"github.com/spf13/cobra"

	"labrun/lab/report"
	"labrun/lab/topology"
)

// schemas are the JSON Schemas that labrun publishes.
// That of the topology is made of the tables of the vocabulary when it is asked for; the others
// are files beside the code that writes the reports.
var schemas = []struct {
	name string
	text func() []byte
}{
	{"report", func() []byte { return report.Schema }},
	{"diff", func() []byte { return report.DiffSchema }},
	{"topology", topology.Schema},
}

// schemaCommand makes "labrun schema". The schemas are in the program, so that they are
// those of its version: an editor that has fetched one elsewhere may demand keys that this
// labrun does not know.
func schemaCommand() *cobra.Command {
	var names []string
	for _, s := range schemas {
		names = append(names, s.name)
	}
	return &cobra.Command{
		Use:   "schema NAME",
		Short: "print the JSON Schema of a format",
		Long: `schema prints a JSON Schema, draft 2020-12, for programs and editors:

    labrun schema report     what "labrun -o FILE.json" writes
    labrun schema diff       what "labrun diff -o FILE.json" writes
    labrun schema topology   what labrun reads; an editor with a YAML language
                             server completes keys and calls by it, when a file
                             begins with: # yaml-language-server: $schema=FILE`,
		Args:      args(1, 1, "a NAME: "+list(names)),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			i := slices.Index(names, args[0])
			if i < 0 {
				return usagef("labrun schema %s: no such schema%s there is %s", args[0], meant(args[0], names),
					list(names))
			}
			_, err := cmd.OutOrStdout().Write(schemas[i].text())
			return err
		},
	}
}
