package local

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"labrun/lab"
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
		if expectsBound(want.Answer) {
			owned, err := c.owned(ctx, who.Host, addr.Port())
			if err != nil {
				return got{}, err
			}
			socks = c.withBound(socks, owned)
		} else {
			socks = slices.DeleteFunc(socks, func(s lab.Socket) bool { return s.State == lab.StateBound })
		}
		g := got{Answer: lab.Answer{Outcome: lab.OK, Value: states(socks, addr)}}
		if _, ok := c.match(want, g); ok && quiet || last {
			return g, nil
		}
		select {
		case <-ctx.Done():
			return got{}, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// expectsBound reports whether an answer that will do has a socket which is bound only.
func expectsBound(want lab.Answer) bool {
	return slices.ContainsFunc(want.All(), func(a lab.Answer) bool {
		switch v := a.Value.(type) {
		case lab.States:
			return slices.Contains(v, lab.StateBound)
		case lab.Containing:
			return slices.Contains(v, lab.StateBound)
		}
		return false
	})
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
