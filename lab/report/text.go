package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"labrun/lab/result"
)

// Text says how a text report looks. Its zero value is that of a file: what a terminal
// shows differs in colours and in where tables are cut, never in what it says.
type Text struct {
	Colour  bool // ANSI colours
	Verbose bool // every step of every cell, not only what is red
	Quiet   bool // what failed or is an error, and nothing else: nothing at all where all passed
	Width   int  // columns of the terminal, where wider tables are cut into pieces; 0 is none
}

// Write writes the report for people: matrices, what is red and why, claims,
// the environment, and last the counts.
func (t Text) Write(w io.Writer, r result.Report) error {
	r = visible(r)
	b := bufio.NewWriterSize(w, 1<<16)
	if t.Quiet {
		for i := range r.Matrices {
			t.fails(b, &r.Matrices[i])
			t.reasons(b, &r.Matrices[i], result.Error)
		}
		if r.Counts.Failed+r.Counts.Errors > 0 {
			fmt.Fprintln(b, t.paint(coloursOf[worst(r.Counts)], r.Counts.String()))
		}
		return b.Flush()
	}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		t.matrix(b, &r, i)
		if t.Verbose {
			t.steps(b, m)
		}
		t.details(b, m)
		t.claims(b, m)
	}
	t.changes(b, &r)
	t.end(b, &r)
	return b.Flush()
}

// Summary writes the last lines of a report, which may be without its cells: the environment and the counts.
func (t Text) Summary(w io.Writer, r result.Report) error {
	r = visible(r)
	b := bufio.NewWriter(w)
	t.end(b, &r)
	return b.Flush()
}

func (t Text) end(b io.Writer, r *result.Report) {
	t.kernels(b, r)
	t.lastLine(b, coloursOf[worst(r.Counts)], r.Counts.String())
}

// lastLine writes one of the last lines of a report, which a terminal may have no room for.
func (t Text) lastLine(b io.Writer, colour, line string) {
	for _, l := range t.fit(line, max(t.Width, 40), "  ") {
		fmt.Fprintln(b, t.paint(colour, l))
	}
}

// matrix writes the table, and below it the answers that the file is about.
func (t Text) matrix(b io.Writer, r *result.Report, matrix int) {
	m := &r.Matrices[matrix]
	fmt.Fprintln(b, t.paint(bold, m.Name)+dash(m.Doc))
	t.question(b, m)
	if len(m.Rows) == 0 {
		fmt.Fprint(b, "no experiment to run\n\n")
		return
	}
	fmt.Fprintln(b)
	fmt.Fprintln(b, t.table(r, matrix))
	fmt.Fprintln(b)
	t.grids(b, r, matrix)
	t.found(b, m)
}

// dash joins the first line of a doc to the name before it.
func dash(doc string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(doc), "\n")
	if line == "" {
		return ""
	}
	return ": " + line
}

// head names a cell and says what it came to.
func (t Text) head(b io.Writer, m *result.Matrix, c *result.Cell) {
	fmt.Fprintf(b, "%s %s on %s\n", t.verdict(c.Verdict), t.paint(bold, m.NameOf(c)), m.ColumnOf(c))
}

// steps lists what every cell asked and what it got, -v. With it a person checks that an
// experiment asks what it is meant to: a pass alone does not say so.
func (t Text) steps(b io.Writer, m *result.Matrix) {
	for i := range m.Cells {
		c := &m.Cells[i]
		t.head(b, m, c)
		if file := m.Rows[c.Row].File; file != "" {
			fmt.Fprintf(b, "  in %s\n", file)
		}
		for _, s := range m.StepsOf(c) {
			fmt.Fprint(b, stepLine(&s))
			if s.Red {
				fmt.Fprintf(b, ", %s", t.paint(red, "want "+s.Words(s.Want)))
			}
			fmt.Fprintln(b)
		}
		fmt.Fprintln(b)
	}
}

// stepLine is a step with its answer, below each other in columns: file line, process, call.
func stepLine(s *result.StepResult) string {
	return fmt.Sprintf("  %4d  %-12s %s = %s", s.Line, s.Process, s.Call, s.Words(s.Got))
}
