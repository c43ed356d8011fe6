package process

import (
	"errors"
	"net/netip"
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
	fd, err := unix.Socket(t[0], t[1]|unix.SOCK_CLOEXEC, t[2])
	if err == nil {
		a.socks[r.Makes] = fd
	}
	return answer(err)
}

func (a *agent) accept(fd int, makes string, limit time.Duration) reply {
	return a.bounded(fd, unix.SO_RCVTIMEO, limit, func() error {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err == nil {
			a.socks[makes] = conn
		}
		return err
	})
}

func (a *agent) connect(fd int, to netip.AddrPort, limit time.Duration) reply {
	sa, err := sockaddr(to)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return a.bounded(fd, unix.SO_SNDTIMEO, limit, func() error { return unix.Connect(fd, sa) })
}

func (a *agent) send(fd int, b []byte, to unix.Sockaddr, limit time.Duration) reply {
	var sent int64
	r := a.bounded(fd, unix.SO_SNDTIMEO, limit, func() error {
		n, err := unix.SendmsgN(fd, b[sent:], nil, to, unix.MSG_NOSIGNAL)
		sent += int64(max(n, 0))
		if err == nil && int(sent) < len(b) {
			return unix.EAGAIN // the limit passed in the middle
		}
		return err
	})
	if r.Outcome == lab.OK {
		r.Int = &sent
	}
	return r
}

func (a *agent) recv(fd, size int, limit time.Duration) reply {
	b := make([]byte, size)
	var n int
	r := a.bounded(fd, unix.SO_RCVTIMEO, limit, func() (err error) {
		n, _, err = unix.Recvfrom(fd, b, 0)
		return err
	})
	if r.Outcome == lab.OK {
		b = b[:max(n, 0)]
		r.Text = &b
	}
	return r
}

// tick is longer than one of the kernel's, in which it counts a time-out: none
// ends before the limit.
const tick = 10 * time.Millisecond

// bounded makes a call that may block, on a socket that does: the kernel goes
// the way that it goes for everybody. Only when the limit has passed, SO_RCVTIMEO
// or SO_SNDTIMEO of socket(7) end the wait, with EAGAIN, or EINPROGRESS or
// EALREADY for connect. The same errnos, sooner, are answers: EAGAIN is
// inet_autobind's when no port is left.
func (a *agent) bounded(fd, option int, limit time.Duration, call func() error) reply {
	a.watch()
	began := time.Now()
	for {
		left := max(limit-time.Since(began), 0) + tick
		timeout := unix.NsecToTimeval(int64(left))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &timeout); err != nil {
			return reply{Broken: "set a time-out: " + err.Error()}
		}
		err := call()
		switch {
		case errors.Is(err, unix.EINTR):
			continue // a signal of the Go runtime's
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINPROGRESS), errors.Is(err, unix.EALREADY):
			if time.Since(began) >= limit {
				return reply{Outcome: lab.Blocked}
			}
		}
		return answer(err)
	}
}

// close closes the process's descriptor, which is gone at once. With SO_LINGER
// the call itself may take its time (inet_release).
func (a *agent) close(name string, limit time.Duration) reply {
	fd := a.socks[name]
	delete(a.socks, name)
	if l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER); err != nil || l.Onoff == 0 || l.Linger == 0 {
		return answer(unix.Close(fd))
	}
	a.watch()
	result := make(chan error, 1)
	go func() { result <- unix.Close(fd) }()
	select {
	case err := <-result:
		return answer(err)
	case <-time.After(limit):
		return reply{Outcome: lab.Blocked}
	}
}

func (a *agent) sleep(d time.Duration) reply {
	a.watch()
	time.Sleep(d)
	return reply{Outcome: lab.OK}
}

func withAddr(to netip.AddrPort, call func(unix.Sockaddr) error) reply {
	sa, err := sockaddr(to)
	if err != nil {
		return reply{Broken: err.Error()}
	}
	return answer(call(sa))
}
