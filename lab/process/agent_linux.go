package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
	"labrun/lab/orphan"
)

// agent is the inside of a process.
type agent struct {
	name    string
	socks   map[string]handle // by the names of the experiment
	proc    int               // the machine's /proc when its root is the lab's, see Files, else -1
	paths   []string          // that it has bound there
	table   int               // sockstat of the host, -1 before it is asked for
	watched sync.Once
	addr    sockaddr       // room for the address of a call
	buf     []byte         // room for what a call receives
	batch   *compiledBatch // the batch that was loaded
	lingers bool           // a call close may still be on another thread
	imprint string         // of the process in its first host; "" for one that is not a pool's
}

// handle is a descriptor that has a name. All of an agent's are close-on-exec,
// for the sake of the programs that it starts; cloexec is what the experiment
// wants of this one, and what exec obeys.
type handle struct {
	fd      int // a closed one's is -1: a call that uses it answers EBADF
	cloexec bool
}

// Main is the whole life of a process of a lab, when this program was started
// as one; otherwise it returns at once. Call it first thing in main, and in
// the TestMain of a package whose tests start processes.
func Main() {
	if len(os.Args) >= 2 && os.Args[0] == Arg0 {
		agentMain()
	}
}

func agentMain() {
	// Calls are made on one thread: what seteuid changes is the thread's.
	runtime.LockOSThread()
	a, err := inherit(strings.Clone(strings.TrimRight(os.Args[1], " ")), os.Args[2:]) // see retitle
	if err == nil {
		err = a.serve()
	}
	fmt.Fprintln(os.Stderr, "labrun: process:", err)
	child.Exit(1)
}

// serve answers requests one after the other until its keeper's end of the pair
// is closed.
func (a *agent) serve() error {
	buf := make([]byte, maxMessage)
	for {
		r, err := receive(buf)
		if errors.Is(err, errGone) || errors.Is(err, unix.ECONNRESET) {
			a.end() // the latter of a keeper that was killed with an answer unread, unix(7)
		}
		if err != nil {
			return err
		}
		err = respond(a.do(&r))
		if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
			a.end() // the keeper was killed during the call
		}
		if err != nil {
			return fmt.Errorf("answer %s: %w", r.Call, err)
		}
	}
}

func respond(r reply) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return unix.Sendmsg(child.ControlFD, b, nil, nil, unix.MSG_NOSIGNAL)
}

// errGone says that the keeper's end of the pair is closed.
var errGone = errors.New("the keeper has gone")

func receive(buf []byte) (request, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(child.ControlFD, buf, oob, unix.MSG_CMSG_CLOEXEC)
	for errors.Is(err, unix.EINTR) {
		n, oobn, _, _, err = unix.Recvmsg(child.ControlFD, buf, oob, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return request{}, fmt.Errorf("receive: %w", err)
	}
	if n == 0 {
		return request{}, errGone
	}
	r := request{passed: -1}
	if err := json.Unmarshal(buf[:n], &r); err != nil {
		return r, fmt.Errorf("decode a request: %w", err)
	}
	if oobn > 0 {
		if r.passed, err = child.Descriptor(oob[:oobn]); err != nil {
			return r, fmt.Errorf("receive a descriptor: %w", err)
		}
	}
	return r, nil
}

// end ends the process, whose keeper has gone. That may have been killed, and then
// nobody but its processes can end the connections of a host that keeps them for
// longer than a stock one. They all try; those without privilege cannot.
func (a *agent) end() {
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
					a.end()
				}
			}
		}()
	})
}

// keep gives a descriptor a name. One that had the name is still open, as it is
// in C when a variable is overwritten; it goes by the name with a prime.
func (a *agent) keep(name string, h handle) reply {
	if old, ok := a.socks[name]; ok && old.fd >= 0 {
		former := name + "'"
		for a.socks[former].fd > 0 {
			former += "'"
		}
		a.socks[former] = old
	}
	a.socks[name] = h
	return reply{Outcome: lab.OK}
}
