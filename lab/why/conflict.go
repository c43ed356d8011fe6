package why

import (
	"strconv"
	"strings"

	"labrun/lab/world"
)

// asked returns the socket of a bind or listen as it would be if that were allowed.
func (m *moment) asked() *world.Socket {
	if m.sock == nil {
		return nil
	}
	s := *m.sock
	if m.call.Name == "bind" {
		s.Local = m.by.Addr
		if zone := s.Local.Addr.Zone(); zone != "" {
			s.Device = zone
		}
		if s.Local.Addr.Is6() && !s.Local.Addr.IsUnspecified() && !s.Local.Addr.Is4In6() {
			s.V6Only = true
		}
	}
	return &s
}

// rivals returns the sockets of the caller's host that would take the same packets as one that asks, but for it
// itself and whatever options say.
func (m *moment) rivals(s *world.Socket) []*world.Socket {
	var all []*world.Socket
	for _, o := range m.others {
		if o != m.sock && o.Host == s.Host && o.Ports() == s.Ports() && !o.Local.Port.IsZero() &&
			o.Local.Port == s.Local.Port && o.Local.Addr.IsValid() && s.Place().Overlaps(o.Place()) && !m.isSelf(o) {
			all = append(all, o)
		}
	}
	return all
}

// isSelf reports whether a socket that the kernel has shown is that of the call.
func (m *moment) isSelf(o *world.Socket) bool {
	for _, n := range o.Names {
		if n.Process == m.step.Process && n.Sock == m.self() {
			return true
		}
	}
	return false
}

// shares says by which option two sockets share a port (inet_bind_conflict, udp_lib_lport_inuse), "" where they do
// not.
func shares(s, o *world.Socket) string {
	switch {
	case s.Set("SO_REUSEADDR") && o.Set("SO_REUSEADDR") && o.State != "LISTEN":
		return "SO_REUSEADDR"
	case s.Set("SO_REUSEPORT") && o.Set("SO_REUSEPORT") && !s.Group && (s.User == o.User || o.State == "TIME_WAIT"):
		return "SO_REUSEPORT"
	}
	return ""
}

// relation says which addresses of two sockets are the same.
func (m *moment) relation(s, o *world.Socket) string {
	self, other := m.self(), m.tell(o)
	asks := "asks for"
	if m.call.Name == "listen" {
		asks = "is to listen at"
	}
	every := func(of *world.Socket) string {
		switch a := of.Local.Addr; {
		case a.Is6() && !a.Is4In6() && of.V6Only:
			return "every IPv6 address"
		case a.Is6() && !a.Is4In6():
			return "every address of IPv6 and IPv4"
		}
		return "every IPv4 address"
	}
	switch {
	case s.Local.Addr.Unmap() == o.Local.Addr.Unmap():
		return say("%s %s %s, which %s has", self, asks, m.place(s.Local), other)
	case s.Local.Addr.Unmap().IsUnspecified() && o.Local.Addr.Unmap().IsUnspecified():
		return say("%s %s %s of port %s, and %s has %s", self, asks, every(s), s.Local.Port, other, every(o))
	case s.Local.Addr.Unmap().IsUnspecified():
		return say("%s %s %s of port %s, and %s has one of them", self, asks, every(s), s.Local.Port, other)
	}
	return say("%s %s %s, and %s has %s", self, asks, m.place(s.Local), other, every(o))
}

// inUse is EADDRINUSE of a port that another socket has.
func inUse(m *moment) string {
	s := m.asked()
	if s == nil || s.Ports() == "" || s.Local.Port.IsZero() || !s.Local.Addr.IsValid() {
		return ""
	}
	for _, o := range m.rivals(s) {
		if shares(s, o) != "" || o.Doubt {
			continue
		}
		return m.relation(s, o) + "; " + m.unshared(s, o)
	}
	return ""
}

// unshared says why no option lets two sockets share.
func (m *moment) unshared(s, o *world.Socket) string {
	has := func(option string) (mine, other bool) { return s.Set(option), o.Set(option) }
	addr, otherAddr := has("SO_REUSEADDR")
	port, otherPort := has("SO_REUSEPORT")
	self, other := m.self(), or(m.name(o), "the other")
	var why []string
	if o.Opaque { // what s has set is known, and what is true whatever the other has
		switch {
		case !addr && !port:
			return say("two sockets share a port by an option that both have set, and %s has set none", self)
		case port:
			return "SO_REUSEPORT shares where both have set it, among sockets of one user"
		case o.State == "LISTEN":
			return "a listening socket excludes SO_REUSEADDR's sharing"
		}
		return "SO_REUSEADDR shares where both have set it"
	}
	switch {
	case addr && otherAddr: // the state is what is left
		why = append(why, "a listening socket excludes SO_REUSEADDR's sharing")
	case addr || otherAddr:
		lacks := other
		if otherAddr {
			lacks = self
		}
		why = append(why, say("SO_REUSEADDR shares where both have set it, and %s has not", lacks))
	}
	switch {
	case port && otherPort && s.Group:
		why = append(why, say("%s has a SO_REUSEPORT group of its own, as it got its program before it was bound", self))
	case port && otherPort:
		why = append(why, say("SO_REUSEPORT shares among sockets of one user, and these are of users %d and %d", s.User,
			o.User))
	case port || otherPort:
		lacks := other
		if otherPort {
			lacks = self
		}
		why = append(why, say("SO_REUSEPORT shares where both have set it, and %s has not", lacks))
	}
	if why == nil {
		return "neither has set SO_REUSEADDR or SO_REUSEPORT"
	}
	return strings.Join(why, ", and ")
}

