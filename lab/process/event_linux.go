package process

import (
	"errors"
	"hash/fnv"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// poll tells the events of a socket as they are now. It does not wait: what a socket has after a while
// is for the file to say, by until.
func poll(_ *agent, r *request) reply {
	if r.fds[0] < 0 { // which poll would pass over
		return okWith(lab.Word("POLLNVAL"))
	}
	asked := int(arg[lab.Int](r, 1))
	if len(r.Args) < 2 {
		for _, bit := range numbers[lab.KindEvents] {
			asked |= bit
		}
	}
	fds := []unix.PollFd{{Fd: int32(r.fds[0]), Events: int16(asked)}}
	for {
		if _, err := unix.Poll(fds, 0); !errors.Is(err, unix.EINTR) {
			if err != nil {
				return ended(err)
			}
			break
		}
	}
	words, err := wordsOf(lab.KindEvents, lab.PollEvents, int(fds[0].Revents), "none")
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return okWith(words)
}

// epoll makes an instance, which is a descriptor like any other: fork and close work on it.
func epoll(a *agent, r *request) reply {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return made(a, r, handle{fd: fd}, err)
}

// epollCtl has the kernel keep what the name hashes to: an instance may be shared with processes that
// have the socket under the same name, and has no room for the name itself.
func epollCtl(_ *agent, r *request) reply {
	key := keyOf(string(arg[lab.Sock](r, 2)))
	event := unix.EpollEvent{Events: uint32(arg[lab.Int](r, 3)), Fd: int32(key), Pad: int32(key >> 32)}
	_, _, errno := unix.Syscall6(unix.SYS_EPOLL_CTL, uintptr(r.fds[0]), uintptr(arg[lab.Int](r, 1)), uintptr(r.fds[1]),
		uintptr(pointerOf(r, 3, unsafe.Pointer(&event))), 0, 0)
	return ended(errno)
}

// keyOf is 64 bits long, as epoll_data is: names that clash would take more of them than a file has.
func keyOf(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// epollWait waits until a watched socket has events and answers with all that have, sorted: the order
// in which they became ready differs on a machine that is busy.
func epollWait(a *agent, r *request) reply {
	a.watch()
	var events [64]unix.EpollEvent
	for began, last := time.Now(), false; ; {
		left := max(r.Limit-time.Since(began), 0)
		last = left == 0
		n, err := unix.EpollWait(r.fds[0], events[:], int((left+time.Millisecond-1)/time.Millisecond))
		switch {
		case errors.Is(err, unix.EINTR) && !a.interrupted():
			continue
		case err != nil:
			return ended(err)
		case n == 0 && last:
			return reply{Outcome: lab.Blocked}
		case n > 0:
			return okWith(a.namesOf(events[:n]))
		}
	}
}

// namesOf returns the names of the sockets that events are about.
func (a *agent) namesOf(events []unix.EpollEvent) lab.Socks {
	var ready lab.Socks
	for _, name := range a.socks.names() {
		key := keyOf(name)
		if slices.ContainsFunc(events, func(e unix.EpollEvent) bool {
			return uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32 == key
		}) {
			ready = append(ready, lab.Sock(name))
		}
	}
	return ready
}

// quiet is for how long a socket takes nothing before it counts as full: what it has taken may still
// be on its way to the other side, which then has room for more.
const quiet = 100 * time.Millisecond

// fill sends until nothing more is taken. How many bytes that were depends on the machine's memory, so
// it answers none.
func fill(a *agent, r *request) reply {
	return untilQuiet(a, r, unix.POLLOUT, func(b []byte) (int, error) {
		return unix.SendmsgN(r.fds[0], b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
}

// drain receives until nothing more comes, or until the end.
func drain(a *agent, r *request) reply {
	return untilQuiet(a, r, unix.POLLIN, func(b []byte) (int, error) {
		n, _, err := unix.Recvfrom(r.fds[0], b, unix.MSG_DONTWAIT)
		return n, err
	})
}

// untilQuiet makes a call again until it would block, and still does after a while. Events alone do not
// tell: a socket of TCP says POLLOUT when a third of its buffer is free, and takes bytes before.
func untilQuiet(a *agent, r *request, event int16, call func(b []byte) (int, error)) reply {
	a.watch()
	b := make([]byte, 16<<10)
	waited := false
	for began := time.Now(); time.Since(began) < r.Limit; {
		n, err := call(b)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if waited {
				return reply{Outcome: lab.OK}
			}
			fds := []unix.PollFd{{Fd: int32(r.fds[0]), Events: event}}
			events, err := unix.Poll(fds, int(quiet/time.Millisecond))
			waited = events == 0 && err == nil
			continue
		case err != nil:
			return ended(err)
		case n == 0:
			return reply{Outcome: lab.OK} // the end of the stream
		}
		waited = false
	}
	return reply{Outcome: lab.Blocked}
}
