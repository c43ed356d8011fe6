package why

import (
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/world"
)

// The predicates about routes, and about what came over the network.

// to returns where a call sends to.
func (m *moment) to() netip.Addr {
	ip := m.by.Addr.Addr
	if m.by.HasAddr {
		return ip
	}
	if spec, ok := m.arg(0).(lab.Spec); ok { // ping, route
		for _, t := range spec.Terms() {
			if t.Word == "to" {
				if a, err := netip.ParseAddr(m.resolved(t)); err == nil {
					return a
				}
			}
		}
	}
	if m.sock != nil && m.sock.Remote.Addr.IsValid() {
		return m.sock.Remote.Addr
	}
	return netip.Addr{}
}

// resolved returns the address that a term of the call stands for.
func (m *moment) resolved(t lab.Term) string {
	for _, r := range m.step.Spec.Terms() {
		if r.Word == t.Word {
			return r.Value
		}
	}
	return t.Value
}

// way says what the routes of a host say of a destination: the type of the route, "unicast" and the like, "none"
// without one and "" where that is not known. via is the next host's address, invalid when the destination is on a
// link.
func (m *moment) way(host string, to netip.Addr) (kind string, via netip.Addr) {
	h := m.world.Host(host)
	if h == nil || !to.IsValid() || slices.ContainsFunc(h.Specs,
		func(s world.HostSpec) bool { return s.Object == "rule" }) {
		return "", via
	}
	to = to.Unmap().WithZone("")
	if m.world.Has(host, to) {
		return "local", via
	}
	best := -1
	for _, p := range h.Addresses {
		if p.Addr().Is4() == to.Is4() && p.Contains(to) && p.Bits() > best && !h.Down[p.NIC] {
			kind, via, best = "unicast", netip.Addr{}, p.Bits()
		}
	}
	for _, s := range h.Specs {
		if s.Object != "route" {
			continue
		}
		k, bits, gateway := routeOf(s.Spec, to)
		if k == "?" {
			return "", via
		}
		if bits > best {
			kind, via, best = k, gateway, bits
		}
	}
	if best < 0 {
		return "none", via
	}
	return kind, via
}

// routeOf returns the type of a route, the length of its prefix and its gateway, -1 where it is not for that
// destination, and "?" where it is in a table of its own.
func routeOf(spec lab.Spec, to netip.Addr) (kind string, bits int, via netip.Addr) {
	kind, bits = "unicast", -1
	for _, t := range spec.Terms() {
		switch {
		case t.Word == "table":
			return "?", -1, via
		case t.Takes == lab.TakesNothing && slices.Contains([]string{"unreachable", "prohibit", "blackhole", "throw",
			"local"}, t.Word):
			kind = t.Word
		case t.Word == "via":
			via, _ = netip.ParseAddr(t.Value)
		case t.Word == "to" && t.Value == "default":
			if via6 := spec.Is6(); via6 == to.Is6() {
				bits = 0
			}
		case t.Word == "to":
			p, err := netip.ParsePrefix(t.Value)
			if ip, e := netip.ParseAddr(t.Value); e == nil {
				p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
			}
			if err == nil && p.Addr().Is4() == to.Is4() && p.Contains(to) {
				bits = p.Bits()
			}
		}
	}
	return kind, bits, via
}

