package result

import (
	"fmt"
	"iter"
	"slices"

	"labrun/lab"
)

// Row is an experiment as a report shows it.
type Row struct {
	Name  string       `json:"name"`
	Doc   string       `json:"doc,omitempty"`
	Claim lab.ClaimRef `json:"claim,omitzero"` // what a pass means for which claim
	File  string       `json:"file,omitempty"` // the included file that it is in; "" is the topology's own
	Line  int          `json:"line"`
	Axes  []lab.Axis   `json:"axes,omitempty"`
	Slots []RowSlot    `json:"steps"`
}

// RowSlot is a Slot as a report shows it.
type RowSlot struct {
	Axes      []int         `json:"axes,omitempty"`
	Shown     bool          `json:"shown,omitempty"`
	VariantOf lab.VariantOf `json:"which,omitempty"`
	Variants  [][]RowStep   `json:"variants"`
	Others    []Other       `json:"others,omitempty"`
}

// Other is what a slot is on a kernel that has to answer otherwise than the one that the
// row was made for: those of its variants that differ.
type Other struct {
	Kernel   string      `json:"kernel"`
	Indices  []int       `json:"which"` // indices of variants, ascending
	Variants [][]RowStep `json:"variants"`
}

// RowStep is a Step as a report shows it, with the answer that a kernel had to give.
type RowStep struct {
	Line    int    `json:"line"`
	Process string `json:"process"`
	Call    string `json:"call"`
	Want    string `json:"want"`
	Rule    int    `json:"rule,omitempty"` // the line of the experiment's rule that wants it; 0 where the step does
	Shown   bool   `json:"shown,omitempty"`
	// Open says that the file leaves the answer open, so that no two answers differ:
	// "?", or no value where the call answers one. Asked, that a report shows it.
	Open  bool    `json:"open,omitempty"`
	Asked bool    `json:"asked,omitempty"`
	Limit float64 `json:"limit_seconds,omitempty"` // after which it is "blocked"; 0 is a call that does not wait
}

// Words writes an answer of the step, or the one wanted. "blocked" says after how long.
func (s *RowStep) Words(answer string) string {
	if answer != string(lab.Blocked) || s.Limit == 0 {
		return answer
	}
	if s.Limit < 1 {
		return fmt.Sprintf("%s (%g ms)", answer, s.Limit*1000)
	}
	return fmt.Sprintf("%s (%g s)", answer, s.Limit)
}

// NewRow returns the row of an experiment on that kernel.
func NewRow(e *lab.Experiment, k lab.Kernel) Row {
	r := Row{Name: e.Name, Doc: e.Doc, Claim: e.Claim, File: e.Pos.File, Line: e.Pos.Line, Axes: e.Axes}
	for _, s := range e.Slots {
		slot := RowSlot{Axes: s.Axes, Shown: s.Shown, VariantOf: s.VariantOf,
			Variants: make([][]RowStep, len(s.Variants))}
		for i, steps := range s.Variants {
			for j := range steps {
				slot.Variants[i] = append(slot.Variants[i], newRowStep(&steps[j], k))
			}
		}
		r.Slots = append(r.Slots, slot)
	}
	return r
}

func newRowStep(s *lab.Step, k lab.Kernel) RowStep {
	rule := s.Want.Rule(k)
	want := rule.Answer
	open, asked := s.Open(want)
	return RowStep{
		Line: s.Pos.Line, Process: s.Process.String(), Call: s.Call.String(),
		Want: want.String(), Rule: rule.Line, Shown: s.Shown,
		Open: open, Asked: asked, Limit: s.Waits(want).Seconds(),
	}
}

// add gives the slot what it is on a further kernel.
func (s *RowSlot) add(kernel string, variants [][]RowStep) {
	other := Other{Kernel: kernel}
	for v, steps := range variants {
		if !slices.Equal(steps, s.Variants[v]) {
			other.Indices, other.Variants = append(other.Indices, v), append(other.Variants, steps)
		}
	}
	if other.Indices != nil {
		s.Others = append(s.Others, other)
	}
}

// At returns the steps on a kernel for values of all the axes.
func (s *RowSlot) At(kernel string, shape lab.Shape, values []int) []RowStep {
	i := s.VariantOf.At(shape.Index(s.Axes, values))
	if i < 0 {
		return nil
	}
	for _, o := range s.Others {
		if at, ok := slices.BinarySearch(o.Indices, i); ok && o.Kernel == kernel {
			return o.Variants[at]
		}
	}
	return s.Variants[i]
}

// On returns the slot's variants as a kernel has them.
func (s *RowSlot) On(kernel string) [][]RowStep {
	for _, o := range s.Others {
		if o.Kernel == kernel {
			variants := slices.Clone(s.Variants)
			for i, v := range o.Indices {
				variants[v] = o.Variants[i]
			}
			return variants
		}
	}
	return s.Variants
}

// All goes through every step that the slot may be, on any kernel.
func (s *RowSlot) All() iter.Seq[RowStep] {
	return func(yield func(RowStep) bool) {
		variants := s.Variants
		for _, o := range s.Others {
			variants = slices.Concat(variants, o.Variants)
		}
		for _, steps := range variants {
			for _, step := range steps {
				if !yield(step) {
					return
				}
			}
		}
	}
}

// RowOn is a row as a kernel has it.
type RowOn struct {
	*Row
	Kernel string // as a Column names it
}

// On returns the row as a kernel has it.
func (r *Row) On(kernel string) RowOn { return RowOn{r, kernel} }

// Steps returns the steps of a combination, in order.
func (r RowOn) Steps(c lab.Combo) iter.Seq[RowStep] {
	return func(yield func(RowStep) bool) {
		shape := lab.ShapeOf(r.Axes)
		values := shape.Values(c)
		for i := range r.Slots {
			for _, s := range r.Slots[i].At(r.Kernel, shape, values) {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Step returns a step of a combination, by its index; false when it has fewer.
func (r RowOn) Step(c lab.Combo, at int) (RowStep, bool) {
	for s := range r.Steps(c) {
		if at == 0 {
			return s, true
		}
		at--
	}
	return RowStep{}, false
}

// Parting returns the first step that two cells of a combination were not answered
// alike, as many as both have when there is none. What the file leaves open they may
// be answered as they like.
func (r RowOn) Parting(a, b *Cell) int {
	x, y := a.Answers(), b.Answers()
	if slices.Equal(x, y) {
		return len(x)
	}
	i := 0
	for s := range r.Steps(a.Combo) {
		if i >= min(len(x), len(y)) || x[i] != y[i] && (!s.Open || a.Reds(i) || b.Reds(i)) {
			break
		}
		i++
	}
	return i
}

// CellName names the cell of a combination, as --only takes it.
func (r *Row) CellName(c lab.Combo) string { return lab.CellName(r.Name, r.Axes, c) }
