package local

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"labrun/lab"
	"labrun/lab/result"
)

// explain returns what explains the answer of a red step.
func (e *explainer) explain(ctx context.Context) (result.Snapshot, error) {
	s, g := e.step, e.got
	why := result.Snapshot{Limit: g.limit.Seconds()}
	var err error
	if why.To, err = e.destinationWords(); err != nil {
		return why, err
	}
	if why.Sockets, err = e.snapshot(ctx); err != nil {
		return why, err
	}
	name := e.unixNameIn(s.Call)
	switch {
	case g.why != "":
		why.Why = []string{g.why}
	case name != "" && (g.Errno == "ECONNREFUSED" || g.Errno == "ENOENT" && s.Call.Name != "bind"):
		why.Listens, err = e.unixElsewhere(ctx, name, why.Sockets)
	case g.Errno == "ECONNREFUSED":
		why.Listens, err = e.elsewhere(ctx, why.Sockets)
	case g.Errno == "EACCES", g.Errno == "EPERM":
		why.Why, err = e.forbidden()
	}
	if name != "" && err == nil && why.Why == nil {
		why.Why, err = e.unixRules(name, g.Errno, why)
	}
	if err != nil {
		return why, err
	}
	rule, err := e.refusal(ctx, why.Sockets)
	if err != nil {
		return why, err
	}
	if rule != "" {
		why.Why = append(why.Why, rule)
	}
	full, err := e.noPortLeft(ctx)
	if err != nil {
		return why, err
	}
	if full != "" {
		why.Why = append(why.Why, full)
	}
	kept, err := e.keptPorts(s.Process.Host)
	why.Why = append(why.Why, kept...)
	return why, err
}

// destinationWords says what the address of a step is: 192.0.2.2 on beta, the caller
// itself. It is "" for one that is the same on every host, and where the step has none.
func (e *explainer) destinationWords() (string, error) {
	s := e.step
	who := s.Process
	for _, arg := range s.Call.Args {
		a, ok := arg.(lab.Addr)
		if !ok || a == lab.Unspec || s.Call.Name == "sockets" || a.Host == "" && lab.WellKnown(a.Name) {
			continue
		}
		addr, _ := e.addr(s)
		ip := addr.Addr()
		host, err := e.destination(who.Host, ip.Unmap().WithZone(""))
		if err != nil {
			return "", err
		}
		words := ip.String()
		switch {
		case host == "" && (ip.IsMulticast() || e.isBroadcast(ip, who.Host)):
			return "", nil
		case host == "":
			return words + " on no host", nil
		case a.Host != "" || a.Name == "":
			words += " on " + host
		}
		if host == who.Host && s.Call.Dials() && !ip.IsLoopback() {
			words += ", the caller itself"
		}
		if a.Name == "" && words == ip.String() {
			return "", nil // it says nothing that the call does not
		}
		return words, nil
	}
	return "", nil
}

// elsewhere returns the sockets of all hosts that would take what was sent to the port
// that refused it, but for those that are explained already: a client that dials the
// wrong address of the right server finds it here.
func (e *explainer) elsewhere(ctx context.Context, told []result.SocketInfo) ([]result.SocketInfo, error) {
	s := e.step
	q, err := e.sought(ctx)
	if err != nil || q.protocol != "tcp" && q.protocol != "udp" {
		return nil, err
	}
	port := q.Addr.Port()
	if !s.Call.Dials() { // on a connected socket
		port = q.peer.Port()
	}
	if port == 0 {
		return nil, nil
	}
	var all []result.SocketInfo
	for _, h := range e.q.Layout.Hosts {
		if e.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := e.lab.Host(h.Name).SocketsOf(q.protocol, q.protocol+"6")
		if err != nil {
			return nil, err
		}
		socks = slices.DeleteFunc(socks, func(s lab.Socket) bool {
			return s.Local.Port() != port || s.State != "LISTEN" && s.State != "UNCONN"
		})
		if len(socks) == 0 {
			continue
		}
		owned, err := e.owned(ctx, h.Name, port)
		if err != nil {
			return nil, err
		}
		for _, s := range socks {
			h := e.holder(h.Name, s, owned)
			if !slices.ContainsFunc(told, func(t result.SocketInfo) bool { return t.String() == h.String() }) {
				all = append(all, h)
			}
		}
	}
	return all, nil
}

