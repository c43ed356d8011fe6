package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/topology"
	"labrun/lab/wording"
)

// commandNames returns the names of the commands.
func commandNames(root *cobra.Command) []string {
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	return names
}

// shells has "labrun completion" take the name of a shell that it knows, and nothing else.
// cobra prints its help and succeeds for a shell that it does not know: a line in ~/.bashrc would
// load that text as a script.
func shells(root *cobra.Command) {
	cmd := named(root, "completion")
	cmd.Use, cmd.DisableFlagsInUseLine = "completion SHELL", true
	cmd.Short = "print a script with which a shell completes command lines"
	cmd.Long = "completion prints a script with which a shell completes commands, flags, files, and the names in a file. The " +
		"help of each says where it belongs."
	names := commandNames(cmd)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s takes a SHELL: %s; type %q for help", cmd.CommandPath(), list(names),
				cmd.CommandPath()+" --help")
		}
		return usagef("%s %s: no such shell%s there are %s", cmd.CommandPath(), args[0], meant(args[0], names),
			list(names))
	}
	for _, shell := range cmd.Commands() {
		shell.Short = "the script for " + shell.Name()
		shell.Args = args(0, 0, "no arguments")
	}
}

// topicNames returns the names of the pages of the reference.
func topicNames(root *cobra.Command) []string {
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.IsAdditionalHelpTopicCommand() {
			names = append(names, cmd.Name())
		}
	}
	return names
}

// helpTopics has "labrun help" know the commands and the pages of the reference, and no other topics.
// cobra's own prints "Unknown help topic" and the usage of the root, with status 0.
func helpTopics(root *cobra.Command) {
	help := named(root, "help")
	help.ValidArgsFunction = offerHelp(help.ValidArgsFunction)
	help.Run = nil
	// cobra's own offers commands alone.
	commands := help.ValidArgsFunction
	help.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		offers, directive := commands(cmd, args, begun)
		for _, page := range root.Commands() {
			if len(args) == 0 && page.IsAdditionalHelpTopicCommand() && strings.HasPrefix(page.Name(), begun) {
				offers = append(offers, page.Name()+"\t"+page.Short)
			}
		}
		return offers, directive
	}
	help.RunE = func(_ *cobra.Command, topic []string) error {
		cmd, rest, err := root.Find(topic)
		if err == nil && len(rest) == 0 {
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		}
		if cmd == nil || !cmd.HasAvailableSubCommands() {
			cmd = root
		}
		found, names := topic[len(topic)-1], commandNames(cmd)
		if cmd != root {
			return usagef("labrun help %s: no such command%s there are %s", strings.Join(topic, " "), meant(found, names),
				list(names))
		}
		pages := topicNames(root)
		return usagef("labrun help %s: no such command or topic%s there are the commands %s, and the topics %s",
			strings.Join(topic, " "), meant(found, slices.Concat(names, pages)), list(names), list(pages))
	}
}

// named returns the command of that name.
func named(root *cobra.Command, name string) *cobra.Command {
	cmd, _, err := root.Find([]string{name})
	if err != nil || cmd.Name() != name {
		panic("no command " + name) // a mistake in this program
	}
	return cmd
}

// mistakenFlag adds to the error about a flag that does not exist the one that was
// meant, most likely.
// An unknown letter is left as it is: every letter is near every other one.
func mistakenFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return badValue("", err)
	}
	var names []string
	add := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	near := wording.Nearest(unknown.GetSpecifiedName(), names)
	if near == "" || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	return fmt.Errorf("%w, did you mean --%s?", err, near)
}

// mistakenReport says what to do with a kept report that was taken for a topology
// file, "" when the error is not of one. JSON is YAML, so such a file is read as a topology
// full of mistakes: hundreds of complaints where one does.
// Both kinds of file are named on the same command lines, and a message about line 1 of a JSON
// text helps no user who took one for the other.
func mistakenReport(file string, err error) string {
	var found topology.Diagnostics
	if !errors.As(err, &found) || !report.IsReport(found[0].Source.Text) {
		return ""
	}
	return fmt.Sprintf("%s: that is a kept report; %q prints it, %q runs again what is in it",
		file, lab.Command("labrun", "report", file), lab.Command("labrun", "rerun", file))
}

// mistakenTopology says where reports come from when a topology file was taken for
// one, "" when it has no such name.
func mistakenTopology(file string) string {
	if !slices.Contains(topologySuffixes, strings.ToLower(strings.TrimPrefix(filepath.Ext(file), "."))) {
		return ""
	}
	return fmt.Sprintf("%s: that is a topology file; %q keeps a report of it", file,
		lab.Command("labrun", "-o", "report.json", file))
}
