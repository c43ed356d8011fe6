package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
)

// manCommand makes "labrun man". The pages are written at the user's wish, and in packages by the program that is in
// them: a page of another version than the program's is worse than none.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "write the manual pages into a folder",
		Long: `man writes labrun(1), labrun-shell(1) and so on, one page for each command, with the
text of its --help, into FOLDER/man1, and labrun-topology(5), the pages of the reference, into
FOLDER/man5.

    labrun man ~/.local/share/man
    man labrun-topology

Their date is SOURCE_DATE_EPOCH, seconds since 1970, or that of the source.`,
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

// writeManual writes the pages of all commands, and that of the file. They are made of the text of --help and of the
// reference, for two texts about one flag differ sooner or later.
// Commands of cobra's own, such as completion, have pages too: the list under COMMANDS names them.
func writeManual(folder string, root *cobra.Command) error {
	date, err := sourceDate()
	if err != nil {
		return err
	}
	head := func(name string, section int) string {
		return fmt.Sprintf(".TH %s %d %s \"labrun %s\" \"labrun\"\n", strings.ToUpper(name), section, date, roff(version()))
	}
	pages := map[string]string{filepath.Join("man5", topologyPage+".5"): head(topologyPage, 5) + topologyManual()}
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		pages[filepath.Join("man1", pageOf(cmd)+".1")] = head(pageOf(cmd), 1) + manual(cmd)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				add(sub)
			}
		}
	}
	add(root)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		file := filepath.Join(folder, name)
		if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.WriteFile(file, []byte(pages[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sourceDate returns the day that pages bear: of SOURCE_DATE_EPOCH, which builds set so that they come out the same, of
// the commit that the program was built from, or today.
func sourceDate() (string, error) {
	when := time.Now()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil && s.Key == "vcs.time" {
				when = t
			}
		}
	}
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", usagef("SOURCE_DATE_EPOCH: %q is not a number of seconds", text)
		}
		when = time.Unix(seconds, 0)
	}
	return when.UTC().Format(time.DateOnly), nil
}

// topologyPage is the name of the page about files.
const topologyPage = "labrun-topology"

// topologyManual is the reference in one page, in the order in which a file is written.
func topologyManual() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".SH NAME\n%s \\- the file of hosts and experiments that labrun runs\n", roff(topologyPage))
	order := []string{"file", "hosts", "steps", "calls", "options", "answers", "addresses", "axes", "programs",
		"reference"}
	topics := allTopics()
	slices.SortStableFunc(topics, func(x, y topic) int {
		return slices.Index(order, x.use) - slices.Index(order, y.use)
	})
	for i, t := range topics {
		var p page
		t.write(&p)
		title := strings.ToUpper(t.use)
		if i == 0 {
			title = "DESCRIPTION"
		}
		fmt.Fprintf(&b, ".SH %s\n%s", title, strings.TrimPrefix(p.man.String(), ".PP\n"))
	}
	b.WriteString(".SH SEE ALSO\n.BR labrun (1)\n")
	return b.String()
}

func pageOf(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual is a page in the language of man(7). cobra's own generator would take the
// texts, which are plain, for Markdown, and needs three more modules.
func manual(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".SH NAME\n%s", roffFill(pageOf(cmd)+" - "+cmd.Short))
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
	above := topologyPage + " (5)"
	if cmd.HasParent() {
		above = pageOf(cmd.Parent()) + " (1)"
	}
	fmt.Fprintf(&b, ".SH SEE ALSO\n.BR %s\n", roff(above))
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
	fmt.Fprintf(b, "\n%s", roffFill(usage))
}

// roffText sets paragraphs, and leaves lines that are indented as they are.
func roffText(s string) string {
	var b strings.Builder
	var paragraph []string
	example := false
	end := func() {
		if paragraph != nil {
			b.WriteString(roffFill(strings.Join(paragraph, " ")))
			paragraph = nil
		}
	}
	for line := range strings.Lines(strings.TrimRight(s, "\n")) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case line == "" && example:
			b.WriteString("\n")
			continue
		case line == "":
			end()
			continue
		case indented != example:
			end()
			b.WriteString(map[bool]string{true: ".PP\n.RS 4\n.nf\n", false: ".fi\n.RE\n.PP\n"}[indented])
			example = indented
		case !indented && paragraph == nil && b.Len() > 0:
			b.WriteString(".PP\n")
		}
		if indented {
			b.WriteString(roff(text) + "\n")
		} else {
			paragraph = append(paragraph, line)
		}
	}
	end()
	if example {
		b.WriteString(".fi\n.RE\n")
	}
	return b.String()
}

// roffFill sets a paragraph in lines that mandoc(1) does not find long.
func roffFill(text string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		word = strings.TrimPrefix(roff(word), `\&`)
		switch {
		case column > 0 && column+1+len(word) <= pageWidth:
			b.WriteString(" ")
			column++
		case column > 0:
			b.WriteString("\n")
			column = 0
		}
		if column == 0 && strings.HasPrefix(word, ".") {
			b.WriteString(`\&`)
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}

// roff escapes a line: a dash is a dash, not a hyphen, and no line is a request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "~", `\(ti`, "^", `\(ha`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
