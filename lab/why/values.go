package why

import (
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/world"
)

// The predicates about what a call is given: numbers, lengths, memory, options.

// badPointer: access_ok and the fault handler refuse the memory before anything else of the call is looked at.
func badPointer(m *moment) string {
	for i, a := range m.call.Args {
		p, ok := a.(lab.Pointer)
		if !ok {
			continue
		}
		what := map[string]string{"nil": "NULL", "bad": "memory that the process may not touch"}[string(p)]
		return say("argument %d is a pointer to %s, and the kernel reads or writes what it points to", i+1, what)
	}
	return ""
}

// notOpen: a descriptor that no name stands for. The world has no socket under a name that was closed.
func notOpen(m *moment) string {
	for i, a := range m.call.Args {
		name, ok := a.(lab.Sock)
		if !ok {
			continue
		}
		switch s := m.world.Named(m.step.Process, string(name)); {
		case s == nil && i == 0 || s == nil && m.call.Name == "epoll_ctl":
			return say("%s is closed", name)
		case s != nil && s.Type == "none":
			return say("%s is not the number of an open descriptor", name)
		}
	}
	return ""
}

// notASocket: sock_from_file asks for the operations of sockets (socket_file_ops), which files and epoll instances
// have not.
func notASocket(m *moment) string {
	if m.sock != nil && (m.sock.Type == "file" || m.sock.Type == "epoll") {
		return say("%s is open on a file, and not a socket", m.self())
	}
	return ""
}

// tooShort: sockaddr_in has 16 bytes and sockaddr_in6 24 at least, without sin6_scope_id.
func tooShort(m *moment) string {
	s := m.known()
	n, ok := m.length()
	if s == nil || !ok || s.Ports() == "" || len(m.call.Args) < 3 {
		return ""
	}
	if n > 128 {
		return say("the address is to have %d bytes, and no address has more than 128 (sockaddr_storage)", n)
	}
	least := 16
	if s.Is6() {
		least = 24
	}
	if m.call.Name == "connect" && n < 2 {
		return say("the address is to have %d bytes, and not even its family fits", n)
	}
	if n < least {
		return say("the address is to have %d bytes, and one of the family of %s has %d at least", n, m.self(), least)
	}
	return ""
}

// wrongLength: an option that is a number takes an int, and a shorter value is no int (sk_setsockopt).
func wrongLength(m *moment) string {
	n, ok := m.length()
	read := m.call.Name == "getsockopt"
	switch {
	case !ok || len(m.call.Args) < 4 && !read || len(m.call.Args) < 3:
		return ""
	case n < 0:
		return say("the length %d is negative", n)
	case !read && n < 4:
		return say("the option's value is a number of 4 bytes, and the length says %d", n)
	}
	return ""
}

// wrongRoom: a length that the kernel reads as signed, or flags of accept4 that do not exist.
func wrongRoom(m *moment) string {
	for i, a := range m.call.Args {
		switch n := a.(type) {
		case lab.Room:
			if n < 0 {
				return say("the room of %d bytes for the address is negative", n)
			}
		case lab.Int:
			if n < 0 && m.call.Name == "accept" {
				return say("%d has bits that are not flags of accept4", n)
			}
		case lab.Word:
			if i > 0 && m.call.Name == "accept" && strings.HasPrefix(string(n), "-") {
				return say("%s has bits that are not flags of accept4", n)
			}
		}
	}
	return ""
}

// pingGroup: ping(7) sockets are for groups in a range that begins empty, "1 0", in a new network namespace.
func pingGroup(m *moment) string {
	if !strings.HasPrefix(world.TypeOf(m.call), "ping") && !(m.has("dgram") && m.has("icmp")) {
		return ""
	}
	const name = "net.ipv4.ping_group_range"
	allowed := strings.Join(strings.Fields(m.world.Sysctl(m.host(), name, "1\t0")), " ")
	return say("a datagram socket of ICMP is for the groups in %s, which is %q", name, allowed)
}

// noFamily: numbers of families end before AF_MAX, and those below it may have no module.
func noFamily(m *moment) string {
	if len(m.call.Args) < 3 {
		return ""
	}
	if slices.Contains([]string{"inet", "inet6", "unix", "netlink", "packet"}, m.word(0)) {
		return ""
	}
	return say("no protocol of the kernel has the family %s", m.word(0))
}