// isBroadcast reports whether an address is a broadcast one of the host's subnets, or of all.
func (m *moment) isBroadcast(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.Is4() {
		return false
	}
	for _, p := range m.world.Host(m.host()).Addresses {
		if p.Addr().Is4() && p.Bits() < 31 && p.Contains(ip) {
			last := p.Masked().Addr().As4()
			for i := p.Bits(); i < 32; i++ {
				last[i/8] |= 0x80 >> (i % 8)
			}
			if ip == netip.AddrFrom4(last) {
				return true
			}
		}
	}
	return ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// broadcast: so that nothing is sent to all by accident; binding the address takes nothing.
func broadcast(m *moment) string {
	if s := m.sock; s != nil && m.isBroadcast(m.to()) && !s.Set("SO_BROADCAST") && !s.Stream() {
		return say("%s is a broadcast address, and %s has not set SO_BROADCAST", m.to(), m.self())
	}
	return ""
}

// toManyByStream: the route of the destination says that it is RTCF_BROADCAST or RTCF_MULTICAST.
func toManyByStream(m *moment) string {
	if s := m.sock; s != nil && s.Stream() && (m.isBroadcast(m.to()) || m.to().IsMulticast()) {
		return say("%s is an address of many hosts, and a connection is with one", m.to())
	}
	return ""
}

// foreignSource: the source that a message asks for has to be an address of the host, as that of a socket has.
func foreignSource(m *moment) string {
	inner := m.step.Inner
	if len(inner) > 0 && strings.Contains(m.step.Call.String(), "pktinfo") && !m.world.Has(m.host(), inner[0]) {
		return say("pktinfo names %s as the source, which is not an address of %s", inner[0], m.host())
	}
	return ""
}

// sourceGone: IPv4 looks for the NIC that has the source address (__ip_dev_find), unless the socket is transparent.
func sourceGone(m *moment) string {
	s := m.known()
	if s == nil || !s.Local.Addr.IsValid() || s.Local.Addr.IsUnspecified() || s.Local.Addr.IsMulticast() {
		return ""
	}
	from := s.Local.Addr.Unmap()
	switch {
	case s.Local.Addr == netip.IPv6Loopback() && m.to().Is4In6():
		return say("%s is bound to ::1, and the destination is one of IPv4", m.self())
	case from.Is4() && !m.world.Has(m.host(), from) && !s.Set("IP_TRANSPARENT") && !m.isBroadcast(from):
		return say("%s is bound to %s, which is not an address of %s", m.self(), from, m.host())
	}
	return ""
}

// noRouteByDevice: a socket that is tied to a NIC has the routes of that NIC alone.
func noRouteByDevice(m *moment) string {
	s := m.known()
	if s == nil || s.Device == "" {
		return ""
	}
	for _, n := range m.q.Layout.Host(m.host()).NICs {
		for _, a := range n.Addresses {
			if n.Name == s.Device && a.Prefix.Contains(m.to().Unmap()) {
				return ""
			}
		}
	}
	return say("%s is tied to %s, and no route leads to %s by it", m.self(), s.Device, m.to().Unmap())
}

// noRoute: no table has a route for it, and the socket does not say by which NIC to send all the same.
func noRoute(m *moment) string {
	if kind, _ := m.way(m.host(), m.to()); kind == "none" && (m.sock == nil || m.sock.Device == "") {
		return say("%s has no route to %s", m.host(), m.to().Unmap())
	}
	return ""
}

// routeSays is the rule for an errno that is the type of a route (fib_props).
func routeSays(want string) func(m *moment) string {
	return func(m *moment) string {
		if kind, _ := m.way(m.host(), m.to()); kind == want {
			return say("the route of %s to %s is of the type %s", m.host(), m.to().Unmap(), want)
		}
		return ""
	}
}

// routerSays is the same on the next host, which says so by ICMP.
func routerSays(kinds ...string) func(m *moment) string {
	return func(m *moment) string {
		at, to := m.host(), m.to()
		for range len(m.q.Layout.Hosts) {
			kind, via := m.way(at, to)
			if at != m.host() && slices.Contains(kinds, kind) {
				what := say("has a route of the type %s", kind)
				if kind == "none" {
					what = "has no route"
				}
				return say("on the way, %s %s to %s, and says so by ICMP", at, what, to.Unmap())
			}
			if kind != "unicast" || !via.IsValid() {
				return ""
			}
			if at = m.world.HostAt(at, via); at == "" {
				return ""
			}
		}
		return ""
	}
}

// noNeighbour: nothing answers for the address on the link, or for that of the next host.
func noNeighbour(m *moment) string {
	to := m.to()
	kind, via := m.way(m.host(), to)
	next := to.Unmap()
	if via.IsValid() {
		next = via
	}
	tied := ""
	if m.answersARP(next) {
		return ""
	}
	switch {
	case kind == "none" && m.sock != nil && m.sock.Device != "":
		tied = say("%s is tied to %s, so without a route the kernel takes %s to be on that link; ", m.self(),
			m.sock.Device, next)
	case kind != "unicast" && m.step.Call.Name != "ping" || kind == "local":
		return ""
	}
	return say("%snothing on the link answered for the link-layer address of %s, which was asked for three times",
		tied, next)
}

// answersARP reports whether a host has the address and nothing is known to keep it from telling its link-layer
// address.
func (m *moment) answersARP(ip netip.Addr) bool {
	name := m.world.HostAt("", ip)
	if name == "" || m.world.Host(m.host()).Changed && m.sock != nil && m.sock.Device != "" {
		return false
	}
	if ip.Is6() && slices.ContainsFunc(m.world.Host(m.host()).Specs, func(s world.HostSpec) bool {
		_, bits, via := routeOf(s.Spec, ip)
		return s.Object == "route" && bits >= 0 && !via.IsValid()
	}) {
		// A route says that it is on that link, and of IPv6 a NIC answers for its own addresses alone (ndisc_recv_ns).
		return false
	}
	for _, host := range []string{m.host(), name} {
		for sysctl := range m.world.Host(host).Sysctls {
			if strings.Contains(sysctl, "arp_") || strings.Contains(sysctl, "rp_filter") {
				return false
			}
		}
		if len(m.world.Host(host).Down) > 0 {
			return false
		}
	}
	if m.sock != nil && m.sock.Device != "" { // another link than that of the address
		for _, n := range m.q.Layout.Host(m.host()).NICs {
			for _, a := range n.Addresses {
				if n.Name == m.sock.Device && a.Prefix.Contains(ip) {
					return true
				}
			}
		}
		return false
	}
	return true
}

// icmpErrors are what Linux makes of "destination unreachable" by its code (icmp_err_convert), and of other messages.
var icmpErrors = map[byte]string{
	0: "ENETUNREACH", 1: "EHOSTUNREACH", 2: "ENOPROTOOPT", 3: "ECONNREFUSED", 4: "EMSGSIZE", 5: "EOPNOTSUPP",
	6: "ENETUNREACH",
	7: "EHOSTDOWN", 8: "ENONET", 9: "ENETUNREACH", 10: "EHOSTUNREACH", 11: "ENETUNREACH", 12: "EHOSTUNREACH",
	13: "EHOSTUNREACH",
	14: "EHOSTUNREACH", 15: "EHOSTUNREACH",
}

// icmpSays: a raw socket of the experiment made the error.
func icmpSays(m *moment) string {
	s := m.known()
	if s == nil || s.Ports() != "udp" || s.State != "ESTABLISHED" {
		return ""
	}
	for _, e := range slices.Backward(m.world.ICMP) {
		if e.To.Unmap() != s.Local.Addr.Unmap() {
			continue
		}
		errno, what := icmpErrors[e.Code], say("destination unreachable, code %d", e.Code)
		switch e.Type {
		case 3:
		case 11:
			errno, what = "EHOSTUNREACH", "time exceeded"
		case 12:
			errno, what = "EPROTO", "parameter problem"
		default:
			return ""
		}
		if errno == m.errno() {
			return say("ICMP came for %s, type %d (%s), and the next call tells of it", m.self(), e.Type, what)
		}
	}
	return ""
}

// nobodyReceives: the datagram of before came to a host without that port, whose ICMP the socket was told.
func nobodyReceives(m *moment) string {
	s := m.known()
	if s == nil || s.Ports() != "udp" || s.State != "ESTABLISHED" || m.filters() {
		return ""
	}
	host := m.world.HostAt(m.host(), s.Remote.Addr)
	if host == "" {
		return ""
	}
	for _, o := range m.world.Sockets {
		if o.Host == host && o.Ports() == "udp" && o.Local.Port == s.Remote.Port && o.Local.Addr.IsValid() &&
			world.Overlap(o.Local.Addr, s.Remote.Addr, o.V6Only, false) {
			return ""
		}
	}
	return say("no socket of %s has %s, which its ICMP said of an earlier datagram", host, m.place(s.Remote))
}

// refusedBefore: what connect did not wait for is kept as the error of the socket.
func refusedBefore(m *moment) string {
	s := m.known()
	if s == nil || !m.isOption("SO_ERROR") || !s.Stream() || s.State != "SYN_SENT" || m.filters() {
		return ""
	}
	host := m.world.HostAt(m.host(), s.Remote.Addr)
	for _, o := range m.world.Sockets {
		if o.Host == host && o.State == "LISTEN" && o.Stream() && o.Local.Port == s.Remote.Port {
			return ""
		}
	}
	return say("no socket of %s listens at %s, and the connect of before did not wait for that answer", host,
		m.place(s.Remote))
}

// resetByPeer says what made the other end send a reset.
func resetByPeer(m *moment) string {
	s := m.known()
	if s == nil {
		return ""
	}
	if s.Told {
		return ""
	}
	if s.IsUnix() && s.Reset != "" {
		return say("the other end was closed with something in its queue that it had not read")
	}
	why := map[string]string{
		world.ResetQueue:  "the listener was closed before accept took the connection",
		world.ResetUnread: "the other end was closed with something that it had not read",
		world.ResetLinger: "the other end was closed with SO_LINGER {l_onoff=1, l_linger=0}",
		world.ResetClosed: "the other end is closed, and what was sent to it was answered with a reset",
		world.ResetUndone: "the other end undid the connection by connect to AF_UNSPEC",
	}[s.Reset]
	if why != "" {
		return why
	}
	if p := s.Peer; p != nil && s.State == "ESTABLISHED" {
		if now := m.world.HostAt(p.Host, s.Remote.Addr); now != "" && now != p.Host {
			return say("%s is an address of %s now, which has no such connection and answers with a reset", s.Remote.Addr, now)
		}
	}
	return ""
}

// shutForWriting: RCV_SHUTDOWN of the other end, or SEND_SHUTDOWN of this one, which a reset sets too (tcp_done).
func shutForWriting(m *moment) string {
	s := m.known()
	switch {
	case s == nil:
	case s.Reset != "" && s.Stream():
		return "the connection was reset, so that nothing can be sent any more"
	case s.IsUnix() && s.State == "ESTABLISHED" && s.Peer == nil:
		return "the other end is closed"
	case s.ShutWR:
		return say("%s is shut down for writing", m.self())
	}
	return ""
}

// gaveUp: tcp_write_timeout counts what was sent in vain.
func gaveUp(m *moment) string {
	s := m.known()
	if s == nil || !s.Stream() || s.Remote.Port.IsZero() {
		return ""
	}
	return say("nothing came back from %s however often it was sent to (tcp_retries2, tcp_syn_retries)",
		m.place(s.Remote))
}

// linkIsDown: bind takes the link as it is and leaves the error for the next call.
func linkIsDown(m *moment) string {
	if s := m.sock; s != nil && s.Type == "packet" && m.world.Host(m.host()).Changed {
		return say("the link that %s is bound to is down", m.self())
	}
	return ""
}

// notConnected: a socket without a peer. UDP that is connected to port 0 has an address and no port.
func notConnected(m *moment) string {
	s := m.known()
	if s != nil && s.Ports() == "udp" && s.State == "ESTABLISHED" && s.Remote.Port.IsZero() {
		return say("%s is connected to port 0, which is as good as none", m.self())
	}
	if s == nil || s.Type == "file" || s.State == "ESTABLISHED" || s.State == "CLOSE_WAIT" || s.State == "FIN_WAIT2" {
		return ""
	}
	if s.State == "LISTEN" {
		return say("%s listens, and has no peer", m.self())
	}
	return say("%s is not connected", m.self())
}

// neverConnected: of TCP a send that finds no connection says what one after its end says.
func neverConnected(m *moment) string {
	if s := m.known(); s == nil || !s.Stream() || m.has("MSG_FASTOPEN") {
		return ""
	}
	return notConnected(m)
}

// unixStreamAlone: of unix(7) it is EINVAL, where TCP and SOCK_SEQPACKET say ENOTCONN.
func unixStreamAlone(m *moment) string {
	if s := m.known(); s == nil || s.Type != "unix" {
		return ""
	}
	return notConnected(m)
}

// noDestination: of datagrams each has its destination, by the call or by connect.
func noDestination(m *moment) string {
	s := m.known()
	if s == nil || s.Stream() || s.State == "ESTABLISHED" || m.by.HasAddr {
		return ""
	}
	return say("%s is not connected, and the call names no destination", m.self())
}

// nothingToReceive: the queue is empty as far as the steps tell, and the call does not wait.
func nothingToReceive(m *moment) string {
	s := m.known()
	switch {
	case s == nil || s.Queue > 0:
	case m.has("MSG_DONTWAIT"):
		return say("nothing has come for %s, and MSG_DONTWAIT does not wait for it", m.self())
	case s.Nonblock:
		return say("nothing has come for %s, and it has O_NONBLOCK", m.self())
	case s.Options["SO_RCVTIMEO"] != "":
		return say("nothing came for %s in the time of its SO_RCVTIMEO, %s", m.self(), s.Options["SO_RCVTIMEO"])
	}
	return ""
}

// noRoom: what was sent and not received fills the buffers of both ends (sk_stream_wait_memory).
func noRoom(m *moment) string {
	s := m.known()
	if s == nil || s.Peer == nil || s.Peer.Queue == 0 || !m.has("MSG_DONTWAIT") && !s.Nonblock {
		return ""
	}
	return say("the buffers of both ends are full with what the other one has not read, and %s does not wait", m.self())
}

// noUrgentByte: the errno is the same for all three.
func noUrgentByte(m *moment) string {
	if m.has("MSG_OOB") {
		return say("no urgent byte waits at %s: none came, it was read, or SO_OOBINLINE has it in the stream", m.self())
	}
	return ""
}

// queueOfListener: what a listener has are connections.
func queueOfListener(m *moment) string {
	if s := m.known(); s != nil && s.State == "LISTEN" && strings.HasPrefix(m.word(1), "SIOC") {
		return say("%s listens, and has no queue of bytes", m.self())
	}
	return ""
}

// portZero: udp_sendmsg asks for it before any route.
func portZero(m *moment) string {
	if s := m.sock; s != nil && s.Ports() == "udp" && m.by.HasAddr && m.by.Addr.Port.IsZero() {
		return "port 0 is no destination"
	}
	return ""
}

// shortEcho: the kernel fills in identifier and checksum, so the header has to be there.
func shortEcho(m *moment) string {
	text, ok := m.arg(1).(lab.Text)
	if s := m.sock; ok && s != nil && strings.HasPrefix(s.Type, "ping") && len(text) < 8 {
		return say("a datagram of ICMP begins with a header of 8 bytes, and this has %d", len(text))
	}
	return ""
}

// noName: unlink is about the file, whether its socket is open or not.
func noName(m *moment) string {
	name := m.by.Addr.Unix
	if name == "" {
		if text, ok := m.arg(0).(lab.Text); ok {
			name = string(text)
		}
	}
	if _, ok := m.world.File(name); !ok && name != "" {
		return say("no file %q exists", name)
	}
	return ""
}

// unknownNeighbour: the entry was never made, or its requests were not answered (NUD_FAILED).
func unknownNeighbour(m *moment) string {
	return say("%s has found no link-layer address for it", m.host())
}
