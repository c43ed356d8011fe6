package local

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/question"
	"labrun/lab/result"
)

// answer writes the answer of a process on the host at in the words of the file.
func (c *cell) answer(g got, at string) string {
	switch {
	case g.addr.IsValid():
		return c.name(g.addr, at)
	case g.unix:
		return c.unixName(g.Value.(lab.Text))
	}
	return g.String()
}

// name writes an address as the file would. A port that the kernel chose has
// another number on every run: it goes by its $name, or as "ephemeral".
func (c *cell) name(a netip.AddrPort, at string) string {
	return c.q.Layout.NameOf(a.Addr(), at, c.q.Host) + ":" + c.portName(a.Port())
}

func (c *cell) portName(port uint16) string {
	if port == 0 || slices.Contains(c.q.Ports, port) {
		return strconv.Itoa(int(port))
	}
	var names []string
	for name, p := range c.ports {
		if p == port {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "ephemeral"
	}
	return "$" + slices.Min(names)
}

// unixName writes an address of unix(7) as the file would. A name that the kernel
// chose goes by its $name, or as "autobind", unless the file has it.
func (c *cell) unixName(name lab.Text) string {
	if !lab.IsAutobound(string(name)) || c.hasText(name) {
		return name.String()
	}
	var kept []string
	for n, k := range c.names {
		if k == string(name) {
			kept = append(kept, n)
		}
	}
	if len(kept) == 0 {
		return "autobind"
	}
	return lab.Text("@$" + slices.Min(kept)).String()
}

// hasText reports whether a step has the text as it is.
func (c *cell) hasText(text lab.Text) bool {
	return slices.ContainsFunc(c.steps, func(s *question.Step) bool {
		return slices.Contains(s.Call.Args, lab.Arg(text)) ||
			slices.ContainsFunc(s.Want, func(w question.Want) bool { return w.Answer.Value == lab.Arg(text) })
	})
}

// stableOnly returns what a report can say of a step that is not red, on every run
// the same: connections of a program come and go as that pleases.
func (c *cell) stableOnly(holders []result.SocketInfo) []result.SocketInfo {
	if len(c.ran) == 0 {
		return holders
	}
	return slices.DeleteFunc(holders, func(h result.SocketInfo) bool {
		return h.State != "LISTEN" && h.State != lab.StateBound && h.State != "UNCONN"
	})
}

// sought is what a step asked about, to find the sockets that explain the answer.
type sought struct {
	host     string // whose sockets
	protocol string // whose ports: tcp, udp, or one that Sockets does not list
	self     uint32 // inode of the socket that asked; it explains nothing
	v6only   bool   // and what it is confined to
	device   string
	local    netip.AddrPort
	remote   netip.AddrPort // when the whole 4-tuple counts
	peer     netip.AddrPort // that the socket is connected to
}

// snapshot returns the sockets that explain the answer to a step: those that a
// bind or listen conflicts with, the 4-tuple of a connect, the destination of
// one that was refused, and for other calls those at the socket's own port; with a name of
// unix(7) those that have it. It is
// nil when there is no port to look at, and empty when nobody has the port that the
// call asked for.
func (c *cell) snapshot(ctx context.Context, s *question.Step, g got) ([]result.SocketInfo, error) {
	if name := c.unixNameIn(s.Call); name != "" {
		return c.unixSnapshot(ctx, s, name)
	}
	q, err := c.sought(ctx, s, g)
	switch {
	case err == nil && s.Call.Name == "sockets":
		return c.socketsAt(ctx, q)
	case err != nil || q.local.Port() == 0 || q.protocol != "tcp" && q.protocol != "udp":
		return nil, err
	case q.host == "" && asksForPort(s.Call): // nobody has the address
		return []result.SocketInfo{}, nil
	case c.lab.Host(q.host) == nil:
		return nil, nil
	}
	socks, err := c.settled(ctx, q.host, q.protocol)
	if err != nil {
		return nil, err
	}
	owned, err := c.owned(ctx, q.host, q.local.Port())
	if err != nil {
		return nil, err
	}
	holders := []result.SocketInfo{}
	for _, s := range c.withBound(socks, owned) {
		if q.concerns(s) {
			holders = append(holders, c.holder(q.host, s, owned))
		}
	}
	if len(holders) == 0 && !asksForPort(s.Call) {
		return nil, nil
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
func (c *cell) socketsAt(ctx context.Context, q sought) ([]result.SocketInfo, error) {
	var all []result.SocketInfo
	for _, q.protocol = range []string{"tcp", "udp"} {
		socks, err := c.settled(ctx, q.host, q.protocol)
		if err != nil {
			return nil, err
		}
		owned, err := c.owned(ctx, q.host, q.local.Port())
		if err != nil {
			return nil, err
		}
		if q.protocol == "tcp" {
			socks = c.withBound(socks, owned)
		}
		for _, s := range socks {
			if q.concerns(s) {
				all = append(all, c.holder(q.host, s, owned))
			}
		}
	}
	return all, nil
}

func (c *cell) sought(ctx context.Context, s *question.Step, g got) (sought, error) {
	who := s.Process
	q := sought{host: who.Host}
	for _, a := range s.Call.Args {
		switch a := a.(type) {
		case lab.Sock:
			if c.processes[who] == nil || s.Call.Name == "who" { // that is about several
				continue
			}
			o, err := c.processes[who].Owns(ctx, string(a))
			if err != nil {
				return q, err
			}
			q.protocol, q.self, q.local, q.peer = portsOf(o.Protocol), o.Inode, o.Local, o.Remote
			q.v6only, q.device = o.V6Only, o.Device
		case lab.Addr:
			if a == lab.Unspec {
				continue
			}
			addr, _ := c.addr(s)
			switch {
			case s.Call.Name == "connect" && g.Errno == "EADDRNOTAVAIL":
				q.remote = addr
			case s.Call.Name == "connect", s.Call.Name == "sendto":
				q.local, q.self, q.v6only, q.device = addr, 0, false, ""
				var err error
				if q.host, err = c.destination(who.Host, addr.Addr().Unmap().WithZone("")); err != nil {
					return q, err
				}
			default:
				q.local = addr
			}
		}
	}
	if !asksForPort(s.Call) {
		q.self, q.v6only, q.device = 0, false, ""
	}
	return q, nil
}

// destination returns the host that has an address when a process on the host from sends
// to it, "" when none has.
func (c *cell) destination(from string, ip netip.Addr) (string, error) {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return from, nil
	}
	if c.keepsAddresses() && !ip.IsLinkLocalUnicast() {
		return c.q.Layout.HostAt(ip), nil
	}
	for _, h := range c.q.Layout.Hosts {
		if c.lab.Host(h.Name) == nil {
			continue
		}
		has, err := c.lab.Host(h.Name).HasAddress(ip)
		if err != nil || has {
			return h.Name, err
		}
	}
	return "", nil
}

func asksForPort(c lab.Call) bool {
	return c.Name == "bind" || c.Name == "listen" || c.Name == "connect"
}

// portsOf names the protocol whose ports the sockets of a type have.
func portsOf(socketType string) string {
	return strings.TrimPrefix(strings.TrimSuffix(socketType, "6"), "mp") // MPTCP's are TCP's
}

// concerns reports whether a socket is part of the explanation.
func (q sought) concerns(s lab.Socket) bool {
	switch {
	case q.self != 0 && s.Inode == q.self,
		s.Local.Port() != q.local.Port(),
		portsOf(s.Protocol) != q.protocol,
		q.device != "" && s.Device != "" && s.Device != q.device,
		q.remote.IsValid() && unmapped(s.Remote) != unmapped(q.remote):
		return false
	}
	return overlap(q.local.Addr(), s.Local.Addr(), q.v6only, s.V6Only)
}

// unmapped is an address as the tables of connections have it: a mapped one is IPv4's
// there (inet_match), and the zone is the socket's device.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// overlap reports whether two local addresses overlap, as inet_rcv_saddr_equal
// sees them: equal, or one of them is a wildcard that takes the other in. The
// wildcard of IPv6 takes IPv4 in unless it is v6only.
func overlap(a, b netip.Addr, aV6Only, bV6Only bool) bool {
	four := func(ip netip.Addr) bool { return ip.Is4() || ip.Is4In6() }
	switch {
	case !a.IsValid() || !b.IsValid():
		return true
	case four(a) && four(b), !four(a) && !four(b):
		a, b = a.Unmap().WithZone(""), b.Unmap().WithZone("")
		return a == b || a.IsUnspecified() || b.IsUnspecified()
	case four(a):
		return b.IsUnspecified() && !bV6Only
	}
	return a.IsUnspecified() && !aV6Only
}

// ownedBy is a socket with the process that has it: its name in the file, and of
// a program the name of the process that has it really.
type ownedBy struct {
	process string
	program bool
	process.Owned
}

// owned asks the living processes of a host for their sockets at the ports, and
// looks which its programs have.
func (c *cell) owned(ctx context.Context, host string, ports ...uint16) ([]ownedBy, error) {
	return c.ownedBy(host, func(p *process.Process) ([]process.Owned, error) { return p.Owned(ctx, ports) })
}

func (c *cell) ownedBy(host string, of func(*process.Process) ([]process.Owned, error)) ([]ownedBy, error) {
	var all []ownedBy
	for _, who := range c.born {
		if who.Host != host {
			continue
		}
		socks, err := of(c.processes[who])
		if err != nil {
			return nil, err
		}
		for _, o := range socks {
			all = append(all, ownedBy{process: who.Name, Owned: o})
		}
	}
	for _, who := range c.ran {
		if who.Host != host {
			continue
		}
		for inode, names := range c.programs[who].Holding() {
			for _, name := range names {
				all = append(all, ownedBy{who.Name, true, process.Owned{Name: name, Inode: inode}})
			}
		}
	}
	return all, nil
}

// withBound adds the TCP sockets that only their processes know of. Linux 6.8
// and newer tell of bound sockets that neither listen nor connect in sock_diag,
// and know better: getsockname still names a port that a failed connect has
// given back.
func (c *cell) withBound(socks []lab.Socket, owned []ownedBy) []lab.Socket {
	if c.on.Version.Compare(lab.KernelVersion{6, 8, 0}) >= 0 {
		return socks
	}
	seen := map[uint32]bool{}
	for _, s := range socks {
		seen[s.Inode] = true
	}
	for _, o := range owned {
		if !o.program && !seen[o.Inode] && o.Local.Port() != 0 {
			seen[o.Inode] = true
			socks = append(socks, lab.Socket{
				Protocol: o.Protocol, State: lab.StateBound, Local: o.Local, Remote: o.Remote, UID: o.UID, Inode: o.Inode,
			})
		}
	}
	return socks
}

func (c *cell) holder(host string, s lab.Socket, owned []ownedBy) result.SocketInfo {
	h := result.SocketInfo{
		Host: host, Protocol: s.Protocol, State: s.State, Local: c.name(s.Local, host),
		Device: s.Device, User: s.UID, V6Only: s.V6Only, Timer: s.Timer,
	}
	if s.Remote.Port() != 0 {
		h.Remote = c.name(s.Remote, host)
	}
	setOwners(&h, s.Inode, owned)
	h.Options = slices.Concat(h.Options, s.Options)
	return h
}

// setOwners says of a socket which processes have it, and what they know of it.
func setOwners(h *result.SocketInfo, inode uint32, owned []ownedBy) {
	for _, o := range owned {
		if inode == 0 || o.Inode != inode {
			continue
		}
		h.Owners = append(h.Owners, fmt.Sprintf("%s (%s)", o.process, o.Name))
		h.V6Only = h.V6Only || o.V6Only
		if h.Options == nil {
			h.Options = o.Options
		}
	}
	if len(h.Owners) == 0 && inode != 0 { // in a message, SCM_RIGHTS, or of a program that hides
		h.Owners = []string{"unknown"}
	}
}
