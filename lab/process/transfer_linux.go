package process

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

func send(a *agent, r *request) reply { return sendTo(a, r, int(arg[lab.Int](r, 2)), nil, 0) }

func sendto(a *agent, r *request) reply {
	to, err := addressOf(a, r, 2)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return sendTo(a, r, int(arg[lab.Int](r, 3)), to.pointer(), to.size())
}

// sendTo is sendto(2), which send(2) is without an address.
func sendTo(a *agent, r *request, flags int, to unsafe.Pointer, size uintptr) reply {
	return transmit(a, r, flags, textOf(r), func(rest []byte) (int, unix.Errno) {
		text := pointerOf(r, 1, unsafe.Pointer(unsafe.SliceData(rest)))
		n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(r.fds[0]), uintptr(text),
			uintptr(len(rest)), uintptr(flags|a.unsignalled()), uintptr(to), size)
		return int(n), errno
	})
}

// textOf returns the text that is sent. In the place of a pointer it is as long as that says.
func textOf(r *request) []byte {
	if _, ok := hasArg[lab.Pointer](r, 1); ok {
		return make([]byte, unknownSize)
	}
	return []byte(arg[lab.Text](r, 1))
}

// transmit sends a text by a call that sends what is left of it. On a socket that blocks, the kernel
// may return less than all when the limit passes (SO_SNDTIMEO of socket(7)); then the rest is
// tried, and the answer is "blocked", since a C program would still wait. SIGPIPE is kept away:
// it would end the process, and EPIPE says the same.
func transmit(a *agent, r *request, flags int, text []byte, call func(rest []byte) (int, unix.Errno)) reply {
	fd := r.fds[0]
	var sent int
	whole := flags&unix.MSG_DONTWAIT == 0 && !nonblocking(fd)
	done := bounded(a, fd, unix.SO_SNDTIMEO, r.Limit, flags, func() unix.Errno {
		n, errno := call(text[sent:])
		if errno != 0 {
			return errno
		}
		sent += n
		if whole && sent < len(text) && !a.interrupted() {
			return unix.EAGAIN // the limit passed in the middle
		}
		return 0
	})
	if done.Outcome == lab.OK {
		done.Value.of = lab.Int(sent)
	}
	return done
}

// recv is recv(2) and recvfrom(2): without room for an address they are the same call.
func recv(a *agent, r *request) reply {
	from := room()
	flags := int(arg[lab.Int](r, 2))
	done := receiveText(a, r, flags, func(b []byte) (int, unix.Errno) {
		to, room := from.ask(r)
		text := pointerOf(r, 1, unsafe.Pointer(unsafe.SliceData(b)))
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(r.fds[0]), uintptr(text),
			uintptr(len(b)), uintptr(flags), uintptr(to), uintptr(room))
		return int(n), errno
	})
	return from.sentBy(r, done)
}

// receiveText answers with the text that a call receives.
func receiveText(a *agent, r *request, flags int, call func(b []byte) (int, unix.Errno)) reply {
	fd := r.fds[0]
	size := lab.Int(maxText)
	if given, ok := hasArg[lab.Int](r, 1); ok {
		size = given
	}
	if size < 0 || size > maxText {
		return reply{Broken: "a call receives from 0 to 65536 bytes"}
	}
	b := make([]byte, size) // with MSG_TRUNC it stays empty: the bytes are thrown away, tcp(7)
	var n int
	began := time.Now()
	done := bounded(a, fd, unix.SO_RCVTIMEO, r.Limit, flags, func() unix.Errno {
		got, errno := call(b)
		if errno == 0 {
			n = got
		}
		return errno
	})
	if done.Outcome != lab.OK {
		return done
	}
	if n > 0 && n < wanted(fd, len(b), flags) && time.Since(began) >= r.Limit {
		return reply{Outcome: lab.Blocked} // the limit passed in the middle
	}
	// With MSG_TRUNC n is the datagram's length, which may be more than was received.
	done.Value.of = lab.Text(b[:min(n, len(b))])
	return done
}

// wanted returns how many bytes recv waits for on a socket that blocks.
func wanted(fd, size, flags int) int {
	if flags&unix.MSG_DONTWAIT != 0 || nonblocking(fd) {
		return 0
	}
	if flags&unix.MSG_WAITALL != 0 {
		return size
	}
	low, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT)
	return min(low, size)
}
