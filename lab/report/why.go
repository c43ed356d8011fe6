package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"labrun/lab"
	"labrun/lab/result"
)

// Explained is a cell with a reason for each of its answers, "" where none is known, and the hosts and kernels that it
// was the same on.
type Explained struct {
	Cell    *result.Cell
	Reasons []string // by step, as far as it was answered
	Columns []string
}

// Explain writes the steps of cells with their answers, and below an answer why it was given: the reason, and the
// sockets that the kernel showed then. A skip or an error has its own reason, behind the steps that were answered.
func (t Text) Explain(w io.Writer, m *result.Matrix, all []Explained) error {
	b := bufio.NewWriter(w)
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(b)
		}
		t.explained(b, m, e)
	}
	return b.Flush()
}

func (t Text) explained(b io.Writer, m *result.Matrix, e Explained) {
	shown, c := visibleCell(m, e.Cell)
	and := ", "
	if len(kernelsIn(m)) > 0 { // a column is "alpha, linux 6.1"
		and = " and "
	}
	fmt.Fprintf(b, "%s %s on %s\n", t.verdict(c.Verdict), t.paint(bold, shown.NameOf(c)), strings.Join(e.Columns, and))
	if file := shown.Rows[c.Row].File; file != "" {
		fmt.Fprintf(b, "  in %s\n", file)
	}
	for i, s := range shown.StepsOf(c) {
		fmt.Fprint(b, stepLine(&s))
		if s.Red {
			fmt.Fprintf(b, ", %s", t.paint(red, "want "+s.Words(s.Want)))
		}
		fmt.Fprintln(b)
		seen := c.Note.Of(i)
		if i < len(e.Reasons) && seen.Why == nil { // that of a red step is among what was seen
			t.below(b, "why", lab.Visible(e.Reasons[i]))
		}
		for _, cause := range causes(s, seen) {
			if cause.word == "sockets" || cause.word == heldBy && len(seen.Sockets) == 0 {
				continue // they stand there whether or not they are a reason
			}
			for _, text := range cause.texts {
				t.below(b, cause.word, text)
				cause.word = ""
			}
		}
	}
	if c.Verdict == result.Skip || c.Verdict == result.Error {
		fmt.Fprintln(b, indent(c.Reason()))
	}
}

// below writes what belongs to the step above it, in lines that fit the terminal.
func (t Text) below(b io.Writer, word, text string) {
	if text == "" {
		return
	}
	width := 120
	if t.Width > 0 {
		width = max(t.Width, 60)
	}
	const margin = 20
	for _, line := range wrap(text, width-margin-1) {
		fmt.Fprintf(b, "          %-9s %s\n", word, line)
		word = ""
	}
}

// wrap cuts a text into lines of so many characters at most, at its spaces; a word that is longer has a line of its
// own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
