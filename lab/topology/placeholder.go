package topology

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab/once"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// ${name} in a step stands for the value that the axis has in a combination,
// ${want} and ${want.name} for the answer that the rules give it, and ${i}
// inside repeat for the number of the turn.
var placeholder = once.Regexp(`\$\{([^{}]*)\}`)

// onlyPlaceholder is a step that is nothing but ${axis}: only such a one may stand for several steps.
var onlyPlaceholder = once.Regexp(`^\$\{([^{}]*)\}$`)

// A value of an axis may be about any socket: it has _ in the place of the name, and a step says which
// one is meant, ${option(b)}.
var (
	parameter              = once.Regexp(`\b_\b`)
	placeholderOrParameter = once.Regexp(`\$\{([^{}]*)\}|\b_\b`)
	argument               = once.Regexp(`^([^()]+)\(\s*([^()\s]+)\s*\)$`)
)

// socketOf cuts a placeholder such as option(b) into the axis and the socket, "" when it has none.
func socketOf(placeholder string) (axis, socket string) {
	if m := argument().FindStringSubmatch(placeholder); m != nil {
		return m[1], m[2]
	}
	return placeholder, ""
}

// takesSocket reports whether some value of the axis has _.
func (a axis) takesSocket() bool {
	return slices.ContainsFunc(a.values, func(v value) bool {
		return parameter().MatchString(v.text) || slices.ContainsFunc(v.steps, hasParameter)
	})
}

func hasParameter(n *yaml.Node) bool {
	n = yamlpos.Deref(n)
	return n.Kind == yaml.ScalarNode && parameter().MatchString(n.Value) || slices.ContainsFunc(n.Content, hasParameter)
}

// wantName returns which named answer a placeholder stands for: "" for ${want}, which is the only
// one of an experiment whose rules have no names.
func wantName(placeholder string) (name string, ok bool) {
	name, ok = strings.CutPrefix(placeholder, "want")
	if !ok || name == "" {
		return "", ok
	}
	return strings.CutPrefix(name, ".")
}

// dependencies collects the axes that a part of the steps depends on, by looking at what its
// placeholders stand for, and at the placeholders in that. It is here that all of them are found to
// name something and to end, so that fillIn need not look.
type dependencies struct {
	d      complaints
	x      *experiment
	axes   map[int]bool
	looked map[int]bool // axes whose values were looked into
	inner  []int        // those that are being looked into
	lost   bool         // a placeholder stands for nothing
}

// add looks at a node and all below it.
func (p *dependencies) add(n *yaml.Node) {
	n = yamlpos.Deref(n)
	for _, c := range n.Content {
		p.add(c)
	}
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${") {
		return
	}
	alone := onlyPlaceholder().MatchString(n.Value)
	for _, m := range placeholder().FindAllStringSubmatch(n.Value, -1) {
		p.name(n, m[1], alone)
	}
}

// name looks at what one placeholder stands for. An axis that decides what a step is, or whether there
// is one, is placed; one that only its answer depends on is not: then all of the axis' cells ask
// the same.
func (p *dependencies) name(n *yaml.Node, name string, alone bool) {
	x := p.x
	want, isWant := wantName(name)
	switch {
	case name == "i":
		return // repeat knows it
	case isWant:
		set := x.wants[want]
		if set == nil {
			var names []string
			for w := range x.wants {
				names = append(names, strings.TrimSuffix("want."+w, "."))
			}
			p.unknown(n, fmt.Sprintf("no answer ${%s}%s", name, wording.Hint(name, "answers", wording.Sorted(names...))))
			return
		}
		x.used[want] = true
		for _, a := range set.axes() {
			p.axes[a] = true
			x.axes[a].placed = x.axes[a].placed || set.leavesOut(func(c demand) bool { return c.axis == a })
		}
		return
	}
	written := name
	name, socket := socketOf(name)
	i := x.axisAt(name)
	switch {
	case i < 0:
		p.unknown(n, fmt.Sprintf("no axis %s%s", wording.Quote(name), wording.Hint(name, "axes", x.axisNames())))
	case slices.Contains(p.inner, i):
		p.unknown(n, fmt.Sprintf("the steps of axis %q contain themselves", name))
	case (socket != "") != x.axes[i].takesSocket() && socket == "":
		p.unknown(n, fmt.Sprintf("values of axis %q have _ for a socket; write which one, ${%s(a)}", name, name))
	case (socket != "") != x.axes[i].takesSocket():
		p.unknown(n, fmt.Sprintf("no value of axis %q has _ for a socket, as in setsockopt(_, SO_REUSEADDR, 1); write ${%s}",
			name, name))
	case !alone && slices.ContainsFunc(x.axes[i].values, func(v value) bool { return v.steps != nil }):
		p.unknown(n, fmt.Sprintf("axis %q has steps, so ${%s} is a step of its own", name, written))
	case !p.looked[i]:
		x.axes[i].placed = true
		p.axes[i] = true
		p.looked[i] = true
		p.inner = append(p.inner, i)
		for _, v := range x.axes[i].values {
			p.add(&yaml.Node{Kind: yaml.ScalarNode, Value: v.text, Line: n.Line, Column: n.Column})
			for _, s := range v.steps {
				p.add(s)
			}
		}
		p.inner = p.inner[:len(p.inner)-1]
	}
}

// unknown complains about a placeholder, unless what it names may be what could not be read.
func (p *dependencies) unknown(n *yaml.Node, problem string) {
	if !p.x.axesUnsure && (!p.x.rulesUnsure || !strings.HasPrefix(problem, "no answer")) {
		p.d.Wrong(n, "%s: %s", p.x.scope, problem)
	}
	p.x.broken, p.lost = true, true
}
