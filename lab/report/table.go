package report

import (
	"fmt"
	"strconv"
	"strings"

	"labrun/lab/result"
)

// The ANSI attributes that a text report uses, ECMA-48 SGR.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

var coloursOf = map[result.Verdict]string{result.Pass: green, result.Fail: red, result.Skip: yellow, result.Error: red}

// wordsOf are the verdicts in a matrix: what needs attention stands out without colour too.
var wordsOf = map[result.Verdict]string{result.Pass: "pass", result.Fail: "FAIL", result.Skip: "skip",
	result.Error: "ERROR"}

// paint gives a text an attribute, on a terminal.
func (t Text) paint(attribute, s string) string {
	if !t.Colour || s == "" {
		return s
	}
	return "\x1b[" + attribute + "m" + s + "\x1b[0m"
}

func (t Text) verdict(v result.Verdict) string { return t.paint(coloursOf[v], wordsOf[v]) }

// worst is the verdict of a whole run, for its colour.
func worst(c result.Counts) result.Verdict {
	switch {
	case c.Errors > 0:
		return result.Error
	case c.Failed > 0:
		return result.Fail
	case c.Passed == 0:
		return result.Skip
	}
	return result.Pass
}

// manyHosts is the number of columns up to which a matrix has one for each host. A topology
// may have a thousand hosts; then how many cells came to each verdict is what fits.
const manyHosts = 16

// line is a line of a table: the cells of an experiment. It counts them, for a table is
// to fit on a screen whatever number of combinations there are.
type line struct {
	name  string
	one   bool            // it has one cell in each host
	hosts []result.Counts // in the order of the matrix's columns
}

// total counts the cells of the line in all hosts.
func (l *line) total() (sum result.Counts) {
	for _, n := range l.hosts {
		sum.Add(n)
	}
	return sum
}

// lines sorts the cells into the lines of the table.
func lines(m *result.Matrix) []line {
	lines := make([]line, len(m.Rows))
	for i := range m.Rows {
		r := &m.Rows[i]
		lines[i] = line{name: r.Name, one: len(r.Axes) == 0, hosts: make([]result.Counts, len(m.Columns))}
	}
	for i := range m.Cells {
		c := &m.Cells[i]
		lines[c.Row].hosts[c.Column].Count(c.Verdict)
	}
	return lines
}

// headsOf names what a line has words for: hosts or, when those are too many for
// columns, verdicts.
func headsOf(m *result.Matrix) []string {
	if len(m.Columns) > manyHosts {
		return []string{"pass", "fail", "skip", "error"}
	}
	return m.Heads()
}

// words says what the line came to, under the heads of headsOf: in a host, or in all of them
// to a verdict.
func (l *line) words(in func(result.Counts) string, to func(result.Verdict, int) string) []string {
	var words []string
	if len(l.hosts) > manyHosts {
		total := l.total()
		for _, v := range result.Verdicts {
			words = append(words, to(v, total.Of(v)))
		}
		return words
	}
	for _, n := range l.hosts {
		words = append(words, in(n))
	}
	return words
}

// table draws the matrix.
func (t Text) table(m *result.Matrix) string {
	s := sheet{heads: 1, header: append([]string{"experiment"}, headsOf(m)...)}
	for _, l := range lines(m) {
		words := l.words(func(n result.Counts) string { return t.tally(n, l.one) },
			func(v result.Verdict, n int) string {
				if n == 0 {
					return "-"
				}
				return t.paint(coloursOf[v], strconv.Itoa(n))
			})
		s.rows = append(s.rows, append([]string{l.name}, words...))
	}
	return s.draw(t.Width)
}

// tally says what the cells of a line came to in one host: a verdict where it is one cell,
// "pass 8" where all came to the same, and else what did not pass, of how many. Errors come
// first: while labrun could not ask, what the kernel answered is not the whole story.
func (t Text) tally(n result.Counts, one bool) string {
	sum := n.Sum()
	if sum == 0 {
		return "-"
	}
	var words []string
	for _, v := range []result.Verdict{result.Error, result.Fail, result.Skip, result.Pass} {
		switch of := n.Of(v); {
		case of == sum && one:
			return t.verdict(v)
		case of == sum && (v == result.Pass || v == result.Skip):
			return t.paint(coloursOf[v], fmt.Sprintf("%s %d", wordsOf[v], sum))
		case of > 0 && v != result.Pass:
			words = append(words, t.paint(coloursOf[v], fmt.Sprintf("%s %d", wordsOf[v], of)))
		}
	}
	return fmt.Sprintf("%s of %d", strings.Join(words, ", "), sum)
}
