package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
)

// GitHub writes workflow commands that annotate the topology files: one for each
// line of a file at which cells failed, one for each reason why cells could
// not be asked, and a notice for each change between kernels. GitHub shows ten of a kind and step.
func GitHub(w io.Writer, r result.Report) error {
	r = visible(r)
	b := bufio.NewWriter(w)
	for i := range r.Matrices {
		annotate(b, &r.Matrices[i])
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		fmt.Fprintf(b, "::notice file=%s,line=%d,title=%s::%s\n", githubProperty(c.File), c.Line,
			githubProperty(c.Experiment+" changed between kernels"), githubData(changeLine(c)))
	}
	return b.Flush()
}

// annotation is what there is to say about a line of a file. GitHub shows ten annotations
// of a kind for each step of a workflow and drops the rest, so a line has one, whatever
// number of cells are red there.
type annotation struct {
	file     string
	line     int
	title    string
	messages []string // of the first cells
	cells    int
}

// annotate writes the annotations of a matrix, in the order in which their first cells stand.
// The first cell is explained, and others say how they failed.
func annotate(b io.Writer, m *result.Matrix) {
	type place struct {
		row    int32
		line   int
		reason string // of an error
	}
	known := map[place]*annotation{}
	var all []*annotation
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Verdict != result.Fail && c.Verdict != result.Error {
			continue
		}
		p := place{c.Row, lineOf(m, c), c.Reason()}
		a := known[p]
		if a == nil {
			a = &annotation{file: m.FileOf(c), line: p.line, title: m.Rows[c.Row].Name + " " + wordsOf[c.Verdict]}
			known[p] = a
			all = append(all, a)
		}
		if a.cells++; a.cells <= maxListed {
			a.messages = append(a.messages, m.NameOf(c)+" on "+m.ColumnOf(c)+": "+headline(m, c))
			if a.cells == 1 {
				a.messages = append(a.messages, why(m, c)...)
			}
		}
	}
	for _, a := range all {
		if left := a.cells - maxListed; left > 0 {
			a.messages = append(a.messages, fmt.Sprintf("and %d more cells", left))
		}
		fmt.Fprintf(b, "::error file=%s,line=%d,title=%s::%s\n",
			githubProperty(a.file), a.line, githubProperty(a.title), githubData(strings.Join(a.messages, "\n")))
	}
}

// why explains a failed cell in a few lines: an annotation has little room, and the log of the
// workflow has the text report.
func why(m *result.Matrix, c *result.Cell) []string {
	s, ok := lastStep(m, c)
	if !ok || c.Verdict != result.Fail {
		return nil
	}
	seen := c.Seen()
	var lines []string
	if seen.To != "" {
		lines = append(lines, fmt.Sprintf("  %-7s %s", "address", seen.To))
	}
	for _, c := range causes(s, seen) {
		for _, text := range c.texts {
			lines = append(lines, fmt.Sprintf("  %-7s %s", c.word, text))
			c.word = ""
		}
	}
	if left := len(lines) - firstFew; left > 0 {
		lines = append(lines[:firstFew], fmt.Sprintf("  and %d more lines", left))
	}
	return lines
}

// A Mistake is a complaint about a line of a file.
type Mistake struct {
	File    string
	Pos     lab.Pos
	Msg     string
	Warning bool
}

// GitHubMistakes writes workflow commands that annotate the files: ::error, and ::warning
// where a file is good all the same.
func GitHubMistakes(w io.Writer, all []Mistake) error {
	b := bufio.NewWriter(w)
	for _, m := range all {
		command := "error"
		if m.Warning {
			command = "warning"
		}
		fmt.Fprintf(b, "::%s file=%s,line=%d,col=%d::%s\n", command, githubProperty(m.File), m.Pos.Line, m.Pos.Col,
			githubData(m.Msg))
	}
	return b.Flush()
}

// githubData writes text for the message of a workflow command, which ends with
// its line.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// githubProperty writes text for a property of one.
func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}
