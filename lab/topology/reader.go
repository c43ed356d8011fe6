package topology

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/yamlpos"
)

// scene is what the placeholders stand for while a slot is read: one combination, and one turn of
// the repeat that it is in.
type scene struct {
	values []int  // of every axis; only those of the slot's axes mean something
	turn   string // of repeat, "" outside
	with   string // for messages: first=x, second=y
	socket string // what _ stands for in the value of an axis that is filled in, "" elsewhere
}

// slotReader reads one variant of a slot: nodes of the file, filled in for a scene, to steps. Filling
// in comes before parsing, on the text, so ${axis} may be any part of a step, an option, half of a
// name or the whole.
type slotReader struct {
	*experimentReader
	x *experiment
	scene
	steps   []placedStep
	items   int // that were read
	inRules int // complaints that are about answers of rules
}

// scope is what complaints begin with.
func (r *slotReader) scope() yamlpos.Scope {
	if r.with == "" {
		return r.x.scope
	}
	return r.x.scope.With(r.with)
}

// fill returns the node with every placeholder filled in; false after a complaint. It is a copy: the
// next combination fills in the same node. Keys of mappings are filled in too.
func (r *slotReader) fill(n *yaml.Node) (*yaml.Node, bool) {
	n = yamlpos.Deref(n)
	c := *n
	ok := true
	if n.Kind == yaml.ScalarNode && (strings.Contains(n.Value, "${") || r.socket != "" && hasParameter(n)) {
		var filled pieces
		filled, ok = r.fillIn(n, n, n.Value)
		c.Value = filled.String()
		if c.Value == "" {
			c.Style = yaml.DoubleQuotedStyle // something was written, and it came to nothing
		}
	}
	c.Content = nil
	for _, child := range n.Content {
		f, good := r.fill(child)
		ok = ok && good
		c.Content = append(c.Content, f)
	}
	return &c, ok
}

// rulesIn returns the rules that a step's text has its answer from.
func (r *slotReader) rulesIn(text string) (sets []*wantSet) {
	for _, m := range placeholder().FindAllStringSubmatch(text, -1) {
		if name, ok := wantName(m[1]); ok && r.x.wants[name] != nil {
			sets = append(sets, r.x.wants[name])
		}
	}
	return sets
}

// shown reports whether a step's answer is one that the rules are about. Reports of experiments with
// axes show those in the first place: the others set the scene.
func (r *slotReader) shown(text string) bool {
	return slices.ContainsFunc(r.rulesIn(text), (*wantSet).asks)
}

// ruled returns the answer of a step with the lines of the rules that it comes from,
// where it is one of want's, so that a red cell names the rule that was wrong and not only the step
// that a hundred rules share.
func (r *slotReader) ruled(text string, want lab.Want) lab.Want {
	for _, set := range r.rulesIn(text) {
		from := set.rulesFor(r.values)
		if len(from) != len(want) {
			continue // it is part of an answer, or another has conditions of its own
		}
		want = slices.Clone(want)
		for i := range want {
			want[i].Line = from[i].pos.Line
		}
	}
	return want
}

// value returns what a placeholder of a node stands for; n is the step's node, for complaints. The
// value of an axis may have placeholders itself: an address that depends on the family, say.
func (r *slotReader) value(n, node *yaml.Node, at int, name string) (pieces, bool) {
	if name == "i" {
		if r.turn == "" {
			r.Wrong(n, "%s: ${i} has a value only inside repeat", r.scope())
		}
		return pieces{{text: r.turn, node: node, at: at, whole: true}}, r.turn != ""
	}
	if want, ok := wantName(name); ok {
		answer, ok := r.x.wants[want].answer(r.values)
		if !ok {
			r.Wrong(n, "%s: no rule of %s covers this combination; end it with {else: ANSWER}", r.scope(), name)
		} else if len(answer) > 1 && answer[0].text == leftOut {
			r.Wrong(n, "%s: %s leaves the step out, but a rule before that gives it an answer on some kernels", r.scope(), name)
			ok = false
		}
		return answer, ok
	}
	name, socket := socketOf(name)
	axis := r.x.axisAt(name)
	v := r.x.axes[axis].values[r.values[axis]]
	defer func(outer string) { r.socket = outer }(r.socket)
	r.socket = socket
	return r.fillIn(n, v.node, v.text)
}

// fillIn fills in the placeholders of what a node says; dependencies has seen that they end.
func (r *slotReader) fillIn(n, node *yaml.Node, written string) (all pieces, ok bool) {
	last := 0
	ok = true
	parts := placeholder()
	if r.socket != "" {
		parts = placeholderOrParameter()
	}
	for _, m := range parts.FindAllStringSubmatchIndex(written, -1) {
		value, good := pieces{{text: r.socket, node: node, at: m[0], whole: true}}, true
		if m[2] >= 0 {
			value, good = r.value(n, node, m[0], written[m[2]:m[3]])
		}
		ok = ok && good
		all = append(append(all, piece{text: written[last:m[0]], node: node, at: last}), value...)
		last = m[1]
	}
	return append(all, piece{text: written[last:], node: node, at: last}), ok
}
