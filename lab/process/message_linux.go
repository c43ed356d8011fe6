package process

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// message is what sendmsg(2) and recvmsg(2) take beside the text.
type message struct {
	addr  *sockaddr // nil for none
	oob   []byte
	flags int
}

// messageOf returns the message that the arguments from the third on make. Each is known by its type.
func messageOf(a *agent, r *request) (*message, error) {
	m := &message{}
	for i := 2; i < len(r.Args); i++ {
		switch of := r.Args[i].of.(type) {
		case lab.Int:
			m.flags |= int(of)
		case control:
			b, err := controlBytes(a, r.fds[0], of)
			if err != nil {
				return nil, err
			}
			m.oob = append(m.oob, b...)
		default:
			to, err := addressOf(a, r, i)
			if err != nil {
				return nil, err
			}
			m.addr = to
		}
	}
	return m, nil
}

// header returns what the kernel gets, as x/sys's own calls take addresses of its types alone: those of
// the experiment are bytes that need not be one. The pointers in it keep alive what they point to.
func (m *message) header(text []byte) *unix.Msghdr {
	iov := &unix.Iovec{Base: unsafe.SliceData(text)}
	iov.SetLen(len(text))
	h := &unix.Msghdr{Iov: iov}
	h.SetIovlen(1)
	if m.addr != nil {
		h.Name, h.Namelen = (*byte)(m.addr.pointer()), uint32(m.addr.length)
	}
	if len(m.oob) > 0 {
		h.Control = unsafe.SliceData(m.oob)
		h.SetControllen(len(m.oob))
	}
	return h
}

// call is sendmsg or recvmsg, by its number.
func (m *message) call(number uintptr, fd int, h *unix.Msghdr, flags int) (int, unix.Errno) {
	n, _, errno := unix.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(h)), uintptr(flags))
	runtime.KeepAlive(h)
	return int(n), errno
}

// sendmsg sends a text with all that is to go along. A socket in its place is a descriptor alone, with
// the one byte that a stream needs to carry it: how many bytes that was is nothing to answer.
func sendmsg(a *agent, r *request) reply {
	m, err := messageOf(a, r)
	if err != nil {
		return ended(err)
	}
	text := textOf(r)
	if _, ok := r.Args[1].of.(lab.Sock); ok {
		text = []byte{0}
		m.oob = append(m.oob, unix.UnixRights(r.fds[1])...)
	}
	done := transmit(a, r, m.flags, text, func(rest []byte) (int, unix.Errno) {
		if len(rest) < len(text) {
			m.oob = nil // it went with the first part
		}
		h := m.header(rest)
		h.Iov.Base = (*byte)(pointerOf(r, 1, unsafe.Pointer(h.Iov.Base)))
		return m.call(unix.SYS_SENDMSG, r.fds[0], h, m.flags|a.unsignalled())
	})
	if len(r.fds) > 1 {
		done.Value = value{}
	}
	return done
}

// roomForControls is more than all control messages together take: 253 descriptors, SCM_MAX_FD, are
// the largest.
const roomForControls = 2048

// recvmsg receives a text with all that came along, or, when it is to make a socket, a descriptor. A
// message without one is an error then and not an answer. Descriptors that have no name are closed.
func recvmsg(a *agent, r *request) reply {
	flags := int(arg[lab.Int](r, 2))
	m := &message{addr: room()}
	var h *unix.Msghdr
	done := receiveText(a, r, flags, func(b []byte) (int, unix.Errno) {
		m.oob = make([]byte, roomForControls)
		to, _ := m.addr.ask(r)
		if h = m.header(b); to == nil {
			h.Name, h.Namelen = nil, 0
		}
		return m.call(unix.SYS_RECVMSG, r.fds[0], h, flags|unix.MSG_CMSG_CLOEXEC)
	})
	if done.Outcome != lab.OK {
		return done
	}
	m.addr.length = int32(h.Namelen)
	came, fds, err := controlsIn(m.oob[:h.Controllen])
	for i, fd := range fds {
		if i > 0 || r.Makes == "" {
			_ = unix.Close(fd)
		}
	}
	switch {
	case err != nil && r.With: // else nothing asks what it is
		return reply{Broken: "recvmsg: " + err.Error()}
	case r.Makes != "" && len(fds) == 0:
		return reply{Broken: "recvmsg: no descriptor came along"}
	case r.Makes != "":
		a.socks.keep(r.Makes, handle{fd: fds[0]})
		done.Value = value{}
	}
	if r.With {
		done.With = append(came, flagsIn(int(h.Flags))...)
	}
	return m.addr.sentBy(r, done)
}