// forbidden returns the rules by which the kernel may refuse a call with EACCES or
// EPERM: the parameter, and the capability that the process has not.
func (e *explainer) forbidden() ([]string, error) {
	s, g := e.step, e.got
	who := s.Process
	p := e.processes[who]
	if p == nil {
		return nil, nil
	}
	user, caps, err := p.Credentials()
	if err != nil {
		return nil, nil // it has ended meanwhile
	}
	var why []string
	needs := capabilityFor(s.Call, g.Errno)
	if name := e.unixNameIn(s.Call); name != "" {
		rule, lacks, err := e.unixForbidden(g.Errno, name, user)
		if err != nil {
			return nil, err
		}
		if rule != "" {
			why, needs = append(why, rule), lacks
		}
	}
	for _, arg := range s.Call.Args {
		a, ok := arg.(lab.Addr)
		if !ok || a == lab.Unspec || g.Errno != "EACCES" {
			continue
		}
		addr, _ := e.addr(s)
		rule, err := e.addressRule(s.Call.Name, addr, who.Host)
		if err != nil {
			return nil, err
		}
		if rule != "" {
			why = append(why, rule)
			if s.Call.Name == "bind" {
				needs = "CAP_NET_BIND_SERVICE"
			}
		}
	}
	switch {
	case needs != "" && !slices.Contains(caps, needs):
		why = append(why, fmt.Sprintf("user %d without %s", user, needs))
	case len(why) == 0:
		why = append(why, fmt.Sprintf("user %d", user))
	}
	return why, nil
}

// refusal says which rule is behind a refused bind or connect that its sockets alone do not
// explain: a link-local address is one of a NIC (__inet6_bind, tcp_v6_connect), and only sockets
// of one user share a port by SO_REUSEPORT (inet_bind_conflict).
func (e *explainer) refusal(ctx context.Context, seen []result.SocketInfo) (string, error) {
	s, g := e.step, e.got
	who := s.Process
	sock, ok := firstSock(s.Call)
	if !ok || e.processes[who] == nil {
		return "", nil
	}
	switch {
	case g.Errno == "EINVAL" && (s.Call.Name == "bind" || s.Call.Dials()):
		if addr, ok := e.addr(s); ok {
			own, err := e.processes[who].Owns(ctx, sock)
			if ip := addr.Addr(); err == nil && ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "" && own.Device == "" {
				return fmt.Sprintf("%s is a link-local address, which takes a NIC: [%s%%NIC]", ip, ip), nil
			}
			return "", err
		}
	case g.Errno == "EADDRINUSE" && s.Call.Name == "bind":
		own, err := e.processes[who].Owns(ctx, sock)
		if err != nil || !slices.Contains(own.Options, "SO_REUSEPORT") {
			return "", err
		}
		for _, h := range seen {
			if slices.Contains(h.Options, "SO_REUSEPORT") && h.User != own.UID {
				return fmt.Sprintf("SO_REUSEPORT shares a port among the sockets of one user, and these are of users %d and %d", h.User, own.UID), nil
			}
		}
	}
	return "", nil
}

// addressRule says which rule an address broke when a call with it is answered EACCES:
// a port that is kept from users (inet_port_requires_bind_service), or a broadcast
// address, which is for sockets with SO_BROADCAST (ip_route_connect, udp_sendmsg).
func (e *explainer) addressRule(call string, addr netip.AddrPort, host string) (string, error) {
	if call != "bind" {
		if e.isBroadcast(addr.Addr(), host) {
			return fmt.Sprintf("%s is a broadcast address, and the socket has not set SO_BROADCAST", addr.Addr()), nil
		}
		return "", nil
	}
	const name = "net.ipv4.ip_unprivileged_port_start" // of IPv6, too
	value, err := e.lab.Host(host).ReadSysctl(name)
	if err != nil {
		return "", err
	}
	first, err := strconv.Atoi(value)
	if err != nil || addr.Port() == 0 || int(addr.Port()) >= first {
		return "", err
	}
	return fmt.Sprintf("%d < %s = %d", addr.Port(), name, first), nil
}

// isBroadcast reports whether an address is a broadcast one to a host.
func (v *view) isBroadcast(ip netip.Addr, host string) bool {
	ip = ip.Unmap()
	if !ip.Is4() {
		return false
	}
	for _, n := range v.q.Layout.Host(host).NICs {
		for _, own := range n.Addresses {
			if own.Prefix.Addr().Is4() && own.Prefix.Bits() < 31 && ip == lastOf(own.Prefix) {
				return true
			}
		}
	}
	return ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// lastOf returns the last address of an IPv4 subnet.
func lastOf(p netip.Prefix) netip.Addr {
	four := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		four[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(four)
}

// capabilityFor returns the capability that lets a call through which is refused with
// EPERM to others, "" when labrun knows of none.
func capabilityFor(call lab.Call, errno string) string {
	switch {
	case errno != "EPERM":
	case call.Name == "socket": // inet_create, of a raw one
		return "CAP_NET_RAW"
	case call.Name == "fchown":
		return "CAP_CHOWN"
	case call.Name == "seteuid":
		return "CAP_SETUID"
	case call.Name == "kill":
		return "CAP_KILL"
	case call.Name == "setsockopt":
		switch call.Args[1].String() { // sk_setsockopt, do_ip_setsockopt, do_tcp_setsockopt
		case "SO_BINDTODEVICE", "SO_BINDTOIFINDEX": // of a socket that is tied to a NIC already
			return "CAP_NET_RAW"
		case "SO_ATTACH_REUSEPORT_EBPF":
			return "CAP_BPF"
		case "SO_MARK", "SO_PRIORITY", "IP_TRANSPARENT", "IPV6_TRANSPARENT", "TCP_REPAIR":
			return "CAP_NET_ADMIN"
		}
	}
	return ""
}
