package world

import (
	"net/netip"

	"labrun/lab"
)

// Place is where a socket is or wants to be, on one host: what decides whether another one is in
// its way. Options and states, which may allow both, do not count here.
type Place struct {
	Addr   netip.AddrPort
	V6Only bool   // IPV6_V6ONLY
	Device string // SO_BINDTODEVICE; "" is any
}

// PlaceOf returns where a socket is that the kernel lists.
func PlaceOf(s lab.Socket) Place { return Place{Addr: s.Local, V6Only: s.V6Only, Device: s.Device} }

// Overlaps reports whether two sockets of the same protocol would take the same packets: their
// ports are equal, their addresses overlap, and no two devices keep them apart (inet_bind_conflict
// in net/ipv4/inet_connection_sock.c, udp_lib_lport_inuse in net/ipv4/udp.c).
func (p Place) Overlaps(o Place) bool {
	return p.Addr.Port() == o.Addr.Port() &&
		(p.Device == "" || o.Device == "" || p.Device == o.Device) &&
		Overlap(p.Addr.Addr(), o.Addr.Addr(), p.V6Only, o.V6Only)
}

// Overlap reports whether two local addresses overlap, as inet_rcv_saddr_equal sees them: equal,
// or one of them is a wildcard that takes the other in. The wildcard of IPv6 takes IPv4 in unless
// it is v6only. An address that is not known overlaps all.
func Overlap(a, b netip.Addr, aV6Only, bV6Only bool) bool {
	four := func(ip netip.Addr) bool { return ip.Is4() || ip.Is4In6() }
	switch {
	case !a.IsValid() || !b.IsValid():
		return true
	case four(a) == four(b):
		a, b = a.Unmap().WithZone(""), b.Unmap().WithZone("")
		return a == b || a.IsUnspecified() || b.IsUnspecified()
	case four(a):
		return b.IsUnspecified() && !bV6Only
	}
	return a.IsUnspecified() && !aV6Only
}

// Unmapped returns an address as the kernel's table of connections has it: a mapped one is
// IPv4's there (inet_match), and the zone is the socket's device.
func Unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Dialled returns where a connect goes to. To a wildcard it is the host itself: of IPv4 the socket's own address,
// where it has one (ip_route_output_key_hash_rcu), and else loopback; of IPv6 always loopback, that of IPv4 from a
// mapped address (tcp_v6_connect).
func Dialled(own, to netip.Addr) netip.Addr {
	has := own.IsValid() && !own.Unmap().IsUnspecified()
	lo := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	switch {
	case !to.Unmap().IsUnspecified():
		return to
	case to.Is4() && has:
		return own.Unmap()
	case to.Is4():
		return lo
	case to.Is4In6() && has:
		return own
	case to.Is4In6(), own.Is4In6():
		return netip.AddrFrom16(lo.As16())
	}
	return netip.IPv6Loopback()
}
