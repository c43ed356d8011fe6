package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
	"labrun/lab/sys"
)

// do carries out one call. The keeper's own requests, which are no calls of an
// experiment, are among them: owned, knows, reset, load, cells.
func (a *agent) do(r *request, passed int) reply {
	var fd int
	if r.Sock != "" {
		h, ok := a.socks[r.Sock]
		if !ok {
			return unknown(r.Sock)
		}
		fd = h.fd
	}
	switch r.Call {
	case "socket":
		return a.socket(r)
	case "file":
		return a.file(r.Makes)
	case "fd":
		return a.number(r)
	case "dup":
		return a.dup(fd, r.Makes)
	case "setsockopt":
		return setsockopt(fd, r)
	case "getsockopt":
		return getsockopt(fd, r.Word)
	case "bind":
		return a.bind(fd, r)
	case "listen":
		_, _, errno := unix.Syscall(unix.SYS_LISTEN, uintptr(fd), uintptr(r.Int), 0)
		return ended(errno)
	case "accept":
		return a.accept(fd, r)
	case "connect":
		return a.connect(fd, r)
	case "send", "sendto":
		return a.send(fd, r)
	case "recv", "recvfrom":
		return a.recv(fd, r)
	case "sendmsg":
		return a.sendmsg(fd, r)
	case "recvmsg":
		return a.recvmsg(fd, r)
	case "who":
		return a.who(r.Socks, r.Limit)
	case "shutdown":
		return shutdown(fd, r.Word)
	case "close":
		return a.close(r.Sock, r.Limit)
	case "getsockname":
		return a.addr.nameOf(fd, unix.SYS_GETSOCKNAME)
	case "getpeername":
		return a.addr.nameOf(fd, unix.SYS_GETPEERNAME)
	}
	return a.doMore(fd, r, passed)
}

// doMore carries out the calls that are about more than a socket.
func (a *agent) doMore(fd int, r *request, passed int) reply {
	switch r.Call {
	case "fchown":
		return answer(unix.Fchown(fd, int(r.Int), -1))
	case "fcntl":
		return a.fcntl(fd, r)
	case "unlink":
		return a.unlink(*r.Path)
	case "seteuid":
		return seteuid(r.Int)
	case "exec":
		return a.exec()
	case "fork":
		return a.fork(r, passed)
	case "exit":
		child.Exit(int(r.Int))
	case "kill":
		return kill(int(r.Int), r.Word)
	case "sleep":
		return a.sleep(r.Limit)
	case "owned":
		return a.owned(r)
	case "knows":
		return knows(r.Word)
	case "reset":
		return a.reset()
	case "load":
		return a.load(passed)
	case "cells":
		return a.cells(r)
	}
	return reply{Broken: fmt.Sprintf("no call %q", r.Call)}
}

// unknown is the reply to a request about a socket of which nobody has heard.
func unknown(sock string) reply {
	return reply{Broken: fmt.Sprintf("socket %s was never made", sock)}
}

// answer turns what a system call returned into a reply.
func answer(err error) reply {
	a, ok := sys.AnswerOf(err)
	if !ok {
		return reply{Broken: err.Error()}
	}
	return reply{Outcome: a.Outcome, Errno: a.Errno}
}

// ended is the reply to a system call that answers no value.
func ended(errno unix.Errno) reply {
	if errno != 0 {
		return failed(errno)
	}
	return reply{Outcome: lab.OK}
}

func failed(errno unix.Errno) reply {
	name, ok := lab.CanonicalErrno(unix.ErrnoName(errno))
	if !ok {
		return reply{Broken: fmt.Sprintf("the kernel answered with errno %d, which has no name", errno)}
	}
	return reply{Outcome: lab.Failed, Errno: name}
}
