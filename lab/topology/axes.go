package topology

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// axisWords mean something else where an axis could stand: in ${...}, and as keys of rules.
var axisWords = []string{"want", "answer", "linux", "has", "else", "not", "i"}

var (
	axisName = syntax.NameRule{Noun: "an axis's name", Syntax: once.Regexp(`^[A-Za-z_][A-Za-z0-9_-]*$`),
		Words: "letters, digits, '_', '-', a letter or '_' first", Longest: 63, Reserved: axisWords}
	// Names of values stand in names of cells, and are what --only takes.
	valueName = syntax.NameRule{Noun: "a name for a value",
		Syntax: once.Regexp(`^[^\pC\s,=\[\]*?\\]([^\pC,=\[\]*?\\]*[^\pC\s,=\[\]*?\\])?$`),
		Words:  "text without any of , = [ ] * ? \\", Longest: 63, Reserved: nil}
)

// decodeAxes reads the axes of an experiment. The order in which they are written is that of the
// combinations, in which the last one turns fastest, and of the rows of a report.
func (d *experimentReader) decodeAxes(x *experiment, n *yaml.Node) {
	list, _ := d.Entries(n, x.scope.In("key", "axes"), "from names to lists of values")
	for _, e := range list {
		if !d.checkName(e.Pos, axisName, e.Key) {
			x.axesUnsure = true
			continue
		}
		a := axis{Axis: lab.Axis{Name: e.Key}, pos: e.Pos}
		s := x.scope.In("axis", e.Key)
		switch e.Value.Kind {
		case yaml.SequenceNode:
			d.decodeValues(&a, s, e.Value)
		case yaml.MappingNode:
			d.decodeNamedValues(&a, s, e.Value)
		default:
			d.Wrong(e.Value, "%s must be a list of values, or a mapping from names to texts or steps; found %s", s,
				yamlpos.Found(e.Value))
		}
		if len(a.values) == 0 {
			x.axesUnsure = true
			if e.Value.Kind != yaml.ScalarNode && len(e.Value.Content) == 0 {
				d.Wrong(e.Value, "%s has no values", s)
			}
			continue
		}
		x.axes, x.Axes = append(x.axes, a), append(x.Axes, a.Axis)
	}
	product := 1
	for _, a := range x.axes {
		if product *= len(a.values); product > maxCombos {
			d.Wrong(n, "%s: the axes have more than %d combinations, the limit", x.scope, maxCombos)
			x.axesUnsure = true
			return
		}
	}
}

// decodeValues reads values that are their own names. A text that cannot be a name, one with a comma
// say, needs one: names stand in those of cells, which --only takes and reports print.
func (d *experimentReader) decodeValues(a *axis, s yamlpos.Scope, n *yaml.Node) {
	defer d.Fold(len(d.List))
	lines := map[string]int{}
	for _, item := range yamlpos.List(n) {
		text, ok := d.Text(item, s.String()+", a value")
		if !ok {
			continue
		}
		if problem := valueName.Check(text); problem != "" {
			d.Wrong(item, "%s: %s; name it: {NAME: %s}", s, problem, wording.Quote(text))
			continue
		}
		if line, ok := lines[text]; ok {
			d.Wrong(item, "%s has the value %s twice, first on line %d", s, wording.Quote(text), line)
			continue
		}
		lines[text] = item.Line
		a.add(text, value{text: text, node: yamlpos.Deref(item)})
	}
}

// add keeps a value by its name. The two lists have the same order, which is what a Combo counts in.
func (a *axis) add(name string, v value) {
	a.Values, a.values = append(a.Values, name), append(a.values, v)
}

