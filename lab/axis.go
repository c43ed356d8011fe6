package lab

// Axis multiplies an experiment: it runs once for each of the values.
type Axis struct {
	Name   string   `json:"name"`
	Values []string `json:"values"` // their names: the text that they stand for where the file gives no other
}

// Combo is one combination of the values of an experiment's axes: the place
// that it has when the last axis turns fastest.
type Combo uint32

// Slot is an item of an experiment's steps. What its steps are may depend on
// some of the axes.
type Slot struct {
	Axes     []int    // the axes that it depends on, as indices in ascending order
	Variants [][]Step // the different things that it may be, each once
	Which    Which    // of them it is
	Shown    bool     // in some combinations it has steps that are Shown
}

// Which says for each combination of a slot's axes, the last one fastest, which
// of the slot's variants it has; negative where no Combo needs one. A nil Which
// stands for 0, 1, 2 and so on.
type Which []int32

// Of returns the index of a combination's variant.
func (w Which) Of(combination int) int {
	if w == nil {
		return combination
	}
	return int(w[combination])
}

// At returns the steps for values of all the axes.
func (s *Slot) At(radix Radix, values []int) []Step {
	if i := s.Which.Of(radix.Index(s.Axes, values)); i >= 0 {
		return s.Variants[i]
	}
	return nil
}

// Radix is how many values each of the axes has.
type Radix []int

// RadixOf returns the radix of the axes.
func RadixOf(axes []Axis) Radix {
	r := make(Radix, len(axes))
	for i, a := range axes {
		r[i] = len(a.Values)
	}
	return r
}

// Split returns the index of the value that each axis has in the combination.
func (r Radix) Split(c Combo) []int { return r.SplitInto(make([]int, len(r)), c) }

// SplitInto is Split into a slice that is there already.
func (r Radix) SplitInto(values []int, c Combo) []int {
	for i := len(r) - 1; i >= 0; i-- {
		values[i] = int(c) % r[i]
		c /= Combo(r[i])
	}
	return values
}

// Join returns the combination of values of all the axes: it undoes Split.
func (r Radix) Join(values []int) Combo {
	var c Combo
	for i, v := range values {
		c = c*Combo(r[i]) + Combo(v)
	}
	return c
}

// Size returns how many combinations some of the axes have.
func (r Radix) Size(axes []int) int {
	n := 1
	for _, a := range axes {
		n *= r[a]
	}
	return n
}

// Index returns which combination of some of the axes the values are.
func (r Radix) Index(axes, values []int) int {
	n := 0
	for _, a := range axes {
		n = n*r[a] + values[a]
	}
	return n
}

// CellName names one of the cells that an experiment has in a host, as --only
// takes it: the experiment's name, with axes name[first=x,second=any].
func CellName(experiment string, axes []Axis, c Combo) string {
	if len(axes) == 0 {
		return experiment
	}
	return string(AppendCellName(nil, experiment, axes, c))
}

// AppendCellName appends what CellName returns to b.
func AppendCellName(b []byte, experiment string, axes []Axis, c Combo) []byte {
	b = append(b, experiment...)
	if len(axes) == 0 {
		return b
	}
	weight := 1 // of the axis, in the Combo
	for _, a := range axes {
		weight *= len(a.Values)
	}
	for i, a := range axes {
		weight /= len(a.Values)
		b = append(b, "[,"[min(i, 1)])
		b = append(b, a.Name...)
		b = append(b, '=')
		b = append(b, a.Values[int(c)/weight%len(a.Values)]...)
	}
	return append(b, ']')
}

// CellName names the cell of a combination.
func (e *Experiment) CellName(c Combo) string { return CellName(e.Name, e.Axes, c) }

// StepsOf returns the steps of a combination.
func (e *Experiment) StepsOf(c Combo) []*Step {
	radix := RadixOf(e.Axes)
	values := radix.Split(c)
	var steps []*Step
	for i := range e.Slots {
		slot := &e.Slots[i]
		variant := slot.At(radix, values)
		for j := range variant {
			steps = append(steps, &variant[j])
		}
	}
	return steps
}
