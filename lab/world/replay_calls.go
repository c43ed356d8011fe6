package world

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"

	"labrun/lab"
)

// sock returns the socket that the i-th argument names, nil for none.
func (r *Replay) sock(a *Answered, i int) *Socket {
	if i < len(a.Call.Args) {
		if name, ok := a.Call.Args[i].(lab.Sock); ok {
			return r.named[a.Process][string(name)]
		}
	}
	return nil
}

// word returns an argument as a step writes it, "" where there is none.
func word(a *Answered, i int) string {
	if i < len(a.Call.Args) {
		return a.Call.Args[i].String()
	}
	return ""
}

// add gives a process a name for a socket, in the place of one that it had under that name before.
func (r *Replay) add(p lab.Process, name string, s *Socket) {
	if name == "" {
		return
	}
	if r.named[p] == nil {
		r.named[p] = map[string]*Socket{}
	}
	n := Name{p, name}
	r.named[p][name] = s
	s.Names = append(s.Names, n)
	if s.Was.Sock == "" {
		s.Was = n
	}
	if !slices.Contains(r.Sockets, s) {
		r.Sockets = append(r.Sockets, s)
	}
}

// user returns as whom the call is made, which a socket that it makes has for its owner.
func (r *Replay) user(a *Answered) uint32 { return r.UserOf(a.Process, a.User) }

// choose returns a port that the kernel chose.
func (r *Replay) choose() Port {
	r.chosen++
	return Port{Name: fmt.Sprintf("?%d", r.chosen)}
}

// TypeOf returns the type of the socket that socket() makes, as a step writes it in one word, "" for one that has
// none.
func TypeOf(call lab.Call) string {
	words := make([]string, 0, 3)
	for _, a := range call.Args[:min(3, len(call.Args))] {
		kind, _, _ := strings.Cut(a.String(), "|")
		words = append(words, kind)
	}
	if sig, _ := lab.SignatureOf(call.Name); len(call.Args) != len(sig.Long) {
		return words[0]
	}
	six := ""
	switch words[0] {
	case "inet6":
		six = "6"
	case "inet":
	case "unix":
		return map[string]string{"stream": "unix", "dgram": "unix-dgram", "seqpacket": "unix-seqpacket"}[words[1]]
	default:
		return words[0]
	}
	switch words[1] + " " + words[2] {
	case "stream 0", "stream tcp":
		return "tcp" + six
	case "stream mptcp":
		return "mptcp" + six
	case "dgram 0", "dgram udp":
		return "udp" + six
	case "dgram udplite":
		return "udplite" + six
	case "dgram icmp", "dgram icmpv6":
		return "ping" + six
	}
	if words[1] == "raw" {
		return "raw" + six
	}
	return ""
}

// make returns a new socket as socket(2) leaves it.
func (r *Replay) make(a *Answered, kind string) *Socket {
	s := &Socket{Host: a.Process.Host, Type: kind, User: r.user(a), Options: map[string]string{}}
	if s.Ports() == "udp" || kind == "unix-dgram" {
		s.State = "UNCONN"
	}
	s.V6Only = s.Is6() && r.Sysctl(s.Host, "net.ipv6.bindv6only", "0") == "1"
	for _, arg := range a.Call.Args {
		s.Nonblock = s.Nonblock || strings.Contains(arg.String(), "SOCK_NONBLOCK")
		s.cloexec = s.cloexec || strings.Contains(arg.String(), "SOCK_CLOEXEC")
	}
	return s
}

// socket follows socket(2): one that was refused is not there.
func (r *Replay) socket(a *Answered) {
	if a.OK() {
		r.add(a.Process, a.Call.Makes, r.make(a, TypeOf(a.Call)))
	}
}

// pair follows socketpair(2), whose ends know each other from the start.
func (r *Replay) pair(a *Answered) {
	if !a.OK() {
		return
	}
	var both []*Socket
	for _, arg := range a.Call.Args {
		if name, ok := arg.(lab.New); ok {
			s := r.make(a, TypeOf(a.Call))
			s.State = "ESTABLISHED"
			r.add(a.Process, string(name), s)
			both = append(both, s)
		}
	}
	if len(both) == 2 {
		both[0].Peer, both[1].Peer = both[1], both[0]
	}
}

