package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/shard"
	"labrun/lab/wording"
)

// variableOf returns the variable of the environment that stands for a flag:
// LABRUN_JOBS for --jobs, LABRUN_GRAPH_FORMAT for --format of "labrun graph". Those
// of the note's programs have none: they are the note's.
func variableOf(cmd *cobra.Command, f *pflag.Flag) string {
	if f.Name == "help" || f.Name == "version" || slices.Contains([]string{"connect", "server"}, cmd.Name()) {
		return ""
	}
	path := cmd.CommandPath()
	if cmd.Name() == "run" || f.Name == "color" { // those of labrun itself
		path = cmd.Root().Name()
	}
	words := strings.Fields(path + " " + f.Name)
	name := strings.ToUpper(strings.ReplaceAll(strings.Join(words, "_"), "-", "_"))
	if name == hostVar {
		return name + "S" // programs in a host have their own host's name in the other one
	}
	return name
}

// hostVar has the name of the host that a program is in.
const hostVar = "LABRUN_HOST"

// documentVariables makes the help of every flag name its variable.
// It walks the tree of commands, so no list of variables has to be kept in step with the flags.
func documentVariables(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if v := variableOf(cmd, f); v != "" {
			f.Usage += " [" + v + "]"
		}
	})
	for _, sub := range cmd.Commands() {
		documentVariables(sub)
	}
}

// otherVariables are read by labrun, by its tests and by the Vagrantfile, and stand for no flag.
var otherVariables = []string{"LABRUN_AGAIN", "LABRUN_LAB", "LABRUN_HOST", "LABRUN_NETNS", "LABRUN_UPDATE",
	"LABRUN_BOX",
	"LABRUN_SYNC", "LABRUN_CONSOLE", "LABRUN_GUESTS", "LABRUN_SHOTS", "LABRUN_TWIN", "LABRUN_SYSCTLS", "LABRUN_PROCFS",
	shard.CountVariable}

// variableNames returns the variables of all commands.
func variableNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, variableOf(cmd, f)) })
	cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { names = append(names, variableOf(cmd, f)) })
	for _, sub := range cmd.Commands() {
		names = append(names, variableNames(sub)...)
	}
	return names
}

// misspeltVariables warns of variables that are nearly one of labrun's: such a one does nothing, and a run in CI would
// go on without what it was to say. A labrun that is started anew says nothing again.
func misspeltVariables(stderr io.Writer, root *cobra.Command) {
	if os.Getenv("LABRUN_AGAIN") != "" || os.Getenv("LABRUN_PROCFS") != "" {
		return
	}
	const prefix = "LABRUN_" // which is alike in all
	names := variableNames(root)
	var short []string
	for _, n := range names {
		short = append(short, strings.TrimPrefix(n, prefix))
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, prefix) || strings.HasPrefix(name, "LABRUN_TEST_") ||
			slices.Contains(names, name) || slices.Contains(otherVariables, name) {
			continue
		}
		if near := wording.Nearest(strings.TrimPrefix(name, prefix), short); near != "" {
			fmt.Fprintf(stderr, "labrun: warning: no flag has the variable %s, did you mean %s?\n", name, prefix+near)
		}
	}
}

// noneEmpty returns an error when a flag was given an empty text: a variable of a script was empty, and labrun would do
// as without the flag: run all cells and not a share of them, compare with no report, keep nothing.
func noneEmpty(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		if err == nil && slices.Contains(values, "") {
			word, _ := pflag.UnquoteUsage(f)
			err = usagef("--%s: %s is expected, not %q", f.Name, word, "")
		}
	})
	return err
}

// readVariables sets the flags that were not given to what their variables say, and
// returns these variables. An empty one is none, and one for a flag that may be
// given several times has several values, with blanks between them, quoted as for
// sh(1).
// The values go through the flags' own Set: a variable takes what its flag takes, and complaints
// about it are the same but for the name.
func readVariables(cmd *cobra.Command) (used []string, err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := variableOf(cmd, f)
		text := os.Getenv(name)
		// The flag wins, and an empty variable is none: "LABRUN_ONLY= labrun" is how sh unsets one for a
		// command.
		if f.Changed || name == "" || text == "" || err != nil {
			return
		}
		values := []string{text}
		if _, several := f.Value.(pflag.SliceValue); several {
			if values, err = lab.Words(text); err != nil {
				err = usagef("%s: %w", name, err)
				return
			}
		}
		for _, v := range values {
			if setErr := cmd.Flags().Set(f.Name, v); setErr != nil {
				err = usageError{badValue(name, setErr)}
				return
			}
		}
		used = append(used, name+"="+lab.Quote(text))
	})
	return used, err
}
