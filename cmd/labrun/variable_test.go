package main

import (
	"io"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestVariables has a variable for every flag, and none that means something else.
func TestVariables(t *testing.T) {
	taken := []string{"LABRUN_AGAIN", "LABRUN_LAB", "LABRUN_HOST", "LABRUN_NETNS", "LABRUN_UPDATE", "LABRUN_BOX"}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			switch v := variableOf(cmd, f); {
			case v == "" && cmd.Name() != "connect" && cmd.Name() != "server":
				t.Errorf("%s --%s has no variable", cmd.CommandPath(), f.Name)
			case slices.Contains(taken, v):
				t.Errorf("%s --%s: there is another %s", cmd.CommandPath(), f.Name, v)
			case v != "":
				taken = append(taken, v)
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(command{stdout: io.Discard, stderr: io.Discard}.root())
	if !slices.Contains(taken, "LABRUN_JOBS") || !slices.Contains(taken, "LABRUN_GRAPH_FORMAT") {
		t.Errorf("the variables are %v", taken)
	}
}

// TestOffers has every command say what comes after it, and every flag that takes
// a name.
func TestOffers(t *testing.T) {
	root := command{stdout: io.Discard, stderr: io.Discard}.root()
	for _, cmd := range append(root.Commands(), root) {
		if slices.Contains([]string{"connect", "server", "man"}, cmd.Name()) {
			continue // take addresses, a folder
		}
		if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil {
			t.Errorf("nothing is offered for the arguments of %s", cmd.CommandPath())
		}
		for _, name := range []string{"only", "host", "after", "format"} {
			if _, ok := cmd.GetFlagCompletionFunc(name); !ok && cmd.LocalFlags().Lookup(name) != nil {
				t.Errorf("nothing is offered for %s --%s", cmd.CommandPath(), name)
			}
		}
	}
}
