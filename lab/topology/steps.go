package topology

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// countSteps counts the steps of a list, those inside of mappings too. It is a first look, before
// any work is done for them; repeat and axes are counted while they are read.
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
// and until beside it, or a program. The process is the one key that may be any name, so a key
// that is misspelt looks like one; what stands behind it tells them apart, see holdsCalls.
func (r *slotReader) group(by maker, n *yaml.Node) {
	if yamlpos.HasKey(n, "run") {
		r.program(n)
		return
	}
	if at := yamlpos.KeyAt(n, "together"); at >= 0 {
		for _, item := range yamlpos.List(n.Content[at+1]) {
			if item.Kind == yaml.MappingNode && yamlpos.KeyAt(item, "together") >= 0 {
				r.Wrong(item, "%s: together cannot be made at the same instant as others; its calls belong in the list around it",
					r.scope())
				return
			}
		}
		n = r.together(n, at)
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
		case "background":
			if n, ok := r.fill(e.Value); ok {
				by.background = r.Truth(n, s.String()+", background")
			}
		case "as":
			if n, ok := r.fill(e.Value); ok {
				by.as, ok = r.Text(n, s.String()+", as")
				if problem := syntax.PendingName.Check(by.as); ok && problem != "" {
					r.Wrong(e.Value, "%s: %s", r.scope(), problem)
				}
			}
		default:
			near := misspelt(e)
			if near == "" {
				calls = append(calls, e)
				continue
			}
			r.Complain(e.Pos, "unknown key %s in %s, did you mean %q? allowed: a process, as, background, limit, repeat, run, together, until",
				wording.Quote(e.Key), s.Inner, near)
			r.lost(e.Value)
			if near == "run" {
				return
			}
		}
	}
	if len(calls) == 0 {
		r.Wrong(n, "%s: a step is a call, or a process and its calls", r.scope())
		return
	}
	if e := calls[0]; slices.Contains(syntax.CallNames(), e.Key) && !holdsCalls(e.Value) {
		sig, _ := lab.SignatureOf(e.Key)
		r.Complain(e.Pos, "%s: %s is a call, and its arguments are in parentheses: %s", r.scope(), wording.Quote(e.Key),
			syntax.ExampleOf(sig))
		r.lost(e.Value)
		return
	}
	// Where one key has calls, the others are not processes but keys that a step does not have.
	if slices.ContainsFunc(calls, func(e yamlpos.Entry) bool { return holdsCalls(e.Value) }) {
		calls = slices.DeleteFunc(calls, func(e yamlpos.Entry) bool {
			if holdsCalls(e.Value) || e.Value.Kind == yaml.SequenceNode {
				return false
			}
			r.Complain(e.Pos, "unknown key %s in %s%s", wording.Quote(e.Key), s.Inner, keyHint(e))
			return true
		})
	}
	if by.as != "" && !by.background {
		r.Wrong(n, "%s: \"as\" beside calls is the name of a call in the background, and needs background: true", r.scope())
	}
	for i, e := range calls {
		key, ok := r.fillText(e)
		if !ok {
			return
		}
		p, ok := r.process(e.Pos, r.scope(), key)
		switch {
		case !ok:
			r.lost(e.Value)
		case i > 0:
			r.Complain(e.Pos, "%s: a second process in one step, begin it with \"- \"; calls made at once are written "+
				"{together: [{%s: CALL}, {%s: CALL}]}", r.scope(), wording.Clip(calls[0].Key), wording.Clip(e.Key))
		default:
			if near := nearKey(e.Key); near != "" {
				r.Warn(e.Pos, "%s: %s is a process here; did you mean the key %q?", r.scope(), wording.Quote(e.Key), near)
			}
			by.Process = p
			r.calls(by, e.Value, n.Style)
		}
	}
}