// decodeNamedValues reads values that have names beside what they stand for.
func (d *experimentReader) decodeNamedValues(a *axis, s yamlpos.Scope, n *yaml.Node) {
	defer d.Fold(len(d.List))
	list, _ := d.Entries(n, s, "")
	for _, e := range list {
		if !d.checkName(e.Pos, valueName, e.Key) {
			continue
		}
		v := value{node: e.Value, named: e.Pos}
		switch {
		case e.Value.Kind == yaml.SequenceNode:
			v.steps = whole(e.Value)
			if v.steps == nil {
				v.steps = []*yaml.Node{}
			}
		case e.Value.Kind == yaml.ScalarNode && !yamlpos.IsEmpty(e.Value) && e.Value.Value != "":
			var ok bool
			if v.text, ok = d.Text(e.Value, s.String()+", value "+wording.Quote(e.Key)); !ok {
				continue
			}
		case e.Value.Kind != yaml.ScalarNode:
			d.Wrong(e.Value, "%s, value %s must be a text or a list of steps, found %s", s, wording.Quote(e.Key),
				yamlpos.Found(e.Value))
			continue
		}
		a.add(e.Key, v)
	}
}

// warnAlike warns of values of an axis that are written alike, as a copied line that was not changed is: their cells
// ask the same. Where a rule leaves out a step for one of them alone, the steps around the value differ.
func (d *experimentReader) warnAlike(x *experiment) {
	for i, a := range x.axes {
		alike := map[string][]int{} // values by how they are written
		for v, value := range a.values {
			if value.named == (lab.Pos{}) {
				continue // a list has no value twice
			}
			key := written(value.node)
			for _, first := range alike[key] {
				if !x.separates(i, first, v) {
					d.Warn(value.named, "%s: value %s is the same as %s, so their cells ask the same", x.scope.In("axis", a.Name),
						wording.Quote(a.Values[v]), wording.Quote(a.Values[first]))
					break
				}
			}
			alike[key] = append(alike[key], v)
		}
	}
}

// separates reports whether a step is left out for one of two values of an axis and made for the other.
func (x *experiment) separates(axis, v, w int) bool {
	for _, set := range x.wants {
		if set.leavesOut(func(c demand) bool { return c.axis == axis && c.values[v] != c.values[w] }) {
			return true
		}
	}
	return false
}

// written returns a text that is the same for values that are written alike, whatever their quotes
// and their places.
func written(n *yaml.Node) string {
	n = yamlpos.Deref(n)
	if n.Kind == yaml.ScalarNode {
		return strconv.Quote(n.Value)
	}
	var parts []string
	for _, c := range n.Content {
		parts = append(parts, written(c))
	}
	return string(rune('0'+n.Kind)) + "(" + strings.Join(parts, ",") + ")"
}

// axisAt returns the index of an axis, -1 when there is none of that name.
func (x *experiment) axisAt(name string) int {
	return slices.IndexFunc(x.axes, func(a axis) bool { return a.Name == name })
}

// axisNames returns the names that a complaint about an unknown axis may propose.
func (x *experiment) axisNames() []string {
	var names []string
	for _, a := range x.Axes {
		names = append(names, a.Name)
	}
	return names
}

// covers reports whether m matches all that other does: a rule behind one that covers it is never
// looked at.
func (m matcher) covers(other matcher) bool {
	return !slices.ContainsFunc(m, func(c demand) bool {
		return !slices.ContainsFunc(other, func(o demand) bool { return o.axis == c.axis && o.within(c) })
	})
}

// within reports whether all values that will do for c will do for d, of the same axis.
func (c demand) within(d demand) bool {
	for v, ok := range c.values {
		if ok && !d.values[v] {
			return false
		}
	}
	return true
}

// matches reports whether the rule is for a combination, given as the index of each axis' value.
func (m matcher) matches(values []int) bool {
	return !slices.ContainsFunc(m, func(c demand) bool { return !c.values[values[c.axis]] })
}

