package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// controlKind is how the kernel takes and gives a control message: its level and type on a socket of
// IPv4 and on one of IPv6, and what it holds. A received one is known by either, since a socket of
// IPv6 has those of IPv4 too when datagrams of IPv4 come.
type controlKind struct {
	v4, v6 option
	comes  option // where it comes as another one than it goes
	bytes  func(a *agent, args []value, v6 bool) ([]byte, error)
	args   func(data []byte) ([]value, error)
}

// controlKinds are the rows of lab.Controls. A new one is a row here.
var controlKinds = map[string]controlKind{
	"pktinfo": {v4: option{unix.IPPROTO_IP, unix.IP_PKTINFO}, v6: option{unix.IPPROTO_IPV6, unix.IPV6_PKTINFO},
		bytes: pktinfoBytes, args: pktinfoArgs},
	"origdst": {v4: option{unix.IPPROTO_IP, unix.IP_ORIGDSTADDR}, v6: option{unix.IPPROTO_IPV6, unix.IPV6_ORIGDSTADDR},
		bytes: addressBytes, args: addressArgs},
	"ttl": {v4: option{unix.IPPROTO_IP, unix.IP_TTL}, v6: option{unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT},
		bytes: numberBytes, args: numberArgs},
	"tos": {v4: option{unix.IPPROTO_IP, unix.IP_TOS}, v6: option{unix.IPPROTO_IPV6, unix.IPV6_TCLASS},
		bytes: numberBytes, args: numberArgs},
	"mark": ofSocket(unix.SO_MARK, numberBytes, numberArgs),
	"segment": {v4: option{unix.SOL_UDP, unix.UDP_SEGMENT}, v6: option{unix.SOL_UDP, unix.UDP_SEGMENT},
		comes: option{unix.SOL_UDP, unix.UDP_GRO}, bytes: shortBytes, args: numberArgs},
	"timestamp":   ofSocket(unix.SO_TIMESTAMP, noBytes, noArgs),
	"timestampns": ofSocket(unix.SO_TIMESTAMPNS, noBytes, noArgs),
	"credentials": ofSocket(unix.SCM_CREDENTIALS, credentialsBytes, credentialsArgs),
	"pidfd":       ofSocket(scmPidfd, noBytes, noArgs),
	"rights":      ofSocket(unix.SCM_RIGHTS, rightsBytes, rightsArgs),
	"recverr": {v4: option{unix.IPPROTO_IP, unix.IP_RECVERR}, v6: option{unix.IPPROTO_IPV6, unix.IPV6_RECVERR},
		bytes: recverrBytes, args: recverrArgs},
}

// scmPidfd is SCM_PIDFD of linux/socket.h, which x/sys has not.
const scmPidfd = 4

// ofSocket is a kind that is the same for all families.
func ofSocket(number int, bytes func(*agent, []value, bool) ([]byte, error),
	args func([]byte) ([]value, error)) controlKind {
	as := option{unix.SOL_SOCKET, number}
	return controlKind{v4: as, v6: as, bytes: bytes, args: args}
}

// valueAt returns an argument of a control message, the zero one when it was left out.
func valueAt[T any](args []value, i int) (v T) {
	if i < len(args) {
		v, _ = args[i].of.(T)
	}
	return v
}

// numberBytes are an int. Its range is the kernel's to refuse: ip_cmsg_send has EINVAL for a TTL of 0
// or 256, and takes any number in the place of one byte of TOS.
func numberBytes(_ *agent, args []value, _ bool) ([]byte, error) {
	return uints(uint32(valueAt[lab.Int](args, 0))), nil
}

// shortBytes are the two bytes that __udp_cmsg_send wants; an int would be EINVAL.
func shortBytes(_ *agent, args []value, _ bool) ([]byte, error) {
	return binary.NativeEndian.AppendUint16(nil, uint16(valueAt[lab.Int](args, 0))), nil
}

// numberArgs reads an int, or the one byte that IP_TOS has (ip_cmsg_recv_tos).
func numberArgs(data []byte) ([]value, error) {
	switch len(data) {
	case 1:
		return []value{{lab.Int(data[0])}}, nil
	case 4:
		return []value{{lab.Int(int32(binary.NativeEndian.Uint32(data)))}}, nil
	}
	return nil, fmt.Errorf("%d bytes are not a number", len(data))
}

