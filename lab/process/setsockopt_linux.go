package process

import (
	"context"
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// setsockopt sets an option. The value goes as the bytes of its kind: what is wrong with it is
// the kernel's to say.
func setsockopt(_ *agent, r *request) reply {
	o, kind, err := optionOf(r)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	if _, isPointer := hasArg[lab.Pointer](r, 2); kind.set != nil && !isPointer {
		return ended(kind.set(o, r))
	}
	b := make([]byte, unknownSize)
	if _, ok := hasArg[lab.Pointer](r, 2); !ok {
		if b, err = kind.bytes(o, r); err != nil {
			return ended(err)
		}
	}
	size := len(b)
	if length, ok := hasArg[lab.Int](r, 3); ok { // what lies past the value is zeros
		size = int(length)
		b = append(b, make([]byte, max(size-len(b), 0))...)
	}
	return ended(setOption(r.fds[0], o, pointerOf(r, 2, unsafe.Pointer(unsafe.SliceData(b))), uintptr(size)))
}

// getsockopt reads an option. Of those that can only be set the kernel says so.
func getsockopt(_ *agent, r *request) reply {
	o, kind, err := optionOf(r)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	given := make([]byte, max(kind.room, 4))
	size := uint32(len(given))
	if length, ok := hasArg[lab.Int](r, 2); ok {
		kind, size = optionKinds[lab.ValueBytes], uint32(length)
		given = make([]byte, max(length, 4))
	}
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(r.fds[0]), uintptr(o.level), uintptr(o.number),
		uintptr(pointerOf(r, 2, unsafe.Pointer(unsafe.SliceData(given)))),
		uintptr(pointerOf(r, 3, unsafe.Pointer(&size))), 0)
	if errno != 0 {
		return ended(errno)
	}
	if kind.value == nil {
		return okWith(lab.Int(int32(binary.NativeEndian.Uint32(given))))
	}
	if kind.whole {
		given = given[:min(int(size), len(given))]
	}
	v, err := kind.value(o, given)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(v)
}

// HasOption reports whether the kernel knows an option, for any kind of socket that lab.Options are about.
func (p *Process) HasOption(ctx context.Context, name string) (bool, error) {
	r, err := p.ask(ctx, request{Call: "knows", Args: []value{{lab.Word(name)}}}, nil)
	if err != nil {
		return false, err
	}
	n, _ := valueOf[lab.Int](r)
	return n != 0, nil
}

// knows tries an option on sockets that are closed again at once. A kernel without IPv6 does not
// know IPV6_V6ONLY, whatever its headers say.
func knows(_ *agent, r *request) reply {
	name := string(arg[lab.Word](r, 0))
	if _, ok := lab.OptionOf(name); !ok {
		return reply{Broken: "no option " + name}
	}
	o := optionNamed(name)
	var n lab.Int
	for _, kind := range []string{"tcp", "udp", "tcp6", "udp6", "unix", "mptcp", "packet"} {
		t, ok := socketTypes[kind]
		if !ok {
			t = [3]int{unix.AF_PACKET, unix.SOCK_DGRAM, 0}
		}
		fd, err := unix.Socket(t[0], t[1]|unix.SOCK_CLOEXEC, t[2])
		if err != nil {
			continue // no IPv6, or no privilege
		}
		if takes(fd, o) {
			n = 1
		}
		unix.Close(fd)
	}
	return okWith(n)
}

// takes reports whether the kernel has any other answer for a socket's option
// than that there is none: ENOPROTOOPT, or EOPNOTSUPP for a level that is
// another family's (do_ip_getsockopt).
func takes(fd int, o option) bool {
	isUnknown := func(err error) bool { return err == unix.ENOPROTOOPT || err == unix.EOPNOTSUPP }
	if _, err := unix.GetsockoptInt(fd, o.level, o.number); !isUnknown(err) {
		return true
	}
	// Some can only be set. A zero does no harm to a socket of one's own; less than
	// an int would be EINVAL before the kernel looks which option it is (sk_setsockopt).
	return !isUnknown(unix.SetsockoptInt(fd, o.level, o.number, 0))
}