// mptcpOff: mptcp_init_sock asks for the parameter of the namespace that the socket is made in.
func mptcpOff(m *moment) string {
	const name = "net.mptcp.enabled"
	if strings.HasPrefix(world.TypeOf(m.call), "mptcp") && m.world.Sysctl(m.host(), name, "1") == "0" {
		return say("%s is 0", name)
	}
	return ""
}

// number returns the i-th argument as a number.
func (m *moment) number(i int) (int, bool) {
	word, _, _ := strings.Cut(m.word(i), "|")
	n, err := strconv.Atoi(word)
	return n, err == nil
}

// numberTooHigh: types end before SOCK_MAX, 11, and protocols of IPv4 before IPPROTO_MAX, 263. Bits that are not flags
// are EINVAL too.
func numberTooHigh(m *moment) string {
	if len(m.call.Args) < 3 {
		return ""
	}
	if n, ok := m.number(1); ok && (n < 0 || n > 10) {
		return say("a type of socket is a number from 0 to 10, and %s is not one", m.word(1))
	}
	if n, ok := m.number(2); ok && (n < 0 || n > 262) {
		return say("a protocol is a number from 0 to 262, and %s is not one", m.word(2))
	}
	return ""
}

// noType: inet_create goes through the protocols of the type, inetsw[type]; where there is none it is this errno.
func noType(m *moment) string {
	kind := world.TypeOf(m.call)
	switch {
	case strings.HasPrefix(kind, "dccp"):
		return "this kernel has no DCCP, which Linux 6.16 removed, or not its module"
	case len(m.call.Args) == 3 && slices.Contains([]string{"inet", "inet6"}, m.word(0)):
		return say("no protocol of the family %s has the type %s here", m.word(0), m.word(1))
	case len(m.call.Args) == 3 && slices.Contains([]string{"netlink", "packet"}, m.word(0)):
		return say("sockets of the family %s have other types than %s", m.word(0), m.word(1))
	}
	return ""
}

// noProtocol: the type has protocols and the one asked for is not among them. Its module may be missing.
func noProtocol(m *moment) string {
	kind := world.TypeOf(m.call)
	switch {
	case strings.HasPrefix(kind, "sctp"), strings.HasPrefix(kind, "mptcp"), strings.HasPrefix(kind, "udplite"):
		return say("this kernel has not the protocol of %s, or not its module", kind)
	case len(m.call.Args) == 3 && m.word(2) == "0":
		return say("a %s socket has no usual protocol that 0 could stand for", m.word(1))
	case len(m.call.Args) == 3:
		return say("no %s socket of the family %s has the protocol %s", m.word(1), m.word(0), m.word(2))
	}
	return ""
}

// noPairs: socketpair is an operation of the family, and that of the internet has none.
func noPairs(m *moment) string {
	if strings.HasPrefix(m.word(0), "inet") || !strings.HasPrefix(world.TypeOf(m.call), "unix") {
		return say("sockets of the family %s do not come in pairs, those of unix do", m.word(0))
	}
	return ""
}

// isOption reports whether the call is about one of the options.
func (m *moment) isOption(names ...string) bool { return slices.Contains(names, m.word(1)) }

// v6OnlyTooLate: who may have the port was decided at bind by the option as it was, so it may not change
// (inet_num).
func v6OnlyTooLate(m *moment) string {
	if s := m.known(); s != nil && m.isOption("IPV6_V6ONLY") && !s.Local.Port.IsZero() {
		return say("%s is bound, and IPV6_V6ONLY is for sockets that are not", m.self())
	}
	return ""
}

// notAGroup: ipv4_is_multicast is the first thing that is asked.
func notAGroup(m *moment) string {
	g, ok := m.arg(2).(lab.Membership)
	if ok && !g.Group.IsMulticast() {
		return say("%s is not a multicast address", g.Group)
	}
	return ""
}

// badRange: 0 at either end stands for that of the host, so only two numbers can be in the wrong order.
func badRange(m *moment) string {
	if r, ok := m.arg(2).(lab.Range); ok && r.Low > r.High && r.High != 0 {
		return say("the range ends at %d, before its begin at %d", r.High, r.Low)
	}
	return ""
}

