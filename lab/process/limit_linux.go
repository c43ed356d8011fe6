package process

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// tick is longer than one of the kernel's, in which it counts a time-out: none
// ends before the limit.
const tick = 10 * time.Millisecond

// bounded makes a call that may block, on a socket that does: the kernel goes
// the way that it goes for every program. Only when the limit has passed, SO_RCVTIMEO
// or SO_SNDTIMEO of socket(7) end the wait, with EAGAIN, or EINPROGRESS or
// EALREADY for connect. The same errnos, sooner, are answers: EAGAIN is
// inet_autobind's when no port is left.
//
// A socket that does not block, or a call with MSG_DONTWAIT, needs no limit: its
// EAGAIN or EINPROGRESS is always the answer. Nor does a descriptor that is not a
// socket.
//
// What has come in time is the answer, also when this process was not let run until
// the limit had passed: connect then says that it is in progress though it is not
// any more (inet_wait_for_connect tells by the time that is left). So the call is
// made once more, for a moment.
//
// A socket may have a time-out of the experiment's. A shorter one ends the wait by itself, and
// its errno is the answer; in any case the socket has it back afterwards.
//
// A call in the background has no limit, and needs no time-out. With one it would answer EINTR after a
// signal whatever SA_RESTART says, signal(7).
func bounded(a *agent, fd, option int, limit time.Duration, flags int, call func() unix.Errno) reply {
	if flags&unix.MSG_DONTWAIT != 0 || nonblocking(fd) || limit == forever {
		return ended(a.retry(call))
	}
	a.watch()
	if own, err := borrowTimeout(fd, option); err == nil {
		defer returnTimeout(fd, option)
		if given := time.Duration(own.Nano()); given > 0 && given < limit {
			return ended(a.retry(call))
		}
	}
	began, again := time.Now(), false
	for {
		left := max(limit-time.Since(began), 0) + tick
		timeout := unix.NsecToTimeval(int64(left))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &timeout); err != nil {
			if errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOTSOCK) {
				return ended(a.retry(call))
			}
			return reply{Broken: "set a time-out: " + err.Error()}
		}
		errno := call()
		switch errno {
		case unix.EINTR:
			continue // a signal of the Go runtime's
		case unix.EAGAIN, unix.EINPROGRESS, unix.EALREADY:
			if over := time.Since(began) >= limit; over && again {
				return reply{Outcome: lab.Blocked}
			} else if over {
				again = true
				continue
			}
		}
		return ended(errno)
	}
}

// borrowed are the time-outs of sockets in which calls wait, as the experiment set them: several
// threads may wait in one, and none of them is to take another one's limit for the socket's own.
var borrowed = struct {
	sync.Mutex
	of map[[2]int]*timeout // by descriptor and option
}{of: map[[2]int]*timeout{}}

type timeout struct {
	own   unix.Timeval
	calls int
}

// borrowTimeout returns a socket's own time-out, which the caller may change until returnTimeout.
func borrowTimeout(fd, option int) (own unix.Timeval, err error) {
	borrowed.Lock()
	defer borrowed.Unlock()
	t := borrowed.of[[2]int{fd, option}]
	if t == nil {
		now, err := unix.GetsockoptTimeval(fd, unix.SOL_SOCKET, option)
		if err != nil {
			return own, err
		}
		t = &timeout{own: *now}
		borrowed.of[[2]int{fd, option}] = t
	}
	t.calls++
	return t.own, nil
}

// returnTimeout gives the socket its own time-out back when the last call in it has ended.
func returnTimeout(fd, option int) {
	borrowed.Lock()
	defer borrowed.Unlock()
	key := [2]int{fd, option}
	t := borrowed.of[key]
	if t.calls--; t.calls == 0 {
		delete(borrowed.of, key)
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &t.own)
	}
}

// retry makes a call that does not block until no signal of the Go runtime's
// comes between.
func (a *agent) retry(call func() unix.Errno) unix.Errno {
	for {
		if errno := call(); errno != unix.EINTR || a.interrupted() {
			return errno
		}
	}
}

// nonblocking asks the kernel whether the socket does not block. The flag is the open
// socket's: a duplicate or another process may have set it.
func nonblocking(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK != 0
}

// multipath reports whether the socket is MPTCP's. Such a listener waits by the
// time-out of its first subflow (mptcp_stream_accept), which no option sets.
func multipath(fd int) bool {
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && protocol == unix.IPPROTO_MPTCP
}

// readable waits until there is something to accept, or an error to hear of.
func readable(a *agent, fd int, limit time.Duration) bool {
	a.watch()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for began := time.Now(); ; {
		timeout := unix.NsecToTimespec(int64(max(limit-time.Since(began), 0)))
		n, err := unix.Ppoll(fds, &timeout, nil)
		if !errors.Is(err, unix.EINTR) || a.interrupted() {
			return n > 0
		}
	}
}

// sleep is not bounded: a file says how long it takes.
func sleep(a *agent, r *request) reply {
	a.watch()
	time.Sleep(time.Duration(arg[lab.Duration](r, 0)))
	return reply{Outcome: lab.OK}
}

// who waits until one of the sockets has something to receive or to accept and
// answers with all that have, in the order of the arguments.
func who(a *agent, r *request) reply {
	fds := make([]unix.PollFd, len(r.fds))
	for i, fd := range r.fds {
		if fd < 0 { // which poll would pass over
			return ended(unix.EBADF)
		}
		fds[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	began := time.Now()
	for left, last := time.Duration(0), false; ; {
		timeout := unix.NsecToTimespec(int64(left))
		_, err := unix.Ppoll(fds, &timeout, nil)
		if err != nil && (!errors.Is(err, unix.EINTR) || a.interrupted()) {
			return ended(err)
		}
		var ready lab.Socks
		for i := range fds {
			switch events := fds[i].Revents; {
			case events&unix.POLLNVAL != 0:
				return ended(unix.EBADF)
			case events&unix.POLLIN != 0:
				ready = append(ready, arg[lab.Sock](r, i))
			case events != 0:
				// A hang-up or an error alone, as of a TCP socket that is neither connected
				// nor listening, would only keep poll from waiting for the others.
				fds[i].Fd = -1
			}
		}
		if ready != nil {
			return okWith(ready)
		}
		if last && err == nil {
			return reply{Outcome: lab.Blocked}
		}
		a.watch()
		left = max(r.Limit-time.Since(began), 0)
		last = left == 0 // when it has passed they are looked at once more
	}
}
