package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestVariables has a variable for every flag, in the help and in the manual too, that
// sets it, and none that means something else.
func TestVariables(t *testing.T) {
	taken := []string{"LABRUN_AGAIN", "LABRUN_LAB", "LABRUN_HOST", "LABRUN_NETNS", "LABRUN_UPDATE", "LABRUN_BOX"}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "run" { // has those of labrun itself
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				if v := variableOf(cmd, f); f.Name != "help" && v != variableOf(cmd.Root(), f) {
					t.Errorf("labrun run --%s has the variable %s", f.Name, v)
				}
			})
			return
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			switch v := variableOf(cmd, f); {
			case v == "" && f.Name != "version" && cmd.Name() != "connect" && cmd.Name() != "server":
				t.Errorf("%s --%s has no variable", cmd.CommandPath(), f.Name)
			case slices.Contains(taken, v):
				t.Errorf("%s --%s: there is another %s", cmd.CommandPath(), f.Name, v)
			case v != "":
				taken = append(taken, v)
				if !strings.Contains(cmd.UsageString(), "["+v+"]") {
					t.Errorf("%s --help does not name %s", cmd.CommandPath(), v)
				}
				if !strings.Contains(manual(cmd), roff("["+v+"]")) {
					t.Errorf("the page of %s does not name %s", cmd.CommandPath(), v)
				}
				t.Setenv(v, map[string]string{"bool": "true", "int": "7", "duration": "7s", "string": "7",
					"stringArray": "7 'and 8'"}[f.Value.Type()])
				want := map[string]string{"bool": "true", "int": "7", "duration": "7s", "string": "7",
					"stringArray": "[7,and 8]"}[f.Value.Type()]
				if used, err := readVariables(cmd); err != nil || len(used) == 0 || f.Value.String() != want {
					t.Errorf("%s: --%s is %s, want %q; set: %v, %v", v, f.Name, f.Value, want, used, err)
				}
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(rootCommand())
	if !slices.Contains(taken, "LABRUN_JOBS") || !slices.Contains(taken, "LABRUN_GRAPH_FORMAT") {
		t.Errorf("the variables are %v", taken)
	}
}

// TestOffers has every command say what comes after it, and every flag that takes
// a name.
func TestOffers(t *testing.T) {
	root := rootCommand()
	for _, cmd := range append(root.Commands(), root) {
		if slices.Contains([]string{"connect", "server"}, cmd.Name()) || cmd.IsAdditionalHelpTopicCommand() {
			continue // take addresses; a topic takes nothing
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
