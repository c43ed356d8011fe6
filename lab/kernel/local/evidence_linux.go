package local

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/result"
	"labrun/lab/world"
)

// sought is what a step asked about, to find the sockets that explain the answer.
type sought struct {
	host     string // whose sockets
	protocol string // whose ports: tcp, udp, or one that Sockets does not list
	self     uint32 // inode of the socket that asked; it explains nothing
	world.Place
	remote netip.AddrPort // when the whole 4-tuple counts
	peer   netip.AddrPort // that the socket is connected to
}

// snapshot returns the sockets that explain the answer to a step: those that a
// bind or listen conflicts with, the 4-tuple of a connect, the destination of
// one that was refused, and for other calls those at the socket's own port; with a name of
// unix(7) those that have it. It is
// nil when there is no port to look at, and empty when nobody has the port that the
// call asked for.
func (e *explainer) snapshot(ctx context.Context) ([]result.SocketInfo, error) {
	s := e.step
	if name := e.unixNameIn(s.Call); name != "" {
		return e.unixSnapshot(ctx, name)
	}
	q, err := e.sought(ctx)
	switch {
	case err == nil && s.Call.Name == "sockets":
		return e.socketsAt(ctx, q)
	case err != nil || q.Addr.Port() == 0 || q.protocol != "tcp" && q.protocol != "udp":
		return nil, err
	case q.host == "" && asksForPort(s.Call): // nobody has the address
		return []result.SocketInfo{}, nil
	case e.lab.Host(q.host) == nil:
		return nil, nil
	}
	socks, err := e.settled(ctx, q.host, q.protocol)
	if err != nil {
		return nil, err
	}
	owned, err := e.owned(ctx, q.host, q.Addr.Port())
	if err != nil {
		return nil, err
	}
	holders := []result.SocketInfo{}
	for _, s := range e.withBound(socks, owned) {
		if q.concerns(s) {
			holders = append(holders, e.holder(q.host, s, owned))
		}
	}
	if len(holders) == 0 {
		can, err := fabric.AbilitiesOf()
		if err != nil || !asksForPort(s.Call) || !can.Closed { // one that is not shown may have the port
			return nil, err
		}
	}
	slices.SortStableFunc(holders, func(a, b result.SocketInfo) int {
		return cmp.Or(
			slices.Index(lab.StateNames, a.State)-slices.Index(lab.StateNames, b.State), // listeners first, bound ones even before
			cmp.Compare(a.String(), b.String()),
		)
	})
	return holders, nil
}

// socketsAt returns the sockets at an address that sockets(...) asked for, of TCP and UDP, those
// of the wildcard with them.
func (e *explainer) socketsAt(ctx context.Context, q sought) ([]result.SocketInfo, error) {
	var all []result.SocketInfo
	for _, q.protocol = range []string{"tcp", "udp"} {
		socks, err := e.settled(ctx, q.host, q.protocol)
		if err != nil {
			return nil, err
		}
		owned, err := e.owned(ctx, q.host, q.Addr.Port())
		if err != nil {
			return nil, err
		}
		if q.protocol == "tcp" {
			socks = e.withBound(socks, owned)
		}
		for _, s := range socks {
			if q.concerns(s) {
				all = append(all, e.holder(q.host, s, owned))
			}
		}
	}
	return all, nil
}

func (e *explainer) sought(ctx context.Context) (sought, error) {
	s, g := e.step, e.got
	who := s.Process
	q := sought{host: who.Host}
	for _, a := range s.Call.Args {
		switch a := a.(type) {
		case lab.Sock:
			if e.processes[who] == nil || s.Call.Name == "who" { // that is about several
				continue
			}
			o, err := e.processes[who].Owns(ctx, string(a))
			if err != nil {
				return q, err
			}
			q.protocol, q.self, q.Addr, q.peer = portsOf(o.Protocol), o.Inode, o.Local, o.Remote
			q.V6Only, q.Device = o.V6Only, o.Device
		case lab.Addr:
			if a == lab.Unspec {
				continue
			}
			addr, _ := e.addr(s)
			switch {
			case s.Call.Name == "connect" && g.Errno == "EADDRNOTAVAIL":
				q.remote = netip.AddrPortFrom(world.Dialled(q.Addr.Addr(), addr.Addr()), addr.Port())
			case s.Call.Dials():
				q.Addr, q.self, q.V6Only, q.Device = addr, 0, false, ""
				var err error
				if q.host, err = e.destination(who.Host, addr.Addr().Unmap().WithZone("")); err != nil {
					return q, err
				}
			default:
				q.Addr = addr
			}
		}
	}
	if !asksForPort(s.Call) {
		q.self, q.V6Only, q.Device = 0, false, ""
	}
	return q, nil
}

// concerns reports whether a socket is part of the explanation.
func (q sought) concerns(s lab.Socket) bool {
	switch {
	case q.self != 0 && s.Inode == q.self,
		portsOf(s.Protocol) != q.protocol,
		q.remote.IsValid() && world.Unmapped(s.Remote) != world.Unmapped(q.remote):
		return false
	}
	return q.Overlaps(world.PlaceOf(s))
}
