package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
)

// calls are what a process does: those of lab.Signatures that it makes, and what its keeper
// asks of it. A new one is a row here and a function in the file of its kind, which gets its
// sockets as r.fds.
var calls = map[string]func(a *agent, r *request) reply{
	"socket":      socket,
	"socketpair":  socketpair,
	"file":        file,
	"fd":          number,
	"dup":         dup,
	"setsockopt":  setsockopt,
	"getsockopt":  getsockopt,
	"bind":        bind,
	"listen":      listen,
	"accept":      accept,
	"connect":     connect,
	"send":        send,
	"sendto":      sendto,
	"recv":        recv,
	"recvfrom":    recv,
	"sendmsg":     sendmsg,
	"recvmsg":     recvmsg,
	"sendmmsg":    sendmmsg,
	"recvmmsg":    recvmmsg,
	"fill":        fill,
	"drain":       drain,
	"poll":        poll,
	"epoll":       epoll,
	"epoll_ctl":   epollCtl,
	"epoll_wait":  epollWait,
	"ioctl":       ioctl,
	"who":         who,
	"shutdown":    shutdown,
	"close":       closeSocket,
	"getsockname": func(_ *agent, r *request) reply { return nameOf(r, unix.SYS_GETSOCKNAME) },
	"getpeername": func(_ *agent, r *request) reply { return nameOf(r, unix.SYS_GETPEERNAME) },
	"fchown":      fchown,
	"unlink":      unlink,
	"fcntl":       fcntl,
	"seteuid":     seteuid,
	"exec":        execSelf,
	"sleep":       sleep,
	"answer":      answer,
	"sigaction":   onSignal,
	"signals":     signals,
	"cgroup_bpf":  cgroupBPF,

	"fork":  fork,
	"exit":  exit,
	"kill":  kill,
	"aim":   aim,
	"owned": owned,
	"knows": knows,
	"enter": enter,
	"leave": leave,
	"reset": reset,
	"load":  load,
	"take":  take,
	"rest":  func(*agent, *request) reply { return reply{Outcome: lab.OK} }, // do settles what waits
	"cells": cells,
}

// These look into calls themselves.
func init() { calls["calls"], calls["begin"] = several, begin }

// do carries out one call. A name that was never given a socket is a mistake in the experiment;
// one whose socket is closed is descriptor -1, and the kernel's to refuse.
func do(a *agent, r *request) reply {
	if wrong := a.find(r); wrong != nil {
		return *wrong
	}
	done := calls[r.Call](a, r)
	if err := a.settleAll(); err != nil {
		return reply{Broken: err.Error()}
	}
	if done.Broken == "" { // what a handler raises is to come within the step, and what came is to find room
		if err := a.handle(); err != nil {
			return reply{Broken: err.Error()}
		}
	}
	return done
}

// find finds the sockets of a call, or says what is wrong with it.
func (a *agent) find(r *request) *reply {
	if calls[r.Call] == nil {
		return &reply{Broken: fmt.Sprintf("no call %q", r.Call)}
	}
	r.fds = r.fds[:0]
	for _, v := range r.Args {
		if sock, ok := v.of.(lab.Sock); ok {
			h, ok := a.socks[string(sock)]
			if !ok {
				wrong := unknown(string(sock))
				return &wrong
			}
			r.fds = append(r.fds, h.fd)
		}
	}
	return nil
}

func exit(_ *agent, r *request) reply {
	child.Exit(int(arg[lab.Int](r, 0)))
	return reply{}
}

// several carries out the requests that are its arguments.
func several(a *agent, r *request) reply {
	var all replies
	for i := range r.Args {
		one := arg[request](r, i)
		one.passed = -1
		all = append(all, do(a, &one))
		if last := all[i]; last.Broken != "" || last.Outcome != lab.OK {
			break
		}
	}
	return okWith(all)
}
