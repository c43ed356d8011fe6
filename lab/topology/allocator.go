package topology

import (
	"net/netip"
)

// allocator hands out the addresses of a subnet that are free, in order, so that a file means the
// same addresses on every machine, and reports of it can be compared. Since it never looks back,
// many hosts cost no more than each by itself.
type allocator struct {
	prefix netip.Prefix
	last   netip.Addr // the address that was looked at last
	full   bool       // that it is was said already
}

// next returns the next address that taken does not know.
func (a *allocator) next(taken func(netip.Addr) bool) (netip.Addr, bool) {
	for {
		ip := a.last.Next()
		if !a.last.IsValid() {
			ip = a.prefix.Addr()
		}
		if !ip.IsValid() || !a.prefix.Contains(ip) {
			return netip.Addr{}, false
		}
		a.last = ip
		if reserved(a.prefix, ip) == "" && !taken(ip) {
			return ip, true
		}
	}
}

// reserved says why an address of a subnet is not for a host, or returns "". The kernel would take
// it: bind(2) and connect(2) treat broadcast addresses unlike a host's (inet_addr_type), and the
// anycast one is every router's (RFC 4291, 2.6.1).
// Point-to-point subnets use all their addresses, RFC 3021 and RFC 6164.
func reserved(p netip.Prefix, ip netip.Addr) string {
	if p.Bits() >= ip.BitLen()-1 {
		return ""
	}
	switch {
	case ip == p.Addr() && ip.Is4():
		return "the network address"
	case ip == p.Addr():
		return "the subnet-router anycast address"
	case ip.Is4() && ip == broadcast(p):
		return "the broadcast address"
	}
	return ""
}

// broadcast returns an IPv4 subnet's last address. IPv6 has none (RFC 4291, 2).
func broadcast(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// capacity returns how many hosts fit into a subnet; it is asked only of those
// that were used up, which are small.
func capacity(p netip.Prefix) int {
	bits := p.Addr().BitLen() - p.Bits()
	n := 1 << min(bits, 40)
	switch {
	case bits <= 1:
		return n
	case p.Addr().Is4():
		return n - 2
	}
	return n - 1
}