// outside: numbers that an option does not take.
func outside(m *moment) string {
	n, ok := m.number(2)
	switch {
	case !ok:
	case m.isOption("IP_TTL") && n != -1 && (n < 1 || n > 255):
		return say("IP_TTL is from 1 to 255, or -1 for the usual one, and not %d", n)
	case m.isOption("TCP_SYNCNT") && (n < 1 || n > 127):
		return say("TCP_SYNCNT is from 1 to 127 (MAX_TCP_SYNCNT), and not %d", n)
	case m.isOption("IP_LOCAL_PORT_RANGE"):
		return "the range is 4 bytes, two ports"
	}
	return ""
}

// joinedAlready: a membership is a group on a NIC, and of a socket there is one of each.
func joinedAlready(m *moment) string {
	if m.isOption("IP_ADD_MEMBERSHIP", "IPV6_ADD_MEMBERSHIP") && m.sock != nil && m.world.IsMember(m.sock, m.word(2)) {
		return say("%s is a member of %s already", m.self(), m.word(2))
	}
	return ""
}

// notJoined: the same pair of group and NIC has to be joined that is left.
func notJoined(m *moment) string {
	if m.isOption("IP_DROP_MEMBERSHIP", "IPV6_DROP_MEMBERSHIP") && m.sock != nil && !m.world.IsMember(m.sock,
		m.word(2)) {
		return say("%s is not a member of %s", m.self(), m.word(2))
	}
	return ""
}

// streamJoins: IPv4 and IPv6 look at the type of the socket first (inet_test_bit of IS_ICSK).
func streamJoins(m *moment) string {
	if m.isOption("IP_ADD_MEMBERSHIP", "IPV6_ADD_MEMBERSHIP") && m.sock != nil && m.sock.Stream() {
		return say("%s is a stream, and groups are for datagrams", m.self())
	}
	return ""
}

// hasNIC reports whether the file gives the host a NIC of that name, or a step may have.
func (m *moment) hasNIC(name string) bool {
	if name == "lo" {
		return true
	}
	for _, n := range m.q.Layout.Host(m.host()).NICs {
		if n.Name == name {
			return true
		}
	}
	return m.world.Host(m.host()).Linked[name]
}

// noDevice: the name is looked up before the capability is asked for.
func noDevice(m *moment) string {
	if name := strings.Trim(m.word(2), `"`); m.isOption("SO_BINDTODEVICE", "SO_BINDTOIFINDEX") && !m.hasNIC(name) {
		return say("%s has no link %s", m.host(), name)
	}
	return ""
}

// deviceGone: the socket keeps the number of the link, whose name is looked up when it is asked for.
func deviceGone(m *moment) string {
	s := m.known()
	if s == nil || !m.isOption("SO_BINDTODEVICE") {
		return ""
	}
	if name, ok := strings.CutPrefix(s.Device, world.Removed); ok {
		return say("%s is tied to the number of %s, which was removed, and no link has that number", m.self(), name)
	}
	return ""
}

// otherFamily: an option's level belongs to a protocol, and a socket of IPv4 has no level of IPv6.
func otherFamily(m *moment) string {
	o, ok := lab.OptionOf(m.word(1))
	s := m.known()
	switch {
	case !ok || s == nil:
	case o.Level == "SOL_IPV6" && !s.Is6():
		return say("%s is an option of IPv6, and %s a %s socket", o.Name, m.self(), s.Type)
	case o.Level == "SOL_TCP" && !s.Stream(), o.Level == "SOL_UDP" && s.Ports() != "udp":
		return say("%s is not an option of %s sockets", o.Name, s.Type)
	}
	return ""
}

// reuseportElsewhere: 5b0af621c3f6 of Linux 6.13, also in stable kernels; before, it did nothing.
func reuseportElsewhere(m *moment) string {
	if s := m.known(); s != nil && m.isOption("SO_REUSEPORT") && s.Ports() == "" {
		return say("%s is a %s socket, and since Linux 6.13 SO_REUSEPORT is refused outside IPv4 and IPv6", m.self(),
			s.Type)
	}
	return ""
}

