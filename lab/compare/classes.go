package compare

import (
	"cmp"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
)

// Change is cells of one experiment that differ in the same way: in verdicts, reasons, and what the same steps
// answered.
type Change struct {
	Cells []Pair // in the order of After
	// Calls are those of the steps in which the first cell differs, with "..." for an argument that is another one in
	// other cells.
	Calls   []string
	Classes []Class // each cell is in one; the largest first, the rest last
}

// Class is cells of a change that values of axes tell from all other cells of the experiment that are in both reports.
// A new kernel changes cells by the thousand, for a few reasons: a class is what a reason looks like from outside.
type Class struct {
	Cells []Pair // in the order of After
	// Where is which values the axes have in these cells; an axis that does not tell them from others is not there, and
	// none is where all cells of the experiment differ so. Cells of both reports that have these values are the class's,
	// but where Rest is set: then no few values say which cells these are.
	Where []Values
	Rest  bool
}

// Values are those of an axis that the cells of a class have, in the order of the axis. Not says that they are those
// which the cells do not have, where these are fewer.
type Values struct {
	Axis   string   `json:"axis,omitempty"` // "" is the host, on its kernel
	Not    bool     `json:"not,omitempty"`
	Values []string `json:"values"`
}

// The axis that a class has beside those of the experiment, where there are several columns: the host, on its kernel.
const columnAxis = ""

// mostBoxes is how many classes there are of one way to differ at most. What is left by then are single cells that
// have nothing in common, and stand together in one more class.
const mostBoxes = 64

// Changes returns cells as changes, those of one experiment together, and of these the one that most cells have
// first. steps says in which steps a cell differs: Steps or OpenSteps.
func (d *Difference) Changes(pairs []Pair, steps func(Pair) []StepPair) []Change {
	pairs = slices.Clone(pairs)
	slices.SortStableFunc(pairs, func(p, q Pair) int {
		return cmp.Or(cmp.Compare(p.After.Matrix, q.After.Matrix), cmp.Compare(p.After.Cell, q.After.Cell))
	})
	var changes []Change
	for len(pairs) > 0 {
		_, c := pairs[0].After.In(&d.After)
		n := slices.IndexFunc(pairs, func(p Pair) bool {
			_, e := p.After.In(&d.After)
			return p.After.Matrix != pairs[0].After.Matrix || e.Row != c.Row
		})
		if n < 0 {
			n = len(pairs)
		}
		changes = append(changes, d.changesOf(pairs[:n], steps)...)
		pairs = pairs[n:]
	}
	return changes
}

// changesOf returns the changes of one experiment.
func (d *Difference) changesOf(pairs []Pair, steps func(Pair) []StepPair) []Change {
	matrix := pairs[0].After.Matrix
	m, first := pairs[0].After.In(&d.After)
	g := newGrid(m, first.Row)
	for i := range m.Cells {
		if c := &m.Cells[i]; c.Row == first.Row {
			g.kinds[g.at(c)] = other
		}
	}
	for _, p := range d.Appeared {
		if _, c := p.In(&d.After); p.Matrix == matrix && c.Row == first.Row {
			g.kinds[g.at(c)] = absent
		}
	}
	var changes []Change
	kinds := map[string]int32{} // indices of changes
	for _, p := range pairs {
		_, before := p.Before.In(&d.Before)
		_, after := p.After.In(&d.After)
		differ := steps(p)
		way := wayOf(before, after, differ)
		k, ok := kinds[way]
		if !ok {
			k = int32(len(changes))
			kinds[way] = k
			changes = append(changes, Change{})
		}
		change := &changes[k]
		change.Cells = append(change.Cells, p)
		for i, s := range differ {
			if !ok {
				change.Calls = append(change.Calls, s.call())
			} else if call := s.call(); call != change.Calls[i] {
				change.Calls[i] = common(change.Calls[i], call)
			}
		}
		g.kinds[g.at(after)] = k
	}
	for k := range changes {
		changes[k].Classes = g.classes(d, changes[k].Cells, int32(k))
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return len(b.Cells) - len(a.Cells) })
	return changes
}

