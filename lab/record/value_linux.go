package record

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// valueFormats are how strace(1) writes the values of options that are not an int. A new kind is a row here, and one
// of package trace, which reads them. "" says that the bytes are not such a value.
//
// Numbers are as this machine has them, and addresses and the index of IP_UNICAST_IF in the network's order, so that
// s390x writes the same as amd64.
var valueFormats = map[lab.ValueKind]func(o lab.Option, b []byte) string{
	lab.ValueErrno:      errnoFormat,
	lab.ValueLinger:     lingerFormat,
	lab.ValueDevice:     textFormat,
	lab.ValueText:       textFormat,
	lab.ValueTime:       timeFormat,
	lab.ValueIndex:      indexFormat,
	lab.ValueMembership: membershipFormat,
	lab.ValueBytes:      func(lab.Option, []byte) string { return "" },
}

// value returns the value of an option, bytes(01 00) where it is not as long as the kernel wants it.
func value(o lab.Option, b []byte) string {
	if len(b) == 0 {
		return "NULL"
	}
	format, ok := valueFormats[o.Value]
	if !ok {
		format = intFormat
	}
	return cmp.Or(format(o, b), fmt.Sprintf("bytes(% x)", b))
}

// intFormat writes an int. Those of IP may be as short as a byte (do_ip_setsockopt, do_ip_getsockopt), and
// IP_MULTICAST_TTL often is.
func intFormat(o lab.Option, b []byte) string {
	switch {
	case len(b) == 4:
		return fmt.Sprintf("[%d]", int32(binary.NativeEndian.Uint32(b)))
	case len(b) == 1 && o.Level == "SOL_IP" && o.Value == lab.ValueInt:
		return fmt.Sprintf("[%d]", b[0])
	}
	return ""
}

func errnoFormat(o lab.Option, b []byte) string {
	if len(b) != 4 {
		return ""
	}
	name := unix.ErrnoName(unix.Errno(binary.NativeEndian.Uint32(b)))
	if name == "" {
		return intFormat(o, b)
	}
	return "[" + name + "]"
}

func lingerFormat(_ lab.Option, b []byte) string {
	if len(b) != unix.SizeofLinger {
		return ""
	}
	return fmt.Sprintf("{l_onoff=%d, l_linger=%d}", int32(binary.NativeEndian.Uint32(b)),
		int32(binary.NativeEndian.Uint32(b[4:])))
}

func textFormat(_ lab.Option, b []byte) string { return quote(b, 0) }

// timeFormat writes a struct timeval. A program of 64 bits, which alone is recorded, has 64 bits for each part of it.
func timeFormat(_ lab.Option, b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("{tv_sec=%d, tv_usec=%d}", int64(binary.NativeEndian.Uint64(b)),
		int64(binary.NativeEndian.Uint64(b[8:])))
}

// indexFormat writes the NIC of an index. IP_MULTICAST_IF has an address in its place, or a struct ip_mreq or
// ip_mreqn, ip(7); getsockopt(2) answers the address.
func indexFormat(o lab.Option, b []byte) string {
	switch {
	case o.Name == "IP_MULTICAST_IF" && len(b) == 4:
		return inetAddr(b)
	case o.Name == "IP_MULTICAST_IF":
		return interfaceFormat(b)
	case len(b) != 4:
		return ""
	case o.Name == "IP_UNICAST_IF" || o.Name == "IPV6_UNICAST_IF":
		return nicFormat(binary.BigEndian.Uint32(b))
	}
	return nicFormat(binary.NativeEndian.Uint32(b))
}

// interfaceFormat writes the NIC of a struct ip_mreq or ip_mreqn: by its index, which comes first in the kernel too
// (ip_mc_find_dev), or by its address.
func interfaceFormat(b []byte) string {
	switch {
	case len(b) == unix.SizeofIPMreqn && binary.NativeEndian.Uint32(b[8:]) != 0:
		return nicFormat(binary.NativeEndian.Uint32(b[8:]))
	case len(b) == unix.SizeofIPMreqn || len(b) == unix.SizeofIPMreq:
		return inetAddr(b[4:8])
	}
	return ""
}

// membershipFormat writes a struct ip_mreq, ip_mreqn or ipv6_mreq.
func membershipFormat(o lab.Option, b []byte) string {
	if o.Level == "SOL_IPV6" {
		if len(b) != unix.SizeofIPv6Mreq {
			return ""
		}
		return fmt.Sprintf(`{inet_pton(AF_INET6, "%s", &ipv6mr_multiaddr), ipv6mr_interface=%s}`,
			netip.AddrFrom16([16]byte(b)), nicFormat(binary.NativeEndian.Uint32(b[16:])))
	}
	nic := interfaceFormat(b)
	if nic == "" {
		return ""
	}
	return fmt.Sprintf("{imr_multiaddr=%s, imr_interface=%s}", inetAddr(b[:4]), nic)
}

func inetAddr(b []byte) string {
	return fmt.Sprintf(`inet_addr("%s")`, netip.AddrFrom4([4]byte(b[:4])))
}

// nicFormat writes the NIC of that index, in the tracer's network namespace, which is the program's; the index alone
// where there is none, and for 0.
func nicFormat(index uint32) string {
	if index != 0 {
		if nic, err := net.InterfaceByIndex(int(index)); err == nil {
			return fmt.Sprintf(`if_nametoindex("%s")`, nic.Name)
		}
	}
	return fmt.Sprintf("[%d]", index)
}
