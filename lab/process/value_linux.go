package process

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// optionKind is how the kernel takes and gives the values of options of one kind. An errno
// for an error is the call's answer, as of a NIC that does not exist; a C program would have
// had it from if_nametoindex(3).
type optionKind struct {
	bytes func(o option, r *request) ([]byte, error)    // what setsockopt(2) gets
	set   func(o option, r *request) error              // in place of bytes, where these are not all
	room  int                                           // for what getsockopt(2) gives, an int when 0
	value func(o option, given []byte) (lab.Arg, error) // an int when nil; given is room bytes, zeros past its end
	whole bool                                          // or just those that the kernel gave
}

// optionKinds are the kinds of lab.Options. A new one is a row here.
var optionKinds = map[lab.ValueKind]optionKind{
	lab.ValueInt:        {bytes: intBytes},
	lab.ValueErrno:      {bytes: intBytes, value: errnoValue},
	lab.ValueLinger:     {bytes: lingerBytes, room: unix.SizeofLinger, value: lingerValue},
	lab.ValueDevice:     {bytes: deviceBytes, room: unix.IFNAMSIZ, value: deviceValue},
	lab.ValueIndex:      {bytes: indexBytes, value: indexValue},
	lab.ValueRange:      {bytes: rangeBytes, value: rangeValue},
	lab.ValueMembership: {bytes: membershipBytes},
	lab.ValueSelector:   {set: setSelector},
	lab.ValueTime:       {bytes: timeBytes, room: timevalSize, value: timeValue},
	lab.ValueText:       {bytes: textBytes, room: 256, value: deviceValue},
	lab.ValueBytes:      {bytes: plainBytes, room: 1024, value: plainValue, whole: true},
	lab.ValueAny:        {bytes: anyBytes, room: 1024, value: anyValue, whole: true},
	lab.ValueInfo:       {bytes: plainBytes, room: unix.SizeofTCPInfo}, // its value depends on the part, see optionOf
}

// optionOf returns the option that is the second argument.
func optionOf(r *request) (option, optionKind, error) {
	name := string(arg[lab.Word](r, 1))
	o, ok := lab.OptionOf(name)
	if !ok {
		return option{}, optionKind{}, errors.New("no option " + name)
	}
	kind := optionKinds[o.Value]
	if o.Value == lab.ValueInfo {
		kind.value = func(_ option, given []byte) (lab.Arg, error) { return infoValue(name, given) }
	}
	return optionNamed(name), kind, nil
}

// uints returns numbers as they lie in a struct of C.
func uints(numbers ...uint32) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.NativeEndian.AppendUint32(b, n)
	}
	return b
}

func intBytes(_ option, r *request) ([]byte, error) { return uints(uint32(arg[lab.Int](r, 2))), nil }

func errnoValue(_ option, given []byte) (lab.Arg, error) {
	errno := unix.Errno(binary.NativeEndian.Uint32(given))
	if errno == 0 {
		return lab.Int(0), nil
	}
	r := ended(errno)
	if r.Broken != "" {
		return nil, errors.New(r.Broken)
	}
	return lab.Word(r.Errno), nil
}

// lingerBytes are a struct linger.
func lingerBytes(_ option, r *request) ([]byte, error) {
	l := arg[lab.Linger](r, 2)
	return uints(uint32(l.On), uint32(l.Seconds)), nil
}

func lingerValue(_ option, given []byte) (lab.Arg, error) {
	on, seconds := binary.NativeEndian.Uint32(given), binary.NativeEndian.Uint32(given[4:])
	return lab.Linger{On: int32(on), Seconds: int32(seconds)}, nil
}

func deviceBytes(_ option, r *request) ([]byte, error) { return []byte(arg[lab.Text](r, 2)), nil }

func deviceValue(_ option, given []byte) (lab.Arg, error) {
	name, _, _ := bytes.Cut(given, []byte{0})
	return lab.Text(name), nil
}

func rangeBytes(_ option, r *request) ([]byte, error) {
	ports := arg[lab.Range](r, 2)
	return uints(uint32(ports.High)<<16 | uint32(ports.Low)), nil
}

func rangeValue(_ option, given []byte) (lab.Arg, error) {
	v := binary.NativeEndian.Uint32(given)
	return lab.Range{Low: uint16(v), High: uint16(v >> 16)}, nil
}

// The options whose value is the index of a NIC, and not as the others have it.
var (
	multicastIf = optionNamed("IP_MULTICAST_IF")                                         // a struct ip_mreqn
	inNetOrder  = []option{optionNamed("IP_UNICAST_IF"), optionNamed("IPV6_UNICAST_IF")} // ip(7)
)

func indexBytes(o option, r *request) ([]byte, error) {
	index, err := nicIndex(string(arg[lab.Text](r, 2)))
	switch {
	case err != nil:
		return nil, err
	case o == multicastIf:
		return uints(0, 0, index), nil
	case slices.Contains(inNetOrder, o):
		index = htonl(index)
	}
	return uints(index), nil
}

// indexValue is the NIC's name. IP_MULTICAST_IF alone gives the address that it was set by,
// which indexBytes leaves 0.0.0.0 (do_ip_getsockopt).
func indexValue(o option, given []byte) (lab.Arg, error) {
	if o == multicastIf {
		return lab.Text(netip.AddrFrom4([4]byte(given)).String()), nil
	}
	index := binary.NativeEndian.Uint32(given)
	if slices.Contains(inNetOrder, o) {
		index = htonl(index)
	}
	name, err := nicName(index)
	if err != nil {
		return nil, fmt.Errorf("the name of a NIC: %w", err)
	}
	return lab.Text(name), nil
}

// membershipBytes are a struct ipv6_mreq, or a struct ip_mreqn without a local address.
func membershipBytes(o option, r *request) ([]byte, error) {
	m := arg[lab.Membership](r, 2)
	index, err := nicIndex(m.NIC)
	switch {
	case err != nil:
		return nil, err
	case !m.Group.IsValid():
		return nil, errors.New("a membership without a group")
	case o.level == unix.IPPROTO_IPV6:
		group := m.Group.As16()
		return slices.Concat(group[:], uints(index)), nil
	case !m.Group.Is4():
		return nil, errors.New(m.Group.String() + " is not a group of IPv4")
	}
	return slices.Concat(m.Group.AsSlice(), uints(0, index)), nil
}
