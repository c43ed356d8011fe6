package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
)

func (d *decoder) decodeSteps(x *experiment, n *yaml.Node) {
	switch {
	case n.Kind != yaml.SequenceNode:
		d.complain(posOf(n), "%s: steps must be a list, each step on a line that begins with \"- \"; found %s", x.scope, found(n))
		return
	case len(n.Content) == 0:
		d.complain(posOf(n), "%s: steps is empty, an experiment needs at least one", x.scope)
		return
	case countSteps(n) > maxSteps:
		d.complain(posOf(n), "%s has %d steps, the limit is %d", x.scope, countSteps(n), maxSteps)
		return
	}
	for _, item := range whole(n) {
		if d.full() {
			return
		}
		d.slot(x, item, n.Style)
	}
}

// maker is who makes the calls that are read, and how long they may take.
type maker struct {
	lab.Process
	limit time.Duration
	until time.Duration
	waits bool // for the answers, by until
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

// group reads a mapping: the process that makes calls and those calls, with limit
// and until beside it, or a program.
func (r *reader) group(by maker, n *yaml.Node) {
	if hasKey(n, "run") {
		r.program(n)
		return
	}
	s := scope{r.scope().String(), "this step"}
	list, _ := r.entries(n, s, "")
	var calls []entry
	open := false // a comma cut off the rest of a step, which looks like keys: {main: bind(a, x:80)}
	for _, e := range list {
		if open && n.Style&yaml.FlowStyle != 0 && isEmpty(e.value) {
			continue
		}
		open = cutOff(e.value)
		switch e.key {
		case "limit":
			by.limit = r.duration(e)
		case "until":
			by.until, by.waits = r.duration(e), true
		default:
			near := misspelt(e)
			if near == "" {
				calls = append(calls, e)
				continue
			}
			r.complain(e.pos, "unknown key %s in %s, did you mean %q? allowed: a process, limit, repeat, run, until", wording.Quote(e.key), s.inner, near)
			r.lost(e.value)
			if near == "run" {
				return
			}
		}
	}
	if len(calls) == 0 {
		r.complain(posOf(n), "%s: a step is a call, or a process and its calls", r.scope())
		return
	}
	if e := calls[0]; slices.Contains(syntax.CallNames(), e.key) && !holdsCalls(e.value) {
		sig, _ := lab.SignatureOf(e.key)
		r.complain(e.pos, "%s: %s is a call, and its arguments are in parentheses: %s", r.scope(), wording.Quote(e.key), syntax.ExampleOf(sig))
		r.lost(e.value)
		return
	}
	if slices.ContainsFunc(calls, func(e entry) bool { return holdsCalls(e.value) }) {
		calls = slices.DeleteFunc(calls, func(e entry) bool {
			if holdsCalls(e.value) || e.value.Kind == yaml.SequenceNode {
				return false
			}
			r.complain(e.pos, "unknown key %s in %s%s", wording.Quote(e.key), s.inner, keyHint(e))
			return true
		})
	}
	for i, e := range calls {
		key, ok := r.fillText(entry{e.key, e.pos, e.value})
		if !ok {
			return
		}
		p, ok := r.process(e.pos, r.scope(), key)
		switch {
		case !ok:
			r.lost(e.value)
		case i > 0:
			r.complain(e.pos, "%s: a second process in one step, begin it with \"- \"", r.scope())
		default:
			if near := nearKey(e.key); near != "" {
				r.warn(e.pos, "%s: %s is a process here; did you mean the key %q?", r.scope(), wording.Quote(e.key), near)
			}
			by.Process = p
			r.calls(by, e.value, n.Style)
		}
	}
}

// keyHint ends a complaint about a key of a step that has calls under another one.
func keyHint(e entry) string {
	word, rest, _ := strings.Cut(e.key, " ")
	is := func(words ...string) bool { return wording.Nearest(word, words) != "" }
	switch {
	case slices.Contains([]string{"limit", "until", "repeat"}, word) && rest != "" && isEmpty(e.value):
		return "; a colon is missing: " + word + ": " + wording.Clip(rest)
	case is("timeout", "deadline"), word == "wait", word == "sleep":
		return ", did you mean \"limit\"? sleep(100ms) waits, as a step of its own"
	case is("answer", "answers", "want", "wants", "expect", "expected", "result", "returns", "errno", "error"):
		return "; the answer is written behind the call: bind(a, x:80) = EADDRINUSE"
	case is("process", "host", "name", "call", "step", "as", "on"):
		return "; a process is the key of its calls: peer/web: [CALL, ...]"
	case is("stdout", "stderr", "exit", "background"):
		return "; it is for a program, beside run"
	case is("doc", "comment", "description"):
		return "; a comment begins with #, and doc is for a whole experiment"
	}
	return "; allowed: a process, limit, repeat, run, until"
}

// misspelt returns the key of a step that an entry was meant to have, "" when it has
// calls, which make it a process.
func misspelt(e entry) string {
	if slices.Contains(stepKeys, e.key) || holdsCalls(e.value) {
		return ""
	}
	if slices.Contains([]string{"cmd", "command", "exec", "program", "shell", "sh"}, e.key) {
		return "run"
	}
	return wording.Nearest(e.key, []string{"limit", "repeat", "run", "until"})
}

// holdsCalls reports whether a value looks like steps.
func holdsCalls(n *yaml.Node) bool {
	n = deref(n)
	return n.Kind == yaml.MappingNode || strings.ContainsAny(n.Value, "($") || slices.ContainsFunc(n.Content, holdsCalls)
}

// nearKey returns the key that the name of a process is one letter away from.
func nearKey(process string) string {
	for _, key := range []string{"limit", "until", "repeat", "background", "stdout", "stderr", "process", "steps"} {
		if len(process) > 3 && lab.Edits(process, key) == 1 {
			return strings.Replace(key, "process", "processes", 1)
		}
	}
	return ""
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if deref(n.Content[i]).Value == key {
			return true
		}
	}
	return false
}

