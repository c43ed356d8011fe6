package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"labrun/lab"
	"labrun/lab/result"
)

// index finds what the cells of a report name, and puts them into their matrix. A report
// names rows, columns and combinations, so that grep(1) and people can read it; a matrix
// numbers them, so that a cell takes 32 bytes. Whatever does not fit together is an error
// here, and nothing that prints or compares a matrix has to doubt an index.
type index struct {
	m       *result.Matrix
	columns map[result.Column]int32
	rows    map[string]*rowIndex

	last *result.Cell // the one before, nil at first
	*sharedValues

	// Of the cell at hand, kept for their room.
	name, host, kernel, verdict []byte
	note                        result.Note
	noteText                    []byte
}

// sharedValues are what cells have said, by its text.
type sharedValues struct {
	answers  known[*[]string]
	reasons  known[string]
	evidence known[[]result.Snapshot]
	notes    known[*result.Note]
}

// rowIndex finds the cells of one row by their names. A row may have millions of
// combinations, most of them never run, so names are taken apart rather than looked up.
type rowIndex struct {
	row    int32
	shape  lab.Shape
	fewest int              // steps that a combination has at least
	values []int            // of the cell at hand
	before [][]byte         // what stands before each value in a name: "[first=", ",second="
	index  []map[string]int // of the values of each axis
}

// mostCombos bounds the combinations of a row, so that each is a lab.Combo.
const mostCombos = 1 << 31

// addColumns gives the matrix its columns.
func (in *index) addColumns(columns []column) error {
	in.columns = map[result.Column]int32{}
	for i, c := range columns {
		in.columns[result.Column(c)] = int32(i)
		in.m.Columns = append(in.m.Columns, result.Column(c))
	}
	if len(in.columns) < len(columns) {
		return errors.New("duplicate host")
	}
	return nil
}

// addRow adds the row that the matrix got last. Nothing bounds what a file says, so the
// number of combinations is known to fit before anything is made for them.
func (in *index) addRow() error {
	r := &in.m.Rows[len(in.m.Rows)-1]
	if in.rows[r.Name] != nil {
		return fmt.Errorf("duplicate experiment %q", r.Name)
	}
	x := &rowIndex{row: int32(len(in.m.Rows) - 1), shape: lab.ShapeOf(r.Axes), values: make([]int, len(r.Axes))}
	combos := 1
	for i, a := range r.Axes {
		values := map[string]int{}
		for v, name := range a.Values {
			values[name] = v
		}
		x.before = append(x.before, []byte("[,"[min(i, 1):][:1]+a.Name+"="))
		x.index = append(x.index, values)
		switch {
		case len(values) == 0:
			return fmt.Errorf("axis %q has no values", a.Name)
		case len(values) < len(a.Values):
			return fmt.Errorf("axis %q has a duplicate value", a.Name)
		case slices.ContainsFunc(r.Axes[:i], func(b lab.Axis) bool { return b.Name == a.Name }):
			return fmt.Errorf("duplicate axis %q", a.Name)
		case combos > mostCombos/len(values):
			return fmt.Errorf("the axes have more than %d combinations", mostCombos)
		}
		combos *= len(values)
	}
	in.rows[r.Name] = x
	return x.check(r.Slots)
}

// check reports slots that do not fit the axes: variants that are too few or too many, and
// indices outside of them. Printing looks up steps by them without a doubt, half a million
// times. It also finds how few steps a combination may have, for add.
func (x *rowIndex) check(slots []result.RowSlot) error {
	for i, s := range slots {
		last := -1
		for _, a := range s.Axes {
			if a <= last || a >= len(x.shape) {
				return fmt.Errorf("step %d: its axes are %v, of %d in ascending order", i, s.Axes, len(x.shape))
			}
			last = a
		}
		variants := x.shape.Size(s.Axes)
		if s.VariantOf == nil && len(s.Variants) != variants {
			return fmt.Errorf("step %d: it has %d variants, its axes have %d", i, len(s.Variants), variants)
		}
		if s.VariantOf != nil && len(s.VariantOf) != variants {
			return fmt.Errorf("step %d: \"which\" has %d items, its axes have %d combinations", i, len(s.VariantOf),
				variants)
		}
		for _, o := range s.Others {
			fits := len(o.Indices) == len(o.Variants)
			for j := 0; fits && j < len(o.Indices); j++ {
				v := o.Indices[j]
				fits = v >= 0 && v < len(s.Variants) && (j == 0 || v > o.Indices[j-1]) &&
					len(o.Variants[j]) == len(s.Variants[v])
			}
			if !fits {
				return fmt.Errorf("step %d: what it is on %s does not fit", i, o.Kernel)
			}
		}
		for _, w := range s.VariantOf {
			if int(w) >= len(s.Variants) {
				return fmt.Errorf("step %d: variant %d does not exist", i, w)
			}
		}
		fewest := 0
		if !slices.ContainsFunc(s.VariantOf, func(w int32) bool { return w < 0 }) && len(s.Variants) > 0 {
			fewest = len(slices.MinFunc(s.Variants,
				func(a, b []result.RowStep) int { return cmp.Compare(len(a), len(b)) }))
		}
		x.fewest += fewest
	}
	return nil
}

