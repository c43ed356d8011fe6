package local

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/question"
)

// sockets answers what netstat would show on the process's host. Packets take
// a moment, so it looks again until it sees the states that are expected, and
// nothing on its way any more, or the step's limit has passed. Sockets that are bound
// only, which netstat does not show, are in the answer where the step expects some.
func (c *cell) sockets(ctx context.Context, who lab.Process, s *question.Step, want question.Want) (got, error) {
	addr, _ := c.addr(s)
	deadline := time.Now().Add(s.LimitOr())
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
		if expected, ok := want.Answer.Value.(lab.States); ok && slices.Contains(expected, lab.StateBound) {
			owned, err := c.owned(ctx, who.Host, addr.Port())
			if err != nil {
				return got{}, err
			}
			socks = c.withBound(socks, owned)
		} else {
			socks = slices.DeleteFunc(socks, func(s lab.Socket) bool { return s.State == lab.StateBound })
		}
		g := got{Answer: lab.Answer{Outcome: lab.OK, Value: states(socks, addr)}}
		if c.matches(want, g) && quiet || last {
			return g, nil
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
		case s.Local.Port() != at.Port():
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

func isTransient(s lab.Socket) bool { return slices.Contains(transient, s.State) }

// hostSocket is a socket and the host that it is on.
type hostSocket struct {
	lab.Socket
	host string
}

// list lists the TCP sockets of one host, and those of all hosts: UDP's have no
// states.
func (c *cell) list(host string) (own []lab.Socket, all []hostSocket, err error) {
	for _, h := range c.q.Layout.Hosts {
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
		for _, s := range socks {
			all = append(all, hostSocket{s, h.Name})
		}
	}
	return own, all, nil
}

// settled lists the sockets of a host that have TCP's ports, or UDP's, when nothing
// is under way in the lab. What nobody answers stays so for good, a segment to a link
// that is down for instance: a cell waits for that once, for settleTime, and knows it
// afterwards.
func (c *cell) settled(ctx context.Context, host, protocol string) ([]lab.Socket, error) {
	if protocol == "udp" {
		return c.lab.Host(host).SocketsOf("udp", "udp6")
	}
	deadline := time.Now().Add(settleTime)
	for looks, pause := 1, time.Millisecond; ; looks, pause = looks+1, min(2*pause, settleTime/settleLooks) {
		own, all, err := c.list(host)
		if err != nil {
			return nil, err
		}
		if len(c.ran) == 0 && !slices.ContainsFunc(all, isConnection) { // only steps change that
			return own, nil
		}
		moving := c.moving(all)
		if len(moving) == 0 {
			return c.lab.Host(host).SocketsOf("tcp", "tcp6")
		}
		// A machine that is busy, or stood still for a while, gets its looks all the same.
		if looks >= settleLooks && time.Now().After(deadline) {
			for _, s := range moving {
				c.stuck[s.connection()] = s.State
			}
			return c.lab.Host(host).SocketsOf("tcp", "tcp6")
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func isConnection(s hostSocket) bool { return s.State != "LISTEN" && s.State != lab.StateBound }

const (
	settleTime  = 3 * time.Second
	settleLooks = 60 // at least, within settleTime or longer
)

// connection is what TCP tells the connections of the hosts apart by.
type connection struct {
	host          string
	local, remote netip.AddrPort
}

func (s hostSocket) connection() connection { return connection{s.host, s.Local, s.Remote} }

// moving returns the sockets of the lab that are on their way to another state, or wait
// for an ACK, and will get there by themselves. Sockets are looked at one by one, not
// all at one moment: what was seen before, or meanwhile, may have changed with the last
// segment.
func (c *cell) moving(all []hostSocket) []hostSocket {
	var moving []hostSocket
	for _, s := range all {
		if (isTransient(s.Socket) || s.Timer == "on") && c.stuck[s.connection()] != s.State && !c.isStill(s, all) {
			moving = append(moving, s)
		}
	}
	return moving
}

// isStill reports whether the segment that a socket waits for will not come before a
// step changes something: no host has the address that it sent to, or a listener there
// has its accept queue full. That drops a SYN (tcp_conn_request) and the last ACK of a
// handshake (tcp_v4_syn_recv_sock), so that the request stays while the client is
// connected, and what the client sends is dropped too.
func (c *cell) isStill(s hostSocket, all []hostSocket) bool {
	if len(c.ran) > 0 { // a program accepts when it likes to
		return false
	}
	from, to := unmapped(s.Local), unmapped(s.Remote)
	if s.State == "SYN_RECV" { // the other side has to say something only if it is not connected yet
		other, ok := find(all, s, to, from)
		return ok && other.State == "ESTABLISHED" && refuses(all, s.host, from)
	}
	if c.unanswered(to.Addr()) {
		return true
	}
	host := s.host
	if !to.Addr().IsLoopback() {
		if !c.keepsAddresses() {
			return false
		}
		host = c.q.Layout.HostAt(to.Addr())
	}
	other, ok := find(all, s, to, from)
	switch s.State {
	case "SYN_SENT":
		return !ok && refuses(all, host, to)
	case "ESTABLISHED":
		return ok && other.State == "SYN_RECV" && refuses(all, host, to)
	}
	return false
}

// find returns the socket that has the other end of one's connection.
func find(all []hostSocket, one hostSocket, local, remote netip.AddrPort) (hostSocket, bool) {
	i := slices.IndexFunc(all, func(s hostSocket) bool {
		return s.State != "TIME_WAIT" && (s.host == one.host || !local.Addr().IsLoopback()) && unmapped(s.Local) == local && unmapped(s.Remote) == remote
	})
	if i < 0 {
		return hostSocket{}, false
	}
	return all[i], true
}

// refuses reports whether the host has listeners at an address, and the accept queues
// of all of them are full.
func refuses(all []hostSocket, host string, at netip.AddrPort) bool {
	full := false
	for _, s := range all {
		if s.host != host || s.State != "LISTEN" || s.Local.Port() != at.Port() || !overlap(at.Addr(), s.Local.Addr(), false, s.V6Only) {
			continue
		}
		if full = s.Full; !full {
			return false
		}
	}
	return full
}

// unanswered reports whether no host has an address, nor will have.
func (c *cell) unanswered(ip netip.Addr) bool {
	return c.keepsAddresses() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && c.q.Layout.HostAt(ip) == ""
}

// keepsAddresses reports whether the hosts have the addresses of the file and no others,
// and answer for them: no step changes that, and no program.
func (c *cell) keepsAddresses() bool {
	return !slices.ContainsFunc(c.steps, func(s *question.Step) bool {
		sig, _ := lab.SignatureOf(s.Call.Name)
		return s.Run != nil || sig.By == lab.ByHost && sig.Touches && !isAboutSockets(s.Call)
	})
}

// isAboutSockets reports whether a call reads a parameter, or sets one that has no say in
// which segments reach a socket, and when it answers them: the length of its accept queue
// for instance, but not tcp_abort_on_overflow.
func isAboutSockets(call lab.Call) bool {
	if call.Name != "sysctl" {
		return false
	}
	name := call.Args[0].String()
	return len(call.Args) == 1 || strings.HasPrefix(name, "net.core.") ||
		strings.HasPrefix(name, "net.ipv4.tcp_") && name != "net.ipv4.tcp_abort_on_overflow"
}
