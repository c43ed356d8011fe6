package local

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/question"
)

// race is the calls that the next together() releases.
type race struct {
	gate  *process.Gate
	steps []*question.Step
}

// hold begins a call that waits for the next together().
func (c *cell) hold(ctx context.Context, p *process.Process, s *question.Step, args process.Args) (err error) {
	if c.race == nil {
		c.race = &race{}
		if c.race.gate, err = process.NewGate(); err != nil {
			return err
		}
	}
	c.race.steps = append(c.race.steps, s)
	return p.Begin(ctx, s.Pending, args, c.race.gate)
}

// together releases the calls that are held, and answers what they do. Which of them has answered what is
// in no report: it may be another one on every run.
func together(ctx context.Context, c *cell, s *question.Step, want question.Want) (got, error) {
	r := c.race
	if r == nil {
		return got{}, fmt.Errorf("no calls are held for %s", s.Call)
	}
	c.race = nil
	defer r.gate.Close()
	began := time.Now()
	if err := r.gate.Open(); err != nil {
		return got{}, err
	}
	var all lab.Outcomes
	for _, held := range r.steps {
		p, err := c.caller(held)
		if err != nil {
			return got{}, err
		}
		limit := max(c.limit(s, want.Answer)-time.Since(began), 0) + togetherTick
		answer := lab.Call{Name: "answer", Args: []lab.Arg{lab.Pending(held.Pending)}}
		g := got{}
		if g.Answer, g.addr, err = p.Call(ctx, process.Args{Call: answer, Limit: limit}); err != nil {
			return got{}, err
		}
		all = append(all, g.Answer)
		if g.addr.IsValid() {
			all[len(all)-1].Value = lab.Name(c.name(g.addr, held.Process.Host))
		}
		if held.Call.Makes != "" {
			c.recordMade(madeBy{held.Process, held.Call.Makes}, s, g)
		}
		if held.Call.Name == "bind" && g.Outcome == lab.OK {
			if err := c.keepChoice(ctx, p, held); err != nil {
				return got{}, err
			}
		}
	}
	slices.SortStableFunc(all, func(a, b lab.Answer) int { return cmp.Compare(a.String(), b.String()) })
	return got{Answer: lab.Answer{Outcome: lab.OK, Value: all}}, nil
}

// togetherTick is what a call that still waits is given when the limit has passed: whether it has ended
// is looked at once more, see process.answer.
const togetherTick = time.Millisecond

// matchesAll reports whether calls made at the same instant answered what is wanted, each answer once. "ok"
// is also one with a value, where none other wants that.
func matchesAll(want, got lab.Outcomes) bool {
	if len(want) != len(got) {
		return false
	}
	rest := slices.Clone(got)
	take := func(fits func(lab.Answer) bool) bool {
		i := slices.IndexFunc(rest, fits)
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
		return true
	}
	for _, w := range want {
		if w.Value != nil && !take(func(g lab.Answer) bool { return g.String() == w.String() }) {
			return false
		}
	}
	for _, w := range want {
		if w.Value == nil && !take(func(g lab.Answer) bool { return g.Outcome == w.Outcome && g.Errno == w.Errno }) {
			return false
		}
	}
	return true
}
