package process

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// sockaddr returns the sockaddr_in of an IPv4 address and the sockaddr_in6 of
// every other, mapped ones included: the kernel is asked what the file says.
func sockaddr(a netip.AddrPort) (unix.Sockaddr, error) {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		nic, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("address %s: %w", a, err)
		}
		sa.ZoneId = uint32(nic.Index)
	}
	return sa, nil
}

func fromSockaddr(sa unix.Sockaddr) (netip.AddrPort, error) {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			nic, err := net.InterfaceByIndex(int(sa.ZoneId))
			if err != nil {
				return netip.AddrPort{}, fmt.Errorf("address %s with scope %d: %w", ip, sa.ZoneId, err)
			}
			ip = ip.WithZone(nic.Name)
		}
		return netip.AddrPortFrom(ip, uint16(sa.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("an address of type %T", sa)
}

func addrOf(sa unix.Sockaddr, err error) reply {
	if err != nil {
		return answer(err)
	}
	a, err := fromSockaddr(sa)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return reply{Outcome: lab.OK, Addr: &a}
}
