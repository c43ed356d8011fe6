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
	"labrun/lab/yamlpos"
)

func (d *experimentReader) decodeSteps(x *experiment, n *yaml.Node) {
	switch {
	case n.Kind != yaml.SequenceNode:
		d.Complain(yamlpos.PosOf(n), "%s: steps must be a list, each step on a line that begins with \"- \"; found %s", x.scope, yamlpos.Found(n))
		return
	case len(n.Content) == 0:
		d.Complain(yamlpos.PosOf(n), "%s: steps is empty, an experiment needs at least one", x.scope)
		return
	case countSteps(n) > maxSteps:
		d.Complain(yamlpos.PosOf(n), "%s has %d steps, the limit is %d", x.scope, countSteps(n), maxSteps)
		return
	}
	for _, item := range whole(n) {
		if d.Full() {
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
		item = yamlpos.Deref(item)
		if item.Kind != yaml.MappingNode {
			total++
		}
		for i := 1; i < len(item.Content); i += 2 {
			total += max(1, len(yamlpos.Deref(item.Content[i]).Content))
		}
	}
	return total
}

// group reads a mapping: the process that makes calls and those calls, with limit
// and until beside it, or a program.
func (r *slotReader) group(by maker, n *yaml.Node) {
	if yamlpos.HasKey(n, "run") {
		r.program(n)
		return
	}
	s := yamlpos.Scope{Outer: r.scope().String(), Inner: "this step"}
	list, _ := r.Entries(n, s, "")
	var calls []yamlpos.Entry
	open := false // a comma cut off the rest of a step, which looks like keys: {main: bind(a, x:80)}
	for _, e := range list {
		if open && n.Style&yaml.FlowStyle != 0 && yamlpos.IsEmpty(e.Value) {
			continue
		}
		open = yamlpos.CutOff(e.Value)
		switch e.Key {
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
			r.Complain(e.Pos, "unknown key %s in %s, did you mean %q? allowed: a process, limit, repeat, run, until", wording.Quote(e.Key), s.Inner, near)
			r.lost(e.Value)
			if near == "run" {
				return
			}
		}
	}
	if len(calls) == 0 {
		r.Complain(yamlpos.PosOf(n), "%s: a step is a call, or a process and its calls", r.scope())
		return
	}
	if e := calls[0]; slices.Contains(syntax.CallNames(), e.Key) && !holdsCalls(e.Value) {
		sig, _ := lab.SignatureOf(e.Key)
		r.Complain(e.Pos, "%s: %s is a call, and its arguments are in parentheses: %s", r.scope(), wording.Quote(e.Key), syntax.ExampleOf(sig))
		r.lost(e.Value)
		return
	}
	if slices.ContainsFunc(calls, func(e yamlpos.Entry) bool { return holdsCalls(e.Value) }) {
		calls = slices.DeleteFunc(calls, func(e yamlpos.Entry) bool {
			if holdsCalls(e.Value) || e.Value.Kind == yaml.SequenceNode {
				return false
			}
			r.Complain(e.Pos, "unknown key %s in %s%s", wording.Quote(e.Key), s.Inner, keyHint(e))
			return true
		})
	}
	for i, e := range calls {
		key, ok := r.fillText(yamlpos.Entry{Key: e.Key, Pos: e.Pos, Value: e.Value})
		if !ok {
			return
		}
		p, ok := r.process(e.Pos, r.scope(), key)
		switch {
		case !ok:
			r.lost(e.Value)
		case i > 0:
			r.Complain(e.Pos, "%s: a second process in one step, begin it with \"- \"", r.scope())
		default:
			if near := nearKey(e.Key); near != "" {
				r.Warn(e.Pos, "%s: %s is a process here; did you mean the key %q?", r.scope(), wording.Quote(e.Key), near)
			}
			by.Process = p
			r.calls(by, e.Value, n.Style)
		}
	}
}

// keyHint ends a complaint about a key of a step that has calls under another one.
func keyHint(e yamlpos.Entry) string {
	word, rest, _ := strings.Cut(e.Key, " ")
	is := func(words ...string) bool { return wording.Nearest(word, words) != "" }
	switch {
	case slices.Contains([]string{"limit", "until", "repeat"}, word) && rest != "" && yamlpos.IsEmpty(e.Value):
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
func misspelt(e yamlpos.Entry) string {
	if slices.Contains(stepKeys, e.Key) || holdsCalls(e.Value) {
		return ""
	}
	if slices.Contains([]string{"cmd", "command", "exec", "program", "shell", "sh"}, e.Key) {
		return "run"
	}
	return wording.Nearest(e.Key, []string{"limit", "repeat", "run", "until"})
}

// holdsCalls reports whether a value looks like steps.
func holdsCalls(n *yaml.Node) bool {
	n = yamlpos.Deref(n)
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

// fillText fills the placeholders of a key.
func (r *slotReader) fillText(e yamlpos.Entry) (string, bool) {
	n, ok := r.fill(&yaml.Node{Kind: yaml.ScalarNode, Value: e.Key, Line: e.Pos.Line, Column: e.Pos.Col})
	return n.Value, ok
}

// lost notes that steps are missing: what they would have made may be there.
func (r *slotReader) lost(n *yaml.Node) {
	r.steps = append(r.steps, placedStep{Step: &syntax.Step{Mistakes: []syntax.Mistake{{}}}, node: n})
}

func (r *slotReader) calls(by maker, n *yaml.Node, around yaml.Style) {
	if n.Kind != yaml.SequenceNode {
		r.item(by, n, around)
		return
	}
	if len(n.Content) == 0 {
		r.Complain(yamlpos.PosOf(n), "%s: process %q has no steps here", r.scope(), by.Process)
	}
	for _, item := range whole(n) {
		if r.Full() {
			return
		}
		r.item(by, item, n.Style)
	}
}

func (r *slotReader) duration(e yamlpos.Entry) time.Duration {
	n, ok := r.fill(e.Value)
	if !ok {
		return 0
	}
	text, ok := r.Text(n, r.scope().String()+", "+e.Key)
	if !ok {
		return 0
	}
	d, problem := syntax.Duration(text)
	if problem != "" {
		r.Complain(yamlpos.PosOf(e.Value), "%s: %s %s", r.scope(), e.Key, problem)
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
		c = yamlpos.Deref(c)
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
func (r *slotReader) call(by maker, raw *yaml.Node, around yaml.Style) {
	n, ok := r.fill(raw)
	if !ok {
		return
	}
	if n.Kind != yaml.ScalarNode || yamlpos.IsEmpty(n) {
		r.Complain(yamlpos.PosOf(n), "%s: a step is a call such as bind(a, x:80), found %s", r.scope(), yamlpos.Found(n))
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
		Pos: r.Source.At(yamlpos.PosOf(n)), Shown: r.shown(raw.Value),
	}}
	var written pieces
	if len(step.Mistakes) > 0 {
		written, _ = r.fillIn(raw, raw, raw.Value)
	}
	for _, m := range step.Mistakes {
		at, msg := m.At, m.Msg
		if step.Open && around&yaml.FlowStyle != 0 && n.Style == 0 {
			if u, ok := r.Source.UnquotedText(yamlpos.PosOf(n)); ok {
				at, msg = 0, u.Complaint()
			}
		}
		from, inner := written.from(at)
		if from.rule != nil {
			r.Complain(from.rule.pos, "%s, want: %s", r.x.scope, msg)
			r.inRules++
			r.x.rulesUnsure = true
			continue
		}
		pos := r.Source.Within(from.node, from.node.Value, inner)
		if first, next := r.Source.Folded(raw); next > 0 {
			line := string(r.Source.Line(next))
			there := yamlpos.InLine(next, line, yamlpos.Indentation(line))
			if yamlpos.ItemLine().MatchString(line) {
				pos, msg = there, r.Source.DeeperItem(n.Line)
			} else if at >= first && n.Value == raw.Value {
				pos, msg = there, fmt.Sprintf("this line goes on with the step of line %d; begin it with \"- \" in the same column", n.Line)
			}
		}
		r.Complain(pos, "%s: %s", r.scope(), msg)
	}
	if by.waits && len(step.Mistakes) == 0 && takesAny(step) {
		r.Complain(yamlpos.PosOf(n), "%s: until waits for the answer behind a step, and this one takes any; write %s", r.scope(),
			wording.Quote(step.Call.String()+" = "+cmp.Or(readers[step.Call.Name], string(lab.OK))))
	}
	r.steps = append(r.steps, placed)
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

// within returns the place in the file of an offset of a step.
func (c complaints) within(s placedStep, offset int) lab.Pos {
	return c.Source.Within(s.node, s.Text, offset)
}
