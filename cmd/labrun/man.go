package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
)

// manCommand makes "labrun man". The pages are written at the user's wish and are not shipped: a
// page of another version than the program's is worse than none.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "write the manual pages into a folder",
		Long: `man writes labrun.1, labrun-shell.1 and so on, one page for each command, with the text
of its --help.

    labrun man ~/.local/share/man/man1
    man labrun-shell`,
		Args: args(1, 1, "a FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := os.Stat(args[0])
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return usagef("labrun man %[1]s: there is no folder %[1]s; type %[2]q first", args[0],
					lab.Command("mkdir", "-p", args[0]))
			case err == nil && !info.IsDir():
				return usagef("labrun man %s: that is not a folder", args[0])
			case err != nil:
				return err
			}
			return writeManual(args[0], cmd.Root())
		},
	}
}

// writeManual writes the pages of a command and of those below it. They are made of the
// text of --help, for two texts about one flag differ sooner or later.
// Commands of cobra's own, such as completion, have pages too: the list under COMMANDS names them.
func writeManual(folder string, cmd *cobra.Command) error {
	file := filepath.Join(folder, pageOf(cmd)+".1")
	if err := os.WriteFile(file, []byte(manual(cmd)), 0o644); err != nil {
		return err
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			if err := writeManual(folder, sub); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageOf(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual is a page in the language of man(7). cobra's own generator would take the
// texts, which are plain, for Markdown, and needs three more modules.
func manual(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"labrun %s\" \"User Commands\"\n", strings.ToUpper(pageOf(cmd)), roff(version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageOf(cmd)), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s", roffText(longOf(cmd)))
	if cmd.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", roff(pageOf(sub)), roff(sub.Short))
			}
		}
	}
	if cmd.HasAvailableLocalFlags() {
		b.WriteString(".SH OPTIONS\n")
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				manualFlag(&b, f)
			}
		})
	}
	if cmd.HasParent() {
		fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s (1)\n", roff(pageOf(cmd.Parent())))
	}
	return b.String()
}

func longOf(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short
}

// manualFlag sets a flag as man-pages(7) has it: bold what is typed, italic what is replaced.
func manualFlag(b *strings.Builder, f *pflag.Flag) {
	operand, usage := pflag.UnquoteUsage(f)
	b.WriteString(".TP\n")
	if f.Shorthand != "" {
		fmt.Fprintf(b, "\\fB\\-%s\\fR, ", f.Shorthand)
	}
	fmt.Fprintf(b, "\\fB\\-\\-%s\\fR", roff(f.Name))
	if operand != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(operand))
	}
	fmt.Fprintf(b, "\n%s\n", roff(usage))
}

// roffText sets paragraphs, and leaves lines that are indented as they are.
func roffText(s string) string {
	var b strings.Builder
	example, begun := false, false
	for line := range strings.Lines(s) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case line == "":
			begun = false
			if example {
				b.WriteString("\n")
			}
			continue
		case indented != example:
			b.WriteString(map[bool]string{true: ".PP\n.RS 4\n.nf\n", false: ".fi\n.RE\n.PP\n"}[indented])
			example = indented
		case !begun && !example && b.Len() > 0:
			b.WriteString(".PP\n")
		}
		begun = true
		b.WriteString(roff(text) + "\n")
	}
	if example {
		b.WriteString(".fi\n.RE\n")
	}
	return b.String()
}

// roff escapes a line: a dash is a dash, not a hyphen, and no line is a request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