// other makes what has a descriptor and is not a socket that a step describes.
func other(kind string) func(*Replay, *Answered) {
	return func(r *Replay, a *Answered) {
		if a.OK() {
			s := r.make(a, kind)
			s.Doubt = kind == ""
			r.add(a.Process, a.Call.Makes, s)
		}
	}
}

// dup gives the same socket one more name: it is closed with the last.
func (r *Replay) dup(a *Answered) {
	if s := r.sock(a, 0); s != nil && a.OK() {
		r.add(a.Process, a.Call.Makes, s)
	}
}

// setsockopt keeps what was set, as the text of the step. What decides who may share a port has a field of its
// own, since it is changed by other calls too.
func (r *Replay) setsockopt(a *Answered) {
	s := r.sock(a, 0)
	if s == nil || !a.OK() || len(a.Call.Args) < 3 {
		return
	}
	name, value := word(a, 1), word(a, 2)
	switch name {
	case "SO_BINDTODEVICE", "SO_BINDTOIFINDEX":
		s.Device = strings.Trim(value, `"`)
	case "IPV6_V6ONLY":
		s.V6Only = value != "0"
	case "SO_ATTACH_REUSEPORT_CBPF", "SO_ATTACH_REUSEPORT_EBPF":
		s.Group = s.Group || s.Local.Port.IsZero()
	case "IP_ADD_MEMBERSHIP", "IPV6_ADD_MEMBERSHIP":
		r.members[membership{s, value}] = true
	case "IP_DROP_MEMBERSHIP", "IPV6_DROP_MEMBERSHIP":
		delete(r.members, membership{s, value})
	}
	if strings.HasPrefix(name, "IPV6_") { // one bit of the socket stands behind both
		if o := "IP_" + strings.TrimPrefix(name, "IPV6_"); o == "IP_FREEBIND" || o == "IP_TRANSPARENT" {
			name = o
		}
	}
	s.Options[name] = value
}

// getsockopt of SO_ERROR takes the error away.
func (r *Replay) getsockopt(a *Answered) {
	if s := r.sock(a, 0); s != nil && word(a, 1) == "SO_ERROR" {
		s.Told = s.Reset != ""
	}
}

// bind follows bind(2). Of port 0 the kernel chooses one, but with IP_BIND_ADDRESS_NO_PORT it does that at
// connect.
func (r *Replay) bind(a *Answered) {
	s := r.sock(a, 0)
	if s == nil || !a.OK() || !a.HasAddr {
		return
	}
	if s.IsUnix() {
		s.Local.Unix = a.Addr.Unix
		if s.State == "" {
			s.State = lab.StateBound
		}
		if a.Addr.Unix != "" && !strings.HasPrefix(a.Addr.Unix, "@") {
			r.paths[inLab(a.Addr.Unix)] = s
		}
		return
	}
	s.Local, s.Bound = a.Addr, true
	if zone := a.Addr.Addr.Zone(); zone != "" {
		s.Device = zone
	}
	if s.Local.Addr.Is6() && !s.Local.Addr.IsUnspecified() && !s.Local.Addr.Is4In6() {
		s.V6Only = true // __inet6_bind
	}
	if s.Local.Port.IsZero() && !s.Set("IP_BIND_ADDRESS_NO_PORT") {
		s.Local.Port, s.AutoPort = r.choose(), true
	}
	if s.Stream() && !s.Local.Port.IsZero() {
		s.State = lab.StateBound
	}
}

// listen follows listen(2), which gives an unbound socket of TCP the wildcard and a port (inet_csk_listen_start).
func (r *Replay) listen(a *Answered) {
	s := r.sock(a, 0)
	if s == nil || !a.OK() {
		return
	}
	s.State = "LISTEN"
	if n, ok := a.Call.Args[len(a.Call.Args)-1].(lab.Int); ok {
		s.Backlog = int(n)
	}
	r.giveAddress(s)
}

