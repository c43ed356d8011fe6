package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
	"labrun/lab/sys"
)

// calls are what a process does: those of lab.Signatures that it makes, and what its keeper
// asks of it. fd is the descriptor of the socket that is the first argument.
var calls = map[string]func(a *agent, fd int, r *request) reply{
	"socket":      (*agent).socket,
	"file":        (*agent).file,
	"fd":          (*agent).number,
	"dup":         (*agent).dup,
	"setsockopt":  setsockopt,
	"getsockopt":  getsockopt,
	"bind":        (*agent).bind,
	"listen":      listen,
	"accept":      (*agent).accept,
	"connect":     (*agent).connect,
	"send":        (*agent).send,
	"sendto":      (*agent).sendto,
	"recv":        (*agent).recv,
	"recvfrom":    (*agent).recv,
	"sendmsg":     (*agent).sendmsg,
	"recvmsg":     (*agent).recvmsg,
	"who":         (*agent).who,
	"shutdown":    shutdown,
	"close":       (*agent).close,
	"getsockname": func(a *agent, fd int, _ *request) reply { return a.addr.nameOf(fd, unix.SYS_GETSOCKNAME) },
	"getpeername": func(a *agent, fd int, _ *request) reply { return a.addr.nameOf(fd, unix.SYS_GETPEERNAME) },
	"fchown":      fchown,
	"unlink":      (*agent).unlink,
	"fcntl":       (*agent).fcntl,
	"seteuid":     seteuid,
	"exec":        (*agent).exec,
	"sleep":       (*agent).sleep,

	"fork":  (*agent).fork,
	"exit":  exit,
	"kill":  kill,
	"owned": (*agent).owned,
	"knows": knows,
	"enter": (*agent).enter,
	"leave": (*agent).leave,
	"reset": (*agent).reset,
	"load":  (*agent).load,
	"cells": (*agent).cells,
}

// do carries out one call.
func (a *agent) do(r *request) reply {
	call, ok := calls[r.Call]
	if !ok {
		return reply{Broken: fmt.Sprintf("no call %q", r.Call)}
	}
	fd := -1
	if sock := arg[lab.Sock](r, 0); sock != "" {
		h, ok := a.socks[string(sock)]
		if !ok {
			return unknown(sock)
		}
		fd = h.fd
	}
	return call(a, fd, r)
}

func fchown(_ *agent, fd int, r *request) reply {
	return answer(unix.Fchown(fd, int(arg[lab.Int](r, 1)), -1))
}

func exit(_ *agent, _ int, r *request) reply {
	child.Exit(int(arg[lab.Int](r, 0)))
	return reply{}
}

// unknown is the reply to a request about a socket of which nobody has heard.
func unknown(sock lab.Sock) reply {
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
