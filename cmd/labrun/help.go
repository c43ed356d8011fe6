package main

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandGroups are the commands by what they are for, in the order of need. A new command is a name here; a name that
// no command has, on other systems than Linux, is not shown.
var commandGroups = []struct {
	title string
	names []string
}{
	{"Ask, and learn why:", []string{"run", "try", "explain"}},
	{"Write topologies:", []string{"init", "record", "import", "check", "fmt", "list", "plan", "graph", "schema"}},
	{"Stand in a host:", []string{"shell", "exec", "up", "enter", "connect", "server"}},
	{"Keep answers and compare them:", []string{"report", "diff", "merge", "submit", "rerun", "resume"}},
	{"Other kernels:", []string{"kernels", "bisect"}},
	{"This program:", []string{"completion", "man", "version"}},
}

// flagGroups are flags, of all commands, by what they are for. A command with few flags has them in one list.
var flagGroups = []struct {
	title string
	names []string
}{
	{"Which cells:", []string{"only", "host", "failed", "shard", "resume"}},
	{"Which kernels:", []string{"kernel", "kernels-from", "accel", "guest-labrun"}},
	{"How:", []string{"jobs", "timeout", "fail-fast", "repeat", "watch", "pause-on-fail"}},
	{"What is written:", []string{"output", "format", "report", "verbose", "quiet", "color", "baseline", "capture", "accept", "yes"}},
}

// fewFlags are too few for groups.
const fewFlags = 8

// describeCommands has every command print its help as this file writes it: at most pageWidth wide, commands and flags
// in groups. cobra's own is as wide as the longest text of a flag, and sorts by name what belongs to different needs.
func describeCommands(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		_, _ = io.WriteString(cmd.OutOrStdout(), helpOf(cmd)) // execute looks at its errors
	})
}

// helpOf returns the help of a command, or a page of the reference.
func helpOf(cmd *cobra.Command) string {
	if cmd.IsAdditionalHelpTopicCommand() {
		return topicText(cmd.Name())
	}
	var p page
	p.reflow(longOf(cmd))
	p.title("Usage:")
	if cmd.Runnable() {
		p.code(cmd.UseLine() + "\n")
	}
	if cmd.HasAvailableSubCommands() {
		if !cmd.DisableFlagsInUseLine { // then the line above says that it takes one, and nothing else
			p.code(cmd.CommandPath() + " COMMAND\n")
		}
		p.commands(cmd)
	}
	p.flags(cmd)
	if !cmd.HasParent() {
		p.title("Pages of the reference, labrun help NAME:")
		p.list(func(sub *cobra.Command) bool { return sub.IsAdditionalHelpTopicCommand() }, cmd.Commands())
	}
	return p.String()
}

// reflow writes paragraphs, filled up to the width, and lines that are indented as they are.
func (p *page) reflow(text string) {
	var paragraph []string
	end := func() {
		if paragraph != nil {
			p.wrap(strings.Join(paragraph, " "), 0, 0)
			paragraph = nil
		}
	}
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		line = strings.TrimRight(line, "\n")
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			paragraph = append(paragraph, line)
			continue
		}
		end()
		p.WriteString(strings.ReplaceAll(line, "\t", "    ") + "\n")
	}
	end()
}

// commands lists the commands below one, in groups where it is the root.
func (p *page) commands(cmd *cobra.Command) {
	available := func(sub *cobra.Command) bool { return sub.IsAvailableCommand() }
	if cmd.HasParent() {
		p.title("Commands:")
		p.list(available, cmd.Commands())
		return
	}
	rest := slices.Clone(cmd.Commands())
	for _, g := range commandGroups {
		var group []*cobra.Command
		for _, name := range g.names {
			if i := slices.IndexFunc(rest, func(sub *cobra.Command) bool { return sub.Name() == name }); i >= 0 {
				group = append(group, rest[i])
				rest = slices.Delete(rest, i, i+1)
			}
		}
		if slices.ContainsFunc(group, available) { // some are for Linux only
			p.title(g.title)
			p.list(available, group)
		}
	}
	if slices.ContainsFunc(rest, available) {
		p.title("More:")
		p.list(available, rest)
	}
}

// title is a line above a list.
func (p *page) title(text string) { p.WriteString("\n" + text + "\n") }

// list writes the name and the line of each of the commands that will do.
func (p *page) list(will func(*cobra.Command) bool, commands []*cobra.Command) {
	for _, sub := range commands {
		if will(sub) {
			p.brief(sub.Name(), sub.Short)
		}
	}
}

// brief is an entry with a short term.
func (p *page) brief(term, text string) {
	const column = 16
	p.WriteString("    " + term + strings.Repeat(" ", max(column-4-utf8.RuneCountInString(term), 1)))
	p.wrap(text, column, max(column, 5+utf8.RuneCountInString(term)))
}

// flags lists a command's flags.
func (p *page) flags(cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	var all []*pflag.Flag
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			all = append(all, f)
		}
	})
	grouped := len(all) > fewFlags
	groupOf := func(f *pflag.Flag) int {
		for i, g := range flagGroups {
			if grouped && slices.Contains(g.names, f.Name) {
				return i
			}
		}
		return len(flagGroups)
	}
	slices.SortStableFunc(all, func(a, b *pflag.Flag) int { return cmp.Compare(groupOf(a), groupOf(b)) })
	last := -1
	for _, f := range all {
		if g := groupOf(f); g != last {
			switch {
			case g < len(flagGroups):
				p.title(flagGroups[g].title)
			case last < 0:
				p.title("Flags:")
			default:
				p.title("Other flags:")
			}
			last = g
		}
		p.flag(f)
	}
}

// flag writes a flag, its operand, what it does and its default.
func (p *page) flag(f *pflag.Flag) {
	operand, text := pflag.UnquoteUsage(f)
	term := "--" + f.Name
	if f.Shorthand != "" {
		term = "-" + f.Shorthand + ", " + term
	}
	if operand != "" {
		term += " " + operand
	}
	if zero := []string{"", "0", "false", "[]", "0s"}; !slices.Contains(zero, f.DefValue) {
		text += " (default " + f.DefValue + ")"
	}
	p.entry(term, text)
}
