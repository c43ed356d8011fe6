package process

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
	"labrun/lab/sys"
)

func send(a *agent, r *request) reply { return sendTo(a, r, int(arg[lab.Int](r, 2)), nil, 0) }

func sendto(a *agent, r *request) reply {
	to, err := addressOf(a, r, 2)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return sendTo(a, r, int(arg[lab.Int](r, 3)), to.pointer(), to.size())
}

// sendTo is sendto(2), which send(2) is without an address. On a socket that blocks, the kernel
// may return less than all when the limit passes (SO_SNDTIMEO of socket(7)); then the rest is
// tried, and the answer is "blocked", since a C program would still wait. SIGPIPE is kept away:
// it would end the process, and EPIPE says the same.
func sendTo(a *agent, r *request, flags int, to unsafe.Pointer, size uintptr) reply {
	fd := r.fds[0]
	text := []byte(arg[lab.Text](r, 1))
	var sent int
	whole := flags&unix.MSG_DONTWAIT == 0 && !nonblocking(fd)
	done := bounded(a, fd, unix.SO_SNDTIMEO, r.Limit, flags, func() unix.Errno {
		rest := text[sent:]
		n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(rest))),
			uintptr(len(rest)), uintptr(flags|unix.MSG_NOSIGNAL), uintptr(to), size)
		if errno != 0 {
			return errno
		}
		sent += int(n)
		if whole && sent < len(text) {
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
	fd := r.fds[0]
	flags := int(arg[lab.Int](r, 2))
	size := lab.Int(maxText)
	if len(r.Args) > 1 {
		size = arg[lab.Int](r, 1)
	}
	if size < 0 || size > maxText {
		return reply{Broken: "a call receives from 0 to 65536 bytes"}
	}
	b := make([]byte, size) // with MSG_TRUNC it stays empty: the bytes are thrown away, tcp(7)
	var n int
	began := time.Now()
	done := bounded(a, fd, unix.SO_RCVTIMEO, r.Limit, flags, func() unix.Errno {
		got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), uintptr(flags), 0, 0)
		if errno == 0 {
			n = int(got)
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

// sendmsg sends a descriptor, with the one byte that a stream needs to carry it.
func sendmsg(a *agent, r *request) reply {
	return bounded(a, r.fds[0], unix.SO_SNDTIMEO, r.Limit, 0, func() unix.Errno {
		return sys.ErrnoOf(unix.Sendmsg(r.fds[0], []byte{0}, unix.UnixRights(r.fds[1]), nil, unix.MSG_NOSIGNAL))
	})
}

// recvmsg receives a descriptor. A message without one is an error and not an answer: it cannot
// make the socket that the call names.
func recvmsg(a *agent, r *request) reply {
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4))
	var oobn int
	done := bounded(a, r.fds[0], unix.SO_RCVTIMEO, r.Limit, 0, func() unix.Errno {
		var err error
		_, oobn, _, _, err = unix.Recvmsg(r.fds[0], b[:], oob, unix.MSG_CMSG_CLOEXEC)
		return sys.ErrnoOf(err)
	})
	if done.Outcome != lab.OK {
		return done
	}
	got, err := child.Descriptor(oob[:oobn])
	if err != nil {
		return reply{Broken: "recvmsg: " + err.Error()}
	}
	return made(a, r, handle{fd: got}, nil)
}