func noBytes(*agent, []value, bool) ([]byte, error) { return nil, nil }
func noArgs([]byte) ([]value, error)                { return nil, nil }

// pktinfoBytes are a struct in_pktinfo, whose ipi_spec_dst is the source to send from, or a struct
// in6_pktinfo.
func pktinfoBytes(_ *agent, args []value, v6 bool) ([]byte, error) {
	ip := valueAt[netip.Addr](args, 0)
	index, err := nicIndex(string(valueAt[lab.Name](args, 1)))
	switch {
	case err != nil:
		return nil, err
	case v6:
		whole := ip.As16() // a mapped one for an address of IPv4
		return append(whole[:], uints(index)...), nil
	case !ip.Is4():
		return nil, errors.New(ip.String() + " is not an address of IPv4")
	}
	return append(append(uints(index), ip.AsSlice()...), uints(0)...), nil
}

// pktinfoArgs are the address that the sender has written and the NIC. Of a struct in_pktinfo that is
// ipi_addr: ipi_spec_dst is another one for multicast, the host's own.
func pktinfoArgs(data []byte) ([]value, error) {
	var ip netip.Addr
	var index uint32
	switch len(data) {
	case unix.SizeofInet4Pktinfo:
		ip, index = netip.AddrFrom4([4]byte(data[8:])), binary.NativeEndian.Uint32(data)
	case unix.SizeofInet6Pktinfo:
		ip, index = netip.AddrFrom16([16]byte(data[:16])), binary.NativeEndian.Uint32(data[16:])
	default:
		return nil, fmt.Errorf("%d bytes are not an address and a NIC", len(data))
	}
	nic, err := nicName(index)
	return []value{{ip}, {lab.Name(nic)}}, err
}

// addressBytes are a sockaddr, which no kernel takes: it says where something was sent to.
func addressBytes(_ *agent, args []value, _ bool) ([]byte, error) {
	s, err := newSockaddr(&request{Args: args}, 0)
	if err != nil {
		return nil, err
	}
	return s.bytes[:s.length], nil
}

func addressArgs(data []byte) ([]value, error) {
	s := &sockaddr{length: int32(len(data))}
	copy(s.bytes[:], data)
	of, err := s.value()
	return []value{{of}}, err
}

// credentialsBytes are a struct ucred with this process's own number: another one is EPERM, and which
// number a process has differs on every run.
func credentialsBytes(_ *agent, args []value, _ bool) ([]byte, error) {
	return uints(uint32(os.Getpid()), uint32(valueAt[lab.Int](args, 0)), uint32(valueAt[lab.Int](args, 1))), nil
}

func credentialsArgs(data []byte) ([]value, error) {
	if len(data) != unix.SizeofUcred {
		return nil, fmt.Errorf("%d bytes are not credentials", len(data))
	}
	return []value{
		{lab.Int(binary.NativeEndian.Uint32(data[4:]))}, {lab.Int(binary.NativeEndian.Uint32(data[8:]))},
	}, nil
}

// rightsBytes are the descriptors of names in this process. A closed one's is -1, and EBADF
// (scm_fp_copy).
func rightsBytes(a *agent, args []value, _ bool) ([]byte, error) {
	var fds []uint32
	for i := range args {
		name := string(valueAt[lab.Sock](args, i))
		h, ok := a.socks[name]
		if !ok {
			return nil, errors.New(unknown(name).Broken)
		}
		fds = append(fds, uint32(h.fd))
	}
	return uints(fds...), nil
}

// rightsArgs is how many descriptors came. Which they are no name tells, and their numbers depend on
// what else the process has open.
func rightsArgs(data []byte) ([]value, error) { return []value{{lab.Int(len(data) / 4)}}, nil }

// recverrBytes are a struct sock_extended_err, which no kernel takes from a program.
func recverrBytes(_ *agent, args []value, _ bool) ([]byte, error) {
	return uints(uint32(errnoCodes()[string(valueAt[lab.Word](args, 0))]), 0, 0, 0), nil
}

func recverrArgs(data []byte) ([]value, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("%d bytes are not an error", len(data))
	}
	v, err := errnoValue(option{}, data)
	return []value{{v}}, err
}
