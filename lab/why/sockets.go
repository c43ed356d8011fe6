package why

import (
	"net/netip"
	"path"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/world"
)

// The predicates about bind, listen and accept.

// wrongFamily: sin_family is asked for behind the length. AF_UNSPEC with 0.0.0.0 passes for AF_INET, not for
// AF_INET6.
func wrongFamily(m *moment) string {
	a, ok := m.arg(1).(lab.Addr)
	s := m.sock
	switch {
	case !ok || s == nil || s.Ports() == "" && !strings.HasPrefix(s.Type, "raw"):
	case a.Family != "":
		return say("the address says that its family is %s, and %s is a %s socket", a.Family, m.self(), s.Type)
	case !s.Is6() && a.IP.Is6():
		return say("the address is one of IPv6, and %s a %s socket", m.self(), s.Type)
	case s.Is6() && a.Name == "" && a.IP.Is4() && !a.Mapped:
		return say("the address is one of IPv4, and %s a %s socket", m.self(), s.Type)
	}
	return ""
}

// scopeElsewhere: ::1 and link-local addresses are of one link, and a socket of IPv6 that is tied to another has them
// not.
func scopeElsewhere(m *moment) string {
	s, ip := m.asked(), m.by.Addr.Addr
	if s == nil || !s.Is6() || s.Device == "" || !ip.Is6() || ip.Is4In6() {
		return ""
	}
	switch {
	case ip == netip.IPv6Loopback() && s.Device != "lo":
		return say("::1 is an address of lo, and %s is tied to %s", m.self(), s.Device)
	case ip.IsLinkLocalUnicast():
		return say("%s is not an address of %s, which %s is tied to", ip.WithZone(""), s.Device, m.self())
	}
	return ""
}

// tentative: duplicate address detection has the address, and no socket may (ipv6_chk_addr leaves it out).
func tentative(m *moment) string {
	for _, a := range m.world.Host(m.host()).Addresses {
		if a.Addr() == m.by.Addr.Addr.WithZone("") && a.Tentative {
			return say("%s is tentative: %s asks the link whether another host has it, and until then no socket may",
				a.Addr(), m.host())
		}
	}
	return ""
}

// notLocal: what counts is the table of local routes of the host, and whether the socket or the host may do
// without.
func notLocal(m *moment) string {
	ip := m.by.Addr.Addr
	s := m.sock
	if s == nil || !ip.IsValid() || ip.IsUnspecified() || m.world.Has(m.host(), ip) || ip.IsMulticast() {
		return ""
	}
	if s.Set("IP_FREEBIND") && !strings.HasPrefix(s.Type, "raw") || s.Set("IP_TRANSPARENT") {
		return ""
	}
	family := "ipv4"
	if ip.Is6() && !ip.Is4In6() {
		family = "ipv6"
	}
	sysctl := say("net.%s.ip_nonlocal_bind", family)
	if m.world.Sysctl(m.host(), sysctl, "0") != "0" {
		return ""
	}
	whose := ""
	if host := m.world.HostAt(m.host(), ip); host != "" {
		whose = say(", but one of %s", host)
	}
	return say("%s is not an address of %s%s, and neither IP_FREEBIND, IP_TRANSPARENT nor %s lets a socket have others",
		ip.Unmap().WithZone(""), m.host(), whose, sysctl)
}

// privilegedPort: the capability is asked for in the user namespace of the network namespace.
func privilegedPort(m *moment) string {
	const name = "net.ipv4.ip_unprivileged_port_start" // of IPv6, too
	first, err := strconv.Atoi(m.world.Sysctl(m.host(), name, "1024"))
	port := int(m.by.Addr.Port.Number)
	if err != nil || port == 0 || port >= first || m.keeps("CAP_NET_BIND_SERVICE") {
		return ""
	}
	return say("%d is below %s, which is %d, and user %d has not CAP_NET_BIND_SERVICE", port, name, first, m.user())
}

// multicastStream: IPv6 alone asks, so TCP of IPv4 may be bound to a group that it will never hear.
func multicastStream(m *moment) string {
	ip := m.by.Addr.Addr
	if m.sock != nil && m.sock.Stream() && ip.Is6() && !ip.Is4In6() && ip.IsMulticast() {
		return say("%s is a multicast address of IPv6, and %s a stream", ip, m.self())
	}
	return ""
}

