package report

import (
	"cmp"
	"fmt"
	"slices"
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

// tableLayout says what the columns of a table are: the hosts of the only kernel, or, for each group of hosts
// that are alike, the kernels, older ones first. So what a reader compares stands side by side.
type tableLayout struct {
	heads  []string
	groups []string // of several kernels: the hosts of the columns from there on, "" as before
	at     []int    // the table's column of each of the matrix, -1 when another one stands for it
	stands []int    // of several kernels: the table's column that stands for each of the matrix
	sums   bool     // a column has the cells of all hosts on its kernel
	counts bool     // the columns are verdicts: there are too many hosts
	marks  func(c *result.Cell) bool
}

// layoutOf lays out the table of a matrix of the report.
func layoutOf(r *result.Report, matrix int) tableLayout {
	m := &r.Matrices[matrix]
	l := tableLayout{at: make([]int, len(m.Columns))}
	kernels := kernelsOf(r, m)
	if len(kernels) < 2 {
		l.heads, l.counts = m.Heads(), len(m.Columns) > manyHosts
		for i := range l.at {
			l.at[i] = i
		}
		if l.counts {
			l.heads = []string{"pass", "fail", "skip", "error"}
		}
		return l
	}
	changed := r.Changed()
	l.marks = func(c *result.Cell) bool { return changed(matrix, c) != nil }
	groups := m.HostGroups(kernels)
	if len(groups) > 1 && len(groups)*len(kernels) > manyHosts { // the kernels matter more
		l.heads, l.groups = kernels, append([]string{allHosts(m)}, make([]string, len(kernels)-1)...)
		for i, c := range m.Columns {
			l.at[i] = slices.Index(kernels, c.Kernel)
		}
		l.stands, l.sums = l.at, true
		return l
	}
	for i := range l.at {
		l.at[i] = -1
	}
	l.stands = slices.Clone(l.at)
	for _, g := range groups {
		for i, k := range kernels {
			name := ""
			if i == 0 {
				name = listFirst(g.Hosts, len(g.Hosts))
			}
			if g.Columns[i] >= 0 {
				l.at[g.Columns[i]] = len(l.heads)
			}
			for j, c := range m.Columns {
				if c.Kernel == k && slices.Contains(g.Hosts, c.Host) {
					l.stands[j] = len(l.heads)
				}
			}
			l.heads, l.groups = append(l.heads, k), append(l.groups, name)
		}
	}
	return l
}

// oneLine returns the heads for a table that has one line of them.
func (l *tableLayout) oneLine() []string {
	heads, group := slices.Clone(l.heads), ""
	for i := range l.groups {
		group = cmp.Or(l.groups[i], group)
		heads[i] = group + ": " + heads[i]
	}
	return heads
}

// kernelsOf names the kernels of a matrix, older ones first; nil when the report is about one.
func kernelsOf(r *result.Report, m *result.Matrix) []string {
	var names []string
	for _, k := range r.Kernels {
		if slices.ContainsFunc(m.Columns, func(c result.Column) bool { return c.Kernel == k.Name }) {
			names = append(names, k.Name)
		}
	}
	return names
}

// allHosts names the hosts of a matrix by their number.
func allHosts(m *result.Matrix) string {
	hosts := map[string]bool{}
	for _, c := range m.Columns {
		hosts[c.Host] = true
	}
	return fmt.Sprintf("all %d hosts", len(hosts))
}

// line is a line of a table: the cells of an experiment. It counts them, for a table is
// to fit on a screen whatever number of combinations there are.
type line struct {
	name    string
	one     bool    // it has one cell in each column
	columns []tally // in the order of the table's
}

// tally is the cells of a line in a column.
type tally struct {
	result.Counts
	changed int // that were answered otherwise by the kernel before
}

// mark is what stands behind a word for cells which the kernel before answered otherwise. It is read without colour.
const mark = " *"

// legendOfMark explains the mark.
const legendOfMark = `"*" was answered otherwise by the kernel before it`

// mark returns the mark, if the tally has one.
func (t *tally) mark() string {
	if t.changed > 0 {
		return mark
	}
	return ""
}

// total counts the cells of the line in all columns.
func (l *line) total() (sum result.Counts) {
	for _, n := range l.columns {
		sum.Add(n.Counts)
	}
	return sum
}

// lines sorts the cells into the lines of the table.
func lines(m *result.Matrix, to *tableLayout) []line {
	width := len(to.heads)
	if to.counts {
		width = len(m.Columns)
	}
	lines := make([]line, len(m.Rows))
	for i := range m.Rows {
		r := &m.Rows[i]
		lines[i] = line{name: r.Name, one: len(r.Axes) == 0, columns: make([]tally, width)}
	}
	for i := range m.Cells {
		c := &m.Cells[i]
		if at := to.at[c.Column]; at >= 0 {
			n := &lines[c.Row].columns[at]
			n.Count(c.Verdict)
			if to.marks != nil && to.marks(c) {
				n.changed++
			}
		}
	}
	return lines
}

// marked reports whether one of the lines has a mark.
func marked(lines []line) bool {
	return slices.ContainsFunc(lines, func(l line) bool {
		return slices.ContainsFunc(l.columns, func(t tally) bool { return t.changed > 0 })
	})
}

// words says what the line came to, under the heads of the layout: in a column, or in all of
// them to a verdict.
func (l *line) words(of *tableLayout, in func(tally) string, to func(result.Verdict, int) string) []string {
	var words []string
	if of.counts {
		total := l.total()
		for _, v := range result.Verdicts {
			words = append(words, to(v, total.Of(v)))
		}
		return words
	}
	for _, n := range l.columns {
		words = append(words, in(n))
	}
	return words
}

// table draws the matrix.
func (t Text) table(r *result.Report, matrix int) string {
	of := layoutOf(r, matrix)
	s := sheet{heads: 1, header: append([]string{"experiment"}, of.heads...)}
	if of.groups != nil {
		s.groups = append([]string{""}, of.groups...)
	}
	all := lines(&r.Matrices[matrix], &of)
	for _, l := range all {
		words := l.words(&of, func(n tally) string { return t.tally(n.Counts, l.one) + t.paint(bold, n.mark()) },
			func(v result.Verdict, n int) string {
				if n == 0 {
					return "-"
				}
				return t.paint(coloursOf[v], strconv.Itoa(n))
			})
		s.rows = append(s.rows, append([]string{l.name}, words...))
	}
	drawn := s.draw(t.Width)
	if marked(all) {
		drawn += "\n" + t.paint(faint, legendOfMark)
	}
	return drawn
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