// together returns {together: [CALL, {q: CALL}], answers: [ANSWER, ANSWER]} as the call that it is. In a list a
// call has no need of quotes for the colon and the braces that it would have in one text.
func (r *slotReader) together(n *yaml.Node, at int) *yaml.Node {
	var calls []string
	for _, item := range yamlpos.List(n.Content[at+1]) {
		switch {
		case item.Kind == yaml.MappingNode && len(item.Content) == 2:
			calls = append(calls, item.Content[0].Value+": "+yamlpos.Deref(item.Content[1]).Value)
		default:
			calls = append(calls, item.Value)
		}
	}
	call := *n.Content[at+1]
	call.Kind, call.Tag, call.Style, call.Content = yaml.ScalarNode, "!!str", 0, nil
	call.Value = "together(" + strings.Join(calls, ", ") + ")"
	step := *n
	step.Content = nil
	for i := 0; i < len(n.Content); i += 2 {
		switch value := yamlpos.Deref(n.Content[i+1]); {
		case i == at:
		case n.Content[i].Value != "answers":
			step.Content = append(step.Content, n.Content[i], value)
		case value.Kind == yaml.SequenceNode:
			var all []string
			for _, a := range yamlpos.List(value) {
				all = append(all, a.Value)
			}
			call.Value += " = {" + strings.Join(all, ", ") + "}"
		default:
			call.Value += " = " + value.Value
		}
	}
	main := *n.Content[at]
	main.Value = "main"
	step.Content = append(step.Content, &main, &call)
	return &step
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
	case is("stdout", "stderr", "exit"):
		return "; it is for a program, beside run"
	case is("doc", "comment", "description"):
		return "; a comment begins with #, and doc is for a whole experiment"
	}
	return "; allowed: a process, as, background, limit, repeat, run, together, until"
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
	return wording.Nearest(e.Key, []string{"background", "limit", "repeat", "run", "together", "until"})
}

// holdsCalls reports whether a value looks like steps: a mapping, or a text with a parenthesis or
// with a placeholder, which may stand for anything.
func holdsCalls(n *yaml.Node) bool {
	n = yamlpos.Deref(n)
	return n.Kind == yaml.MappingNode || strings.ContainsAny(n.Value, "($") || slices.ContainsFunc(n.Content, holdsCalls)
}

// nearKey returns the key that the name of a process is one letter away from. That is a warning and
// no more: limits may well be the name of a process.
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

// calls reads the calls of one process, one or a list of them.
func (r *slotReader) calls(by maker, n *yaml.Node, around yaml.Style) {
	if n.Kind != yaml.SequenceNode {
		r.item(by, n, around)
		return
	}
	if len(n.Content) == 0 {
		r.Wrong(n, "%s: process %q has no steps here", r.scope(), by.Process)
	}
	for _, item := range whole(n) {
		if r.Full() {
			return
		}
		r.item(by, item, n.Style)
	}
}

// item reads an item of a list of steps: a call, steps of a process, a program,
// or the steps that a value of an axis stands for. It counts what it reads, since repeat and axes
// within each other make more of a file than it has bytes.
func (r *slotReader) item(by maker, n *yaml.Node, around yaml.Style) {
	n = yamlpos.Deref(n)
	if r.items++; r.items > maxSteps {
		if r.items == maxSteps+1 {
			r.Wrong(n, "%s: this makes more than %d steps, the limit", r.scope(), maxSteps)
		}
		return
	}
	switch {
	case n.Kind == yaml.MappingNode:
		r.repeat(by, n)
		return
	case n.Kind == yaml.ScalarNode:
		if steps, socket := r.fragment(n.Value); steps != nil {
			outer := r.socket
			r.socket = socket
			for _, s := range steps {
				r.item(by, s, 0)
			}
			r.socket = outer
			return
		}
	}
	r.call(by, n, around)
}

// fragment returns the steps that a step stands for which is only ${axis}, and what _ is in them; nil
// when it is a text.
func (r *slotReader) fragment(text string) (steps []*yaml.Node, socket string) {
	m := onlyPlaceholder().FindStringSubmatch(text)
	if m == nil {
		return nil, ""
	}
	name, socket := socketOf(m[1])
	if a := r.x.axisAt(name); a >= 0 {
		return r.x.axes[a].values[r.values[a]].steps, socket
	}
	return nil, ""
}

// repeat reads a mapping as often as its "repeat" says. It is unrolled here, each turn with its own
// ${i}: what runs is a plain list of steps, and no kernel needs to know of loops. A repeat inside of
// another one would make ten thousand times ten thousand steps of two lines.
func (r *slotReader) repeat(by maker, n *yaml.Node) {
	at := yamlpos.KeyAt(n, "repeat")
	if at < 0 {
		r.group(by, n)
		return
	}
	count, ok := r.fill(n.Content[at+1])
	if !ok {
		return
	}
	turns, ok := r.number(count, r.scope().String()+", repeat", 1, maxTurns)
	if !ok {
		return
	}
	if r.turn != "" {
		r.Wrong(n, "%s: repeat inside of repeat", r.scope())
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
