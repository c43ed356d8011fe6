package report

import (
	"fmt"
	"io"
	"slices"

	"labrun/lab"
	"labrun/lab/result"
)

// alike is red cells of one experiment that are red for the same reason: the same item
// of its steps, whatever the axes made of it, wanted the same and was answered the same.
// One wrong rule of a kernel turns thousands of combinations red at once. A reader wants
// the rule, and then which combinations it covers; a list of cells shows neither.
type alike struct {
	first  *result.Cell
	rule   int // the line of the rule that demanded the answer, in the first
	cells  int
	calls  []call // the first few of the item
	combos []combination
	same   bool // the same was seen in all of them: sockets, what programs printed
}

// call is what a red step called.
type call struct {
	line int
	call string
}

// combination is a combination of axes, in some columns.
type combination struct {
	combo   lab.Combo
	columns []int32
}

// alikes returns the failed cells of each row, those together that are alike. It is one pass
// over the cells: a map finds their kind, and of each kind only so much is kept as is shown.
func alikes(m *result.Matrix) [][]*alike {
	type key struct {
		row                        int32
		slot                       int
		process, want, got, reason string
	}
	rows := make([][]*alike, len(m.Rows))
	known := map[key]*alike{}
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Verdict != result.Fail {
			continue
		}
		slot, s := redStep(m.RowOf(c), c)
		k := key{c.Row, slot, s.Process, s.Words(s.Want), lastAnswer(c), c.Reason()}
		a := known[k]
		if a == nil {
			a = &alike{first: c, rule: s.Rule, same: true}
			known[k] = a
			rows[c.Row] = append(rows[c.Row], a)
		}
		a.add(m, c, call{s.Line, s.Call}, s.Rule)
	}
	return rows
}

// redStep returns the red step of a failed cell, and which item of the experiment's
// steps it is of. The item says more than the line: what an axis makes of an item may stand
// on several lines of the file, or on those of a file that it includes.
func redStep(r result.RowOn, c *result.Cell) (slot int, s result.RowStep) {
	left := len(c.Answers())
	shape := lab.ShapeOf(r.Axes)
	values := shape.Values(c.Combo)
	for slot := range r.Slots {
		steps := r.Slots[slot].At(r.Kernel, shape, values)
		if 0 < left && left <= len(steps) {
			return slot, c.Timed(steps[left-1], len(c.Answers())-1)
		}
		left -= len(steps)
	}
	return -1, s
}

func lastAnswer(c *result.Cell) string {
	if got := c.Answers(); len(got) > 0 {
		return got[len(got)-1]
	}
	return ""
}

// add counts a cell, and keeps its call and its combination while few are kept.
func (a *alike) add(m *result.Matrix, c *result.Cell, of call, rule int) {
	a.cells++
	a.same = a.same && (c == a.first || rule == a.rule && seenAlike(a.first, c))
	if len(a.calls) <= maxListed && !slices.Contains(a.calls, of) {
		a.calls = append(a.calls, of)
	}
	i := slices.IndexFunc(a.combos, func(x combination) bool { return x.combo == c.Combo })
	switch {
	case i < 0 && len(a.combos) == tooMany:
		return // it is counted
	case i < 0:
		i = len(a.combos)
		a.combos = append(a.combos, combination{combo: c.Combo})
	}
	a.combos[i].columns = append(a.combos[i].columns, c.Column)
}

// seenAlike reports whether the same was seen in two red cells, so that what explains the
// first explains both. Sockets are compared as they are shown. What programs printed and
// captured packets are never alike: they belong to one cell, and a reader is told so.
func seenAlike(c, d *result.Cell) bool {
	sameSockets := func(x, y []result.SocketInfo) bool {
		return slices.EqualFunc(x, y, func(x, y result.SocketInfo) bool { return x.String() == y.String() })
	}
	if c.Note == nil || d.Note == nil {
		return c.Note == d.Note
	}
	x, y := c.Seen(), d.Seen()
	return len(c.Note.Outputs)+len(d.Note.Outputs)+len(c.Note.Captures)+len(d.Note.Captures) == 0 &&
		x.To == y.To && sameSockets(x.Sockets, y.Sockets) && sameSockets(x.Listens, y.Listens) &&
		slices.Equal(x.Why, y.Why)
}

// name names the cells: one, or their experiment and how many they are. The hosts stand
// there when all combinations have the same.
func (a *alike) name(m *result.Matrix) (name, on string) {
	if name = m.NameOf(a.first); len(a.combos) > 1 {
		name = m.Rows[a.first.Row].Name
	}
	if a.oneHosts() {
		on = " on " + columnWords(m, kernelsIn(m), a.combos[0].columns)
	}
	if len(a.combos) > 1 {
		on += fmt.Sprintf(", %d cells", a.cells)
	}
	return name, on
}

// oneHosts reports whether the hosts are the same in all combinations.
func (a *alike) oneHosts() bool {
	first := a.combos[0].columns
	return !slices.ContainsFunc(a.combos, func(x combination) bool { return !slices.Equal(x.columns, first) })
}

// list lists the cells, when their name does not: each combination with its hosts, or without
// where all have the same, as the name says them then.
func (a *alike) list(b io.Writer, m *result.Matrix) {
	if len(a.combos) < 2 {
		return
	}
	var cells []string
	listed, oneHosts := 0, a.oneHosts()
	for _, x := range a.combos {
		s := lab.CellName("", m.Rows[a.first.Row].Axes, x.combo)
		if !oneHosts {
			s += " on " + columnWords(m, kernelsIn(m), x.columns)
		}
		cells, listed = append(cells, s), listed+len(x.columns)
	}
	if left := a.cells - listed; left > 0 {
		cells = append(cells, fmt.Sprintf("and %d more", left))
	}
	labels(b, "cells", cells)
}

// alike explains red cells: one of them, and which they are.
func (t Text) alike(b io.Writer, m *result.Matrix, a *alike) {
	t.last(b, m, a.first)
	if !a.same {
		where := "on " + m.ColumnOf(a.first)
		if len(a.combos) > 1 {
			where = "in " + m.NameOf(a.first) + " " + where
		}
		labels(b, "", t.fit("as seen "+where+"; -v shows the others", t.behindLabel(), "  "))
	}
	var others []string
	for i, other := range a.calls[1:] {
		switch {
		case i+1 == maxListed:
			others = append(others, "another call")
		case other.line != a.calls[0].line:
			others = append(others, fmt.Sprintf("line %d: %s", other.line, other.call))
		default:
			others = append(others, other.call)
		}
	}
	labels(b, "or", others)
	a.list(b, m)
	t.look(b, m, a.first)
}