// wayOf returns what two cells have in common that differ in the same way: verdicts, reasons, and the answers of
// steps. Their calls may have other arguments.
func wayOf(before, after *result.Cell, steps []StepPair) string {
	var b strings.Builder
	write := func(words ...string) {
		for _, w := range words {
			b.WriteString(w)
			b.WriteByte(0)
		}
	}
	write(before.Verdict.String(), after.Verdict.String(), before.Reason(), after.Reason())
	for _, s := range steps {
		for _, side := range []*result.StepResult{s.Before, s.After} {
			if side == nil {
				write("")
				continue
			}
			call, _, _ := strings.Cut(side.Call, ",")
			write(side.Process, call, side.Want, side.Got)
		}
	}
	return b.String()
}

// call returns the call of a step, which is at hand in one of the reports.
func (p StepPair) call() string {
	if p.After != nil {
		return p.After.Call
	}
	return p.Before.Call
}

// common returns a call with "..." for the arguments in which another one of the same name differs.
func common(a, b string) string {
	const cut = ", "
	x, y := strings.Split(strings.TrimSuffix(a, ")"), cut), strings.Split(strings.TrimSuffix(b, ")"), cut)
	if len(x) != len(y) || x[0] != y[0] {
		name, _, _ := strings.Cut(x[0], "(")
		return name + "(...)"
	}
	for i := range x {
		if x[i] != y[i] {
			x[i] = "..."
		}
	}
	return strings.Join(x, cut) + ")"
}

// grid is every combination of an experiment in every column, each with what is known of it.
type grid struct {
	axes  []lab.Axis
	shape lab.Shape
	step  []int   // from a value of an axis to its next one, as indices of kinds
	kinds []int32 // a way to differ, or one of the kinds below
}

const (
	absent = -1 // in no or one of the reports: a class may have it or not
	other  = -2 // the same in both reports, or in a class already
)

func newGrid(m *result.Matrix, row int32) *grid {
	g := &grid{axes: slices.Clone(m.Rows[row].Axes)}
	columns := lab.Axis{Name: columnAxis}
	for i := range m.Columns {
		columns.Values = append(columns.Values, m.ColumnOf(&result.Cell{Column: int32(i)}))
	}
	g.axes = append(g.axes, columns)
	g.shape = lab.ShapeOf(g.axes)
	g.step = make([]int, len(g.shape))
	size := 1
	for i := len(g.shape) - 1; i >= 0; i-- {
		g.step[i] = size
		size *= g.shape[i]
	}
	g.kinds = slices.Repeat([]int32{absent}, size)
	return g
}

// at returns the index of a cell. The column is the last axis.
func (g *grid) at(c *result.Cell) int {
	return int(c.Combo)*g.shape[len(g.shape)-1] + int(c.Column)
}

// box is the cells whose value of each axis is one of a set.
type box [][]int

// classes cuts cells that differ in one way into boxes. The next box is the largest that grows from one of a few cells
// that are in none yet: a smallest number of boxes would take exponential time, and people read the first ones.
func (g *grid) classes(d *Difference, pairs []Pair, kind int32) []Class {
	const seeds = 8
	var classes []Class
	for len(pairs) > 0 && len(classes) < mostBoxes {
		var best box
		most := 0
		for i := range min(seeds, len(pairs)) {
			_, c := pairs[i*len(pairs)/min(seeds, len(pairs))].After.In(&d.After)
			if b, n := g.grow(g.at(c), kind); n > most {
				best, most = b, n
			}
		}
		class := Class{Where: g.where(best)}
		in := g.members(best)
		var left []Pair
		for _, p := range pairs {
			_, c := p.After.In(&d.After)
			if at := g.at(c); in(at) {
				class.Cells = append(class.Cells, p)
				g.kinds[at] = other
			} else {
				left = append(left, p)
			}
		}
		classes, pairs = append(classes, class), left
	}
	slices.SortStableFunc(classes, func(a, b Class) int { return len(b.Cells) - len(a.Cells) })
	if len(pairs) > 0 {
		classes = append(classes, Class{Cells: pairs, Rest: true})
	}
	return classes
}