// allowed is ok of a bind or listen whose port another socket has: the options that both share by, of each.
func allowed(m *moment) string {
	s := m.asked()
	if m.known() == nil || s.Ports() == "" || s.Local.Port.IsZero() || !s.Local.Addr.IsValid() {
		return ""
	}
	if m.call.Name == "listen" && m.sock.State == "LISTEN" {
		return "" // it sets the backlog, and asks for nothing else
	}
	var why []string
	for _, o := range m.rivals(s) {
		by := shares(s, o)
		if by == "" || o.Doubt {
			return ""
		}
		if len(why) < 3 {
			listens := ""
			if s.Stream() && by == "SO_REUSEADDR" {
				listens = ", and it does not listen"
			}
			why = append(why, say("%s has %s as %s has%s", m.tell(o), by, m.self(), listens))
		}
	}
	return strings.Join(why, "; ")
}

// ports returns the first and last port that the kernel may choose for a socket, and how many it does not: those that
// are reserved, and of an odd number of ports the last, which TCP's search leaves out.
func (m *moment) ports(s *world.Socket) (low, high, left int) {
	low, high = 32768, 60999
	if f := strings.Fields(m.world.Sysctl(s.Host, "net.ipv4.ip_local_port_range", "32768\t60999")); len(f) == 2 {
		low, _ = strconv.Atoi(f[0])
		high, _ = strconv.Atoi(f[1])
	}
	if l, h, ok := strings.Cut(s.Options["IP_LOCAL_PORT_RANGE"], "-"); ok {
		if n, _ := strconv.Atoi(l); n > low && n <= high {
			low = n
		}
		if n, _ := strconv.Atoi(h); n < high && n >= low {
			high = n
		}
	}
	n := high - low + 1
	for _, part := range strings.Split(m.world.Sysctl(s.Host, "net.ipv4.ip_local_reserved_ports", ""), ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(first)
		b := a
		if ranged {
			b, _ = strconv.Atoi(last)
		}
		if err == nil && a >= low && b <= high {
			n -= b - a + 1
		}
	}
	if s.Stream() && n > 1 && n%2 == 1 {
		n--
	}
	return low, high, n
}

// usedUp returns the sockets that have the ports of the range, one for each, nil where a port is left.
func (m *moment) usedUp(s *world.Socket, counts func(o *world.Socket) bool) []*world.Socket {
	low, high, left := m.ports(s)
	if left > 1000 {
		return nil
	}
	taken := map[world.Port]bool{}
	var all []*world.Socket
	for _, o := range m.others {
		p := o.Local.Port
		inside := p.Name != "" || low <= int(p.Number) && int(p.Number) <= high
		if o == m.sock || o.Host != s.Host || o.Ports() != s.Ports() || p.IsZero() || !inside || taken[p] || !counts(o) {
			continue
		}
		taken[p] = true
		all = append(all, o)
	}
	if len(all) < left {
		return nil
	}
	return all
}

// full says that the kernel may choose none of the ports that are left to it.
func (m *moment) full(s *world.Socket, all []*world.Socket, what string) string {
	if all == nil {
		return ""
	}
	low, high, left := m.ports(s)
	have := m.tell(all[0]) + " has it"
	if len(all) > 1 {
		have = say("%s and %d more %s have them", m.tell(all[0]), len(all)-1, what)
	}
	if low == high {
		return say("the kernel may choose port %d alone, and %s", low, have)
	}
	but := ""
	switch n := high - low + 1 - left; {
	case n == 1 && s.Stream() && (high-low)%2 == 0:
		but = ", but for the last, as its search takes an even number of ports"
	case n > 0:
		but = say(", but for %d reserved", n)
	}
	return say("the kernel may choose one of the ports %d-%d%s, and %s", low, high, but, have)
}

// rangeUsedUp is EADDRINUSE of a port that the kernel is to choose.
func rangeUsedUp(m *moment) string {
	s := m.asked()
	if s == nil || s.Ports() == "" || !s.Local.Port.IsZero() && m.call.Name == "bind" || m.call.Name == "listen" &&
		!m.sock.Local.Port.IsZero() {
		return ""
	}
	return m.full(s, m.usedUp(s, func(o *world.Socket) bool {
		return !s.Local.Addr.IsValid() || overlapsBut(s, o)
	}), "at overlapping addresses")
}

// overlapsBut reports whether two sockets overlap in all but their ports.
func overlapsBut(s, o *world.Socket) bool {
	return !o.Local.Addr.IsValid() || s.Place().Overlaps(o.Place())
}
