package topology

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

// scene is what the placeholders stand for while a slot is read.
type scene struct {
	values []int  // of every axis; only those of the slot's axes mean something
	turn   string // of repeat, "" outside
	with   string // for messages: first=x, second=y
}

// slotReader reads one variant of a slot.
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

// fill returns the node with every placeholder filled in; false after a
// complaint.
func (r *slotReader) fill(n *yaml.Node) (*yaml.Node, bool) {
	n = yamlpos.Deref(n)
	c := *n
	ok := true
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
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

// shown reports whether a step's answer is one that the rules are about.
func (r *slotReader) shown(text string) bool {
	return slices.ContainsFunc(placeholder().FindAllStringSubmatch(text, -1), func(m []string) bool {
		name, ok := wantName(m[1])
		return ok && r.x.wants[name].asks()
	})
}

// ruled returns the answer of a step with the lines of the rules that it comes from,
// where it is one of want's.
func (r *slotReader) ruled(text string, want lab.Want) lab.Want {
	for _, m := range placeholder().FindAllStringSubmatch(text, -1) {
		if name, ok := wantName(m[1]); ok && r.x.wants[name] != nil {
			from := r.x.wants[name].rulesFor(r.values)
			if len(from) != len(want) {
				continue // it is part of an answer, or another has conditions of its own
			}
			want = slices.Clone(want)
			for i := range want {
				want[i].Line = from[i].pos.Line
			}
		}
	}
	return want
}

// value returns what a placeholder of a node stands for; n is the step's node, for complaints.
func (r *slotReader) value(n, node *yaml.Node, at int, name string) (pieces, bool) {
	if name == "i" {
		if r.turn == "" {
			r.Complain(yamlpos.PosOf(n), "%s: ${i} has a value only inside repeat", r.scope())
		}
		return pieces{{text: r.turn, node: node, at: at, whole: true}}, r.turn != ""
	}
	if want, ok := wantName(name); ok {
		answer, ok := r.x.wants[want].answer(r.values)
		if !ok {
			r.Complain(yamlpos.PosOf(n), "%s: no rule of %s covers this combination; end it with {else: ANSWER}", r.scope(),
				name)
		} else if len(answer) > 1 && answer[0].text == leftOut {
			r.Complain(yamlpos.PosOf(n), "%s: %s leaves the step out, but a rule before that gives it an answer on some kernels", r.scope(), name)
			ok = false
		}
		return answer, ok
	}
	v := r.x.axes[r.x.axisAt(name)].values[r.values[r.x.axisAt(name)]]
	return r.fillIn(n, v.node, v.text)
}

// fillIn fills in the placeholders of what a node says; dependencies has seen that they end.
func (r *slotReader) fillIn(n, node *yaml.Node, written string) (all pieces, ok bool) {
	last := 0
	ok = true
	for _, m := range placeholder().FindAllStringSubmatchIndex(written, -1) {
		value, good := r.value(n, node, m[0], written[m[2]:m[3]])
		ok = ok && good
		all = append(append(all, piece{text: written[last:m[0]], node: node, at: last}), value...)
		last = m[1]
	}
	return append(all, piece{text: written[last:], node: node, at: last}), ok
}

// item reads an item of a list of steps: a call, steps of a process, a program,
// or the steps that a value of an axis stands for.
func (r *slotReader) item(by maker, n *yaml.Node, around yaml.Style) {
	n = yamlpos.Deref(n)
	if r.items++; r.items > maxSteps {
		if r.items == maxSteps+1 {
			r.Complain(yamlpos.PosOf(n), "%s: this makes more than %d steps, the limit", r.scope(), maxSteps)
		}
		return
	}
	switch {
	case n.Kind == yaml.MappingNode:
		r.repeat(by, n)
		return
	case n.Kind == yaml.ScalarNode:
		if steps := r.fragment(n.Value); steps != nil {
			for _, s := range steps {
				r.item(by, s, 0)
			}
			return
		}
	}
	r.call(by, n, around)
}

// fragment returns the steps that a step stands for which is only ${axis}.
func (r *slotReader) fragment(text string) []*yaml.Node {
	m := onlyPlaceholder().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	if a := r.x.axisAt(m[1]); a >= 0 {
		return r.x.axes[a].values[r.values[a]].steps
	}
	return nil
}

// repeat reads a mapping as often as its "repeat" says.
func (r *slotReader) repeat(by maker, n *yaml.Node) {
	at := -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		if yamlpos.Deref(n.Content[i]).Value == "repeat" {
			at = i
		}
	}
	if at < 0 {
		r.group(by, n)
		return
	}
	count, ok := r.fill(n.Content[at+1])
	if !ok {
		return
	}
	text, ok := r.Text(count, r.scope().String()+", repeat")
	if !ok {
		return
	}
	turns, problem := syntax.Decimal(text, 1, maxTurns)
	switch {
	case problem != "":
		r.Complain(yamlpos.PosOf(count), "%s: repeat: %s", r.scope(), problem)
		return
	case r.turn != "":
		r.Complain(yamlpos.PosOf(n), "%s: repeat inside of repeat", r.scope())
		return
	}
	rest := *n
	rest.Content = slices.Delete(slices.Clone(n.Content), at, at+2)
	for i := int64(1); i <= turns && !r.Full() && len(r.steps) <= maxSteps; i++ {
		r.turn = strconv.FormatInt(i, 10)
		r.group(by, &rest)
	}
	r.turn = ""
}