// find returns the row and the combination that a cell's name stands for, whose values
// are the row's then.
func (in *index) find(name []byte) (*rowIndex, lab.Combo, error) {
	experiment, _, _ := bytes.Cut(name, []byte("["))
	x := in.rows[string(experiment)]
	if x == nil {
		return nil, 0, fmt.Errorf("unknown experiment %q", experiment)
	}
	rest := name[len(experiment):]
	for i, before := range x.before {
		after, ok := bytes.CutPrefix(rest, before)
		end := bytes.LastIndexByte(after, ']')
		if i+1 < len(x.before) {
			end = bytes.Index(after, x.before[i+1])
		}
		if !ok || end < 0 {
			return nil, 0, fmt.Errorf("the experiment's cells are called %s", in.m.Rows[x.row].CellName(0))
		}
		v, ok := x.index[i][string(after[:end])]
		if !ok {
			return nil, 0, fmt.Errorf("%s%s does not exist", before[1:], after[:end])
		}
		x.values[i] = v
		rest = after[end:]
	}
	if len(x.before) == 0 && len(rest) > 0 || len(x.before) > 0 && string(rest) != "]" {
		return nil, 0, fmt.Errorf("the experiment's cells are called %s", in.m.Rows[x.row].CellName(0))
	}
	return x, x.shape.Join(x.values), nil
}

// mostRoom bounds the room that is made for cells before the first is read: 32 MB. Counts in
// a report are a stranger's, too.
const mostRoom = 1 << 20

// room makes room for as many cells as the rows may have, and the report's counts
// say: a slice that grows by itself is in memory twice, whenever it does. They may say
// what is not so; then it grows, or is touched no further than it is used.
func (in *index) room(counted int) {
	cells := 0
	for _, x := range in.rows {
		combos := 1
		for _, n := range x.shape {
			combos *= n
		}
		cells += combos * len(in.m.Columns)
	}
	in.m.Cells = slices.Grow(in.m.Cells, max(min(cells, counted, mostRoom), 0))
}

// add puts the cell at hand into the matrix.
func (in *index) add(c result.Cell) error {
	if err := in.place(&c); err != nil {
		return err
	}
	in.m.Cells = append(in.m.Cells, c)
	return nil
}

// place gives the cell at hand its row, column and combination. Cells must stand in the order of Cell.Compare,
// which finds duplicates without a table of half a million names, and in which diff and
// merge look for cells. Whether a cell has more answers than steps is counted only where the
// shortest combination of its row leaves that open: counting is slow.
func (in *index) place(c *result.Cell) error {
	x, combo, err := in.find(in.name)
	if err != nil {
		return err
	}
	column, ok := in.columns[result.Column{Host: string(in.host), Kernel: string(in.kernel)}]
	if !ok {
		return errors.New("unknown host")
	}
	c.Row, c.Column, c.Combo = x.row, column, combo
	if in.last == nil {
		in.last = &result.Cell{}
	} else if in.last.Compare(c) >= 0 {
		return errors.New("it is a duplicate, or not in the order of rows, hosts and combinations")
	}
	*in.last = *c
	answers := len(c.Answers())
	if answers > x.fewest { // than which no combination has fewer steps
		steps := 0
		for i := range in.m.Rows[x.row].Slots {
			steps += len(in.m.Rows[x.row].Slots[i].At("", x.shape, x.values))
		}
		if answers > steps {
			return fmt.Errorf("it has %d answers, and its experiment %d steps", answers, steps)
		}
	}
	if answers == 0 && c.Verdict == result.Fail {
		return errors.New("it failed without an answer")
	}
	return nil
}
