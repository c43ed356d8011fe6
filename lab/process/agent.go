package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// agent is the inside of a process.
type agent struct {
	socks map[string]int // by the names of the experiment
}

// Main is the whole life of a process of a lab, when this program was started
// as one; otherwise it returns at once. Call it first thing in main, and in
// the TestMain of a package whose tests start processes.
func Main() {
	switch {
	case len(os.Args) >= 4 && os.Args[0] == arg0Init:
		initMain(os.Args[1], os.Args[2], os.Args[3:])
	case len(os.Args) >= 2 && os.Args[0] == Arg0:
		agentMain()
	}
}

func agentMain() {
	a := agent{socks: map[string]int{}}
	for i, name := range os.Args[2:] {
		fd := controlFD + 1 + i
		unix.CloseOnExec(fd)
		a.socks[name] = fd
	}
	unix.CloseOnExec(controlFD)
	// ss -p and ps show the experiment's name for the process. Best effort.
	_ = os.WriteFile("/proc/self/comm", []byte(os.Args[1]), 0)
	fmt.Fprintln(os.Stderr, "labrun: process:", a.serve())
	os.Exit(1)
}

// message is a request with the descriptor that came along, -1 when none did.
type message struct {
	request
	fd int
}

// serve answers requests one after the other. The process ends when its
// keeper's end of the pair is closed, also in the middle of a call.
func (a *agent) serve() error {
	requests := make(chan message)
	broken := make(chan error, 1)
	go func() {
		for {
			m, err := receive()
			if err != nil {
				broken <- err
				return
			}
			requests <- m
		}
	}()
	for {
		select {
		case err := <-broken:
			return err
		case m := <-requests:
			b, err := json.Marshal(a.do(m))
			if err != nil {
				return fmt.Errorf("encode the answer to %s: %w", m.Call, err)
			}
			if err := unix.Sendmsg(controlFD, b, nil, nil, unix.MSG_NOSIGNAL); err != nil {
				return fmt.Errorf("answer %s: %w", m.Call, err)
			}
		}
	}
}

func receive() (message, error) {
	b := make([]byte, maxMessage)
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := ignoringEINTR(func() (int, int, int, unix.Sockaddr, error) {
		return unix.Recvmsg(controlFD, b, oob, unix.MSG_CMSG_CLOEXEC)
	})
	if err != nil {
		return message{}, fmt.Errorf("receive: %w", err)
	}
	if n == 0 { // nobody is there any more
		os.Exit(0)
	}
	m := message{fd: -1}
	if err := json.Unmarshal(b[:n], &m.request); err != nil {
		return m, fmt.Errorf("decode a request: %w", err)
	}
	if oobn > 0 {
		cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			return m, fmt.Errorf("receive a descriptor: %w", err)
		}
		fds, err := unix.ParseUnixRights(&cmsgs[0])
		if err != nil {
			return m, fmt.Errorf("receive a descriptor: %w", err)
		}
		m.fd = fds[0]
	}
	return m, nil
}

func ignoringEINTR(f func() (int, int, int, unix.Sockaddr, error)) (n, oobn, flags int, from unix.Sockaddr, err error) {
	for {
		n, oobn, flags, from, err = f()
		if !errors.Is(err, unix.EINTR) {
			return n, oobn, flags, from, err
		}
	}
}

// do carries out one call.
func (a *agent) do(m message) reply {
	if m.Sock != "" {
		if _, ok := a.socks[m.Sock]; !ok {
			return reply{Broken: fmt.Sprintf("socket %s was never made", m.Sock)}
		}
	}
	fd := a.socks[m.Sock]
	deadline := time.Now().Add(m.Limit)
	switch m.Call {
	case "socket":
		return a.socket(m.request)
	case "setsockopt":
		return setsockopt(fd, m.request)
	case "getsockopt":
		return getsockopt(fd, m.Word)
	case "bind":
		return withAddr(m.Addr, func(sa unix.Sockaddr) error { return unix.Bind(fd, sa) })
	case "listen":
		return answer(unix.Listen(fd, int(m.Int)))
	case "accept":
		return a.accept(fd, m.Makes, deadline)
	case "connect":
		return connect(fd, m.Addr, deadline)
	case "send":
		return send(fd, m.Text, nil, deadline)
	case "sendto":
		sa, err := sockaddr(m.Addr)
		if err != nil {
			return reply{Broken: err.Error()}
		}
		return send(fd, m.Text, sa, deadline)
	case "recv", "recvfrom":
		return recv(fd, int(m.Int), deadline)
	case "shutdown":
		return answer(unix.Shutdown(fd, shutdownHows[m.Word]))
	case "close":
		return a.close(m.Sock, m.Limit)
	case "getsockname":
		return addrOf(unix.Getsockname(fd))
	case "getpeername":
		return addrOf(unix.Getpeername(fd))
	case "fork":
		return a.fork(m)
	case "exit":
		os.Exit(int(m.Int))
	case "kill":
		return answer(unix.Kill(int(m.Int), unix.SIGKILL))
	case "sleep":
		time.Sleep(time.Duration(m.Int))
		return reply{Outcome: lab.OK}
	case "owned":
		return a.owned()
	}
	return reply{Broken: fmt.Sprintf("no call %q", m.Call)}
}

// answer turns what a system call returned into a reply.
func answer(err error) reply {
	if err == nil {
		return reply{Outcome: lab.OK}
	}
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return reply{Broken: err.Error()}
	}
	name, ok := lab.CanonicalErrno(unix.ErrnoName(errno))
	if !ok {
		return reply{Broken: fmt.Sprintf("the kernel answered with errno %d, which has no name", errno)}
	}
	return reply{Outcome: lab.Failed, Errno: name}
}