// flagsIn returns the flags that the kernel has set, by name. MSG_CMSG_CLOEXEC only repeats what it
// was asked for.
func flagsIn(flags int) []control {
	var all []control
	for _, name := range lab.MessageFlags {
		if bit := numbers[lab.KindFlags][name]; flags&bit != 0 && bit != unix.MSG_CMSG_CLOEXEC {
			all = append(all, control{Name: name})
		}
	}
	return all
}

// controlBytes returns a control message as the kernel takes it, with its header.
func controlBytes(a *agent, fd int, c control) ([]byte, error) {
	kind, ok := controlKinds[c.Name]
	if !ok {
		return nil, fmt.Errorf("no control message %q", c.Name)
	}
	domain, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN) // of no socket the call itself says so
	as := kind.v4
	if domain == unix.AF_INET6 {
		as = kind.v6
	}
	data, err := kind.bytes(a, c.Args, domain == unix.AF_INET6)
	if err != nil {
		return nil, err
	}
	b := make([]byte, unix.CmsgSpace(len(data)))
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
	h.Level, h.Type = int32(as.level), int32(as.number)
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[unix.CmsgLen(0):], data)
	return b, nil
}

// controlsIn returns the control messages that came, in the order of lab.Controls, and the descriptors
// among them.
func controlsIn(oob []byte) (came []control, fds []int, err error) {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, nil, err
	}
	came = []control{}
	for _, sig := range lab.Controls {
		kind := controlKinds[sig.Name]
		for _, m := range all {
			as := option{int(m.Header.Level), int(m.Header.Type)}
			if as != kind.v4 && as != kind.v6 && as != kind.comes {
				continue
			}
			c := control{Name: sig.Name}
			if c.Args, err = kind.args(m.Data); err != nil {
				return came, fds, fmt.Errorf("%s: %w", sig.Name, err)
			}
			if sig.Name == "pidfd" && len(m.Data) >= 4 {
				_ = unix.Close(int(int32(binary.NativeEndian.Uint32(m.Data)))) // that it came is all that is told
			}
			if sig.Name == "rights" {
				more, _ := unix.ParseUnixRights(&m) // args has read it
				fds = append(fds, more...)
			}
			came = append(came, c)
		}
	}
	if known := len(came); known < len(all) {
		i := slices.IndexFunc(all, func(m unix.SocketControlMessage) bool { return !isKnown(m.Header) })
		return came, fds, fmt.Errorf("a control message of level %d and type %d, which has no word", all[i].Header.Level,
			all[i].Header.Type)
	}
	return came, fds, nil
}

// isKnown reports whether a control message has a row. One that has none is labrun's lack and not an
// answer: to leave it out would be to say that nothing came.
func isKnown(h unix.Cmsghdr) bool {
	as := option{int(h.Level), int(h.Type)}
	for _, kind := range controlKinds {
		if as == kind.v4 || as == kind.v6 || as == kind.comes {
			return true
		}
	}
	return false
}

// mmsghdr is a struct mmsghdr.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// sendmmsg sends all its texts by one call, and answers how many went.
func sendmmsg(a *agent, r *request) reply {
	var all []mmsghdr
	for i := 1; i < len(r.Args); i++ {
		all = append(all, mmsghdr{header: *(&message{}).header([]byte(arg[lab.Text](r, i)))})
	}
	n := 0
	done := bounded(a, r.fds[0], unix.SO_SNDTIMEO, r.Limit, 0, func() unix.Errno {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(r.fds[0]), uintptr(unsafe.Pointer(unsafe.SliceData(all))),
			uintptr(len(all)), uintptr(a.unsignalled()), 0, 0)
		n = int(sent)
		return errno
	})
	if done.Outcome == lab.OK {
		done.Value.of = lab.Int(n)
	}
	return done
}

// mostMessages is how many messages recvmmsg takes, UIO_MAXIOV of recvmmsg(2).
const mostMessages = 1024

// recvmmsg waits for one message (MSG_WAITFORONE) and takes all that are there by then.
func recvmmsg(a *agent, r *request) reply {
	want := int(arg[lab.Int](r, 1))
	if want < 0 || want > mostMessages {
		return reply{Broken: "recvmmsg takes from 0 to 1024 messages"}
	}
	all, texts := make([]mmsghdr, want), make([][]byte, want)
	for i := range all {
		texts[i] = make([]byte, 2048)
		all[i].header = *(&message{}).header(texts[i])
	}
	n := 0
	done := bounded(a, r.fds[0], unix.SO_RCVTIMEO, r.Limit, 0, func() unix.Errno {
		got, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(r.fds[0]), uintptr(unsafe.Pointer(unsafe.SliceData(all))),
			uintptr(len(all)), unix.MSG_WAITFORONE, 0, 0)
		n = int(got)
		return errno
	})
	if done.Outcome != lab.OK {
		return done
	}
	came := lab.Texts{}
	for i := range n {
		came = append(came, lab.Text(texts[i][:all[i].length]))
	}
	return okWith(came)
}
