package topology

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
)

func (d *decoder) decodeSteps(x *experiment, n *yaml.Node) {
	switch {
	case n.Kind != yaml.SequenceNode:
		d.complain(posOf(n), "%s: steps must be a list, found %s", x.scope, found(n))
		return
	case len(n.Content) == 0:
		d.complain(posOf(n), "%s: steps is empty, an experiment needs at least one", x.scope)
		return
	case countSteps(n) > maxSteps:
		d.complain(posOf(n), "%s has %d steps, the limit is %d", x.scope, countSteps(n), maxSteps)
		return
	}
	main := lab.Process{Name: "main"}
	for _, item := range whole(n) {
		if d.full() {
			return
		}
		if item.Kind == yaml.MappingNode {
			d.decodeStepsOf(x, item)
		} else {
			d.decodeStep(x, main, item, n.Style, 0)
		}
	}
}

// countSteps counts the steps of a list, those inside of mappings too.
func countSteps(n *yaml.Node) int {
	total := 0
	for _, item := range n.Content {
		item = deref(item)
		if item.Kind != yaml.MappingNode {
			total++
		}
		for i := 1; i < len(item.Content); i += 2 {
			total += max(1, len(deref(item.Content[i]).Content))
		}
	}
	return total
}

// decodeStepsOf reads steps that say which process makes them: peer/web: [...].
func (d *decoder) decodeStepsOf(x *experiment, n *yaml.Node) {
	list, _ := d.entries(n, scope{x.scope.String(), "this step"}, "")
	var limit time.Duration
	var calls []entry
	for _, e := range list {
		if e.key == "limit" {
			limit = d.limit(x, e.value)
		} else {
			calls = append(calls, e)
		}
	}
	if len(calls) == 0 {
		d.complain(posOf(n), "%s: a step is a call, or a process and its calls", x.scope)
		return
	}
	for i, e := range calls {
		p, ok := d.process(e.pos, x.scope, e.key)
		switch {
		case !ok:
			x.lost(e)
		case i > 0:
			d.complain(e.pos, "%s: a second process in one step, begin it with \"- \"", x.scope)
		default:
			d.decodeCalls(x, p, e.value, limit)
		}
	}
}

// lost notes that steps are missing: what they would have made may be there.
func (x *experiment) lost(e entry) {
	x.parsed = append(x.parsed, placedStep{parsedStep: &parsedStep{mistakes: []mistake{{}}}, node: e.value})
}

func (d *decoder) decodeCalls(x *experiment, p lab.Process, n *yaml.Node, limit time.Duration) {
	if n.Kind != yaml.SequenceNode {
		d.decodeStep(x, p, n, 0, limit)
		return
	}
	if len(n.Content) == 0 {
		d.complain(posOf(n), "%s: process %q has no steps here", x.scope, p)
	}
	for _, item := range whole(n) {
		if d.full() {
			return
		}
		d.decodeStep(x, p, item, n.Style, limit)
	}
}

func (d *decoder) limit(x *experiment, n *yaml.Node) time.Duration {
	text, ok := d.text(n, x.scope.String()+", limit")
	if !ok {
		return 0
	}
	limit, problem := duration(text)
	if problem != "" {
		d.complain(posOf(n), "%s: limit %s", x.scope, problem)
	}
	return limit
}

// whole returns the items of a list of steps, without those that a comma cut
// off the step before: [bind(w, x:80)] is the two items "bind(w" and "x:80)",
// and one complaint about it is enough.
func whole(n *yaml.Node) []*yaml.Node {
	var items []*yaml.Node
	open := false
	for _, c := range n.Content {
		c = deref(c)
		rest := open
		if n.Style&yaml.FlowStyle != 0 && c.Kind == yaml.ScalarNode && c.Style == 0 {
			opens, closes := strings.LastIndexByte(c.Value, '('), strings.LastIndexByte(c.Value, ')')
			open = opens > closes || open && closes < 0
		} else {
			open = false
		}
		if !rest {
			items = append(items, c)
		}
	}
	return items
}

func (d *decoder) decodeStep(x *experiment, p lab.Process, n *yaml.Node, around yaml.Style, limit time.Duration) {
	if n.Kind != yaml.ScalarNode || isEmpty(n) {
		d.complain(posOf(n), "%s: a step is a call such as bind(a, x:80), found %s", x.scope, found(n))
		x.lost(entry{value: n})
		return
	}
	step := d.steps[n]
	if step == nil {
		step = parseStep(n.Value)
		d.steps[n] = step
	}
	placed := placedStep{step, n, p}
	for _, m := range step.mistakes {
		at, msg := m.at, m.msg
		if step.open && around&yaml.FlowStyle != 0 && n.Style == 0 {
			at, msg = 0, "inside [...] a comma ends a step, quote it: \""+firstWord(n.Value)+"(...)\""
		}
		d.complain(d.within(placed, at), "%s: %s", x.scope, msg)
	}
	x.parsed = append(x.parsed, placed)
	x.Steps = append(x.Steps, lab.Step{Process: p, Call: step.call, Want: step.want, Limit: limit, Pos: posOf(n)})
}

func firstWord(text string) string { return text[:wordLength(text)] }

// within returns the place in the file of an offset of a step. Where the text
// is not in the file as it is in the step (an escape, several lines), that is
// the place where the step begins.
func (d *decoder) within(s placedStep, offset int) lab.Pos {
	pos := posOf(s.node)
	line := d.source.line(pos.Line)
	at := min(pos.Col-1, len(line))
	for at < len(line) && (line[at] == '&' || line[at] == '!') { // an anchor, a tag
		for at < len(line) && line[at] != ' ' {
			at++
		}
		for at < len(line) && line[at] == ' ' {
			at++
		}
	}
	var quoted rune
	if s.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && at < len(line) {
		quoted = line[at]
		at++
	}
	for _, r := range s.text[:offset] {
		if at+1 < len(line) && (quoted == '\'' && line[at] == '\'' && line[at+1] == '\'' ||
			quoted == '"' && line[at] == '\\' && (line[at+1] == '"' || line[at+1] == '\\')) {
			at++
		}
		if at >= len(line) || line[at] != r {
			return pos
		}
		at++
	}
	return lab.Pos{Line: pos.Line, Col: at + 1}
}
