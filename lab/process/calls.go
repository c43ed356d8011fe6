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

// close closes the process's descriptor, which is gone at once. With SO_LINGER
// the call itself may take long even on a non-blocking socket (inet_release).
func (a *agent) close(name string, deadline time.Time) reply {
	fd := a.socks[name]
	delete(a.socks, name)
	if l, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER); err != nil || l.Onoff == 0 || l.Linger == 0 {
		return answer(unix.Close(fd))
	}
	done, closed, err := pipe()
	if err != nil {
		return reply{Broken: err.Error()}
	}
	defer unix.Close(done)
	result := make(chan error, 1)
	go func() {
		result <- unix.Close(fd)
		unix.Close(closed) // await sees the end of the pipe
	}()
	if ended, err := await(done, unix.POLLIN, deadline); err != nil {
		return reply{Broken: err.Error()}
	} else if !ended {
		return reply{Outcome: lab.Blocked}
	}
	return answer(<-result)
}

func pipe() (r, w int, err error) {
	var fds [2]int
	err = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	return fds[0], fds[1], err
}

func sleep(deadline time.Time) reply {
	if _, err := await(-1, 0, deadline); err != nil {
		return reply{Broken: err.Error()}
	}
	return reply{Outcome: lab.OK}
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
		if ready, err := await(fd, events, deadline); err != nil {
			return reply{Broken: err.Error()}
		} else if !ready {
			return reply{Outcome: lab.Blocked}
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
