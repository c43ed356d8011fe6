package topology

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/yamlpos"
)

// slot reads an item of the steps, for every combination that is needed of the
// axes that it depends on: with five axes of which two are in the step, for those of the two. Where
// one has a mistake the others are not read, since they have the same most likely; but one in an
// answer that a rule gives is the rule's alone (inRules).
func (d *experimentReader) slot(x *experiment, item *yaml.Node, around yaml.Style) {
	deps := &dependencies{d: d.complaints, x: x, axes: map[int]bool{}, looked: map[int]bool{}}
	deps.add(item)
	s := slot{}
	s.Axes = slices.Sorted(maps.Keys(deps.axes))
	if deps.lost || x.rulesUnsure || x.axesUnsure && len(s.Axes) > 0 {
		x.broken = true
		return
	}
	mistaken := false
	shape := lab.ShapeOf(x.Axes)
	const unknown = -1 // or not needed
	s.VariantOf = slices.Repeat([]int32{unknown}, shape.Size(s.Axes))
	known := map[string]int32{}
	values := make([]int, len(x.Axes))
	for _, c := range x.Combos {
		if d.Full() || mistaken {
			break
		}
		shape.ValuesInto(values, c)
		i := shape.Index(s.Axes, values)
		if s.VariantOf[i] != unknown {
			continue
		}
		before := d.Made
		r := &slotReader{experimentReader: d, x: x, scene: scene{values: values, with: x.with(s.Axes, values)}}
		r.item(maker{Process: lab.Process{Name: "main"}}, item, around)
		s.VariantOf[i] = s.variant(known, r.steps)
		s.Shown = s.Shown || slices.ContainsFunc(r.steps, func(p placedStep) bool { return p.step.Shown })
		if len(s.variants) > maxVariants {
			d.Wrong(item, "%s: the combinations make more than %d different steps of this one, the limit", x.scope, maxVariants)
			mistaken = true
		}
		if d.Made > before+r.inRules {
			mistaken = mistaken || len(s.Axes) > 0 // the others have the same mistake, most likely
		}
	}
	x.broken = x.broken || mistaken
	if len(s.Axes) == 0 {
		s.VariantOf = nil
	}
	x.slots = append(x.slots, s)
	x.Slots = append(x.Slots, s.Slot)
}

// variant returns the index of the variant with these steps, new if there is no
// such one so far. Steps are the same when they are written in one place and come to the same text,
// with answers from the same rules: a report shows both places.
func (s *slot) variant(known map[string]int32, steps []placedStep) int32 {
	var key strings.Builder
	for _, p := range steps {
		fmt.Fprintf(&key, "%d:%d %s/%s %d %d %q %q", p.node.Line, p.node.Column, p.process.Host, p.process.Name,
			p.step.Limit, p.step.Until, p.step.Pending, p.Text)
		for _, rule := range p.step.Want {
			if rule.Line != 0 {
				fmt.Fprintf(&key, " %d", rule.Line)
			}
		}
		if p.step.Run != nil {
			fmt.Fprintf(&key, " %q %t %v %s", p.step.Run.Argv, p.step.Run.Background, p.step.Run.FDs, p.Want)
		}
	}
	i, ok := known[key.String()]
	if !ok {
		i = int32(len(s.variants))
		known[key.String()] = i
		s.variants = append(s.variants, steps)
		var words []lab.Step
		for _, p := range steps {
			words = append(words, p.step)
		}
		s.Variants = append(s.Variants, words)
	}
	return i
}

// at returns the steps for values of all the axes. Only for combinations that run is there a variant.
func (s *slot) at(shape lab.Shape, values []int) []placedStep {
	return s.variants[s.VariantOf.At(shape.Index(s.Axes, values))]
}

// decodeSteps reads the steps of an experiment. Each item of the list is a slot, whatever it holds, so
// that a report can put what differs between combinations side by side.
func (d *experimentReader) decodeSteps(x *experiment, n *yaml.Node) {
	if n = yamlpos.Deref(n); n.Kind == yaml.ScalarNode && n.Style&yaml.LiteralStyle != 0 {
		n = d.stepLines(x, n)
	}
	switch {
	case n.Kind != yaml.SequenceNode:
		d.Wrong(n, "%s: steps must be a list, each step on a line that begins with \"- \", or a text behind steps: |; found %s", x.scope,
			yamlpos.Found(n))
		return
	case len(n.Content) == 0:
		d.Wrong(n, "%s: steps is empty, an experiment needs at least one", x.scope)
		return
	case countSteps(n) > maxSteps:
		d.Wrong(n, "%s has %d steps, the limit is %d", x.scope, countSteps(n), maxSteps)
		return
	}
	for _, item := range whole(n) {
		if d.Full() {
			return
		}
		d.slot(x, item, n.Style)
	}
}
