package process

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

func setsockopt(_ *agent, fd int, r *request) reply {
	name := string(arg[lab.Word](r, 1))
	o, ok := lab.OptionOf(name)
	if !ok {
		return reply{Broken: "no option " + name}
	}
	level, number := options[name][0], options[name][1]
	switch o.Value {
	case lab.ValueInt, lab.ValueErrno:
		v := int32(arg[lab.Int](r, 2))
		return ended(set(fd, level, number, unsafe.Pointer(&v), unsafe.Sizeof(v)))
	case lab.ValueLinger:
		linger := arg[lab.Linger](r, 2)
		l := unix.Linger{Onoff: linger.On, Linger: linger.Seconds}
		return ended(set(fd, level, number, unsafe.Pointer(&l), unsafe.Sizeof(l)))
	case lab.ValueDevice:
		nic := []byte(arg[lab.Text](r, 2))
		return ended(set(fd, level, number, unsafe.Pointer(unsafe.SliceData(nic)), uintptr(len(nic))))
	case lab.ValueIndex:
		return setIndex(fd, level, number, string(arg[lab.Text](r, 2)))
	case lab.ValueRange:
		ports := arg[lab.Range](r, 2)
		v := uint32(ports.High)<<16 | uint32(ports.Low)
		return ended(set(fd, level, number, unsafe.Pointer(&v), unsafe.Sizeof(v)))
	case lab.ValueMembership:
		return setMembership(fd, level, number, arg[lab.Membership](r, 2))
	case lab.ValueSelector:
		return setSelector(fd, level, number, arg[lab.Selector](r, 2))
	}
	return reply{Broken: "no way to set " + string(o.Value)}
}

// setIndex sets an option whose value is a NIC by its index.
func setIndex(fd, level, number int, nic string) reply {
	index, errno := nicIndex(nic)
	if errno != 0 {
		return failed(errno)
	}
	switch {
	case level == unix.IPPROTO_IP && number == unix.IP_MULTICAST_IF:
		m := unix.IPMreqn{Ifindex: int32(index)}
		return ended(set(fd, level, number, unsafe.Pointer(&m), unsafe.Sizeof(m)))
	case inNetworkOrder(level, number):
		index = htonl(index)
	}
	return ended(set(fd, level, number, unsafe.Pointer(&index), unsafe.Sizeof(index)))
}

// inNetworkOrder tells the two options that take an index so, ip(7).
func inNetworkOrder(level, number int) bool {
	return level == unix.IPPROTO_IP && number == unix.IP_UNICAST_IF ||
		level == unix.IPPROTO_IPV6 && number == unix.IPV6_UNICAST_IF
}

// htonl turns a number of the machine's into one of the network's, or back.
func htonl(n uint32) uint32 {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		return n
	}
	return bits.ReverseBytes32(n)
}

func setMembership(fd, level, number int, m lab.Membership) reply {
	index, errno := nicIndex(m.NIC)
	switch {
	case errno != 0:
		return failed(errno)
	case !m.Group.IsValid():
		return reply{Broken: "a membership without a group"}
	case level == unix.IPPROTO_IPV6:
		v := unix.IPv6Mreq{Multiaddr: m.Group.As16(), Interface: index}
		return ended(set(fd, level, number, unsafe.Pointer(&v), unsafe.Sizeof(v)))
	case !m.Group.Is4():
		return reply{Broken: m.Group.String() + " is not a group of IPv4"}
	}
	v := unix.IPMreqn{Multiaddr: m.Group.As4(), Ifindex: int32(index)}
	return ended(set(fd, level, number, unsafe.Pointer(&v), unsafe.Sizeof(v)))
}

// getsockopt reads an option. Of those that can only be set the kernel says so.
func getsockopt(_ *agent, fd int, r *request) reply {
	name := string(arg[lab.Word](r, 1))
	o, ok := lab.OptionOf(name)
	if !ok {
		return reply{Broken: "no option " + name}
	}
	level, number := options[name][0], options[name][1]
	switch o.Value {
	case lab.ValueLinger:
		var l unix.Linger
		size := uint32(unsafe.Sizeof(l))
		if errno := get(fd, level, number, unsafe.Pointer(&l), &size); errno != 0 {
			return failed(errno)
		}
		return okWith(lab.Linger{On: l.Onoff, Seconds: l.Linger})
	case lab.ValueDevice:
		var b [unix.IFNAMSIZ]byte
		size := uint32(len(b))
		if errno := get(fd, level, number, unsafe.Pointer(&b), &size); errno != 0 {
			return failed(errno)
		}
		name, _, _ := bytes.Cut(b[:size], []byte{0})
		return okWith(lab.Text(name))
	}
	var v uint32
	size := uint32(unsafe.Sizeof(v))
	if errno := get(fd, level, number, unsafe.Pointer(&v), &size); errno != 0 {
		return failed(errno)
	}
	switch o.Value {
	case lab.ValueIndex:
		return indexOf(level, number, v)
	case lab.ValueRange:
		return okWith(lab.Range{Low: uint16(v), High: uint16(v >> 16)})
	case lab.ValueErrno:
		if v != 0 {
			r := failed(unix.Errno(v))
			if r.Broken != "" {
				return r
			}
			return okWith(lab.Word(r.Errno))
		}
	}
	return okWith(lab.Int(int32(v)))
}

// indexOf is the answer of an option whose value is a NIC: its name. IP_MULTICAST_IF
// alone answers with the address that it was set by, which setIndex leaves 0.0.0.0
// (do_ip_getsockopt).
func indexOf(level, number int, v uint32) reply {
	if level == unix.IPPROTO_IP && number == unix.IP_MULTICAST_IF {
		var ip [4]byte
		binary.NativeEndian.PutUint32(ip[:], v)
		return okWith(lab.Text(netip.AddrFrom4(ip).String()))
	}
	if inNetworkOrder(level, number) {
		v = htonl(v)
	}
	name, errno := nicName(v)
	if errno != 0 {
		return reply{Broken: "the name of a NIC: " + errno.Error()}
	}
	return okWith(lab.Text(name))
}
