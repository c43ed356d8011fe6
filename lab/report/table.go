package report

import (
	"cmp"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	prettytext "github.com/jedib0t/go-pretty/v6/text"

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

// table draws the matrix: experiments by hosts, or, when there are too many
// hosts for columns, experiments by verdicts.
func (t Text) table(m lab.Matrix) string {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = prettytext.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	if len(m.Hosts) > manyHosts {
		t.countColumns(w, m)
	} else {
		t.hostColumns(w, m)
	}
	return w.Render()
}

func (t Text) hostColumns(w table.Writer, m lab.Matrix) {
	head := table.Row{"experiment"}
	for _, h := range m.Hosts {
		head = append(head, h)
	}
	w.AppendHeader(head)
	type place struct{ experiment, host string }
	words := make(map[place]string, len(m.Cells))
	for _, c := range m.Cells {
		words[place{c.Experiment, c.Host}] = t.verdict(c.Verdict)
	}
	for _, r := range m.Rows {
		line := table.Row{r.Name}
		for _, h := range m.Hosts {
			line = append(line, cmp.Or(words[place{r.Name, h}], "-"))
		}
		w.AppendRow(line)
	}
}

func (t Text) countColumns(w table.Writer, m lab.Matrix) {
	verdicts := []lab.Verdict{lab.Pass, lab.Fail, lab.Skip, lab.Error}
	w.AppendHeader(table.Row{"experiment", "pass", "fail", "skip", "error"})
	counts := map[string]map[lab.Verdict]int{}
	for _, c := range m.Cells {
		if counts[c.Experiment] == nil {
			counts[c.Experiment] = map[lab.Verdict]int{}
		}
		counts[c.Experiment][c.Verdict]++
	}
	for _, r := range m.Rows {
		line := table.Row{r.Name}
		for _, v := range verdicts {
			n := counts[r.Name][v]
			s := strconv.Itoa(n)
			if n == 0 {
				s = "-"
			} else {
				s = t.paint(coloursOf[v], s)
			}
			line = append(line, s)
		}
		w.AppendRow(line)
	}
}
