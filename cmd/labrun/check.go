package main

import (
	"fmt"
	"math"

	"github.com/spf13/cobra"
)

// checkCommand makes "labrun check". It finds all that can be found without privilege and
// without a lab, so that an editor or a hook can ask it on every change, on any system. It
// says of good files how much is in them: a file whose experiments lost an indent is good
// YAML, and has no cells.
func checkCommand() *cobra.Command {
	strict := false
	cmd := &cobra.Command{
		Use:   "check FILE-OR-FOLDER...",
		Short: "find the mistakes in topology files, build nothing",
		Long: `check reads topology files and reports every mistake in them, each as
file:line:column, what was found, and what is allowed there. A file that topologies
include is checked with each of them. Of a folder every topology in it is checked.
What a file says to no effect, such as a network that no host is on, is a warning. It
builds nothing and needs no privilege. Exit status: 0 when all are good, 2 when one is
not.`,
		Args: args(1, math.MaxInt, "one or more FILEs or FOLDERs"),
		RunE: func(cmd *cobra.Command, paths []string) error {
			files, err := topologyFiles(cmd.ErrOrStderr(), paths)
			if err != nil {
				return err
			}
			topologies, err := load(cmd, files)
			if err != nil {
				return err
			}
			warnings := 0
			for _, t := range topologies {
				warnings += len(t.Warnings)
				files := ""
				for _, i := range t.Included {
					files += ", with " + i.File
				}
				verdict := "good"
				if strict && len(t.Warnings) > 0 {
					verdict = "not good, " + count(len(t.Warnings), "warning")
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s: %s, %s, %s, %s%s\n", t.File, verdict,
					count(len(t.Networks), "network"),
					count(len(t.Hosts), "host"), count(len(t.Experiments), "experiment"), count(t.CountCells(), "cell"),
					files)
				if err != nil {
					return err
				}
			}
			if strict && warnings > 0 {
				return usagef("%s, which --strict takes for errors", count(warnings, "warning"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "take warnings for errors: exit status 2")
	return cmd
}