// giveAddress gives a socket of TCP or UDP the address and the port that it still lacks.
func (r *Replay) giveAddress(s *Socket) {
	if s.Ports() == "" {
		return
	}
	if !s.Local.Addr.IsValid() {
		s.Local.Addr = netip.IPv4Unspecified()
		if s.Is6() {
			s.Local.Addr = netip.IPv6Unspecified()
		}
	}
	if s.Local.Port.IsZero() {
		s.Local.Port, s.AutoPort = r.choose(), true
	}
}

// accept takes the first connection of the queue. In a group of SO_REUSEPORT it may wait at another listener than
// that which Apply gave it to, as only a hash tells.
func (r *Replay) accept(a *Answered) {
	l := r.sock(a, 0)
	if l == nil || !a.OK() {
		return
	}
	var child *Socket
	for _, s := range r.Sockets {
		if s.Listener == nil || s.Listener != l && (s.Listener.Local.Port != l.Local.Port || s.Listener.Host != l.Host) {
			continue
		}
		if a.From.Port != (Port{}) && !s.Remote.Port.Chosen() && s.Remote.Port != a.From.Port {
			continue
		}
		if child == nil || child.Listener != l && s.Listener == l {
			child = s
		}
	}
	if child == nil {
		child = &Socket{Host: l.Host, Type: l.Type, State: "ESTABLISHED", Local: l.Local, Remote: a.From,
			Options: maps.Clone(l.Options),
			Device:  l.Device, V6Only: l.V6Only, Doubt: true}
	}
	if a.From.Port != (Port{}) && child.Remote.Port.Chosen() {
		r.rename(child.Remote.Port, a.From.Port)
	}
	child.Listener, child.User = nil, r.user(a)
	for _, arg := range a.Call.Args[1:] {
		child.Nonblock = strings.Contains(arg.String(), "SOCK_NONBLOCK")
	}
	r.add(a.Process, a.Call.Makes, child)
}

// rename gives a port that the kernel chose the name or number by which a step has learned of it.
func (r *Replay) rename(from, to Port) {
	if to.IsZero() || to.Chosen() {
		return
	}
	for _, s := range r.Sockets {
		for _, p := range []*Port{&s.Local.Port, &s.Remote.Port} {
			if *p == from {
				*p = to
			}
		}
	}
}

// waits reports whether a connect goes on, though it has returned.
func waits(a *Answered) bool {
	return a.Answer.Outcome == lab.Blocked || a.Answer.Errno == "EINPROGRESS" || a.Answer.Errno == "EALREADY" ||
		a.Answer.Errno == "EINTR" || a.Answer.Errno == "EAGAIN"
}

// connect follows connect(2). One that returns before the connection is there leaves the socket in SYN_SENT, and
// the next call about it tells how that ended.
func (r *Replay) connect(a *Answered) {
	s := r.sock(a, 0)
	if s == nil {
		return
	}
	to := a.Addr
	if arg, ok := a.Call.Args[1].(lab.Addr); ok && arg == lab.Unspec {
		if a.OK() {
			r.disconnect(s)
		}
		return
	}
	switch {
	case s.IsUnix():
		if a.OK() {
			r.connectUnix(s, to)
		}
		return
	case !a.OK() && !waits(a):
		r.failed(s, a.Answer.Errno)
		return
	case s.Ports() == "udp":
		if a.OK() {
			s.State, s.Remote = "ESTABLISHED", to
			r.narrow(s, to.Addr)
		}
		return
	case !s.Stream():
		s.Remote = to
		return
	}
	to.Addr = Dialled(s.Local.Addr, to.Addr)
	s.Remote = to
	r.narrow(s, to.Addr)
	if !a.OK() {
		if s.State != "ESTABLISHED" {
			s.State = "SYN_SENT"
		}
		return
	}
	if s.State == "ESTABLISHED" && s.Peer != nil {
		return // the second half of a connect that did not wait
	}
	r.established(s)
}