// lacksCapability: options that take one, as sk_setsockopt, do_ip_setsockopt and do_tcp_setsockopt have it.
func lacksCapability(m *moment) string {
	needs := map[string]string{
		"SO_BINDTODEVICE": "CAP_NET_RAW", "SO_BINDTOIFINDEX": "CAP_NET_RAW", "SO_ATTACH_REUSEPORT_EBPF": "CAP_BPF",
		"SO_MARK": "CAP_NET_ADMIN", "SO_PRIORITY": "CAP_NET_ADMIN", "IP_TRANSPARENT": "CAP_NET_ADMIN",
		"IPV6_TRANSPARENT": "CAP_NET_ADMIN",
		"TCP_REPAIR":       "CAP_NET_ADMIN", "SO_RCVBUFFORCE": "CAP_NET_ADMIN", "SO_SNDBUFFORCE": "CAP_NET_ADMIN",
	}[m.word(1)]
	if needs == "" || m.keeps(needs) {
		return ""
	}
	if tied := m.isOption("SO_BINDTODEVICE", "SO_BINDTOIFINDEX"); tied {
		if m.sock == nil || m.sock.Device == "" {
			return ""
		}
		return say("%s is tied to %s, and to change that takes %s, which user %d has not", m.self(), m.sock.Device,
			needs, m.user())
	}
	return say("%s takes %s, which user %d has not", m.word(1), needs, m.user())
}

// watchedAlready: the key is the socket and the number of its descriptor (ep_find).
func watchedAlready(m *moment) string {
	if e, s := m.sock, m.second(); m.has("EPOLL_CTL_ADD") && e != nil && s != nil && m.world.Watches(e, s, m.word(2)) {
		return say("%s watches %s already", m.self(), m.word(2))
	}
	return ""
}

// notWatched: a duplicate has another number, and by that the socket is not watched.
func notWatched(m *moment) string {
	if e, s := m.sock, m.second(); !m.has("EPOLL_CTL_ADD") && e != nil && s != nil && !m.world.Watches(e, s, m.word(2)) {
		return say("%s does not watch %s", m.self(), m.word(2))
	}
	return ""
}

// second returns the socket that an epoll instance is told about.
func (m *moment) second() *world.Socket {
	name, ok := m.arg(2).(lab.Sock)
	if !ok {
		return nil
	}
	return m.world.Named(m.step.Process, string(name))
}

// badOperation: whether the operation exists is asked last, behind descriptors and events.
func badOperation(m *moment) string {
	if !strings.HasPrefix(m.word(1), "EPOLL_CTL_") {
		return say("%s is not one of the operations EPOLL_CTL_ADD, _MOD and _DEL", m.word(1))
	}
	return ""
}

// notHandled: sig_kernel_only.
func notHandled(m *moment) string {
	if m.word(0) == "SIGKILL" || m.word(0) == "SIGSTOP" {
		return say("%s always ends the process, and cannot be handled or ignored", m.word(0))
	}
	return ""
}

// borderAndRange: the unprivileged ports begin at or below the range of automatic ports, or bind(0) would ask for
// privilege.
func borderAndRange(m *moment) string {
	const start, ports = "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_port_range"
	text, ok := m.arg(1).(lab.Text)
	first := strings.Fields(string(text))
	if !ok || len(first) == 0 {
		return ""
	}
	n, err := strconv.Atoi(first[0])
	if err != nil {
		return ""
	}
	switch m.word(0) {
	case start:
		low := strings.Fields(m.world.Sysctl(m.host(), ports, "32768\t60999"))[0]
		l, _ := strconv.Atoi(low)
		switch {
		case n < 0 || n > 65535:
			return say("%d is not a port", n)
		case n > l:
			return say("%d is above %s, where the range of automatic ports begins (%s)", n, low, ports)
		}
	case ports:
		border := m.world.Sysctl(m.host(), start, "1024")
		if b, _ := strconv.Atoi(border); n < b {
			return say("%d is below %s, where the ports begin that take no privilege (%s)", n, border, start)
		}
	}
	return ""
}

// noLinkKind: rtnl_link_ops of the kind are loaded by name, and there are none.
func noLinkKind(m *moment) string {
	kind, _, _ := strings.Cut(m.word(1), " ")
	return say("this kernel has no links of kind %s, or not their module", kind)
}
