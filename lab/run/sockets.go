package run

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"labrun/lab"
)

// sockets answers what netstat would show on the process's host. Packets take
// a moment, so it looks again until it sees the states that are expected, and
// nothing on its way any more, or the step's limit has passed.
func (c *cell) sockets(ctx context.Context, who lab.Process, s *lab.Step, want lab.Answer) (got, error) {
	addr, err := c.addr(s.Call.Args[0].(lab.Addr), who.Host)
	if err != nil {
		return got{}, err
	}
	deadline := time.Now().Add(s.LimitOr())
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		socks, err := c.lab.Host(who.Host).Sockets()
		if err != nil {
			return got{}, err
		}
		g := got{Answer: lab.Answer{Outcome: lab.OK, Value: states(socks, addr)}}
		if !time.Now().Before(deadline) {
			return g, nil
		}
		ok, err := c.matches(want, g, who.Host)
		if ok && !hasTransient(g.Value.(lab.States)) {
			ok, err = c.quiet()
		}
		if ok || err != nil {
			return g, err
		}
		select {
		case <-ctx.Done():
			return got{}, context.Cause(ctx)
		case <-time.After(pause):
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
		case s.Local.Port() != at.Port() || s.State == "BOUND": // netstat does not show it
		case at.Addr() == netip.IPv4Unspecified(),
			at.Addr() == netip.IPv6Unspecified() && local.Is6(),
			at.Addr().WithZone("") == local.WithZone(""),
			at.Addr() == local.Unmap():
			states = append(states, s.State)
		}
	}
	slices.SortFunc(states, func(a, b string) int {
		return slices.Index(lab.StateNames, a) - slices.Index(lab.StateNames, b)
	})
	return states
}

// transient are the states that end with the next segment from the other side.
var transient = []string{"SYN_SENT", "SYN_RECV", "FIN_WAIT1", "CLOSING", "LAST_ACK"}

func hasTransient(states lab.States) bool {
	return slices.ContainsFunc(states, func(s string) bool { return slices.Contains(transient, s) })
}

// quiet reports whether no host of the lab has a socket that waits for the next
// segment, so that what was seen is what stays. Sockets are looked at one by one,
// not all at one moment: one that becomes a TIME_WAIT meanwhile may be missed.
func (c *cell) quiet() (bool, error) {
	for _, h := range c.topology.Hosts {
		if c.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := c.lab.Host(h.Name).Sockets()
		if err != nil {
			return false, err
		}
		for _, s := range socks {
			if slices.Contains(transient, s.State) {
				return false, nil
			}
		}
	}
	return true, nil
}

// settle waits until the lab is quiet. What nobody answers never is, a SYN to an
// address that is not there for instance, so it waits a moment only.
func (c *cell) settle(ctx context.Context) error {
	deadline := time.Now().Add(settleTime)
	for time.Now().Before(deadline) {
		if ok, err := c.quiet(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

const settleTime = 500 * time.Millisecond
