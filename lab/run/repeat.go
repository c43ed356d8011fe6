package run

import (
	"cmp"
	"slices"

	"labrun/lab/result"
)

// repeated puts the runs of the same cells together. It holds one run, and of the
// others what was different: that is little, or the user wants to know.
type repeated struct {
	matrices []result.Matrix
	runs     int
	differ   map[place]tally
}

// place is a cell: the index of its matrix, and its own there.
type place struct{ matrix, cell int }

// tally is how often a cell came to what.
type tally []tallied

type tallied struct {
	result.Cell
	times int
}

// add takes another run in.
func (r *repeated) add(matrices []result.Matrix) {
	r.runs++
	if r.matrices == nil {
		r.matrices, r.differ = matrices, map[place]tally{}
		return
	}
	for m := range matrices {
		for i := range matrices[m].Cells {
			at, c := place{m, i}, &matrices[m].Cells[i]
			row := r.matrices[m].RowOf(c)
			t, ok := r.differ[at]
			switch {
			case c.Note == notRun:
				continue
			case !ok && same(row, c, &r.matrices[m].Cells[i]):
				noteVaries(&r.matrices[m].Cells[i], c)
				continue
			case !ok:
				t = tally{{r.matrices[m].Cells[i], r.runs - 1}}
			}
			r.differ[at] = t.with(row, c)
		}
	}
}

// noteVaries notes which open answers of a cell another run of it has otherwise.
func noteVaries(c, other *result.Cell) {
	got := other.Answers()
	for i, answer := range c.Answers() {
		if answer == got[i] || c.Note != nil && slices.Contains(c.Note.Varies, i) {
			continue
		}
		note := result.Note{}
		if c.Note != nil {
			note = *c.Note
		}
		note.Varies = append(slices.Clone(note.Varies), i)
		c.Note = &note
	}
}

// with returns what a cell comes to that the next run has, as result would after add.
func (r *repeated) with(matrix, cell int, c *result.Cell) result.Cell {
	if r.matrices == nil {
		return *c
	}
	m := &r.matrices[matrix]
	row, first := m.RowOf(c), m.Cells[cell]
	t, ok := r.differ[place{matrix, cell}]
	switch {
	case !ok && same(row, c, &first):
		return first
	case !ok:
		t = tally{{first, r.runs}}
	}
	return slices.Clone(t).with(row, c).judge(row)
}

func (t tally) with(row result.RowOn, c *result.Cell) tally {
	for i := range t {
		if same(row, &t[i].Cell, c) {
			t[i].times++
			return t
		}
	}
	return append(t, tallied{*c, 1})
}

// same reports whether two runs of a cell came to the same, but for answers that the
// file leaves open.
func same(row result.RowOn, a, b *result.Cell) bool {
	n := len(a.Answers())
	return a.Verdict == b.Verdict && a.Reason() == b.Reason() && n == len(b.Answers()) && row.Parting(a, b) == n
}

// result returns the matrices of all runs: a cell that did not answer the same
// every time has failed, unless it could not be asked.
func (r *repeated) result() []result.Matrix {
	for at, t := range r.differ {
		m := &r.matrices[at.matrix]
		m.Cells[at.cell] = t.judge(m.RowOf(&m.Cells[at.cell]))
	}
	return r.matrices
}

// judge makes one cell of several. It ends with the step that was not answered the
// same every time, with a red answer if there was one, the one that was given least
// often.
func (t tally) judge(row result.RowOn) result.Cell {
	slices.SortStableFunc(t, func(a, b tallied) int { return b.times - a.times })
	skips := 0
	for _, c := range t {
		switch c.Verdict {
		case result.Error:
			return c.Cell
		case result.Skip:
			skips++
		}
	}
	if skips == len(t) {
		return t[0].Cell
	}
	at := t.parting(row)
	judged := t[0].Cell
	judged.Verdict, judged.Note = result.Fail, &result.Note{Flaky: t.answers(row, at)}
	judged.Got = nil
	for _, c := range t {
		got := c.Answers()
		if len(got) > at && (c.Verdict == result.Fail || judged.Got == nil) {
			upTo := got[:at+1]
			judged.Got = &upTo
			if c.Note != nil && len(got) == at+1 {
				judged.Note.Evidence, judged.Note.Outputs = c.Note.Evidence, c.Note.Outputs
			}
		}
		if c.Note != nil { // one run of each kind
			judged.Note.Captures = append(judged.Note.Captures, c.Note.Captures...)
		}
	}
	return judged
}

// parting returns the first step that was not answered the same every time.
func (t tally) parting(row result.RowOn) int {
	at := len(t[0].Answers())
	for i := range t[1:] {
		at = min(at, row.Parting(&t[0].Cell, &t[i+1].Cell))
	}
	return at
}

// answers says how often which answer was given.
func (t tally) answers(row result.RowOn, at int) result.Tallies {
	step, _ := row.Step(t[0].Combo, at)
	times := map[string]int{}
	for _, c := range t {
		word := c.Verdict.String()
		switch {
		case step.Open && len(c.Answers()) > at && !c.Reds(at):
			word = step.Want // and not a value, which stands for others
		case len(c.Answers()) > at:
			step := c.Timed(step, at)
			word = step.Words(c.Answers()[at])
		case c.Reason() != "":
			word += " (" + c.Reason() + ")"
		}
		times[word] += c.times
	}
	var all result.Tallies
	for word, n := range times {
		all = append(all, result.Tally{Answer: word, Times: n})
	}
	slices.SortFunc(all, func(a, b result.Tally) int {
		return cmp.Or(b.Times-a.Times, cmp.Compare(a.Answer, b.Answer))
	})
	return all
}