// namedAlready: a name of unix(7) is for good.
func namedAlready(m *moment) string {
	if s := m.known(); s != nil && s.IsUnix() && s.Local.Unix != "" {
		return say("%s has the name %s already, and keeps it", m.self(), m.place(s.Local))
	}
	return ""
}

// boundAlready: TCP that is not in the state CLOSE, or any that has a port.
func boundAlready(m *moment) string {
	s := m.known()
	switch {
	case s == nil || s.Ports() == "":
	case s.State == "LISTEN":
		return say("%s listens at %s, and a socket is bound once", m.self(), m.place(s.Local))
	case s.State == "ESTABLISHED" || s.State == "SYN_SENT" || s.State == "CLOSE_WAIT" || s.State == "FIN_WAIT2":
		return say("%s is connected or connects (%s), and bind is for sockets that are not", m.self(), s.State)
	case !s.Local.Port.IsZero():
		return say("%s is bound to %s already, and a socket is bound once", m.self(), m.place(s.Local))
	}
	return ""
}

// mappedV6Only: a mapped address would make of the socket one of IPv4, which the option excludes.
func mappedV6Only(m *moment) string {
	if m.sock != nil && m.by.Addr.Addr.Is4In6() && m.sock.Is6() && m.sock.V6Only {
		return say("%s is an address of IPv4, and %s has set IPV6_V6ONLY", m.by.Addr.Addr, m.self())
	}
	return ""
}

// linkLocal: two links may have the same address, so the socket has to say which, by its device or by
// sin6_scope_id.
func linkLocal(m *moment) string {
	ip := m.by.Addr.Addr
	if m.sock != nil && ip.Is6() && (ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast()) && ip.Zone() == "" &&
		m.sock.Device == "" {
		return say("%s is an address of a link, and neither it nor %s says which NIC: [%s%%NIC]", ip, m.self(), ip)
	}
	return ""
}

// notAFolder: the path is followed as one of any file, and what is not its last part has to be a folder.
func notAFolder(m *moment) string {
	folder := path.Dir(m.by.Addr.Unix)
	if _, ok := m.world.File(folder); ok {
		return say("%q is the name of a socket, and not a folder", folder)
	}
	return ""
}

// netlinkPort: ports of netlink are numbers in a table of the namespace; 0 asks for a free one.
func netlinkPort(m *moment) string {
	if _, ok := m.arg(1).(lab.NetlinkAddr); ok {
		return "another netlink socket has that port, the process's number, which the first socket of a process gets"
	}
	return ""
}

// pathExists: bind makes a file, as mknod(2) does, and a file that exists is in the way whatever it is.
func pathExists(m *moment) string {
	name := m.by.Addr.Unix
	if name == "" || strings.HasPrefix(name, "@") {
		return ""
	}
	made, ok := m.world.File(name)
	if !ok {
		return m.unixHolder(name)
	}
	if len(made.Names) == 0 {
		return say("the file %q exists: the socket that made it is closed, and nothing has unlinked it", name)
	}
	return say("the file %q exists: it is the name of %s", name, m.tell(made))
}

// abstractTaken: the table of abstract names is one of the network namespace, and its key is name and type.
func abstractTaken(m *moment) string {
	name := m.by.Addr.Unix
	if !strings.HasPrefix(name, "@") || m.sock == nil {
		return ""
	}
	if s := m.world.UnixAt(m.host(), name, m.sock.Type); s != nil {
		return say("%s has the name, for sockets of its type on %s", m.tell(s), m.host())
	}
	return m.unixHolder(name)
}

// unixHolder says which of the sockets that the kernel has shown has a name: it has shown none but those in the way.
func (m *moment) unixHolder(name string) string {
	for _, s := range m.others {
		if m.looked && s.IsUnix() && s.Local.Unix == name && len(s.Names) > 0 && s != m.sock {
			return say("%s has the name", m.tell(s))
		}
	}
	return ""
}

