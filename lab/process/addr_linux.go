package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// sockaddr is an address as the kernel gets it: bytes, and a length that need
// not be theirs. What lies past the address is zeros, for any length that is too
// large: the kernel reads no more than 128 bytes (move_addr_to_kernel).
type sockaddr struct {
	bytes  [256]byte
	length int32
	memory unsafe.Pointer // of the bytes, or what the experiment says instead
}

// families are the numbers of lab.Families.
var families = map[string]uint16{
	"AF_UNSPEC": unix.AF_UNSPEC, "AF_UNIX": unix.AF_UNIX, "AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6,
}

// newSockaddr returns the address at that place among the arguments: a sockaddr_in for an IPv4
// address, a sockaddr_in6 for every other, mapped ones included, a sockaddr_un for a text,
// and 16 bytes of AF_UNSPEC for none at all, with the family and the length that the request
// says: the kernel is asked what the file says.
func newSockaddr(r *request, i int) (*sockaddr, error) {
	s := new(sockaddr)
	s.memory = pointerOf(r, i, unsafe.Pointer(&s.bytes))
	to := arg[address](r, i)
	ip, port := to.IP.Addr(), to.IP.Port()
	path, isUnix := r.Args[i].of.(lab.Text)
	low, isLow := r.Args[i].of.(lab.Arg)
	switch {
	case isUnix:
		s.setPath(string(path))
	case s.memory != unsafe.Pointer(&s.bytes):
		s.length = unknownSize
	case isLow:
		if err := s.setLow(low); err != nil {
			return nil, err
		}
	case !ip.IsValid():
		s.length = unix.SizeofSockaddrInet4 // family 0, zeros
	case ip.Is4():
		s.setFamily(unix.AF_INET)
		binary.BigEndian.PutUint16(s.bytes[2:], port)
		copy(s.bytes[4:], ip.AsSlice())
		s.length = unix.SizeofSockaddrInet4
	default:
		s.setFamily(unix.AF_INET6)
		binary.BigEndian.PutUint16(s.bytes[2:], port)
		copy(s.bytes[8:], ip.AsSlice())
		if zone := ip.Zone(); zone != "" {
			index, err := scopeID(zone)
			if err != nil {
				return nil, fmt.Errorf("address %s: %w", to.IP, err)
			}
			binary.NativeEndian.PutUint32(s.bytes[24:], index)
		}
		s.length = unix.SizeofSockaddrInet6
	}
	if to.Family != "" {
		f, ok := families[to.Family]
		if !ok {
			return nil, errors.New("no family " + to.Family)
		}
		s.setFamily(f)
	}
	// A number after an address may be flags as well, those of sendto.
	if sig, _ := lab.SignatureOf(r.Call); sig.Args != nil && i+1 < len(r.Args) && sig.Kind(i+1) == lab.KindLength {
		s.length = int32(arg[lab.Int](r, i+1))
	}
	return s, nil
}

// scopeID returns the number that a zone stands for: the index of the NIC of that name,
// or else the number that it is, getaddrinfo(3). Whether there is a device of that
// number is the kernel's to say.
func scopeID(zone string) (uint32, error) {
	index, err := nicIndex(zone)
	if err == nil {
		return index, nil
	}
	number, notNumber := strconv.ParseUint(zone, 10, 32)
	if notNumber != nil {
		return 0, err
	}
	return uint32(number), nil
}

func (s *sockaddr) setFamily(f uint16) { binary.NativeEndian.PutUint16(s.bytes[:], f) }

// setPath writes an address of unix(7): a path with its NUL, an abstract name,
// or the family alone, for which bind chooses an abstract name. One that is too
// long is cut, and its length says that it was too long.
func (s *sockaddr) setPath(path string) {
	s.setFamily(unix.AF_UNIX)
	copy(s.bytes[2:len(s.bytes)-1], path)
	s.length = 2 + int32(len(path))
	switch {
	case strings.HasPrefix(path, "@"):
		s.bytes[2] = 0
	case path != "":
		s.length++
	}
}

// setLow writes an address of packet(7) or netlink(7): a struct sockaddr_ll or sockaddr_nl.
func (s *sockaddr) setLow(a lab.Arg) error {
	switch a := a.(type) {
	case lab.PacketAddr:
		index, err := nicIndex(a.NIC)
		if err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
		s.setFamily(unix.AF_PACKET)
		binary.BigEndian.PutUint16(s.bytes[2:], a.Protocol)
		binary.NativeEndian.PutUint32(s.bytes[4:], index)
		s.length = unix.SizeofSockaddrLinklayer
	case lab.NetlinkAddr:
		s.setFamily(unix.AF_NETLINK)
		port := a.Port
		if port == lab.OwnPort {
			port = uint32(os.Getpid())
		}
		binary.NativeEndian.PutUint32(s.bytes[4:], port)
		binary.NativeEndian.PutUint32(s.bytes[8:], a.Groups)
		s.length = unix.SizeofSockaddrNetlink
	default:
		return fmt.Errorf("%s of type %T is not an address", a, a)
	}
	return nil
}

