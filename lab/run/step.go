package run

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"labrun/lab"
	"labrun/lab/process"
)

// got is an answer, with the address that it carries when it is one.
type got struct {
	lab.Answer
	addr netip.AddrPort
}

// step carries out one step and judges the answer.
func (c *cell) step(ctx context.Context, s *lab.Step) (lab.StepResult, error) {
	want := s.Want.On(c.kernel)
	g, err := c.call(ctx, s, want)
	if err != nil {
		return lab.StepResult{}, fmt.Errorf("line %d: %s: %w", s.Pos.Line, s.Call, err)
	}
	at := c.resolve(s.Process).Host
	matched, err := c.matches(want, g, at)
	if err != nil {
		return lab.StepResult{}, err
	}
	r := lab.StepResult{
		Line:    s.Pos.Line,
		Process: s.Process.String(),
		Call:    s.Call.String(),
		Want:    want.String(),
		Got:     c.answer(g, at),
		Match:   matched,
	}
	if matched {
		c.keep(want, g)
		return r, nil
	}
	if exhausted(g) {
		return r, fmt.Errorf("line %d: %s: %s: this machine or its limits have no more to give", s.Pos.Line, s.Call, r.Got)
	}
	if missing(s.Call, g) {
		return r, errSkip(fmt.Sprintf("line %d: this kernel has no %s: %s answers %s", s.Pos.Line, s.Call.Args[0], s.Call, r.Got))
	}
	r.Holders, err = c.holders(ctx, s, g)
	return r, err
}

// call makes the call of a step.
func (c *cell) call(ctx context.Context, s *lab.Step, want lab.Answer) (got, error) {
	who := c.resolve(s.Process)
	p := c.processes[who]
	if p == nil {
		return got{}, fmt.Errorf("process %s does not exist", who)
	}
	args := process.Args{Call: s.Call, Limit: s.LimitOr()}
	for _, a := range s.Call.Args {
		switch a := a.(type) {
		case lab.Sock:
			if why, ok := c.made[madeBy{who, string(a)}]; ok {
				return got{}, fmt.Errorf("there is no socket %s, %s", a, why)
			}
		case lab.Addr:
			addr, err := c.addr(a, who.Host)
			if err != nil {
				return got{}, err
			}
			args.Addr = addr
		}
	}
	var g got
	var err error
	switch s.Call.Name {
	case "sockets":
		return c.sockets(ctx, who, s, want)
	case "fork":
		return c.fork(ctx, who, p, s)
	case "exit":
		status := 0
		if len(s.Call.Args) > 0 {
			status = int(s.Call.Args[0].(lab.Int))
		}
		g.Answer, err = p.Exit(ctx, status)
	case "kill":
		victim := lab.Process{Host: who.Host, Name: string(s.Call.Args[0].(lab.ProcessName))}
		if c.processes[victim] == nil {
			return got{}, fmt.Errorf("process %s does not exist", victim)
		}
		g.Answer, err = p.Kill(ctx, c.processes[victim])
	default:
		g.Answer, g.addr, err = p.Call(ctx, args)
	}
	if err == nil && s.Call.Makes != "" {
		c.note(madeBy{who, s.Call.Makes}, s, g)
	}
	return g, err
}

// note remembers whether a socket was made, for the message of a later step.
func (c *cell) note(m madeBy, s *lab.Step, g got) {
	if g.Outcome == lab.OK {
		delete(c.made, m)
		return
	}
	c.made[m] = fmt.Sprintf("line %d answered %s", s.Pos.Line, g.Answer)
}

func (c *cell) fork(ctx context.Context, who lab.Process, p *process.Process, s *lab.Step) (got, error) {
	child := lab.Process{Host: who.Host, Name: string(s.Call.Args[0].(lab.ProcessName))}
	q, answer, err := c.group.Fork(ctx, p, child.String())
	if err != nil {
		return got{}, err
	}
	c.bear(child, q)
	for m, why := range c.made { // what its parent does not have, it has not either
		if m.process == who {
			c.made[madeBy{child, m.sock}] = why
		}
	}
	return got{Answer: answer}, nil
}

// matches reports whether the answer of a process on the host at is the one wanted.
func (c *cell) matches(want lab.Answer, g got, at string) (bool, error) {
	if want.Outcome == lab.Unasked {
		return true, nil
	}
	if want.Outcome != g.Outcome || want.Errno != g.Errno {
		return false, nil
	}
	switch v := want.Value.(type) {
	case nil: // just ok, whatever the value
		return true, nil
	case lab.Addr:
		addr, err := c.addr(v, at)
		if err != nil {
			return false, err
		}
		if addr.Port() == 0 && v.Port.Var != "" { // any port the kernel chose
			return addr.Addr() == g.addr.Addr() && g.addr.Port() != 0, nil
		}
		return addr == g.addr, nil
	case lab.States:
		states, ok := g.Value.(lab.States)
		return ok && slices.Equal(v, states), nil
	}
	return want.Value == g.Value, nil
}

// keep stores the port that an answer's $name stands for.
func (c *cell) keep(want lab.Answer, g got) {
	if a, ok := want.Value.(lab.Addr); ok && a.Port.Var != "" {
		c.ports[a.Port.Var] = g.addr.Port()
	}
}

// missing reports whether the answer means that the kernel lacks the type of
// socket that the step wants to make, socket(2).
func missing(call lab.Call, g got) bool {
	if call.Name != "socket" || g.Outcome != lab.Failed {
		return false
	}
	return slices.Contains([]string{"EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT"}, g.Errno)
}

// exhausted reports whether the answer tells of a shortage, getrlimit(2), and
// nothing of the rules that a file asks about.
func exhausted(g got) bool {
	return slices.Contains([]string{"EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"}, g.Errno)
}
