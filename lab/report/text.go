package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"labrun/lab"
)

// Text says how a text report looks.
type Text struct {
	Colour  bool // ANSI colours
	Verbose bool // every step of every cell, not only what is red
}

// Write writes the report for people: matrices, what is red and why, claims,
// the environment, and last the counts.
func (t Text) Write(w io.Writer, r lab.Report) error {
	var b bytes.Buffer
	for _, m := range r.Matrices {
		t.matrix(&b, m)
		if t.Verbose {
			t.steps(&b, m)
		}
		t.details(&b, m)
		t.claims(&b, m)
	}
	e := r.Environment
	fmt.Fprintln(&b, t.paint(faint, fmt.Sprintf("linux %s %s, labrun %s, %s, %s", e.Kernel, e.Machine, e.Labrun, e.User, r.Digest)))
	fmt.Fprintln(&b, t.paint(coloursOf[worst(r.Counts)], r.Counts.String()))
	_, err := w.Write(b.Bytes())
	return err
}

func (t Text) matrix(b *bytes.Buffer, m lab.Matrix) {
	fmt.Fprintln(b, t.paint(bold, m.Name)+dash(m.Doc))
	if len(m.Rows) == 0 {
		fmt.Fprint(b, "no experiment to run\n\n")
		return
	}
	fmt.Fprintln(b)
	fmt.Fprintln(b, t.table(m))
	fmt.Fprintln(b)
}

// dash joins the first line of a doc to the name before it.
func dash(doc string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(doc), "\n")
	if line == "" {
		return ""
	}
	return ": " + line
}

// details explains every cell that did not pass. Skips and errors that many
// cells share are told once.
func (t Text) details(b *bytes.Buffer, m lab.Matrix) {
	for _, c := range m.Cells {
		if c.Verdict == lab.Fail {
			t.red(b, m, c)
		}
	}
	for _, v := range []lab.Verdict{lab.Skip, lab.Error} {
		cells := map[string][]string{}
		var reasons []string
		for _, c := range m.Cells {
			if c.Verdict != v {
				continue
			}
			if cells[c.Reason] == nil {
				reasons = append(reasons, c.Reason)
			}
			cells[c.Reason] = append(cells[c.Reason], c.Experiment+" on "+c.Host)
		}
		for _, reason := range reasons {
			fmt.Fprintf(b, "%s %s\n", t.verdict(v), some(cells[reason]))
			fmt.Fprintf(b, "%s\n\n", indent(reason))
		}
	}
}

// some lists the first few of many.
func some(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }

// red explains a failed cell: the line, the call, what was wanted, what the
// kernel answered, who held the port, and how to look for oneself.
func (t Text) red(b *bytes.Buffer, m lab.Matrix, c lab.Cell) {
	fmt.Fprintf(b, "%s %s on %s\n", t.verdict(c.Verdict), t.paint(bold, c.Experiment), c.Host)
	t.last(b, m.File, c)
	fmt.Fprintf(b, "    look    %s\n\n", lab.Command("labrun", "shell", "--after", c.Experiment, m.File, c.Host))
}

// Last writes how the cell ended: its verdict and its last step, with the
// evidence when that one is red.
func (t Text) Last(w io.Writer, file string, c lab.Cell) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s on %s\n", t.verdict(c.Verdict), t.paint(bold, c.Experiment), c.Host)
	t.last(&b, file, c)
	_, err := w.Write(b.Bytes())
	return err
}

// last explains a cell's last step.
func (t Text) last(b *bytes.Buffer, file string, c lab.Cell) {
	s := c.Steps[len(c.Steps)-1]
	fmt.Fprintf(b, "  %s:%d: %s: %s\n", file, s.Line, s.Process, s.Call)
	fmt.Fprintf(b, "    wanted  %s\n", t.paint(green, s.Want))
	fmt.Fprintf(b, "    got     %s\n", t.paint(red, s.Got))
	word := "sockets"
	if s.Got == "EADDRINUSE" || s.Got == "EADDRNOTAVAIL" && len(s.Holders) > 0 {
		word = "held by"
		if len(s.Holders) == 0 {
			fmt.Fprintf(b, "    %s nobody that the kernel tells of\n", word)
		}
	}
	for i, h := range s.Holders {
		fmt.Fprintf(b, "    %-7s %s\n", []string{word, ""}[min(i, 1)], h)
	}
}

// steps lists what every cell asked and what it got, -v.
func (t Text) steps(b *bytes.Buffer, m lab.Matrix) {
	for _, c := range m.Cells {
		fmt.Fprintf(b, "%s %s on %s\n", t.verdict(c.Verdict), t.paint(bold, c.Experiment), c.Host)
		for _, s := range c.Steps {
			fmt.Fprintf(b, "  %4d  %-12s %s = %s", s.Line, s.Process, s.Call, s.Got)
			if s.Red() {
				fmt.Fprintf(b, ", %s", t.paint(red, "want "+s.Want))
			}
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b)
	}
}