// low reads what setLow writes, nil of another family. The kernel numbers a port of netlink as the
// process, within its PID namespace or not (netlink_autobind).
func (s *sockaddr) low() (lab.Arg, error) {
	switch binary.NativeEndian.Uint16(s.bytes[:]) {
	case unix.AF_PACKET:
		nic, err := nicName(binary.NativeEndian.Uint32(s.bytes[4:]))
		return lab.PacketAddr{NIC: nic, Protocol: binary.BigEndian.Uint16(s.bytes[2:])}, err
	case unix.AF_NETLINK:
		port := binary.NativeEndian.Uint32(s.bytes[4:])
		if port == uint32(os.Getpid()) {
			port = lab.OwnPort
		}
		return lab.NetlinkAddr{Port: port, Groups: binary.NativeEndian.Uint32(s.bytes[8:])}, nil
	}
	return nil, nil
}

// pointer and size are the two arguments of a system call that takes an address.
func (s *sockaddr) pointer() unsafe.Pointer { return s.memory }
func (s *sockaddr) size() uintptr           { return uintptr(s.length) }

// nameOf answers getsockname or getpeername, by their system call's number.
func nameOf(r *request, call uintptr) reply {
	s := room()
	s.memory = pointerOf(r, 1, s.memory)
	length := pointerOf(r, 2, unsafe.Pointer(&s.length))
	if given, ok := hasArg[lab.Room](r, 1); ok {
		s.length = int32(given)
	}
	if given, ok := hasArg[lab.Room](r, 2); ok {
		s.length = int32(given)
	}
	_, _, errno := unix.Syscall(call, uintptr(r.fds[0]), uintptr(s.pointer()), uintptr(length))
	if errno != 0 {
		return ended(errno)
	}
	if len(r.Args) > 1 {
		return okWith(lab.Int(s.length))
	}
	of, err := s.value()
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(of)
}

// room is where the kernel writes an address, and its length in the place of the room's.
func room() *sockaddr {
	s := &sockaddr{length: int32(len(sockaddr{}.bytes))}
	s.memory = unsafe.Pointer(&s.bytes)
	return s
}

// value returns the address that the kernel has written: an AddrPort, which is not valid when
// there is none, or the Text of a name of unix(7).
func (s *sockaddr) value() (any, error) {
	size := s.length
	if size < 2 {
		return netip.AddrPort{}, nil
	}
	family := binary.NativeEndian.Uint16(s.bytes[:])
	port := binary.BigEndian.Uint16(s.bytes[2:])
	var ip netip.Addr
	switch family {
	case unix.AF_UNIX:
		return lab.Text(pathOf(string(s.bytes[2:size]))), nil
	case unix.AF_INET:
		ip = netip.AddrFrom4([4]byte(s.bytes[4:8]))
	case unix.AF_INET6:
		ip = netip.AddrFrom16([16]byte(s.bytes[8:24]))
		if scope := binary.NativeEndian.Uint32(s.bytes[24:]); scope != 0 {
			name, err := nicName(scope)
			if err != nil { // the device is gone
				name = strconv.FormatUint(uint64(scope), 10)
			}
			ip = ip.WithZone(name)
		}
	default:
		if a, err := s.low(); a != nil || err != nil {
			return a, err
		}
		return nil, fmt.Errorf("an address of family %d", family)
	}
	return netip.AddrPortFrom(ip, port), nil
}

// ask returns what a call passes to the kernel for the sender's address: nothing, unless it was
// asked for, so that the call is the one that it has always been.
func (s *sockaddr) ask(r *request) (to, size unsafe.Pointer) {
	if given, ok := hasArg[lab.Room](r, 1); ok {
		s.length = int32(given)
		return s.pointer(), unsafe.Pointer(&s.length)
	}
	if word, ok := hasArg[lab.Pointer](r, 1); ok && r.Call == "accept" {
		s.memory = pointerOf(r, 1, nil)
		if s.length = int32(len(s.bytes)); word == "nil" {
			return nil, nil
		}
		return s.pointer(), unsafe.Pointer(&s.length)
	}
	if !r.Sender {
		return nil, nil
	}
	s.length = int32(len(s.bytes))
	return s.pointer(), unsafe.Pointer(&s.length)
}

// sentBy adds the sender to the reply of a call that was asked for it.
func (s *sockaddr) sentBy(r *request, done reply) reply {
	if !r.Sender || done.Outcome != lab.OK {
		return done
	}
	of, err := s.value()
	if err != nil {
		return reply{Broken: err.Error()}
	}
	done.From.of = of
	return done
}

// pathOf returns what sun_path says as a step writes it: "" when it has no name.
func pathOf(path string) string {
	if rest, isAbstract := strings.CutPrefix(path, "\x00"); isAbstract {
		return "@" + rest
	}
	name, _, _ := strings.Cut(path, "\x00")
	return name
}
