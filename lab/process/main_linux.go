package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// Main is the whole life of a process of a lab, when this program was started
// as one; otherwise it returns at once. Call it first thing in main, and in
// the TestMain of a package whose tests start processes.
func Main() {
	if len(os.Args) >= 2 && os.Args[0] == Arg0 {
		agentMain()
	}
}

func agentMain() {
	// Calls are made on one thread: what seteuid changes is the thread's.
	runtime.LockOSThread()
	a, err := inherit(strings.Clone(strings.TrimRight(os.Args[1], " ")), os.Args[2:]) // see retitle
	if err == nil {
		err = serve(a)
	}
	fmt.Fprintln(os.Stderr, "labrun: process:", err)
	child.Exit(1)
}

// serve answers requests one after the other until its keeper's end of the pair
// is closed.
func serve(a *agent) error {
	limit := unix.NsecToTimeval(soon.Nanoseconds())
	if err := unix.SetsockoptTimeval(child.ControlFD, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	buf := make([]byte, maxMessage)
	for {
		r, err := receive(buf)
		if errors.Is(err, errGone) || errors.Is(err, unix.ECONNRESET) {
			a.quit() // the latter of a keeper that was killed with an answer unread, unix(7)
		}
		if err != nil {
			return err
		}
		err = respond(do(a, &r))
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
			a.quit() // the keeper was killed during the call
		}
		if err != nil {
			return fmt.Errorf("answer %s: %w", r.Call, err)
		}
	}
}

// errGone says that the keeper's end of the pair is closed.
var errGone = errors.New("the keeper has gone")

// receive returns the next request. A descriptor that comes along is close-on-exec from the
// start: no child inherits what was meant for another one.
func receive(buf []byte) (request, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, err := recvSoon(buf, oob)
	for errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		_, _ = unix.Poll([]unix.PollFd{{Fd: child.ControlFD, Events: unix.POLLIN}}, -1)
		n, oobn, err = recvSoon(buf, oob)
	}
	if err != nil {
		return request{}, fmt.Errorf("receive: %w", err)
	}
	if n == 0 {
		return request{}, errGone
	}
	r := request{passed: -1}
	if err := json.Unmarshal(buf[:n], &r); err != nil {
		return r, fmt.Errorf("decode a request: %w", err)
	}
	if oobn > 0 {
		if r.passed, err = child.Descriptor(oob[:oobn]); err != nil {
			return r, fmt.Errorf("receive a descriptor: %w", err)
		}
	}
	return r, nil
}

// soon is how long the next request of a cell takes at most, as a rule.
const soon = 20 * time.Millisecond

// recvSoon is recvmsg(2), which answers EAGAIN when nothing has come soon. It does not tell
// the Go runtime that it may wait. Otherwise the runtime's monitor takes the only P away
// from the thread within microseconds and the thread has to get it back: a fifth of the
// processor time of a cell. A process that waits for longer lets it go, so that it sleeps.
func recvSoon(buf, oob []byte) (n, oobn int, err error) {
	iov := unix.Iovec{Base: &buf[0]}
	iov.SetLen(len(buf))
	m := unix.Msghdr{Iov: &iov, Control: &oob[0]}
	m.SetIovlen(1)
	m.SetControllen(len(oob))
	got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, child.ControlFD, uintptr(unsafe.Pointer(&m)), unix.MSG_CMSG_CLOEXEC)
	if errno != 0 {
		return 0, 0, errno
	}
	return int(got), int(m.Controllen), nil
}
