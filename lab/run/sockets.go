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
		// Before it looks, as what was seen may be old when it is judged: the last look
		// is one that began when the time was over, and states count that were seen
		// when nothing was on its way any more.
		last := !time.Now().Before(deadline)
		quiet, err := c.quiet()
		if err != nil {
			return got{}, err
		}
		socks, err := c.lab.Host(who.Host).Sockets()
		if err != nil {
			return got{}, err
		}
		g := got{Answer: lab.Answer{Outcome: lab.OK, Value: states(socks, addr)}}
		ok, err := c.matches(want, g, who.Host)
		if ok && quiet && !hasTransient(g.Value.(lab.States)) || last || err != nil {
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

func isTransient(s lab.Socket) bool { return slices.Contains(transient, s.State) }

// quiet reports whether no host of the lab has a socket that waits for the next
// segment, so that what is seen afterwards is what stays. Sockets are looked at one by
// one, not all at one moment: what was seen before, or meanwhile, may have changed with
// the last segment.
func (c *cell) quiet() (bool, error) {
	_, all, err := c.list("")
	return err == nil && !slices.ContainsFunc(all, isTransient), err
}

// list lists the TCP sockets of one host, and those of all hosts: UDP's have no
// states.
func (c *cell) list(host string) (own, all []lab.Socket, err error) {
	for _, h := range c.topology.Hosts {
		if c.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := c.lab.Host(h.Name).SocketsOf("tcp", "tcp6")
		if err != nil {
			return nil, nil, err
		}
		if h.Name == host {
			own = socks
		}
		all = append(all, socks...)
	}
	return own, all, nil
}

// settled lists the sockets of a host that have TCP's ports, or UDP's, when the lab is
// quiet and nothing that was sent waits for its ACK. What nobody answers never is, a
// segment to a link that is down for instance, so it waits a moment only. On a machine
// that is busy or stood still for a while the moment is longer: it lasts so many
// looks too.
func (c *cell) settled(ctx context.Context, host, protocol string) ([]lab.Socket, error) {
	if protocol == "udp" {
		return c.lab.Host(host).SocketsOf("udp", "udp6")
	}
	deadline := time.Now().Add(settleTime)
	for looks := 1; ; looks++ {
		own, all, err := c.list(host)
		switch {
		case err != nil:
			return nil, err
		case len(c.ran) == 0 && !slices.ContainsFunc(all, isConnection): // only steps change that
			return own, nil
		case !slices.ContainsFunc(all, c.willChange), looks >= settleLooks && time.Now().After(deadline):
			return c.lab.Host(host).SocketsOf("tcp", "tcp6")
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
}

func isConnection(s lab.Socket) bool { return s.State != "LISTEN" && s.State != "BOUND" }

const (
	settleTime  = 3 * time.Second
	settleLooks = 300
)

// willChange reports whether a socket is on its way to another state, or waits for
// an ACK. A SYN to an address that no host has is not answered.
func (c *cell) willChange(s lab.Socket) bool {
	if s.State == "SYN_SENT" && c.unanswered(s.Remote.Addr()) {
		return false
	}
	return isTransient(s) || s.Timer == "on"
}

// unanswered reports whether no host has an address, nor will have: no step
// changes what hosts there are, and no program.
func (c *cell) unanswered(ip netip.Addr) bool {
	fixed := !slices.ContainsFunc(c.plan, func(s *lab.Step) bool {
		sig, _ := lab.SignatureOf(s.Call.Name)
		return s.Run != nil || sig.By == lab.ByHost
	})
	return fixed && !ip.IsLoopback() && c.topology.HostAt(ip.Unmap().WithZone("")) == ""
}
