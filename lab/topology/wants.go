package topology

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

// leftOut is the answer that leaves a step out. With it an experiment has steps for some of its
// combinations alone, such as a second listen() where the first bind() is expected to succeed.
const leftOut = "-"

// decodeWants reads want: a list of rules, or several lists by name. Rules are a table of what the
// kernel does, which reads better in one place than in the steps of a hundred cells: the first one
// that matches a combination gives its answer.
func (d *experimentReader) decodeWants(x *experiment, e yamlpos.Entry) {
	x.wants = map[string]*wantSet{}
	switch e.Value.Kind {
	case yaml.SequenceNode:
		x.wants[""] = d.decodeRules(x, x.scope.In("key", "want"), e.Value)
	case yaml.MappingNode:
		list, _ := d.Entries(e.Value, x.scope, "")
		for _, e := range list {
			d.checkName(e.Pos, axisName, e.Key)
			x.wants[e.Key] = d.decodeRules(x, x.scope.In("want", e.Key), e.Value)
		}
	default:
		d.Wrong(e.Value, "%s: want must be a list of rules, or a mapping from names to such lists; found %s", x.scope,
			yamlpos.Found(e.Value))
	}
}

// decodeRules reads one list of rules. With a mistake in it, which rule a combination would have is
// not to be seen, and no step is filled in from it (rulesUnsure).
func (d *experimentReader) decodeRules(x *experiment, s yamlpos.Scope, n *yaml.Node) *wantSet {
	set := &wantSet{pos: yamlpos.PosOf(n), flow: n.Style&yaml.FlowStyle != 0}
	switch {
	case n.Kind != yaml.SequenceNode:
		d.Wrong(n, "%s must be a list of rules such as {%s: VALUE, answer: EADDRINUSE} and last {else: ok}; found %s", s,
			x.someAxis(), yamlpos.Found(n))
		return set
	case len(n.Content) == 0:
		d.Wrong(n, "%s is empty; end it with {else: ANSWER}", s)
		return set
	}
	items := yamlpos.List(n)
	for i, item := range items {
		entries, ok := d.Entries(item, s, "from axes to values, and answer")
		if !ok {
			continue
		}
		r, isElse := d.decodeRule(x, s, item, entries)
		r.start = yamlpos.PosOf(item)
		if isElse && i < len(items)-1 {
			d.Wrong(item, "%s: \"else\" is the last rule, the ones after it are never looked at", s)
		}
		set.rules = append(set.rules, r)
	}
	return set
}

// someAxis is a name for the example in a complaint, one of the file's own where it has any.
func (x *experiment) someAxis() string {
	if len(x.axes) == 0 {
		return "AXIS"
	}
	return x.axes[0].Name
}

// decodeRule reads one rule. Its answer is checked where it is filled into a step, by the call there.
func (d *experimentReader) decodeRule(x *experiment, s yamlpos.Scope, item *yaml.Node,
	entries []yamlpos.Entry) (r wantRule, isElse bool) {
	before := d.Made
	var has bool
	for _, e := range entries {
		switch e.Key {
		case "answer", "else":
			r.answer, _ = d.Text(e.Value, s.String()+", "+e.Key)
			r.pos = yamlpos.PosOf(e.Value)
			has, isElse = true, isElse || e.Key == "else"
		case "linux", "has":
			r.on += d.condition(s, e)
		default:
			if c, ok := d.demand(x, s, e); ok {
				r.matcher = append(r.matcher, c)
			}
		}
	}
	switch {
	case !has && d.Made == before:
		d.Wrong(item, "%s: key \"answer\" is missing in this rule", s)
	case isElse && (len(entries) > 1):
		d.Wrong(item, "%s: \"else\" stands alone in its rule", s)
	case r.answer == leftOut && r.on != "":
		d.Wrong(item, "%s: a step cannot be left out on some kernels only", s)
	}
	return r, isElse
}

// condition reads linux: or has:, and returns it as a step writes it. It is checked here, since a
// mistake in it would be found again in each step that the rule fills in.
func (d *experimentReader) condition(s yamlpos.Scope, e yamlpos.Entry) string {
	text, ok := d.Text(e.Value, s.String()+", "+e.Key)
	if !ok {
		return ""
	}
	if e.Key == "linux" {
		text = "linux " + text
	}
	if _, mistakes := syntax.ParseCondition(text); len(mistakes) > 0 {
		d.Wrong(e.Value, "%s, %s: %s", s, e.Key, mistakes[0].Msg)
	}
	return " on " + text
}

// axes returns the axes that the answer depends on: all that any of the rules asks about.
func (w *wantSet) axes() []int {
	var axes []int
	for _, r := range w.rules {
		for _, c := range r.matcher {
			axes = append(axes, c.axis)
		}
	}
	slices.Sort(axes)
	return slices.Compact(axes)
}

// leavesOut reports whether what a demand asks for decides that a step is left out: whether a rule that does so, or one
// before it, has a demand that tells.
func (w *wantSet) leavesOut(tells func(demand) bool) bool {
	told := false
	for _, r := range w.rules {
		told = told || slices.ContainsFunc(r.matcher, tells)
		if told && r.answer == leftOut {
			return true
		}
	}
	return false
}

// asks reports whether the rules know any answer but ok: those that only leave a
// step out are not what the experiment is about.
func (w *wantSet) asks() bool {
	return slices.ContainsFunc(w.rules, func(r wantRule) bool {
		return r.answer != string(lab.OK) && r.answer != leftOut
	})
}

// rulesFor returns the rules that give a combination its answer: those for some kernels only,
// and behind them one for all. It returns nil when there is no such one.
func (w *wantSet) rulesFor(values []int) (from []*wantRule) {
	for i := range w.rules {
		r := &w.rules[i]
		if !r.matches(values) {
			continue
		}
		r.used = true
		if from = append(from, r); r.on == "" {
			return from
		}
	}
	return nil
}
