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
// some of the axes: a grid of half a million combinations has a few dozen different
// steps, and a slot holds each once.
type Slot struct {
	Axes      []int    // that it depends on, as indices in ascending order
	Variants  [][]Step // the different things that it may be, each once
	VariantOf VariantOf
	Shown     bool // in some combinations it has steps that are Shown
}

// VariantOf has for each combination of a slot's axes, the last one fastest, the index
// of the slot's variant; negative where no Combo needs one. A nil VariantOf stands for
// 0, 1, 2 and so on.
type VariantOf []int32

// At returns the index of a combination's variant.
func (v VariantOf) At(combination int) int {
	if v == nil {
		return combination
	}
	return int(v[combination])
}

// At returns the steps for values of all the axes.
func (s *Slot) At(shape Shape, values []int) []Step {
	if i := s.VariantOf.At(shape.Index(s.Axes, values)); i >= 0 {
		return s.Variants[i]
	}
	return nil
}

// Shape is how many values each of the axes has. It turns a Combo into the indices of its
// values and back, as the digits of a number whose bases are the shape.
type Shape []int

// ShapeOf returns the shape of the axes.
func ShapeOf(axes []Axis) Shape {
	s := make(Shape, len(axes))
	for i, a := range axes {
		s[i] = len(a.Values)
	}
	return s
}

// Values returns the index of the value that each axis has in the combination.
func (s Shape) Values(c Combo) []int { return s.ValuesInto(make([]int, len(s)), c) }

// ValuesInto is Values into a slice of the caller, for loops over all the cells of a run.
func (s Shape) ValuesInto(values []int, c Combo) []int {
	for i := len(s) - 1; i >= 0; i-- {
		values[i] = int(c) % s[i]
		c /= Combo(s[i])
	}
	return values
}

// Join returns the combination of values of all the axes: it undoes Values.
func (s Shape) Join(values []int) Combo {
	var c Combo
	for i, v := range values {
		c = c*Combo(s[i]) + Combo(v)
	}
	return c
}

// Size returns how many combinations some of the axes have.
func (s Shape) Size(axes []int) int {
	n := 1
	for _, a := range axes {
		n *= s[a]
	}
	return n
}

// Index returns which combination of some of the axes the values are.
func (s Shape) Index(axes, values []int) int {
	n := 0
	for _, a := range axes {
		n = n*s[a] + values[a]
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
	shape := ShapeOf(e.Axes)
	values := shape.Values(c)
	var steps []*Step
	for i := range e.Slots {
		slot := &e.Slots[i]
		variant := slot.At(shape, values)
		for j := range variant {
			steps = append(steps, &variant[j])
		}
	}
	return steps
}