// atOnce: calls about the same port or name that were released at the same instant. The bucket of the port, or the
// folder of the name, has a lock, so one comes first and is in the way of the next.
func atOnce(m *moment) string {
	held := m.world.Held()
	if len(held) < 2 {
		return ""
	}
	var who []string
	for _, call := range held {
		s := m.world.Named(call.Process, call.Call.Args[0].String())
		place, first := call.Addr, held[0].Addr
		if call.Call.Name == "listen" && s != nil {
			place = s.Local
			if f := m.world.Named(held[0].Process, held[0].Call.Args[0].String()); f != nil {
				first = f.Local
			}
		}
		if s == nil || call.Call.Name != held[0].Call.Name || place.Port != first.Port || place.Unix != first.Unix ||
			place.Port.IsZero() && place.Unix == "" {
			return ""
		}
		who = append(who, m.name(s))
	}
	return say("%s of %s came at the same instant: the kernel lets one after the other in, and one that came first is in "+
		"the way of the next", held[0].Call.Name, strings.Join(who, ", "))
}

// inUseTCP and inUseUDP: the sentence is the same, and the functions are not.
func inUseTCP(m *moment) string {
	if m.sock != nil && m.sock.Ports() != "udp" {
		return inUse(m)
	}
	return ""
}

func inUseUDP(m *moment) string {
	if m.sock != nil && m.sock.Ports() == "udp" {
		return inUse(m)
	}
	return ""
}

// allowedTCP and allowedUDP: as above.
func allowedTCP(m *moment) string {
	if m.sock != nil && m.sock.Ports() != "udp" {
		return allowed(m)
	}
	return ""
}

func allowedUDP(m *moment) string {
	if m.sock != nil && m.sock.Ports() == "udp" {
		return allowed(m)
	}
	return ""
}

// datagramListens: listen is an operation of the type, and those without connections have none.
func datagramListens(m *moment) string {
	if s := m.sock; s != nil && (s.Ports() == "udp" || s.Type == "unix-dgram" || strings.HasPrefix(s.Type, "raw")) {
		return say("%s is a %s socket, which has no connections", m.self(), s.Type)
	}
	return ""
}

// noNameYet: unlike TCP, which gives itself a port, unix_listen wants a name.
func noNameYet(m *moment) string {
	if s := m.known(); s != nil && s.IsUnix() && s.Local.Unix == "" {
		return say("%s has no name that a client could connect to", m.self())
	}
	return ""
}

// connectedListens: only a socket that is closed or listens may (TCPF_CLOSE, TCPF_LISTEN).
func connectedListens(m *moment) string {
	s := m.known()
	if s == nil || s.State != "ESTABLISHED" && s.State != "SYN_SENT" && s.State != "CLOSE_WAIT" &&
		s.State != "FIN_WAIT2" {
		return ""
	}
	return say("%s is connected or connects (%s)", m.self(), s.State)
}

// notListening: the state is asked for when accept begins and again when it is woken.
func notListening(m *moment) string {
	s := m.known()
	if m.step.Call.Name == "answer" && s != nil && !s.IsUnix() {
		return say("%s was made to listen no more while accept waited", m.self())
	}
	if s != nil && s.State != "LISTEN" {
		return say("%s does not listen", m.self())
	}
	return ""
}

// nothingToAccept: a listener that does not wait, and a queue that the steps have left empty.
func nothingToAccept(m *moment) string {
	s := m.known()
	if s == nil || s.State != "LISTEN" || !s.Nonblock {
		return ""
	}
	for _, o := range m.world.Sockets {
		if o.Listener == s {
			return ""
		}
	}
	return say("no connection waits at %s, and it has O_NONBLOCK", m.self())
}

// The predicates about connect.

// interrupted: a call that waited when a signal came that the process handles.
func interrupted(m *moment) string {
	signal, action := m.world.Caught(m.step.Process)
	if signal == "" || m.step.Call.Name != "answer" && m.step.Pending == "" {
		return ""
	}
	why := "its handler has not SA_RESTART"
	if strings.Contains(action, "SA_RESTART") {
		switch {
		case m.call.Name == "epoll_wait" || m.call.Name == "who":
			why = say("%s never goes on, whatever SA_RESTART says", m.call.Name)
		case m.sock != nil && (m.sock.Options["SO_RCVTIMEO"] != "" || m.sock.Options["SO_SNDTIMEO"] != ""):
			why = say("%s has a time-out, which takes SA_RESTART away", m.self())
		default:
			return ""
		}
	}
	return say("%s came while the call waited, and %s", signal, why)
}

