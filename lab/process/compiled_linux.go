package process

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// compiledBatch is a batch with every call ready to be made. The exported fields go from the
// keeper to the process. A cell is then a dozen system calls and nothing else: its descriptors,
// its values and its trace are written over those of the one before, and what it was answered is
// a number, see cellsReply.
type compiledBatch struct {
	Shape lab.Shape
	Slots []compiledSlot
	Names []string // of the sockets

	fds    []int    // of the cell that is being carried out, -1 where there is none
	values []int    // of the axes, of the cell
	trace  []uint16 // of the cell
	ids    map[string]uint32
	told   int    // how many traces the keeper knows
	broken string // why the process could not ask, "" when it could
	traces [][]uint16
}

// compiledSlot is a BatchSlot.
type compiledSlot struct {
	Axes      []int
	VariantOf lab.VariantOf
	Variants  [][]compiledCall
}

// compiledCall is a call with its arguments as the kernel takes them.
type compiledCall struct {
	Number uint16 // of the system call
	Sock   uint16 // index in compiledBatch.Names
	First  int32  // family, level, backlog, direction or user
	Second int32  // type or option
	Third  int32  // protocol
	Bytes  []byte // an address or a value
	Length int32  // of it
	Limit  int    // nanoseconds that a connect may take
	Want   uint16
}

// Codes of answers, beside the errnos.
const (
	codeOK      = 0
	codeBlocked = 0xfffe
	codeAny     = 0xffff // in what is wanted: "?"
)

// sock returns the number of a name. The cells of a batch may have different sockets, but all
// of them together are few.
func (s *compiledBatch) sock(name string) uint16 {
	i := slices.Index(s.Names, name)
	if i < 0 {
		i = len(s.Names)
		s.Names = append(s.Names, name)
	}
	return uint16(i)
}

// ready turns a call into what the kernel takes. It does so in the keeper, which has other NICs
// than the host: questions put no call with an index of one into a batch.
func (s *compiledBatch) ready(r *request) (compiledCall, error) {
	c := compiledCall{Sock: s.sock(cmp.Or(r.Makes, string(arg[lab.Sock](r, 0))))}
	switch r.Call {
	case "socket":
		kind := string(arg[lab.Word](r, 0))
		t, ok := socketTypes[kind]
		if !ok {
			return c, fmt.Errorf("no socket type %s", kind)
		}
		c.Number = unix.SYS_SOCKET
		c.First, c.Second, c.Third = int32(t[0]), int32(t[1]|unix.SOCK_CLOEXEC), int32(t[2])
	case "bind", "connect":
		addr, err := newSockaddr(r, 1)
		if err != nil {
			return c, err
		}
		c.Number, c.Length = unix.SYS_BIND, addr.length
		if r.Call == "connect" {
			c.Number, c.Limit = unix.SYS_CONNECT, int(r.Limit)
		}
		c.Bytes = slices.Clone(addr.bytes[:min(max(int(addr.length), unix.SizeofSockaddrInet6), len(addr.bytes))])
	case "listen":
		c.Number, c.First = unix.SYS_LISTEN, int32(arg[lab.Int](r, 1))
	case "shutdown":
		c.Number, c.First = unix.SYS_SHUTDOWN, int32(arg[lab.Int](r, 1))
	case "fchown":
		c.Number, c.First = unix.SYS_FCHOWN, int32(arg[lab.Int](r, 1))
	case "close":
		c.Number = unix.SYS_CLOSE
	case "setsockopt":
		o, kind, err := optionOf(r)
		if err != nil {
			return c, err
		}
		c.Number, c.First, c.Second = unix.SYS_SETSOCKOPT, int32(o.level), int32(o.number)
		if c.Bytes, err = kind.bytes(o, r); err != nil {
			return c, err
		}
		c.Length = int32(len(c.Bytes))
	default:
		return c, fmt.Errorf("no call %q in a batch", r.Call)
	}
	return c, nil
}

// cell carries out one cell up to its first red step, and returns the number of
// what it was answered.
func (s *compiledBatch) cell(a *agent, combo lab.Combo) (id uint32, red bool) {
	s.Shape.ValuesInto(s.values, combo)
	s.trace = s.trace[:0]
cell:
	for i := range s.Slots {
		slot := &s.Slots[i]
		steps := slot.Variants[slot.VariantOf.At(s.Shape.Index(slot.Axes, s.values))]
		for j := range steps {
			code := s.call(a, &steps[j])
			s.trace = append(s.trace, code)
			if want := steps[j].Want; code != want && want != codeAny {
				red = true
				break cell
			}
		}
	}
	key := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s.trace))), 2*len(s.trace))
	id, ok := s.ids[string(key)]
	if !ok {
		id = uint32(len(s.traces))
		s.ids[string(key)] = id
		s.traces = append(s.traces, slices.Clone(s.trace))
	}
	return id, red
}

// call makes a call. None of them waits, but a connect: the runtime need not know of the others, and RawSyscall saves
// telling it. A name that has no socket, because the call that makes it
// failed, is descriptor -1: the kernel answers EBADF, as to a program that goes on regardless.
func (s *compiledBatch) call(a *agent, c *compiledCall) uint16 {
	var errno unix.Errno
	number, fd := uintptr(c.Number), uintptr(0)
	if number != unix.SYS_SOCKET {
		fd = uintptr(s.fds[c.Sock])
	}
	switch number {
	case unix.SYS_SOCKET:
		fd, _, errno = unix.RawSyscall(number, uintptr(c.First), uintptr(c.Second), uintptr(c.Third))
		if errno == 0 {
			s.fds[c.Sock] = int(fd)
		}
	case unix.SYS_BIND:
		_, _, errno = unix.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(c.Bytes))), uintptr(c.Length))
	case unix.SYS_SETSOCKOPT:
		_, _, errno = unix.RawSyscall6(number, fd, uintptr(c.First), uintptr(c.Second),
			uintptr(unsafe.Pointer(unsafe.SliceData(c.Bytes))), uintptr(c.Length), 0)
	case unix.SYS_CONNECT:
		return s.connect(a, int(fd), c)
	case unix.SYS_FCHOWN:
		_, _, errno = unix.RawSyscall(number, fd, uintptr(c.First), ^uintptr(0)) // the group stays
	default:
		_, _, errno = unix.RawSyscall(number, fd, uintptr(c.First), 0)
		if number == unix.SYS_CLOSE {
			s.fds[c.Sock] = -1
		}
	}
	return uint16(errno)
}

// connect makes a connect as one by one it is made, within its limit.
func (s *compiledBatch) connect(a *agent, fd int, c *compiledCall) uint16 {
	r := connectWithin(a, fd, time.Duration(c.Limit), func() unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(c.Bytes))),
			uintptr(c.Length))
		return errno
	})
	switch {
	case r.Broken != "" && s.broken == "":
		s.broken = r.Broken
	case r.Outcome == lab.Blocked:
		return codeBlocked
	case r.Outcome == lab.Failed:
		return errnoCodes()[r.Errno]
	}
	return codeOK
}

// closeAll closes what the cell has left open.
func (s *compiledBatch) closeAll() {
	for i, fd := range s.fds {
		if fd >= 0 {
			_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
			s.fds[i] = -1
		}
	}
}