// fillText fills the placeholders of a key.
func (r *reader) fillText(e entry) (string, bool) {
	n, ok := r.fill(&yaml.Node{Kind: yaml.ScalarNode, Value: e.key, Line: e.pos.Line, Column: e.pos.Col})
	return n.Value, ok
}

// lost notes that steps are missing: what they would have made may be there.
func (r *reader) lost(n *yaml.Node) {
	r.steps = append(r.steps, placedStep{Step: &syntax.Step{Mistakes: []syntax.Mistake{{}}}, node: n})
}

func (r *reader) calls(by maker, n *yaml.Node, around yaml.Style) {
	if n.Kind != yaml.SequenceNode {
		r.item(by, n, around)
		return
	}
	if len(n.Content) == 0 {
		r.complain(posOf(n), "%s: process %q has no steps here", r.scope(), by.Process)
	}
	for _, item := range whole(n) {
		if r.full() {
			return
		}
		r.item(by, item, n.Style)
	}
}

func (r *reader) duration(e entry) time.Duration {
	n, ok := r.fill(e.value)
	if !ok {
		return 0
	}
	text, ok := r.text(n, r.scope().String()+", "+e.key)
	if !ok {
		return 0
	}
	d, problem := syntax.Duration(text)
	if problem != "" {
		r.complain(posOf(e.value), "%s: %s %s", r.scope(), e.key, problem)
	}
	return d
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

// call reads one call. A text that an axis leaves empty is not a step, nor is one
// that a rule leaves out.
func (r *reader) call(by maker, raw *yaml.Node, around yaml.Style) {
	n, ok := r.fill(raw)
	if !ok {
		return
	}
	if n.Kind != yaml.ScalarNode || isEmpty(n) {
		r.complain(posOf(n), "%s: a step is a call such as bind(a, x:80), found %s", r.scope(), found(n))
		r.lost(n)
		return
	}
	if n.Value != raw.Value && (n.Value == "" || strings.HasSuffix(strings.TrimSpace(n.Value), "= "+leftOut)) {
		return
	}
	step := r.parsed[n.Value]
	if step == nil {
		step = syntax.ParseForeign(n.Value)
		r.parsed[n.Value] = step
	}
	placed := placedStep{Step: step, node: n, process: by.Process, with: r.with, repeated: r.turn != "", step: lab.Step{
		Process: by.Process, Call: step.Call, Want: r.ruled(raw.Value, step.Want), Limit: by.limit, Until: by.until,
		Pos: r.source.at(posOf(n)), Shown: r.shown(raw.Value),
	}}
	for _, m := range step.Mistakes {
		at, msg := m.At, m.Msg
		if step.Open && around&yaml.FlowStyle != 0 && n.Style == 0 {
			if u, ok := r.source.unquotedText(posOf(n)); ok {
				at, msg = 0, u.complaint()
			}
		}
		if rule, ok := r.ruleAt(raw, at); ok {
			r.complain(rule.pos, "%s, want: %s", r.x.scope, msg)
			r.inRules++
			r.x.rulesUnsure = true
			continue
		}
		pos := r.within(placed, at)
		if node, inner, ok := r.axisPlace(raw, at); ok {
			pos = r.within(placedStep{Step: &syntax.Step{Text: node.Value}, node: node}, inner)
		}
		if first, next := r.source.folded(raw); next > 0 {
			line := string(r.source.line(next))
			there := inLine(next, line, indentation(line))
			if itemLine().MatchString(line) {
				pos, msg = there, fmt.Sprintf(deeperItem, n.Line)
			} else if at >= first && n.Value == raw.Value {
				pos, msg = there, fmt.Sprintf("this line goes on with the step of line %d; begin it with \"- \" in the same column", n.Line)
			}
		}
		r.complain(pos, "%s: %s", r.scope(), msg)
	}
	if by.waits && len(step.Mistakes) == 0 && takesAny(step) {
		r.complain(posOf(n), "%s: until waits for the answer behind a step, and this one takes any; write %s", r.scope(),
			wording.Quote(step.Call.String()+" = "+cmp.Or(readers[step.Call.Name], string(lab.OK))))
	}
	r.steps = append(r.steps, placed)
}

// folded returns how much of a text without quotes is on its first line, and the number of
// the line on which it goes on; 0 when it does not.
func (s *source) folded(n *yaml.Node) (first, next int) {
	line := s.line(n.Line)
	if n.Style != 0 || n.Column < 1 || n.Column > len(line) {
		return 0, 0
	}
	text := uncommented(string(line[n.Column-1:]))
	if len(text) >= len(n.Value) || !strings.HasPrefix(n.Value, text) {
		return 0, 0
	}
	for next = n.Line + 1; next < len(s.lines) && strings.TrimSpace(string(s.line(next))) == ""; next++ {
	}
	return len(text), next
}

// readers are calls that always succeed on a socket that there is, each with an answer
// that a step may wait for.
var readers = map[string]string{"sockets": "LISTEN", "getsockname": "x:80", "getsockopt": "0"}

// takesAny reports whether the first answer to a step will do, whatever it is.
func takesAny(s *syntax.Step) bool {
	return !slices.ContainsFunc(s.Want, func(r lab.WantRule) bool {
		return r.Answer.Outcome != lab.Unasked &&
			!(readers[s.Call.Name] != "" && r.Answer.Outcome == lab.OK && r.Answer.Value == nil)
	})
}

// axisPlace returns the value of an axis that an offset of a step comes from, and where in
// that it is.
func (r *reader) axisPlace(raw *yaml.Node, at int) (value *yaml.Node, inner int, ok bool) {
	last := 0
	for _, m := range placeholder().FindAllStringSubmatchIndex(raw.Value, -1) {
		if at -= m[0] - last; at < 0 {
			break
		}
		name := raw.Value[m[2]:m[3]]
		text, _ := r.value(raw, name)
		if a := r.x.axisAt(name); a >= 0 && at < len(text) {
			v := r.x.axes[a].values[r.values[a]]
			return v.node, at, v.node != nil && v.node.Value == text
		}
		if at -= len(text); at < 0 {
			break
		}
		last = m[1]
	}
	return nil, 0, false
}

// ruleAt returns the rule that the answer comes from which stands at an offset of a
// step whose answer is ${want}.
func (r *reader) ruleAt(raw *yaml.Node, at int) (wantRule, bool) {
	var name string
	m := placeholder().FindAllStringSubmatchIndex(raw.Value, -1)
	first := slices.IndexFunc(m, func(m []int) bool {
		want, ok := wantName(raw.Value[m[2]:m[3]])
		name = want
		return ok
	})
	if first < 0 {
		return wantRule{}, false
	}
	before, ok := r.fillIn(raw, raw.Value[:m[first][0]])
	if !ok || at < len(before) {
		return wantRule{}, false
	}
	_, from, _ := r.x.wants[name].answer(r.values)
	// The one without a condition comes first in the step, and last in the rules.
	end := len(before)
	for _, rule := range append(from[len(from)-1:], from[:len(from)-1]...) {
		if end += len(rule.answer); rule.on != "" {
			end += len(" []") + len(rule.on)
		}
		if at <= end {
			return rule, true
		}
	}
	return from[len(from)-1], true
}

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
	for _, r := range s.Text[:offset] {
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
