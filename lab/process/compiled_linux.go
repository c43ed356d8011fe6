package process

import (
	"bufio"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// compiledBatch is a batch with every call ready to be made. The exported fields go from the
// keeper to the process.
type compiledBatch struct {
	Shape lab.Shape
	Slots []compiledSlot
	Names []string // of the sockets

	fds    []int    // of the cell that is being carried out, -1 where there is none
	values []int    // of the axes, of the cell
	trace  []uint16 // of the cell
	ids    map[string]uint32
	told   int // how many traces the keeper knows
	traces [][]uint16
}

type compiledSlot struct {
	Axes      []int
	VariantOf lab.VariantOf
	Variants  [][]compiledCall
}

// compiledCall is a call with its arguments as the kernel takes them.
type compiledCall struct {
	Number uint16 // of the system call
	Sock   uint16 // index in compiledBatch.Names
	First  int32  // family, level or backlog
	Second int32  // type or option
	Third  int32  // protocol
	Bytes  []byte // an address or a value
	Length int32  // of it
	Want   uint16
}

// roomForTraces bounds the traces in one answer, which is one message.
const roomForTraces = 400

// load takes the batch that the keeper has written to a file.
func (a *agent) load(_ int, r *request) reply {
	fd := r.passed
	if fd < 0 {
		return reply{Broken: "no batch came along"}
	}
	f := os.NewFile(uintptr(fd), "batch")
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return reply{Broken: err.Error()}
	}
	s := &compiledBatch{ids: map[string]uint32{}}
	if err := gob.NewDecoder(bufio.NewReader(f)).Decode(s); err != nil {
		return reply{Broken: "decode a batch: " + err.Error()}
	}
	s.values = make([]int, len(s.Shape))
	s.fds = make([]int, len(s.Names))
	for i := range s.fds {
		s.fds[i] = -1
	}
	a.batch = s
	return reply{Outcome: lab.OK}
}

func (s *compiledBatch) sock(name string) uint16 {
	i := slices.Index(s.Names, name)
	if i < 0 {
		i = len(s.Names)
		s.Names = append(s.Names, name)
	}
	return uint16(i)
}

// ready turns a call into what the kernel takes.
func (s *compiledBatch) ready(r *request) (compiledCall, error) {
	if r.Call == "socket" {
		kind := string(arg[lab.Word](r, 0))
		t, ok := socketTypes[kind]
		if !ok {
			return compiledCall{}, fmt.Errorf("no socket type %s", kind)
		}
		return compiledCall{
			Number: unix.SYS_SOCKET, Sock: s.sock(r.Makes),
			First: int32(t[0]), Second: int32(t[1] | unix.SOCK_CLOEXEC), Third: int32(t[2]),
		}, nil
	}
	c := compiledCall{Sock: s.sock(string(arg[lab.Sock](r, 0)))}
	switch r.Call {
	case "bind":
		var addr sockaddr
		if err := addr.set(r, 1); err != nil {
			return c, err
		}
		c.Number, c.Length = unix.SYS_BIND, addr.length
		c.Bytes = slices.Clone(addr.bytes[:min(max(int(addr.length), unix.SizeofSockaddrInet6), len(addr.bytes))])
	case "listen":
		c.Number, c.First = unix.SYS_LISTEN, int32(arg[lab.Int](r, 1))
	case "close":
		c.Number = unix.SYS_CLOSE
	case "setsockopt":
		name := string(arg[lab.Word](r, 1))
		o, ok := options[name]
		if !ok {
			return c, fmt.Errorf("no option %s", name)
		}
		c.Number, c.First, c.Second = unix.SYS_SETSOCKOPT, int32(o[0]), int32(o[1])
		c.Bytes = binary.NativeEndian.AppendUint32(nil, uint32(arg[lab.Int](r, 2)))
		if known, _ := lab.OptionOf(name); known.Value == lab.ValueDevice {
			c.Bytes = append([]byte(arg[lab.Text](r, 2)), 0)
		}
		c.Length = int32(len(c.Bytes))
	default:
		return c, fmt.Errorf("no call %q in a batch", r.Call)
	}
	return c, nil
}

// cells carries out cells of the batch.
func (a *agent) cells(_ int, r *request) reply {
	of := arg[cellsArgs](r, 0)
	s := a.batch
	if s == nil {
		return reply{Broken: "no batch is loaded"}
	}
	answer := cellsReply{IDs: make([]byte, 0, 4*len(of.Combos))}
	for _, combo := range of.Combos {
		id, red := s.cell(combo)
		if red {
			answer.IDs = binary.LittleEndian.AppendUint32(answer.IDs, id<<1|1)
		} else {
			answer.IDs = binary.LittleEndian.AppendUint32(answer.IDs, id<<1)
		}
		if red && of.Stop {
			answer.Why = Red
			s.handOver(a)
			break
		}
		s.closeAll()
		if empty, err := a.isFresh(of.Fresh); err != nil {
			return reply{Broken: err.Error()}
		} else if !empty {
			answer.Why = Left
			break
		}
		if len(s.traces)-s.told >= roomForTraces {
			answer.Why = Full
			break
		}
	}
	answer.Traces = s.traces[s.told:]
	s.told = len(s.traces)
	return okWith(answer)
}

// cell carries out one cell up to its first red step, and returns the number of
// what it was answered.
func (s *compiledBatch) cell(combo lab.Combo) (id uint32, red bool) {
	s.Shape.ValuesInto(s.values, combo)
	s.trace = s.trace[:0]
cell:
	for i := range s.Slots {
		slot := &s.Slots[i]
		steps := slot.Variants[slot.VariantOf.At(s.Shape.Index(slot.Axes, s.values))]
		for j := range steps {
			code := s.call(&steps[j])
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

// call makes a call, none of which waits: the runtime need not know of it.
func (s *compiledBatch) call(c *compiledCall) uint16 {
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
	default:
		_, _, errno = unix.RawSyscall(number, fd, uintptr(c.First), 0)
		if number == unix.SYS_CLOSE {
			s.fds[c.Sock] = -1
		}
	}
	return uint16(errno)
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

// handOver gives the sockets of a red cell their names, for whoever wants to know
// why it is red; reset closes them.
func (s *compiledBatch) handOver(a *agent) {
	for i, fd := range s.fds {
		if fd >= 0 {
			a.socks[s.Names[i]] = handle{fd: fd}
			s.fds[i] = -1
		}
	}
}

// isFresh reports whether the host has what it had before the cell. It looks a
// few times: another processor may still be putting a socket away.
func (a *agent) isFresh(fresh Table) (bool, error) {
	for range 50 {
		if t, err := a.sockstat(); err != nil || t == fresh {
			return err == nil, err
		} else if t.TimeWait > fresh.TimeWait {
			break // for a minute
		}
	}
	return false, nil
}
