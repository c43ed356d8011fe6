package report

import (
	"fmt"
	"strconv"
	"strings"

	"labrun/lab"
)

// The ANSI attributes that a text report uses, ECMA-48 SGR.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

var coloursOf = map[lab.Verdict]string{lab.Pass: green, lab.Fail: red, lab.Skip: yellow, lab.Error: red}

// wordsOf are the verdicts in a matrix: what needs attention stands out without colour too.
var wordsOf = map[lab.Verdict]string{lab.Pass: "pass", lab.Fail: "FAIL", lab.Skip: "skip", lab.Error: "ERROR"}

func (t Text) paint(attribute, s string) string {
	if !t.Colour || s == "" {
		return s
	}
	return "\x1b[" + attribute + "m" + s + "\x1b[0m"
}

func (t Text) verdict(v lab.Verdict) string { return t.paint(coloursOf[v], wordsOf[v]) }

// worst is the verdict of a whole run, for its colour.
func worst(c lab.Counts) lab.Verdict {
	switch {
	case c.Errors > 0:
		return lab.Error
	case c.Failed > 0:
		return lab.Fail
	case c.Passed == 0:
		return lab.Skip
	}
	return lab.Pass
}

// manyHosts is the number of columns up to which a matrix has one for each host.
const manyHosts = 16

// tally counts cells by verdict.
type tally [4]int32

func (n tally) sum() int32 { return n[lab.Pass] + n[lab.Fail] + n[lab.Skip] + n[lab.Error] }

// line is a line of a table: the cells of an experiment.
type line struct {
	name  string
	one   bool    // it has one cell in each host
	hosts []tally // in the order of the matrix's
	cells int     // in all hosts
}

// lines sorts the cells into the lines of the table.
func lines(m *lab.Matrix) []line {
	lines := make([]line, len(m.Rows))
	for i := range m.Rows {
		r := &m.Rows[i]
		lines[i] = line{name: r.Name, one: len(r.Axes) == 0, hosts: make([]tally, len(m.Hosts))}
	}
	for i := range m.Cells {
		c := &m.Cells[i]
		lines[c.Row].hosts[c.Host][c.Verdict]++
		lines[c.Row].cells++
	}
	return lines
}

// table draws the matrix: experiments by hosts, or, when there are too many
// hosts for columns, experiments by verdicts.
func (t Text) table(m *lab.Matrix) string {
	s := sheet{heads: 1}
	if len(m.Hosts) > manyHosts {
		t.countColumns(&s, m)
	} else {
		t.hostColumns(&s, m)
	}
	return s.draw(t.Width)
}

func (t Text) hostColumns(s *sheet, m *lab.Matrix) {
	s.header = append([]string{"experiment"}, m.Hosts...)
	for _, l := range lines(m) {
		row := []string{l.name}
		for _, n := range l.hosts {
			row = append(row, t.tally(n, l.one))
		}
		s.rows = append(s.rows, row)
	}
}

// tally says what the cells of a line came to in one host.
func (t Text) tally(n tally, one bool) string {
	sum := n.sum()
	if sum == 0 {
		return "-"
	}
	var words []string
	for _, v := range []lab.Verdict{lab.Error, lab.Fail, lab.Skip, lab.Pass} {
		switch {
		case n[v] == sum && one:
			return t.verdict(v)
		case n[v] == sum && (v == lab.Pass || v == lab.Skip):
			return t.paint(coloursOf[v], fmt.Sprintf("%s %d", wordsOf[v], sum))
		case n[v] > 0 && v != lab.Pass:
			words = append(words, t.paint(coloursOf[v], fmt.Sprintf("%s %d", wordsOf[v], n[v])))
		}
	}
	return fmt.Sprintf("%s of %d", strings.Join(words, ", "), sum)
}

func (t Text) countColumns(s *sheet, m *lab.Matrix) {
	s.header = []string{"experiment", "pass", "fail", "skip", "error"}
	for _, l := range lines(m) {
		row := []string{l.name}
		for _, v := range []lab.Verdict{lab.Pass, lab.Fail, lab.Skip, lab.Error} {
			var n int
			for _, host := range l.hosts {
				n += int(host[v])
			}
			word := "-"
			if n > 0 {
				word = t.paint(coloursOf[v], strconv.Itoa(n))
			}
			row = append(row, word)
		}
		s.rows = append(s.rows, row)
	}
}