// demand reads what a rule says of an axis: a value, a list of values, or either
// with "not". A value may itself begin with "not ": only one that the axis does not have is read
// as the word.
func (d *experimentReader) demand(x *experiment, s yamlpos.Scope, e yamlpos.Entry) (demand, bool) {
	i := x.axisAt(e.Key)
	if i < 0 {
		if !x.axesUnsure {
			d.Complain(e.Pos, "unknown key %s in %s%s", wording.Quote(e.Key), s, wording.Hint(e.Key, "axes", x.axisNames()))
		}
		return demand{}, false
	}
	a := &x.axes[i]
	items, not := yamlpos.List(e.Value), false
	if e.Value.Kind == yaml.MappingNode {
		keys, ok := d.Fields(e.Value, s.In("key", e.Key), "not")
		k, found := keys["not"]
		if !ok || !found {
			return demand{}, false
		}
		items, not = yamlpos.List(k.Value), true
	}
	defer d.Fold(len(d.List))
	c := demand{axis: i, values: make([]bool, len(a.values))}
	ok := len(items) > 0
	if !ok {
		d.Wrong(e.Value, "%s, %s: the list of values is empty", s, e.Key)
	}
	for _, item := range items {
		text, isText := d.Text(item, s.String()+", "+e.Key)
		if !isText {
			return c, false
		}
		v := slices.Index(a.Values, text)
		if rest, negated := strings.CutPrefix(text, "not "); negated && v < 0 && len(items) == 1 && !not {
			text, not = strings.TrimSpace(rest), true
			v = slices.Index(a.Values, text)
		}
		if v < 0 {
			d.Wrong(item, "%s: axis %q has no value %s%s", s, a.Name, wording.Quote(text),
				wording.Hint(text, "values", a.Values))
			ok = false
			continue
		}
		c.values[v] = true
	}
	for v := range c.values {
		c.values[v] = c.values[v] != not
	}
	return c, ok
}

// pruneRule is a rule of skip or only.
type pruneRule struct {
	matcher
	pos  lab.Pos
	used bool // it is the first that matches some combination
}

// decodePrune reads skip: or only:, a list of mappings from axes to values; none without that key.
func (d *experimentReader) decodePrune(x *experiment, e yamlpos.Entry) []pruneRule {
	if e.Value == nil {
		return nil
	}
	s := x.scope.In("key", e.Key)
	var rules []pruneRule
	items := yamlpos.List(e.Value)
	if len(items) == 0 {
		d.Wrong(e.Value, "%s is empty", s)
	}
	for _, item := range items {
		entries, ok := d.Entries(item, s, "from axes to values")
		if !ok {
			continue
		}
		var m matcher
		for _, e := range entries {
			if c, ok := d.demand(x, s, e); ok {
				m = append(m, c)
			}
		}
		rules = append(rules, pruneRule{matcher: m, pos: yamlpos.PosOf(item)})
	}
	return rules
}

// combine lists the combinations that run: all that no rule of skip matches, and with only one of
// its rules does. With a mistake in an axis or a rule there are none, since which ones were meant
// is not to be seen; then no step is read that depends on them.
func (d *experimentReader) combine(x *experiment, skip, only []pruneRule, pos lab.Pos) {
	if x.axesUnsure || x.rulesUnsure {
		return
	}
	any := func(rules []pruneRule, values []int) bool {
		i := slices.IndexFunc(rules, func(r pruneRule) bool { return r.matches(values) })
		if i >= 0 {
			rules[i].used = true
		}
		return i >= 0
	}
	shape := lab.ShapeOf(x.Axes)
	all := lab.Combo(1)
	for _, n := range shape {
		all *= lab.Combo(n)
	}
	values := make([]int, len(shape))
	for c := range all {
		shape.ValuesInto(values, c)
		if !any(skip, values) && (only == nil || any(only, values)) {
			x.Combos = append(x.Combos, c)
		}
	}
	if len(x.Combos) == 0 {
		d.Complain(pos, "%s: skip and only leave no combination to run", x.scope)
	}
	for _, r := range skip {
		if !r.used {
			d.Warn(r.pos, "%s: this rule leaves out nothing that the rules before it do not", x.scope.In("key", "skip"))
		}
	}
	for _, r := range only {
		if !r.used {
			d.Warn(r.pos, "%s: this rule keeps nothing: the rules before it do, or skip leaves it out",
				x.scope.In("key", "only"))
		}
	}
}