// grow returns a box with the cell that has no cell of another kind and that no value can be added to, and how many
// cells of the kind it has. The axis that adds most of them comes first.
func (g *grid) grow(at int, kind int32) (box, int) {
	b := make(box, len(g.shape))
	for i, size := range g.shape {
		b[i] = []int{at / g.step[i] % size}
	}
	cells := 1
	for {
		axis, gain := -1, 0
		var values []int
		for i := range b {
			if more, n := g.more(b, i, kind, 1); n > gain {
				axis, gain, values = i, n, more
			}
		}
		if axis < 0 {
			break
		}
		b[axis] = append(b[axis], values...)
		cells += gain
	}
	// Values that add only what is absent make a list longer, and one of the others shorter: the axis need not be named
	// with them, or is named by what the cells do not have.
	for i := range b {
		if more, _ := g.more(b, i, kind, 0); len(b[i])+len(more) == g.shape[i] || excludes(len(b[i]), g.shape[i]) {
			b[i] = append(b[i], more...)
		}
		slices.Sort(b[i])
	}
	return b, cells
}

// more returns the values of an axis that the box can have too and that add so many cells of the kind at least, and
// how many they add together.
func (g *grid) more(b box, axis int, kind int32, least int) (values []int, gain int) {
	had := b[axis]
	defer func() { b[axis] = had }()
	for v := range g.shape[axis] {
		if slices.Contains(had, v) {
			continue
		}
		b[axis] = []int{v}
		if n, ok := g.count(b, 0, 0, kind); ok && n >= least {
			values, gain = append(values, v), gain+n
		}
	}
	return values, gain
}

// count returns how many cells of the kind a box has, false when it has one of another kind.
func (g *grid) count(b box, axis, at int, kind int32) (n int, ok bool) {
	if axis == len(b) {
		k := g.kinds[at]
		if k == kind {
			n = 1
		}
		return n, k == kind || k == absent
	}
	for _, v := range b[axis] {
		more, ok := g.count(b, axis+1, at+v*g.step[axis], kind)
		if !ok {
			return 0, false
		}
		n += more
	}
	return n, true
}

// members returns what reports whether a cell is in a box.
func (g *grid) members(b box) func(at int) bool {
	in := make([][]bool, len(b))
	for i, values := range b {
		in[i] = make([]bool, g.shape[i])
		for _, v := range values {
			in[i][v] = true
		}
	}
	return func(at int) bool {
		for i := range in {
			if !in[i][at/g.step[i]%g.shape[i]] {
				return false
			}
		}
		return true
	}
}

// excludes reports whether so many values of an axis are told by those that they are not.
func excludes(values, all int) bool { return values > 2 && 2*values > all }

// where says which values of axes a box has.
func (g *grid) where(b box) []Values {
	var where []Values
	for i, values := range b {
		axis := g.axes[i]
		if len(values) == len(axis.Values) {
			continue
		}
		w := Values{Axis: axis.Name, Not: excludes(len(values), len(axis.Values))}
		for v, name := range axis.Values {
			if slices.Contains(values, v) != w.Not {
				w.Values = append(w.Values, name)
			}
		}
		where = append(where, w)
	}
	return where
}

// String writes the values as an axis and its values: "first=x|y", "first=not any", "on alpha".
func (v Values) String() string {
	not := ""
	if v.Not {
		not = "not "
	}
	if v.Axis == columnAxis {
		return "on " + not + strings.Join(v.Values, "|")
	}
	return v.Axis + "=" + not + strings.Join(v.Values, "|")
}
