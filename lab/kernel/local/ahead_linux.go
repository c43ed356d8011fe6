package local

import (
	"context"
	"net/netip"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/question"
)

// reply returns what a process answers to the call of the step that is carried out. Where
// more calls of the same process follow, it makes them along with this one: a message there
// and back takes as long as several calls. They are the calls that labrun would ask for
// without looking at anything in between: the process stops at the first that does not answer
// ok, and those before the last have nothing else to answer.
func (c *cell) reply(ctx context.Context, p *process.Process, args process.Args) (lab.Answer, netip.AddrPort, error) {
	if len(c.ahead) == 0 {
		all := c.together(args)
		if len(all) == 1 {
			return p.Call(ctx, args)
		}
		var err error
		if c.ahead, err = p.Calls(ctx, all); err != nil {
			if ctx.Err() != nil {
				err = &cutError{err, whichWaits(c.steps[c.at : c.at+len(all)])}
			}
			return lab.Answer{}, netip.AddrPort{}, err
		}
	}
	r := c.ahead[0]
	c.ahead = c.ahead[1:]
	return r.Answer, r.Addr, r.Err
}

// cutError is the error of calls that were made along with each other when the run was stopped. The process has not
// told how far it came.
type cutError struct {
	error
	step *question.Step // that waited, nil where it is not known
}

func (e *cutError) Unwrap() error { return e.error }

// whichWaits returns the only one of some steps whose call may wait, nil where several may or none: the others answer
// at once, so a process that is still busy is in that one.
func whichWaits(steps []*question.Step) *question.Step {
	var found *question.Step
	for _, s := range steps {
		if sig, _ := lab.SignatureOf(s.Call.Name); !sig.Waits && s.Call.Name != "sleep" {
			continue
		}
		if found != nil {
			return nil
		}
		found = s
	}
	return found
}

// mostTogether bounds the calls of a message, for tests too: a process tells of all of them in
// one message.
var mostTogether = 32

// mostText bounds the bytes of text in them.
const mostText = 4 << 10

// together returns the calls that may be made along with the one of the current step, which
// is the first.
func (c *cell) together(args process.Args) []process.Args {
	all, text := []process.Args{args}, 0
	for i := c.at; i+1 < len(c.steps) && len(all) < mostTogether; i++ {
		s, next := c.steps[i], c.steps[i+1]
		if !c.needsOnlyOK(s) || next.Process != s.Process || !c.isForeseen(next) {
			break
		}
		a, err := c.args(next, next.On(c.on).Answer)
		if err != nil {
			break
		}
		if c.asksAboutWait(next, a) {
			a.Limit = lab.BlockedLimit
		}
		for _, arg := range a.Call.Args {
			if t, ok := arg.(lab.Text); ok {
				text += len(t)
			}
		}
		if text > mostText {
			break
		}
		all = append(all, a)
	}
	return all
}

// needsOnlyOK reports whether the next step follows, without a look at anything, when this
// one is answered ok.
func (c *cell) needsOnlyOK(s *question.Step) bool {
	want := s.On(c.on).Answer
	return s.Until == 0 && s.Pending == "" && s.Call.Name != "exec" &&
		(want.Outcome == lab.Unasked || want.Outcome == lab.OK && len(want.Parts()) == 0 && want.With == nil)
}

// isForeseen reports whether the call of a step is known before those that come first have
// answered: it names no port and no address that the kernel will choose. To exec the process
// answers as another program, which knows of no other calls.
func (c *cell) isForeseen(s *question.Step) bool {
	if _, ok := performers[s.Call.Name]; ok || !s.ByProcess() || s.Until != 0 || s.Pending != "" || s.Call.Name == "exec" {
		return false
	}
	for _, a := range s.Call.Args {
		switch a := a.(type) {
		case lab.Addr:
			if _, known := c.ports[a.Port.Var]; a.Port.Var != "" && !known {
				return false
			}
		case lab.Text:
			name := lab.KeptName(string(a))
			if _, known := c.unix[name]; name != "" && !known {
				return false
			}
		}
	}
	return true
}