// narrow gives a socket on the wildcard the source that routing chooses. It is not known where more than one NIC
// could do: the address is invalid then, and overlaps all.
func (r *Replay) narrow(s *Socket, to netip.Addr) {
	if s.Local.Port.IsZero() {
		s.Local.Port, s.AutoPort = r.choose(), true
	}
	if s.Local.Addr.IsValid() && !s.Local.Addr.IsUnspecified() {
		return
	}
	s.Local.Addr = r.Source(s.Host, to)
}

// Source returns the source address that routing chooses on a host, invalid where that is not known.
func (r *Replay) Source(host string, to netip.Addr) netip.Addr {
	if r.Has(host, to) {
		return to
	}
	h, ip := r.hosts[host], to.Unmap()
	if h == nil || h.Changed {
		return netip.Addr{}
	}
	for _, p := range h.Addresses {
		if p.Contains(ip) && p.Addr().Is4() == ip.Is4() && !h.Down[p.NIC] {
			if to.Is4In6() {
				return netip.AddrFrom16(p.Addr().As16())
			}
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// established makes the other end of a connection of TCP, which waits at its listener for accept. A TIME_WAIT with
// the same addresses and ports was taken over.
func (r *Replay) established(s *Socket) {
	s.State, s.Reset, s.Told, s.ShutRD, s.ShutWR, s.Queue = "ESTABLISHED", "", false, false, false, 0
	r.forget(func(o *Socket) bool { return o.State == "TIME_WAIT" && o.Host == s.Host && SameTuple(o, s) })
	host := r.HostAt(s.Host, s.Remote.Addr)
	var found *Socket
	for _, l := range r.Sockets {
		if l.State == "LISTEN" && l.Host == host && l.Stream() && l.Local.Port == s.Remote.Port &&
			Overlap(l.Local.Addr, s.Remote.Addr, l.V6Only, false) {
			if found == nil || found.Local.Addr.IsUnspecified() && !l.Local.Addr.IsUnspecified() {
				found = l
			}
		}
	}
	if found == nil {
		return
	}
	child := &Socket{Host: host, Type: found.Type, User: found.User, State: "ESTABLISHED", Local: s.Remote,
		Remote:  s.Local,
		Options: maps.Clone(found.Options), Device: found.Device, V6Only: found.V6Only, Listener: found, Peer: s,
		Was: found.Was}
	s.Peer = child
	r.Sockets = append(r.Sockets, child)
}

// SameTuple reports whether two sockets of TCP have the same addresses and ports at both ends.
func SameTuple(a, b *Socket) bool {
	same := func(x, y Endpoint) bool {
		return x.Port == y.Port && !x.Port.IsZero() && x.Addr.IsValid() && y.Addr.IsValid() &&
			x.Addr.Unmap().WithZone("") == y.Addr.Unmap().WithZone("")
	}
	return same(a.Local, b.Local) && same(a.Remote, b.Remote)
}

// connectUnix connects a socket of unix(7) to the one that has the name.
func (r *Replay) connectUnix(s *Socket, to Endpoint) {
	s.Remote = to
	l := r.UnixAt(s.Host, to.Unix, s.Type)
	s.State = "ESTABLISHED"
	if s.Type == "unix-dgram" || l == nil {
		s.Peer = l
		return
	}
	child := &Socket{Host: l.Host, Type: l.Type, User: l.User, State: "ESTABLISHED", Local: l.Local,
		Options:  map[string]string{},
		Listener: l, Peer: s, Was: l.Was}
	s.Peer = child
	r.Sockets = append(r.Sockets, child)
}

// inLab returns a path as one of the lab's files, where processes begin in /tmp.
func inLab(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join("/tmp", name)
}

// File returns the socket that made the file of a name, whether it is open or not; false where no file of a socket
// exists.
func (r *Replay) File(name string) (*Socket, bool) {
	s, ok := r.paths[inLab(name)]
	return s, ok
}

// UnixAt returns the open socket that has a name of unix(7), nil for none. One that accept made has its listener's
// name without holding it.
func (r *Replay) UnixAt(host, name, kind string) *Socket {
	if s, ok := r.paths[inLab(name)]; ok && !strings.HasPrefix(name, "@") {
		if len(s.Names) > 0 {
			return s
		}
		return nil
	}
	for _, s := range r.Sockets {
		if s.IsUnix() && s.Local.Unix == name && s.Host == host && len(s.Names) > 0 && s.Type == kind &&
			s.Listener == nil &&
			(s.Type == "unix-dgram" || s.State != "ESTABLISHED" || s.Peer == nil || s.Peer.Remote.Unix == "") {
			return s
		}
	}
	return nil
}

// failed is a connect that ended with an error: a port that bind gave stays, one of the kernel's choice does not.
func (r *Replay) failed(s *Socket, errno string) {
	switch errno {
	case "EISCONN", "EINVAL", "EFAULT", "EAFNOSUPPORT", "EBADF", "ENOTSOCK", "EOPNOTSUPP":
		return // nothing was tried
	}
	if s.Stream() && s.State != "ESTABLISHED" && s.State != "LISTEN" {
		r.unconnect(s)
	}
}

// disconnect follows connect to AF_UNSPEC.
func (r *Replay) disconnect(s *Socket) {
	if p := s.Peer; p != nil && s.Stream() && s.State != "TIME_WAIT" {
		r.reset(p, ResetUndone)
	}
	s.Peer = nil
	if s.Stream() && s.State == "LISTEN" {
		r.dropQueue(s)
	}
	r.unconnect(s)
	s.ShutRD, s.ShutWR = false, false
}

// unconnect takes the peer away, and of the address and port what bind did not give (inet_reset_saddr,
// SOCK_BINDPORT_LOCK).
func (r *Replay) unconnect(s *Socket) {
	s.Remote, s.Peer = Endpoint{}, nil
	if s.AutoPort {
		s.Local.Port, s.AutoPort = Port{}, false
	}
	if !s.Bound {
		s.Local.Addr = netip.Addr{}
	}
	switch {
	case !s.Stream():
		s.State = "UNCONN"
	case s.Local.Port.IsZero():
		s.State = ""
	default:
		s.State = lab.StateBound
	}
}

// send follows all that sends. What comes to a socket that is closed is answered with a reset, which the next call
// of the sender tells; a datagram gives the socket its port (inet_autobind).
func (r *Replay) send(a *Answered) {
	s := r.sock(a, 0)
	if s == nil {
		return
	}
	text, _ := a.Call.Args[min(1, len(a.Call.Args)-1)].(lab.Text)
	if strings.HasPrefix(s.Type, "raw") && len(text) >= 2 && a.HasAddr && a.OK() {
		r.ICMP = append(r.ICMP, ICMP{a.Addr.Addr, text[0], text[1]})
	}
	if a.Call.Name == "sendto" && strings.Contains(word(a, len(a.Call.Args)-1), "MSG_FASTOPEN") {
		c := *a
		c.Call.Args = a.Call.Args[:1:1]
		c.Call.Args = append(c.Call.Args, a.Call.Args[2])
		r.connect(&c)
		return
	}
	if !a.OK() {
		if a.Answer.Errno == "ECONNRESET" || a.Answer.Errno == "EPIPE" {
			s.Told = true
		}
		return
	}
	if other := r.sock(a, 1); other != nil { // SCM_RIGHTS
		r.passing = append(r.passing, other)
		other.Names = append(other.Names, Name{})
	}
	if s.Ports() == "udp" || s.Type == "raw" {
		r.giveAddress(s)
	}
	if p := s.Peer; p != nil && s.Ports() != "udp" {
		p.Queue++
		if a.Call.Name == "fill" {
			p.Queue += 1 << 20
		}
		if s.Stream() && len(p.Names) == 0 && p.Listener == nil && p.State != "" {
			r.reset(s, ResetClosed) // the other end says so (tcp_rcv_state_process)
			r.forget(func(o *Socket) bool { return o == p })
		}
	}
}

// recv follows all that receives. Of a stream no one can say from the answer how much is left, so its queue counts
// as read.
func (r *Replay) recv(a *Answered) {
	s := r.sock(a, 0)
	if s == nil {
		return
	}
	if !a.OK() {
		if a.Answer.Errno == "ECONNRESET" {
			s.Told = true
		}
		return
	}
	peek := strings.Contains(word(a, len(a.Call.Args)-1), "MSG_PEEK")
	if !peek && s.Queue > 0 {
		if s.Queue--; a.Call.Name == "drain" || s.Stream() {
			s.Queue = 0 // a stream has no messages: what recv leaves is not known
		}
	}
	if a.Call.Makes != "" {
		if len(r.passing) == 0 {
			r.add(a.Process, a.Call.Makes, &Socket{Host: s.Host, Options: map[string]string{}, Doubt: true})
			return
		}
		passed := r.passing[0]
		r.passing = r.passing[1:]
		passed.drop(Name{})
		r.add(a.Process, a.Call.Makes, passed)
	}
}

// drop takes a descriptor of the socket away.
func (s *Socket) drop(n Name) {
	if i := slices.Index(s.Names, n); i >= 0 {
		s.Names = slices.Delete(s.Names, i, i+1)
	}
}

// getsockname tells what the steps cannot know: the address that routing chose and the port that the kernel did.
func (r *Replay) getsockname(a *Answered) {
	s := r.sock(a, 0)
	if s == nil || !a.OK() || s.Ports() == "" {
		return
	}
	if a.Value.Addr.IsValid() {
		s.Local.Addr = a.Value.Addr
	}
	switch {
	case a.Value.Port.IsZero():
	case s.Local.Port.Chosen():
		r.rename(s.Local.Port, a.Value.Port)
	case s.Local.Port.IsZero():
		s.Local.Port = a.Value.Port
	}
}

// shutdown follows shutdown(2). A listener is a bound socket again, or none at all where the kernel chose its port.
func (r *Replay) shutdown(a *Answered) {
	s := r.sock(a, 0)
	if s == nil || !a.OK() {
		return
	}
	rd, wr := word(a, 1) != "SHUT_WR", word(a, 1) != "SHUT_RD"
	s.ShutRD, s.ShutWR = s.ShutRD || rd, s.ShutWR || wr
	switch {
	case s.State == "LISTEN" && rd && s.Stream():
		r.dropQueue(s)
		r.unconnect(s)
		s.ShutRD = false
	case s.IsUnix() && s.Peer != nil:
		s.Peer.ShutRD, s.Peer.ShutWR = s.Peer.ShutRD || wr, s.Peer.ShutWR || rd
	case s.State == "SYN_SENT":
		r.unconnect(s)
	case s.Stream() && wr:
		r.finish(s)
	}
}

// finish sends a FIN: the end that does so first waits in TIME_WAIT in the end.
func (r *Replay) finish(s *Socket) {
	p := s.Peer
	switch s.State {
	case "ESTABLISHED":
		s.State = "FIN_WAIT2"
		switch {
		case p == nil:
			s.Doubt = true
		case p.State == "ESTABLISHED":
			p.State, p.ShutRD = "CLOSE_WAIT", true
		}
	case "CLOSE_WAIT":
		r.closed(s)
		if p != nil {
			r.timeWait(p)
		} else {
			s.Doubt = true
		}
	}
}

// closed is a connection of TCP that both ends have ended, without a TIME_WAIT here.
func (r *Replay) closed(s *Socket) {
	s.Peer = nil
	if len(s.Names) == 0 && s.Listener != nil {
		return // accept takes it all the same
	}
	if len(s.Names) == 0 {
		r.forget(func(o *Socket) bool { return o == s })
		return
	}
	remote := s.Remote
	r.unconnect(s)
	s.Remote = remote
}

// timeWait leaves a connection in TIME_WAIT, which is no process's: a descriptor that is still open has the closed
// socket (tcp_time_wait, tcp_done).
func (r *Replay) timeWait(s *Socket) {
	if r.Sysctl(s.Host, "net.ipv4.tcp_max_tw_buckets", "") != "0" {
		left := *s
		left.Names, left.State, left.Peer, left.Options = nil, "TIME_WAIT", nil, maps.Clone(s.Options)
		r.Sockets = append(r.Sockets, &left)
	}
	r.closed(s)
}

// reset ends a connection of TCP at once.
func (r *Replay) reset(s *Socket, cause string) {
	s.Reset, s.Told, s.ShutRD, s.ShutWR = cause, false, true, true
	r.closed(s)
}

// dropQueue resets what waits at a listener that is no longer one (inet_csk_listen_stop).
func (r *Replay) dropQueue(l *Socket) {
	for _, s := range slices.Clone(r.Sockets) {
		if s.Listener == l {
			if s.Peer != nil {
				r.reset(s.Peer, ResetQueue)
			}
			r.forget(func(o *Socket) bool { return o == s })
		}
	}
}

func (r *Replay) forget(which func(*Socket) bool) { r.Sockets = slices.DeleteFunc(r.Sockets, which) }

// close gives up a name. One that waits, with SO_LINGER, has given it up before it waits.
func (r *Replay) close(a *Answered) {
	if len(a.Call.Args) == 0 || !a.OK() && a.Answer.Outcome != lab.Blocked {
		return
	}
	if name, ok := a.Call.Args[0].(lab.Sock); ok {
		r.closeName(a.Process, string(name))
	}
}

// closeName gives up a name that a process has, and with the last one the socket.
func (r *Replay) closeName(p lab.Process, name string) {
	s := r.named[p][name]
	if s == nil {
		return
	}
	delete(r.named[p], name)
	if s.drop(Name{p, name}); len(s.Names) == 0 {
		r.release(s)
	}
}

// release is the last close of a socket.
func (r *Replay) release(s *Socket) {
	gone := func() { r.forget(func(o *Socket) bool { return o == s }) }
	switch {
	case s.State == "LISTEN":
		r.dropQueue(s)
		gone()
	case s.IsUnix():
		if p := s.Peer; p != nil && s.Type != "unix-dgram" {
			p.ShutRD, p.ShutWR, p.Peer = true, true, nil
			if s.Queue > 0 {
				p.Reset = ResetUnread // unix_release_sock
			}
		}
		gone()
	case !s.Stream():
		gone()
	case s.Options["SO_LINGER"] == "{l_onoff=1, l_linger=0}", s.Queue > 0 && (s.State == "ESTABLISHED" ||
		s.State == "CLOSE_WAIT"):
		if s.Peer != nil {
			cause := ResetUnread
			if s.Queue == 0 {
				cause = ResetLinger
			}
			r.reset(s.Peer, cause)
		}
		gone()
	case s.State == "ESTABLISHED", s.State == "CLOSE_WAIT":
		r.finish(s)
	case s.State == "FIN_WAIT2": // it was shut down before
	default:
		gone()
	}
}

// fchown changes the owner, which SO_REUSEPORT compares (sk_uid).
func (r *Replay) fchown(a *Answered) {
	if n, ok := a.Call.Args[len(a.Call.Args)-1].(lab.Int); ok && a.OK() {
		if s := r.sock(a, 0); s != nil {
			s.User = uint32(n)
		}
	}
}

// unlink takes the file away; its socket goes on without.
func (r *Replay) unlink(a *Answered) {
	if text, ok := a.Call.Args[0].(lab.Text); ok && a.OK() {
		delete(r.paths, inLab(string(text)))
	}
}

// fcntl follows the two flags that answers depend on.
func (r *Replay) fcntl(a *Answered) {
	s := r.sock(a, 0)
	if s == nil || !a.OK() {
		return
	}
	switch flags := word(a, 2); word(a, 1) {
	case "F_SETFD":
		s.cloexec = strings.Contains(flags, "FD_CLOEXEC")
	case "F_SETFL":
		s.Nonblock = strings.Contains(flags, "O_NONBLOCK")
	}
}

// ioctl follows FIONBIO, and counts what sets something of a link as a change of the host.
func (r *Replay) ioctl(a *Answered) {
	if s := r.sock(a, 0); s != nil && a.OK() && word(a, 1) == "FIONBIO" {
		s.Nonblock = word(a, 2) != "0"
	}
	if strings.HasPrefix(word(a, 1), "SIOCS") {
		r.link(a)
	}
}

// seteuid changes the owner of sockets that are made from now on.
func (r *Replay) seteuid(a *Answered) {
	if n, ok := a.Call.Args[0].(lab.Int); ok && a.OK() {
		r.users[a.Process] = uint32(n)
	}
}

// exec closes what is close-on-exec, and nothing else of sockets changes.
func (r *Replay) exec(a *Answered) {
	for _, name := range slices.Sorted(maps.Keys(r.named[a.Process])) {
		if r.named[a.Process][name].cloexec {
			r.closeName(a.Process, name)
		}
	}
}

// child returns the process that the first argument names, which is on the caller's host.
func (r *Replay) child(a *Answered) lab.Process {
	return lab.Process{Host: a.Process.Host, Name: word(a, 0)}
}

// fork gives a child the names of its parent, all or those that the step has.
func (r *Replay) fork(a *Answered) {
	if !a.OK() {
		return
	}
	child, only := r.child(a), a.Call.Args[1:]
	r.users[child] = r.user(a)
	for _, name := range slices.Sorted(maps.Keys(r.named[a.Process])) {
		if len(only) == 0 || slices.Contains(only, lab.Arg(lab.Sock(name))) {
			r.add(child, name, r.named[a.Process][name])
		}
	}
}

func (r *Replay) exit(a *Answered) { r.end(a.Process) }

// end closes all that a process has.
func (r *Replay) end(p lab.Process) {
	for _, name := range slices.Sorted(maps.Keys(r.named[p])) {
		r.closeName(p, name)
	}
}

// kill ends a process, but where the signal may be one that it survives.
func (r *Replay) kill(a *Answered) {
	if a.OK() && len(a.Call.Args) > 1 {
		r.caught[r.child(a)] = word(a, 1)
	}
	if a.OK() && (len(a.Call.Args) == 1 || word(a, 1) == "SIGKILL") {
		r.end(r.child(a))
	}
}

// sigaction keeps how a process takes a signal, which decides whether a call that waits goes on.
func (r *Replay) sigaction(a *Answered) {
	if !a.OK() {
		return
	}
	if r.actions[a.Process] == nil {
		r.actions[a.Process] = map[string]string{}
	}
	action := word(a, 1)
	if len(a.Call.Args) > 2 {
		action += ", " + word(a, 2)
	}
	r.actions[a.Process][word(a, 0)] = action
}

// watch follows epoll_ctl(2).
func (r *Replay) watch(a *Answered) {
	e, s := r.sock(a, 0), r.sock(a, 2)
	if e == nil || s == nil || !a.OK() {
		return
	}
	switch word(a, 1) {
	case "EPOLL_CTL_ADD":
		r.watched[watch{e, s, word(a, 2)}] = true
	case "EPOLL_CTL_DEL":
		delete(r.watched, watch{e, s, word(a, 2)})
	}
}

// answer follows the end of a call in the background.
func (r *Replay) answer(a *Answered) {
	began, ok := r.pending[a.Process][word(a, 0)]
	if !ok || a.Answer.Outcome == lab.Blocked {
		return
	}
	delete(r.pending[a.Process], word(a, 0))
	began.Pending, began.Answer, began.Value, began.From = "", a.Answer, a.Value, a.From
	r.Apply(began)
}

// together follows calls that were made at the same instant. Which of them was answered what is left open, unless all
// were answered alike, so sockets are in doubt that one of them is about.
func (r *Replay) together(a *Answered) {
	held := r.held
	r.held = nil
	outcomes, _ := a.Answer.Value.(lab.Outcomes)
	first := func(o lab.Answer) bool { return o.String() == outcomes[0].String() }
	if len(outcomes) == len(held) && !slices.ContainsFunc(outcomes, func(o lab.Answer) bool { return !first(o) }) {
		for _, call := range held {
			call.Held, call.Pending, call.Answer = false, "", outcomes[0]
			r.Apply(call)
		}
		return
	}
	for _, call := range held {
		if s := r.sock(&call, 0); s != nil {
			s.Doubt = true
		}
	}
}
