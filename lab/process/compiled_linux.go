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

	sizes []int // of the texts that are sent, see sizeCode; the keeper's own

	fds    []int    // of the cell that is being carried out, -1 where there is none
	values []int    // of the axes, of the cell
	trace  []uint16 // of the cell
	ids    map[string]uint32
	told   int    // how many traces the keeper knows
	broken string // why the process could not ask, "" when it could
	traces [][]uint16

	ends     bool     // cells may end connections
	sent     bool     // segments may be under way
	segments segments // of the host, when none was
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
	First  int32  // family, level, backlog, direction or user; of accept the listener, as Sock; of send its code
	Second int32  // type or option
	Third  int32  // protocol
	Bytes  []byte // an address, a value or a text
	Length int32  // of it
	Limit  int    // nanoseconds that a call may wait
	Want   uint16
}

// Codes of answers, beside the errnos.
const (
	codeOK      = 0
	codeSize    = 0x8000 // and more: a text was sent whole, see sizeCode
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

// sizeCode returns the code of the answer that a text of that size was sent: a socket that blocks sends all of it. The
// texts of a batch are of few sizes.
func (s *compiledBatch) sizeCode(size int) uint16 {
	i := slices.Index(s.sizes, size)
	if i < 0 {
		i = len(s.sizes)
		s.sizes = append(s.sizes, size)
	}
	return codeSize + uint16(i)
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
	case "accept":
		c.Number, c.First, c.Limit = unix.SYS_ACCEPT4, int32(s.sock(string(arg[lab.Sock](r, 0)))), int(r.Limit)
	case "send":
		c.Number, c.Bytes, c.Limit = unix.SYS_SENDTO, []byte(arg[lab.Text](r, 1)), int(r.Limit)
		c.First = int32(s.sizeCode(len(c.Bytes)))
	case "drain":
		c.Number, c.Limit = unix.SYS_RECVFROM, int(r.Limit)
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
// what it was answered. One is late when segments of its connections have not arrived, or only when they were sent
// again: what it was answered may be this machine's doing.
func (s *compiledBatch) cell(a *agent, combo lab.Combo) (id uint32, red, late bool) {
	s.Shape.ValuesInto(s.values, combo)
	s.trace = s.trace[:0]
cell:
	for i := range s.Slots {
		slot := &s.Slots[i]
		steps := slot.Variants[slot.VariantOf.At(s.Shape.Index(slot.Axes, s.values))]
		for j := range steps {
			if s.sent && steps[j].depends() && !s.arrived(a) {
				return 0, false, true
			}
			code := s.call(a, &steps[j])
			s.sent = s.sent || s.ends && steps[j].sends()
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
	return id, red, false
}

// endsConnections reports whether a cell may end a connection, or leave one something to read: what a call is answered
// then depends on what has arrived before.
func (s *compiledBatch) endsConnections() bool {
	connects, ends := false, false
	for _, slot := range s.Slots {
		for _, steps := range slot.Variants {
			for _, c := range steps {
				connects = connects || c.Number == unix.SYS_CONNECT
				ends = ends || slices.Contains([]uint16{unix.SYS_CLOSE, unix.SYS_SHUTDOWN, unix.SYS_SENDTO}, c.Number)
			}
		}
	}
	return connects && ends
}

// sends reports whether a call may send segments: an ACK that was held back by TCP_QUICKACK, say.
func (c *compiledCall) sends() bool {
	switch c.Number {
	case unix.SYS_CONNECT, unix.SYS_CLOSE, unix.SYS_SHUTDOWN, unix.SYS_SENDTO, unix.SYS_RECVFROM:
		return true // what is received makes room, which the other side is told of
	}
	return c.Number == unix.SYS_SETSOCKOPT && c.First == unix.IPPROTO_TCP
}

// depends reports whether what a call does may depend on which segments have arrived. accept waits for its own.
func (c *compiledCall) depends() bool {
	switch c.Number {
	case unix.SYS_SOCKET, unix.SYS_ACCEPT4, unix.SYS_FCHOWN:
		return false
	}
	return c.Number != unix.SYS_SETSOCKOPT || c.First == unix.IPPROTO_TCP
}

// segments are counts of TCP that a host has in /proc/net/snmp, of IPv4 and IPv6 together.
type segments struct{ in, out, again int }

// arrivalTime is how long segments may be under way from a host to itself. A kernel delivers them before the call
// returns, but on a busy machine it may leave that to a thread (ksoftirqd).
var arrivalTime = 250 * time.Millisecond

// arrived waits until the host has received every segment that it has sent, and reports whether it has, and has sent none
// a second time.
func (s *compiledBatch) arrived(a *agent) bool {
	before := s.segments
	for began := time.Now(); ; {
		now, err := a.segments()
		if err != nil {
			s.broken = err.Error()
			return true
		}
		if s.segments = now; now.in == now.out {
			s.sent = false
			return now.again == before.again
		}
		if time.Since(began) > arrivalTime {
			return false
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// call makes a call. The runtime need not know of those that never wait, and RawSyscall saves telling it. A name that
// has no socket, because the call that makes it failed, is descriptor -1: the kernel answers EBADF, as to a program
// that goes on regardless.
func (s *compiledBatch) call(a *agent, c *compiledCall) uint16 {
	var errno unix.Errno
	number, fd := uintptr(c.Number), uintptr(0)
	if number != unix.SYS_SOCKET && number != unix.SYS_ACCEPT4 {
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
	case unix.SYS_ACCEPT4:
		return s.accept(a, s.fds[c.First], c)
	case unix.SYS_SENDTO:
		code := s.codeOf(send(a, &request{fds: []int{int(fd)}, Limit: time.Duration(c.Limit),
			Args: []value{{lab.Sock(s.Names[c.Sock])}, {lab.Text(c.Bytes)}}}))
		if code == codeOK {
			return uint16(c.First)
		}
		return code
	case unix.SYS_RECVFROM:
		return s.codeOf(drain(a, &request{fds: []int{int(fd)}, Limit: time.Duration(c.Limit)}))
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
	return s.codeOf(connectWithin(a, fd, time.Duration(c.Limit), func() unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(c.Bytes))),
			uintptr(c.Length))
		return errno
	}))
}

// accept takes a connection off a listener's queue, within the limit. Sockets of a batch do not block otherwise.
func (s *compiledBatch) accept(a *agent, listener int, c *compiledCall) uint16 {
	if listener >= 0 && !readable(a, listener, time.Duration(c.Limit)) {
		return codeBlocked
	}
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	if errno == 0 {
		s.fds[c.Sock] = int(fd)
	}
	return uint16(errno)
}

// codeOf returns the code of a reply, and keeps why there is none.
func (s *compiledBatch) codeOf(r reply) uint16 {
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
