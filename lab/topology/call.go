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

// maker is the process that makes the calls which are read, and how long they may take. It goes down
// from a mapping to the calls in it, each level with its own copy.
type maker struct {
	lab.Process
	limit time.Duration
	until time.Duration
	waits bool // for the answers, by until

	background bool   // the next step does not wait for the answer
	as         string // by which name answer() asks for it, "" for that of the socket it makes
}

// lost notes that steps are missing: what they would have made may be there.
func (r *slotReader) lost(n *yaml.Node) {
	r.steps = append(r.steps, placedStep{Step: &syntax.Step{Mistakes: []syntax.Mistake{{}}}, node: n})
}

// duration reads limit or until, 0 after a complaint.
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
		r.Wrong(e.Value, "%s: %s %s", r.scope(), e.Key, problem)
	}
	return d
}

// call reads one call. A text that an axis leaves empty is not a step, nor is one
// that a rule leaves out. Where the parsed text has a mistake, the place in the file that it is
// shown at is that of the piece it is in, or of the comma or line end that cut the text off.
func (r *slotReader) call(by maker, raw *yaml.Node, around yaml.Style) {
	n, ok := r.fill(raw)
	if !ok {
		return
	}
	if n.Kind != yaml.ScalarNode || yamlpos.IsEmpty(n) {
		r.Wrong(n, "%s: a step is a call such as bind(a, x:80), found %s", r.scope(), yamlpos.Found(n))
		r.lost(n)
		return
	}
	if n.Value != raw.Value && (n.Value == "" || strings.HasSuffix(strings.TrimSpace(n.Value), "= "+leftOut)) {
		return
	}
	// The same text is the same step wherever it stands. What it means in a place, which process makes
	// the call and how long it may take, is not in its text.
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
		// A rule's mistake is the rule's, however many steps it is filled into, and those that have their
		// answer from other rules go on.
		from, inner := written.from(at)
		if from.rule != nil {
			r.Complain(from.rule.pos, "%s, want: %s", r.x.scope, msg)
			r.inRules++
			r.x.rulesUnsure = true
			continue
		}
		pos := r.Source.Within(from.node, from.node.Value, inner)
		if n.Value != raw.Value {
			at = -1 // it is filled in, and has no place in the text
		}
		if there, why := r.Source.Folded(raw, at); why != "" {
			pos, msg = there, why
		}
		r.Complain(pos, "%s: %s", r.scope(), msg)
	}
	if by.waits && len(step.Mistakes) == 0 && takesAny(step) {
		r.Wrong(n, "%s: until waits for the answer behind a step, and this one takes any; write %s", r.scope(),
			wording.Quote(step.Call.String()+" = "+cmp.Or(readers[step.Call.Name], string(lab.OK))))
	}
	for _, m := range step.Doubts {
		pos := yamlpos.PosOf(raw)
		if raw.Value == n.Value {
			pos = r.Source.Within(raw, raw.Value, m.At)
		}
		r.Warn(pos, "%s: %s", r.scope(), m.Msg)
	}
	if by.background {
		r.background(by, &placed)
	}
	if len(step.Mistakes) == 0 && len(step.Acts) > 0 {
		r.acts(by, placed)
	}
	r.steps = append(r.steps, placed)
}

// acts adds a step for each of the calls of together(), which is held until that releases all of them.
func (r *slotReader) acts(by maker, together placedStep) {
	if by.until != 0 {
		r.Wrong(together.node, "%s: until would make the calls again, and they are made once", r.scope())
	}
	for i, a := range together.Call.Args {
		act, read := a.(lab.Act), together.Acts[i]
		p := together
		p.Step, p.process = read, by.Process
		if act.Process.Name != "" {
			p.process, _ = r.process(r.Source.Within(p.node, p.node.Value, together.ArgsAt[i]), r.scope(), act.Process.String())
		}
		p.step = lab.Step{Process: p.process, Call: read.Call, Want: read.Want, Pos: together.step.Pos, Held: true,
			Pending: fmt.Sprintf("%s (%s%s)", act, together.step.Pos.Words(), strings.TrimSuffix(", turn "+r.turn, ", turn "))}
		same := func(o placedStep) bool { return o.step.Pending == p.step.Pending }
		if slices.ContainsFunc(r.steps[len(r.steps)-i:], same) {
			p.step.Pending += fmt.Sprintf(", call %d", i+1)
		}
		r.steps = append(r.steps, p)
	}
}

// background makes a step one that does not wait for its call's answer.
func (r *slotReader) background(by maker, p *placedStep) {
	if len(p.Mistakes) > 0 {
		return
	}
	sig, _ := lab.SignatureOf(p.Call.Name)
	p.step.Pending = cmp.Or(by.as, p.Call.Makes)
	switch {
	case !sig.MayPend():
		r.Wrong(p.node, "%s: %s does not wait for anything, so it cannot be in the background", r.scope(), p.Call.Name)
	case p.step.Pending == "":
		r.Wrong(p.node, "%s: a call in the background needs a name for its answer: as: r, and later answer(r)", r.scope())
	case by.limit != 0 || by.until != 0:
		r.Wrong(p.node, "%s: limit and until are for answer(%s), a call in the background takes as long as it likes",
			r.scope(), p.step.Pending)
	case len(p.Want) != 1 || p.Want[0].Answer.Outcome != lab.OK || len(p.Want[0].Answer.Parts()) > 0:
		r.Wrong(p.node, "%s: the answer of a call in the background is that of answer(%s), write it there", r.scope(),
			p.step.Pending)
	}
}

// readers are calls that always succeed on a socket that there is, each with an answer
// that a step may wait for.
var readers = map[string]string{"sockets": "LISTEN", "getsockname": "x:80", "getsockopt": "0"}

// takesAny reports whether the first answer to a step will do, whatever it is: then until has nothing
// to wait for, and passes before the server is ready that it was written for.
func takesAny(s *syntax.Step) bool {
	return !slices.ContainsFunc(s.Want, func(r lab.WantRule) bool {
		return r.Answer.Outcome != lab.Unasked &&
			!(readers[s.Call.Name] != "" && r.Answer.Outcome == lab.OK && r.Answer.Value == nil)
	})
}
