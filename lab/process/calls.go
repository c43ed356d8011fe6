package process

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// socketTypes are the arguments of socket(2) for lab.SocketTypes.
var socketTypes = map[string][3]int{
	"tcp":  {unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP},
	"udp":  {unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP},
	"tcp6": {unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP},
	"udp6": {unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP},
}

var shutdownHows = map[string]int{
	"SHUT_RD": unix.SHUT_RD, "SHUT_WR": unix.SHUT_WR, "SHUT_RDWR": unix.SHUT_RDWR,
}

func (a *agent) socket(r request) reply {
	t := socketTypes[r.Word]
	fd, err := unix.Socket(t[0], t[1]|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, t[2])
	if err == nil {
		a.socks[r.Makes] = fd
	}
	return answer(err)
}

func (a *agent) accept(fd int, makes string, deadline time.Time) reply {
	return untilReady(fd, unix.POLLIN, deadline, func() error {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err == nil {
			a.socks[makes] = conn
		}
		return err
	})
}

// connect calls connect(2) until it has neither said EINPROGRESS nor EALREADY.
// The call after the handshake has ended runs the very lines of
// __inet_stream_connect that a blocking connect runs when it wakes up, which
// reading SO_ERROR would not.
func connect(fd int, to addrPort, deadline time.Time) reply {
	sa, err := sockaddr(to)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	asked := false
	return untilReady(fd, unix.POLLOUT, deadline, func() error {
		err := unix.Connect(fd, sa)
		switch {
		case errors.Is(err, unix.EINPROGRESS):
			asked = true
			return unix.EAGAIN
		case errors.Is(err, unix.EALREADY) && asked:
			return unix.EAGAIN
		case errors.Is(err, unix.EAGAIN) && !asked:
			return errAgainIsAnswer // inet_autobind: no port is left
		}
		return err
	})
}

func send(fd int, b []byte, to unix.Sockaddr, deadline time.Time) reply {
	var sent int64
	asked := false
	r := untilReady(fd, unix.POLLOUT, deadline, func() error {
		n, err := unix.SendmsgN(fd, b, nil, to, unix.MSG_NOSIGNAL)
		sent = int64(n)
		if errors.Is(err, unix.EAGAIN) && asked {
			return errAgainIsAnswer // writable, and yet: inet_autobind found no port
		}
		asked = true
		return err
	})
	if r.Outcome == lab.OK {
		r.Int = &sent
	}
	return r
}

func recv(fd, size int, deadline time.Time) reply {
	b := make([]byte, size)
	var n int
	r := untilReady(fd, unix.POLLIN, deadline, func() (err error) {
		n, _, err = unix.Recvfrom(fd, b, 0)
		return err
	})
	if r.Outcome == lab.OK {
		b = b[:n]
		r.Text = &b
	}
	return r
}

// close waits for close(2), which SO_LINGER can make slow even on a
// non-blocking socket (inet_release). The descriptor is gone at once either way.
func (a *agent) close(name string, limit time.Duration) reply {
	fd := a.socks[name]
	delete(a.socks, name)
	done := make(chan error, 1)
	go func() { done <- unix.Close(fd) }()
	select {
	case err := <-done:
		return answer(err)
	case <-time.After(limit):
		return reply{Outcome: lab.Blocked}
	}
}

// errAgainIsAnswer is EAGAIN where it is the answer and not "wait".
var errAgainIsAnswer = errors.New("EAGAIN")

// untilReady repeats a call that says EAGAIN, each time after poll(2) found the
// descriptor ready, until the deadline.
func untilReady(fd int, events int16, deadline time.Time, call func() error) reply {
	for {
		err := call()
		switch {
		case err == errAgainIsAnswer:
			return answer(unix.EAGAIN)
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return answer(err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return reply{Outcome: lab.Blocked}
		}
		timeout := unix.NsecToTimespec(int64(left))
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		if _, err := unix.Ppoll(fds, &timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return reply{Broken: "poll: " + err.Error()}
		}
	}
}

func withAddr(to addrPort, call func(unix.Sockaddr) error) reply {
	sa, err := sockaddr(to)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return answer(call(sa))
}
