package local

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/question"
)

// sockets answers what netstat would show on the process's host. Packets take
// a moment, so it looks again until it sees the states that are expected, and
// nothing on its way any more, or the step's limit has passed. Sockets that are bound
// only, which netstat does not show, are in the answer where the step expects some.
func sockets(ctx context.Context, c *cell, s *question.Step, want question.Want) (got, error) {
	if name := c.unixNameIn(s.Call); name != "" {
		return unixStates(ctx, c, s, want, name)
	}
	who := s.Process
	addr, _ := c.addr(s)
	can, err := fabric.AbilitiesOf()
	if err != nil {
		return got{}, err
	}
	if !can.Closed && slices.ContainsFunc(want.Answer.All(), wantsTimeWait) {
		return got{}, c.unseen(s)
	}
	deadline := time.Now().Add(c.slowed(s.LimitOr(), want.Answer))
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		// Before it looks, as what was seen may be old when it is judged: the last look
		// is one that began when the time was over, and states count that were seen
		// when nothing was on its way any more.
		last := !time.Now().Before(deadline)
		_, all, err := c.list("")
		if err != nil {
			return got{}, err
		}
		quiet := len(c.moving(all)) == 0
		socks, err := c.lab.Host(who.Host).Sockets()
		if err != nil {
			return got{}, err
		}
		if expectsBound(want.Answer) || !can.SockDiag {
			owned, err := c.owned(ctx, who.Host, addr.Port())
			if err != nil {
				return got{}, err
			}
			socks = c.withBound(socks, owned)
		}
		if !expectsBound(want.Answer) {
			socks = slices.DeleteFunc(socks, func(s lab.Socket) bool { return s.State == lab.StateBound })
		}
		g := got{Answer: lab.Answer{Outcome: lab.OK, Value: states(socks, addr)}}
		if _, ok := c.match(want, g); ok && quiet || last {
			if !can.Closed && c.mayBeUnseen(want.Answer, g, ok) {
				return got{}, c.unseen(s)
			}
			return g, nil
		}
		select {
		case <-ctx.Done():
			return got{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// wantsTimeWait reports whether an answer has a connection in TIME_WAIT, which no process has open.
func wantsTimeWait(a lab.Answer) bool { return slices.Contains(statesIn(a), "TIME_WAIT") }

// statesIn returns the states that an answer has.
func statesIn(a lab.Answer) lab.States {
	switch v := a.Value.(type) {
	case lab.States:
		return v
	case lab.Containing:
		return lab.States(v)
	}
	return nil
}

// unseen is the skip of a question about sockets that the kernel does not show, see fabric.Abilities.
func (c *cell) unseen(s *question.Step) error {
	return errSkip(fmt.Sprintf("%s: %s: this kernel shows no sockets that no process has open", c.q.Place(s), s.Call))
}

// mayBeUnseen reports whether sockets that no process has open may be why an answer is or is not the one wanted:
// some that are wanted are missing and none is there that is not, or none is wanted after some were closed.
func (c *cell) mayBeUnseen(want lab.Answer, g got, matched bool) bool {
	seen, _ := g.Value.(lab.States)
	if matched {
		return len(seen) == 0 && want.Outcome != lab.Unasked && c.hasClosed()
	}
	return slices.ContainsFunc(want.All(), func(a lab.Answer) bool {
		left := slices.Clone(statesIn(a))
		for _, state := range seen {
			i := slices.Index(left, state)
			if i < 0 {
				_, more := a.Value.(lab.Containing)
				if more {
					continue
				}
				return false
			}
			left = slices.Delete(left, i, i+1)
		}
		return len(left) > 0
	})
}

// hasClosed reports whether an earlier step may have closed a socket for good.
func (c *cell) hasClosed() bool {
	return slices.ContainsFunc(c.steps[:c.at], closes) || len(c.ran) > 0
}

func closes(s *question.Step) bool {
	return slices.Contains([]string{"close", "shutdown", "exit", "kill", "exec"}, s.Call.Name)
}

// expectsBound reports whether an answer that will do has a socket which is bound only.
func expectsBound(want lab.Answer) bool {
	return slices.ContainsFunc(want.All(), func(a lab.Answer) bool { return slices.Contains(statesIn(a), lab.StateBound) })
}

// unixStates answers it for a name of unix(7): the states of the sockets that hold it.
func unixStates(ctx context.Context, c *cell, s *question.Step, want question.Want, name string) (got, error) {
	for deadline := time.Now().Add(c.slowed(s.LimitOr(), want.Answer)); ; {
		last := !time.Now().Before(deadline)
		held, err := c.explainer(s, got{}).unixSnapshot(ctx, name)
		if err != nil {
			return got{}, err
		}
		all := lab.States{}
		for _, h := range held {
			all = append(all, h.State)
		}
		sortStates(all)
		g := got{Answer: lab.Answer{Outcome: lab.OK, Value: all}}
		if _, ok := c.match(want, g); ok || last {
			return g, nil
		}
		select {
		case <-ctx.Done():
			return got{}, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// states returns the states of the sockets at an address. An unspecified
// address stands for every local address of its family, 0.0.0.0 for all, and an
// IPv4 address for itself and its mapped form.
func states(socks []lab.Socket, at netip.AddrPort) lab.States {
	states := lab.States{}
	for _, s := range socks {
		local := s.Local.Addr()
		switch {
		case s.Local.Port() != at.Port():
		case at.Addr() == netip.IPv4Unspecified(),
			at.Addr() == netip.IPv6Unspecified() && local.Is6(),
			at.Addr().WithZone("") == local.WithZone(""),
			at.Addr() == local.Unmap():
			states = append(states, s.State)
		}
	}
	sortStates(states)
	return states
}

func sortStates(states lab.States) {
	slices.SortFunc(states, func(a, b string) int {
		return slices.Index(lab.StateNames, a) - slices.Index(lab.StateNames, b)
	})
}
