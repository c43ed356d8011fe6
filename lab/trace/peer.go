package trace

import (
	"fmt"
	"net/netip"

	"labrun/lab"
)

// What other ends of connections must have done is made up: the events are of one host, and a lab has to have somebody
// who connects, listens and sends. A made-up end does what the events show and nothing else.

// other returns the process that makes those calls, on another host or on the processes' own.
func (m *importer) other(remote bool, name string) lab.Process {
	if remote {
		return lab.Process{Host: "peer", Name: name}
	}
	if m.near[name] == "" {
		m.near[name] = m.unused(name)
	}
	return lab.Process{Name: m.near[name]}
}

func (m *importer) otherName(letter string) string {
	m.others++
	return fmt.Sprintf("%s%d", letter, m.others)
}

// isRemote reports whether an address is another host's.
func (m *importer) isRemote(a lab.Addr) bool {
	named, why := m.address(lab.Addr{Name: a.Name, IP: a.IP, Mapped: a.Mapped}, true)
	return why == "" && named.Host == "peer"
}

// at returns an address of the events as a step by a process on that host names it.
func (m *importer) atHost(a lab.Addr, host string) string {
	ip := a.IP
	if a.Mapped || ip.Is4In6() {
		ip = ip.Unmap()
	}
	return fmt.Sprintf("%s:%s", m.Layout.NameOf(m.inLab(ip), host, m.Host), m.port(a.Port.Number, false))
}

// kindOf is the type of socket that speaks to an address.
func kindOf(ip netip.Addr, kind string) string {
	if ip.Is6() && !ip.Is4In6() {
		return kind + "6"
	}
	return kind
}

// remoteServer returns the listener of the peer at an address.
func (m *importer) remoteServer(to lab.Addr) string {
	at := m.atHost(to, m.Layout.Peer(m.Host))
	if m.servers[at] == "" {
		name := m.otherName("l")
		by := m.other(true, "server")
		m.makeUp(by, "%s = socket(%s)", name, kindOf(to.IP, "tcp"))
		m.makeUp(by, "bind(%s, %s)", name, at)
		m.makeUp(by, "listen(%s, 128)", name)
		m.servers[at] = name
	}
	return m.servers[at]
}

func (m *importer) remoteAccept(listener string) *end {
	e := &end{m.other(true, "server"), m.otherName("s")}
	m.makeUp(e.process, "%s = accept(%s)", e.name, listener)
	return e
}

// remoteDatagram makes sure that a datagram to the peer arrives at a socket.
func (m *importer) remoteDatagram(to lab.Addr) string {
	at := m.atHost(to, m.Layout.Peer(m.Host))
	key := "udp " + at
	if m.servers[key] == "" {
		name := m.otherName("u")
		by := m.other(true, "server")
		m.makeUp(by, "%s = socket(%s)", name, kindOf(to.IP, "udp"))
		m.makeUp(by, "bind(%s, %s)", name, at)
		m.servers[key] = name
	}
	return m.servers[key]
}

// remoteHears has the peer receive the first datagram of a socket that has no address of its own, to learn where
// answers go.
func (m *importer) remoteHears(d descriptor, value string) {
	if d.asks == "" || d.bound || !d.datagram {
		return
	}
	ip := m.inLab(d.asked)
	for _, n := range m.Layout.Host(m.Host).NICs {
		for _, a := range n.Addresses {
			if a.Prefix.Contains(ip) && !d.bound {
				d.bound, d.local = true, lab.Addr{Name: a.Alias, Port: lab.Port{Var: m.newPort(0)}}
			}
		}
	}
	if d.bound {
		m.makeUp(m.other(true, "server"), "recvfrom(%s) = %s from subject.%s", d.asks, quoted(value), d.local)
	}
}

// remoteSend has the peer send a datagram from an address to a socket.
func (m *importer) remoteSend(from netip.AddrPort, d descriptor, value string) {
	name := m.remoteDatagram(lab.Addr{IP: from.Addr(), Port: lab.Port{Number: from.Port()}})
	if to := m.dialled(d, from.Addr(), true); to != "" {
		m.makeUp(m.other(true, "server"), "sendto(%s, %s, %s)", name, quoted(value), to)
	}
}

// dialled returns the address at which a host dials a socket, "" for none.
func (m *importer) dialled(d descriptor, from netip.Addr, remote bool) string {
	if !d.bound {
		return ""
	}
	a := d.local
	host := m.Host
	if remote {
		host = m.Layout.Peer(m.Host)
	}
	ip, err := m.Layout.Resolve(a, m.Host, m.Host)
	if err != nil {
		return ""
	}
	if ip = ip.Unmap(); ip.IsUnspecified() {
		six := ip.Is6() && from.IsValid() && from.Is6() && !from.Is4In6()
		switch {
		case !remote && six:
			ip = netip.IPv6Loopback()
		case !remote:
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		default:
			alias := "x"
			if six || ip.Is6() && !from.IsValid() {
				alias = "x6"
			}
			ip, _ = m.Layout.Host(m.Host).Alias(alias)
		}
	}
	return m.Layout.NameOf(ip, host, m.Host) + ":" + a.Port.String()
}

// remoteClient has somebody connect to a listener, nil where nobody can. Who it is the answer of accept says.
func (m *importer) remoteClient(e *Event, d descriptor) *end {
	_, from, why := m.structure(e.arg(1))
	remote := why != "" || !from.IsValid() || m.isRemote(lab.Addr{IP: from.Addr()})
	if local, err := m.Layout.Resolve(d.local, m.Host, m.Host); err == nil && local.IsLoopback() {
		remote = false
	}
	to := m.dialled(d, from.Addr(), remote)
	if to == "" {
		return nil
	}
	c := &end{m.other(remote, "client"), m.otherName("c")}
	kind := "tcp"
	if to[0] == '[' || m.sixth(to) {
		kind = "tcp6"
	}
	m.makeUp(c.process, "%s = socket(%s)", c.name, kind)
	m.makeUp(c.process, "connect(%s, %s)", c.name, to)
	return c
}

// sendFrom has the other end send what a socket receives; nothing is the end of the stream.
func (m *importer) sendFrom(d descriptor, value string, length int) {
	switch {
	case d.other == nil:
	case length == 0:
		m.makeUp(d.other.process, "shutdown(%s, SHUT_WR)", d.other.name)
		d.other = nil
	default:
		m.makeUp(d.other.process, "send(%s, %s)", d.other.name, quoted(value))
	}
}

// reset has the other end reset the connection.
func (m *importer) reset(d descriptor, errno string) {
	if d.other == nil {
		return
	}
	if errno == "ECONNRESET" {
		m.makeUp(d.other.process, "setsockopt(%s, SO_LINGER, {l_onoff=1, l_linger=0})", d.other.name)
	}
	m.makeUp(d.other.process, "close(%s)", d.other.name)
	d.other = nil
}