func connectedAlready(m *moment) string {
	s := m.known()
	switch {
	case s == nil || s.Ports() == "":
	case s.State == "LISTEN":
		return say("%s listens at %s", m.self(), m.place(s.Local))
	case s.State == "ESTABLISHED", s.State == "CLOSE_WAIT", s.State == "FIN_WAIT2", s.State == "SYN_SENT":
		return say("%s is connected to %s, and connect is for sockets that are not", m.self(), m.place(s.Remote))
	}
	return ""
}

// unixConnected: a stream of unix(7) is connected once.
func unixConnected(m *moment) string {
	if s := m.known(); s != nil && s.IsUnix() && s.State == "ESTABLISHED" {
		return say("%s is connected to %s already", m.self(), m.place(s.Remote))
	}
	return ""
}

// stillConnecting: the state of the socket, not of TCP, is SS_CONNECTING until a connect has returned its end.
func stillConnecting(m *moment) string {
	if s := m.known(); s != nil && s.State == "SYN_SENT" {
		return say("%s asks %s for a connection since an earlier call, and has no answer yet", m.self(), m.place(s.Remote))
	}
	return ""
}

// doesNotWait: the SYN is sent, and the answer is the business of poll or of another connect.
func doesNotWait(m *moment) string {
	if s := m.known(); s != nil && (s.Nonblock || s.Options["SO_SNDTIMEO"] != "") {
		return say("%s does not wait, and the peer's answer is under way", m.self())
	}
	return ""
}

// noFile: connect follows the path as open(2) would.
func noFile(m *moment) string {
	name := m.by.Addr.Unix
	if _, ok := m.world.File(name); name != "" && !strings.HasPrefix(name, "@") && !ok {
		return say("no file %q exists", name)
	}
	return ""
}

// otherType: the inode is found first, and then the types are compared.
func otherType(m *moment) string {
	if s, ok := m.world.File(m.by.Addr.Unix); ok && m.sock != nil && s.Type != m.sock.Type {
		return say("%q is the name of a %s socket, and %s is a %s one", m.by.Addr.Unix, s.Type, m.self(), m.sock.Type)
	}
	return ""
}

// noUnixListener: a file without an open socket, a socket that does not listen, and an abstract name of none.
func noUnixListener(m *moment) string {
	name := m.by.Addr.Unix
	if name == "" || m.sock == nil {
		return ""
	}
	s := m.world.UnixAt(m.host(), name, m.sock.Type)
	_, exists := m.world.File(name)
	switch {
	case s != nil && s.State != "LISTEN":
		return say("%s has the name and does not listen", m.tell(s))
	case s == nil && strings.HasPrefix(name, "@"):
		return say("no socket of %s has the abstract name %q", m.host(), name)
	case s == nil && exists:
		return say("the file %q exists, and the socket that made it is closed", name)
	}
	return ""
}

// noPortForDatagram: inet_autobind makes EAGAIN of whatever get_port said.
func noPortForDatagram(m *moment) string {
	s := m.known()
	if s == nil || s.Ports() != "udp" || !s.Local.Port.IsZero() {
		return ""
	}
	return m.full(s, m.usedUp(s, func(*world.Socket) bool { return true }), "sockets")
}

// wouldBe returns the socket of a connect with its addresses as they would be.
func (m *moment) wouldBe() *world.Socket {
	if m.known() == nil || !m.sock.Stream() || !m.by.HasAddr {
		return nil
	}
	s := *m.sock
	s.Remote = m.by.Addr
	if m.call.Name == "sendto" && !m.has("MSG_FASTOPEN") {
		return nil
	}
	s.Remote.Addr = world.Dialled(s.Local.Addr, s.Remote.Addr)
	if !s.Local.Addr.IsValid() || s.Local.Addr.IsUnspecified() {
		s.Local.Addr = m.world.Source(s.Host, s.Remote.Addr)
	}
	return &s
}

