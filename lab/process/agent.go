package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// agent is the inside of a process.
type agent struct {
	socks   map[string]int // by the names of the experiment
	watched sync.Once
}

// Main is the whole life of a process of a lab, when this program was started
// as one; otherwise it returns at once. Call it first thing in main, and in
// the TestMain of a package whose tests start processes.
func Main() {
	switch {
	case len(os.Args) >= 5 && os.Args[0] == arg0Init:
		initMain(os.Args[1], os.Args[2], os.Args[3], os.Args[4:])
	case len(os.Args) >= 2 && os.Args[0] == Arg0:
		agentMain()
	}
}

func agentMain() {
	a := agent{socks: map[string]int{}}
	next := controlFD + 1
	for _, name := range os.Args[2:] {
		unix.CloseOnExec(next)
		a.socks[name] = next
		next++
	}
	unix.CloseOnExec(controlFD)
	// Descriptors that labrun's own caller left open are no business of a lab's.
	// Before Linux 5.9 there is no such call, and they stay.
	_ = unix.CloseRange(uint(next), math.MaxUint32, 0)
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

// serve answers requests one after the other, on one thread, until its keeper's
// end of the pair is closed.
func (a *agent) serve() error {
	buf := make([]byte, maxMessage)
	for {
		m, err := receive(buf)
		if err != nil {
			return err
		}
		b, err := json.Marshal(a.do(m))
		if err != nil {
			return fmt.Errorf("encode the answer to %s: %w", m.Call, err)
		}
		if err := unix.Sendmsg(controlFD, b, nil, nil, unix.MSG_NOSIGNAL); err != nil {
			return fmt.Errorf("answer %s: %w", m.Call, err)
		}
	}
}

func receive(buf []byte) (message, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(controlFD, buf, oob, unix.MSG_CMSG_CLOEXEC)
	for errors.Is(err, unix.EINTR) {
		n, oobn, _, _, err = unix.Recvmsg(controlFD, buf, oob, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return message{}, fmt.Errorf("receive: %w", err)
	}
	if n == 0 { // nobody is there any more
		os.Exit(0)
	}
	m := message{fd: -1}
	if err := json.Unmarshal(buf[:n], &m.request); err != nil {
		return m, fmt.Errorf("decode a request: %w", err)
	}
	if oobn > 0 {
		if m.fd, err = descriptor(oob[:oobn]); err != nil {
			return m, fmt.Errorf("receive a descriptor: %w", err)
		}
	}
	return m, nil
}

// descriptor returns the one descriptor of a control message, unix(7).
func descriptor(oob []byte) (int, error) {
	cmsgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil {
		return -1, err
	}
	return fds[0], nil
}

// watch ends the process when its keeper's end of the pair is closed while a
// call keeps the only thread from noticing. Processes that never wait never need
// the second thread.
func (a *agent) watch() {
	a.watched.Do(func() {
		go func() {
			for {
				fds := []unix.PollFd{{Fd: controlFD}} // asked for nothing, poll tells of a hang-up
				if n, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) || n > 0 {
					os.Exit(0)
				}
			}
		}()
	})
}

// do carries out one call.
func (a *agent) do(m message) reply {
	if m.Sock != "" {
		if _, ok := a.socks[m.Sock]; !ok {
			return reply{Broken: fmt.Sprintf("socket %s was never made", m.Sock)}
		}
	}
	fd := a.socks[m.Sock]
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
		return a.accept(fd, m.Makes, m.Limit)
	case "connect":
		return a.connect(fd, m.Addr, m.Limit)
	case "send":
		return a.send(fd, m.Text, nil, m.Limit)
	case "sendto":
		sa, err := sockaddr(m.Addr)
		if err != nil {
			return reply{Broken: err.Error()}
		}
		return a.send(fd, m.Text, sa, m.Limit)
	case "recv", "recvfrom":
		return a.recv(fd, int(m.Int), m.Limit)
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
		return a.sleep(m.Limit)
	case "owned":
		return a.owned(m.Name, m.Ports)
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
