package process

import (
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/orphan"
)

// agent is the inside of a process: what must last from one call to the next. A call keeps
// everything else to itself, its address and its buffer, so that one that waits shares
// nothing with the next one but what stands here.
type agent struct {
	name    string
	socks   handles
	proc    int      // the machine's /proc when its root is the lab's, see Spec.Enter, else -1
	paths   []string // that it has bound there
	table   int      // sockstat of the host, -1 before it is asked for
	snmp    int      // snmp of the host, likewise
	watched sync.Once
	batch   *compiledBatch // the batch that was loaded
	lingers bool           // a call may still be on another thread
	pending map[string]*pendingCall
	begun   int          // calls in the background
	caught  *catcher     // of signals that have handlers, nil for none
	cgroup  string       // its own, "" before the first program: see cgroupBPF
	aimed   *atomic.Bool // a signal of the experiment was sent to the thread, see aim
	imprint string       // of the process in its first host; "" for one that is not a pool's
}

// respond sends a reply, which is one message of the pair. With MSG_NOSIGNAL the end of a keeper
// that has gone is EPIPE, and not the end of this process before it has ended its connections.
func respond(r reply) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return unix.Sendmsg(child.ControlFD, b, nil, nil, unix.MSG_NOSIGNAL)
}

// quit ends the process, whose keeper has gone. That may have been killed, and then
// only its processes can end the connections of a host that keeps them for
// longer than a stock one. They all try; those without privilege cannot.
func (a *agent) quit() {
	child.Leave(0, func() {
		host := orphan.Host{Proc: max(a.proc, 0)}
		if host.Last() {
			host.EndAll()
		}
	})
}

// watch ends the process when its keeper's end of the pair is closed while a
// call keeps the only thread from noticing. Processes that never wait never need
// the second thread.
func (a *agent) watch() {
	a.watched.Do(func() {
		go func() {
			runtime.LockOSThread() // it ends in the host
			for {
				fds := []unix.PollFd{{Fd: child.ControlFD}} // asked for nothing, poll tells of a hang-up
				if n, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) || n > 0 {
					a.follow()
					a.quit()
				}
			}
		}()
	})
}

// follow moves this thread, which is not the one that makes the calls, to the host where
// that is. It works where it is needed: a process without privilege was born there.
func (a *agent) follow() {
	if fd, err := a.openProc("self/ns/net"); err == nil {
		_ = move(fd)
	}
}

// move moves the calling thread to a network namespace, and closes its descriptor.
func move(ns int) error {
	if ns < 0 {
		return errors.New("no namespace came along")
	}
	defer unix.Close(ns)
	return unix.Setns(ns, unix.CLONE_NEWNET)
}

// openProc opens a file of the machine's /proc.
func (a *agent) openProc(path string) (int, error) {
	dir := a.proc
	if dir < 0 {
		dir, path = unix.AT_FDCWD, "/proc/"+path
	}
	return unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// readProc reads the beginning of a file of the machine's /proc.
func (a *agent) readProc(path string) ([]byte, error) {
	fd, err := a.openProc(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var b [1024]byte
	n, err := unix.Read(fd, b[:])
	return b[:max(n, 0)], err
}