// tupleTaken: the socket has a port, and another one of the host has the same addresses and ports.
func tupleTaken(m *moment) string {
	s := m.wouldBe()
	if s == nil || s.Local.Port.IsZero() {
		return ""
	}
	for _, o := range m.others {
		if o == m.sock || o.Host != s.Host || !o.Stream() || !world.SameTuple(s, o) || m.isSelf(o) {
			continue
		}
		if s.Device != "" && o.Device != "" && s.Device != o.Device {
			continue
		}
		reuse := ", and no option lets two connections have the same addresses and ports"
		if o.State == "TIME_WAIT" {
			reuse = ", and cannot be taken over yet"
		}
		return say("%s has these addresses and ports already%s", m.tell(o), reuse)
	}
	return ""
}

// noPortForTuple: connect may share a port that other connects chose, and none that a bind has.
func noPortForTuple(m *moment) string {
	s := m.wouldBe()
	if s == nil || !s.Local.Port.IsZero() {
		return ""
	}
	return m.full(s, m.usedUp(s, func(*world.Socket) bool { return true }), "that this connection cannot share with")
}

// nobodyListens: of TCP the host answers with a reset. A world with rules of nft(8) cannot tell who did.
func nobodyListens(m *moment) string {
	s := m.sock
	if s == nil || !s.Stream() && s.Type != "sctp" || !m.by.HasAddr || m.filters() {
		return ""
	}
	to := m.by.Addr
	if to.Port.Number == 0 && to.Port.Name == "" {
		return "nothing can listen at port 0"
	}
	to.Addr = world.Dialled(s.Local.Addr, to.Addr)
	host := m.world.HostAt(m.host(), to.Addr)
	if host == "" {
		return ""
	}
	var bound *world.Socket
	for _, o := range m.world.Sockets {
		if o.Host != host || !o.Stream() || o.Local.Port != to.Port || !o.Local.Addr.IsValid() ||
			!world.Overlap(o.Local.Addr, to.Addr, o.V6Only, false) {
			continue
		}
		if o.State == "LISTEN" && o.Doubt && m.world.Programs {
			return say("%s listened there, and a program that was given it has ended that", m.tell(o))
		}
		if o.State == "LISTEN" {
			if o.Device != "" {
				return say("%s listens there by %s alone, and this comes another way", m.tell(o), o.Device)
			}
			return ""
		}
		if o.State == lab.StateBound {
			bound = o
		}
	}
	if bound != nil && bound != s {
		return say("%s has the port and does not listen", m.tell(bound))
	}
	return say("no socket of %s listens at %s, so the host answers with a reset", host, m.place(to))
}

// refusedByRule: rules of nft(8) may answer a SYN in the host's place, by a reset or by ICMP.
func refusedByRule(m *moment) string {
	for _, h := range m.q.Layout.Hosts {
		if m.sock != nil && m.sock.Stream() && strings.Contains(h.NFT, "dport "+m.by.Addr.Port.String()+" reject") {
			return say("the nft rules of %s reject port %s", h.Name, m.by.Addr.Port)
		}
	}
	return ""
}

// filters reports whether some host has rules of nft(8), which may answer in a host's place.
func (m *moment) filters() bool {
	for _, h := range m.q.Layout.Hosts {
		if h.NFT != "" {
			return true
		}
	}
	return false
}

// shutWhileConnecting: shutdown in SYN_SENT is tcp_disconnect, which leaves ECONNRESET for who waits.
func shutWhileConnecting(m *moment) string {
	if m.step.Call.Name == "answer" && m.sock != nil && m.sock.ShutWR && m.sock.State != "ESTABLISHED" {
		return say("%s was shut down while connect waited, and the handshake was given up", m.self())
	}
	return ""
}

// undoneWhileConnecting: 419ce133ab92 counts the disconnects under a call that waits.
func undoneWhileConnecting(m *moment) string {
	if m.step.Call.Name == "answer" && m.sock != nil && m.sock.State != "SYN_SENT" && m.sock.State != "ESTABLISHED" {
		return say("%s was disconnected by connect to AF_UNSPEC while this connect waited (Linux 6.7 or later)", m.self())
	}
	return ""
}
