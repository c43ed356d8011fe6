package compare

import (
	"slices"

	"labrun/lab"
	"labrun/lab/result"
)

// cells compares the cells of two matrices. Those of the later one are looked up
// where the last one was found, and by halves only where their order differs: no
// table of half a million names is needed.
func (d *Difference) cells(i, j int) {
	a, b := &d.Before.Matrices[i], &d.After.Matrices[j]
	rows, columns := rowsOf(a, b), places(a.Columns, b.Columns)
	seen := make([]bool, len(b.Cells))
	next := 0
	for n := range a.Cells {
		c := &a.Cells[n]
		was := Place{int32(i), int32(n)}
		at := -1
		if key, ok := rows[c.Row].key(c, columns); ok {
			at = find(b.Cells, key, next)
		}
		if at < 0 {
			d.Vanished = append(d.Vanished, was)
			continue
		}
		seen[at], next = true, at+1
		pair := Pair{was, Place{int32(j), int32(at)}}
		same, alike := same(a, b, c, &b.Cells[at], rows[c.Row].same)
		if same {
			d.Same++
		} else {
			d.Changed = append(d.Changed, pair)
		}
		if !alike {
			d.Open = append(d.Open, pair)
		}
	}
	for at, seen := range seen {
		if !seen {
			d.Appeared = append(d.Appeared, Place{int32(j), int32(at)})
		}
	}
}

// find returns the index of the cell with the key's row, host and combination, -1
// when there is none; guess is where it most likely stands.
func find(cells []result.Cell, key result.Cell, guess int) int {
	if guess < len(cells) && key.Compare(&cells[guess]) == 0 {
		return guess
	}
	at, ok := slices.BinarySearchFunc(cells, &key, func(c result.Cell, key *result.Cell) int { return c.Compare(key) })
	if !ok {
		return -1
	}
	return at
}

// places says of each name where it stands among others, -1 when it does not.
func places[T comparable](names, among []T) []int32 {
	at := map[T]int32{}
	for i, name := range among {
		at[name] = int32(i)
	}
	all := make([]int32, len(names))
	for i, name := range names {
		all[i] = -1
		if j, ok := at[name]; ok {
			all[i] = j
		}
	}
	return all
}

// row says which row of the later matrix a row is, and which of its combinations
// have the same names.
type row struct {
	at     int32     // -1: none
	same   bool      // it asks the same in the same combinations
	from   lab.Shape // of the row; nil when combinations are numbered alike
	to     lab.Shape
	values [][]int32 // where each value of each axis stands in the later row
	split  []int
}

func rowsOf(a, b *result.Matrix) []row {
	at := map[string]int32{}
	for j := range b.Rows {
		at[b.Rows[j].Name] = int32(j)
	}
	rows := make([]row, len(a.Rows))
	for i := range a.Rows {
		rows[i].at = -1
		if j, ok := at[a.Rows[i].Name]; ok {
			rows[i] = rowOf(&a.Rows[i], &b.Rows[j], j)
		}
	}
	return rows
}

func rowOf(a, b *result.Row, at int32) row {
	sameNames := func(x, y lab.Axis) bool { return x.Name == y.Name }
	sameAxes := func(x, y lab.Axis) bool { return x.Name == y.Name && slices.Equal(x.Values, y.Values) }
	switch {
	case !slices.EqualFunc(a.Axes, b.Axes, sameNames):
		return row{at: -1} // no cell of either has the name of one of the other
	case slices.EqualFunc(a.Axes, b.Axes, sameAxes):
		return row{at: at, same: slices.EqualFunc(a.Slots, b.Slots, sameSlot)}
	}
	r := row{at: at, from: lab.ShapeOf(a.Axes), to: lab.ShapeOf(b.Axes), split: make([]int, len(a.Axes))}
	for i := range a.Axes {
		r.values = append(r.values, places(a.Axes[i].Values, b.Axes[i].Values))
	}
	return r
}

// key returns where the cell would stand in the later matrix; false when it
// cannot be there.
func (r *row) key(c *result.Cell, columns []int32) (result.Cell, bool) {
	key := result.Cell{Row: r.at, Column: columns[c.Column], Combo: c.Combo}
	if r.from != nil {
		for i, v := range r.from.ValuesInto(r.split, c.Combo) {
			if r.values[i][v] < 0 {
				return key, false
			}
			r.split[i] = int(r.values[i][v])
		}
		key.Combo = r.to.Join(r.split)
	}
	return key, key.Row >= 0 && key.Column >= 0
}

func sameSlot(a, b result.RowSlot) bool {
	sameSteps := func(x, y []result.RowStep) bool { return slices.EqualFunc(x, y, sameStep) }
	return slices.Equal(a.Axes, b.Axes) &&
		slices.Equal(a.VariantOf, b.VariantOf) && (a.VariantOf == nil) == (b.VariantOf == nil) &&
		slices.EqualFunc(a.Variants, b.Variants, sameSteps) &&
		slices.EqualFunc(a.Others, b.Others, func(x, y result.Other) bool {
			return x.Kernel == y.Kernel && slices.Equal(x.Indices, y.Indices) &&
				slices.EqualFunc(x.Variants, y.Variants, sameSteps)
		})
}

// sameStep reports whether two steps ask the same and want the same; where they
// are in the file does not matter.
func sameStep(a, b result.RowStep) bool { return sameQuestion(a, b) && a.Want == b.Want }

func sameQuestion(a, b result.RowStep) bool { return a.Process == b.Process && a.Call == b.Call }

// same reports whether two cells came out the same; asked says that their rows are
// known to ask the same. alike says that they were answered the same too where the
// file leaves the answer open.
func same(a, b *result.Matrix, c, d *result.Cell, asked bool) (same, alike bool) {
	alike = slices.Equal(c.Answers(), d.Answers())
	if asked && alike {
		return c.Verdict == d.Verdict, true
	}
	x, y := a.StepsOf(c), b.StepsOf(d)
	return c.Verdict == d.Verdict && slices.EqualFunc(x, y, sameResult),
		alike || !slices.ContainsFunc(pairsOf(x, y), StepPair.open)
}

// sameResult reports whether two steps ask the same, want the same and were answered
// the same, or so that the file does not mind.
func sameResult(a, b result.StepResult) bool {
	return sameStep(a.RowStep, b.RowStep) && sameAnswer(a, b)
}

func sameAnswer(a, b result.StepResult) bool {
	return a.Got == b.Got || (a.Open || b.Open) && !a.Red && !b.Red
}
