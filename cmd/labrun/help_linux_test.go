package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// walkCommands visits a command and all below it, pages of the reference too.
func walkCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walkCommands(sub, visit)
	}
}

// TestHelp: every help is as wide as a manual page at most, and no command and no flag of
// the root is without a group.
func TestHelp(t *testing.T) {
	root := rootCommand()
	flags := map[string]bool{}
	walkCommands(root, func(cmd *cobra.Command) {
		text := helpOf(cmd)
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > pageWidth {
				t.Errorf("%s --help has a line of %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
		if strings.Contains(text, "\n\n\n") {
			t.Errorf("%s --help has two empty lines behind each other", cmd.CommandPath())
		}
		if stuck := regexp.MustCompile(`\n {4}\S.*\n[A-Z].*`).FindString(text); stuck != "" {
			t.Errorf("%s --help has no empty line behind an example: %s", cmd.CommandPath(), stuck)
		}
		if _, others, ok := strings.Cut(text, "\nOther flags:\n"); ok && cmd == root {
			for line := range strings.Lines(others) {
				if name := strings.TrimSpace(line); strings.HasPrefix(name, "-") && !strings.HasPrefix(name, "-h, --help") &&
					!strings.HasPrefix(name, "--version") {
					t.Errorf("%s %s is in no group of flags", cmd.CommandPath(), name)
				}
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
	})
	if strings.Contains(helpOf(root), "\nMore:\n") {
		t.Error("labrun --help has commands that are in no group")
	}
	for _, g := range flagGroups {
		for _, name := range g.names {
			if !flags[name] {
				t.Errorf("%q has --%s, which no command has", g.title, name)
			}
		}
	}
}
