package process

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
)

// Pool keeps processes for further cells: to start one takes as long as all of a cell's
// calls. It is given back only if its imprint, all that the kernel tells of it, is what it
// was before its cell; else, or when it has another user or a root of its own, a process
// ends with its cell.
//
// Only the thread that makes the calls moves from host to host, and it is the main thread,
// which /proc/PID is about. The other threads of the Go runtime stay where the process was
// born, so that must not be a host: they would keep it.
type Pool struct {
	// In runs a function on a thread that is in a network namespace which is not a host's.
	// It is called once.
	In func(f func() error) error

	mu     sync.Mutex
	home   *os.File // that namespace, from the first process on
	idle   []*Process
	closed bool
}

// idleProcesses bounds the processes kept.
const idleProcesses = 32

// start returns a process that is on its way to the host.
func (o *Pool) start(s Spec) (*Process, error) {
	p := o.take()
	if p == nil {
		home, err := o.homeFile()
		if err != nil {
			return nil, err
		}
		born := s
		born.In = func(f func() error) error {
			return s.In(func() error {
				if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
					return os.NewSyscallError("setns", err)
				}
				return f()
			})
		}
		if p, err = start(born); err != nil {
			return p, err
		}
	}
	p.Name, p.pool = s.Name, o
	if err := p.enter(s); err != nil {
		return p, fmt.Errorf("start process %s: %w", s.Name, err)
	}
	return p, nil
}

// take returns the process that was given last, nil when there is none.
func (o *Pool) take() *Process {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.idle) > 0 {
		last := len(o.idle) - 1
		p := o.idle[last]
		o.idle = o.idle[:last]
		if gone, err := child.HungUp(p.conn); !gone && err == nil {
			return p
		}
		p.conn.Close()
		_ = p.reap() // it was killed, which is nobody's cell's business
	}
	return nil
}

// give keeps a process, if there is room for it.
func (o *Pool) give(p *Process) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.idle) == idleProcesses {
		return false
	}
	o.idle = append(o.idle, p)
	return true
}

// homeFile returns the namespace in which processes are idle.
func (o *Pool) homeFile() (*os.File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.home != nil {
		return o.home, nil
	}
	var err error
	o.home, err = namespaceIn(o.In)
	return o.home, err
}

// Close ends the processes that are kept, and waits until they are gone.
func (o *Pool) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	idle := o.idle
	o.idle, o.closed = nil, true
	if o.home != nil {
		o.home.Close()
	}
	return end(idle)
}

// namespaceIn returns the network namespace in which in runs functions.
func namespaceIn(in func(f func() error) error) (ns *os.File, err error) {
	err = in(func() (err error) {
		ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return ns, err
}

// enter moves the process to the host. It does not wait for that: a process that cannot
// says so in the place of its first answer.
func (p *Process) enter(s Spec) error {
	ns, err := namespaceIn(s.In)
	if err != nil {
		return err
	}
	defer ns.Close()
	// It may have been idle for longer than it had to leave its last host.
	if err := p.conn.SetDeadline(time.Now().Add(child.Grace)); err != nil {
		return err
	}
	p.moves = true
	return p.tell(request{Call: "enter", Args: []value{{lab.Word(s.Name)}}}, ns)
}

// leave makes the process go out of the host, when there may be nothing left in it.
func (p *Process) leave() (left bool) {
	asked := p.owes > 1 || p.owes == 1 && !p.moves // a call that was given up
	if p.pool == nil || p.dead || p.sent || asked {
		return false
	}
	home, err := p.pool.homeFile()
	if err != nil {
		return false
	}
	return p.conn.SetDeadline(time.Now().Add(child.Grace)) == nil && p.tell(request{Call: "leave"}, home) == nil
}

// isAsNew hears whether nothing is left in it.
func (p *Process) isAsNew() bool {
	p.traces = nil
	var r reply
	for p.owes > 0 {
		var err error
		if r, err = p.hear(context.Background()); err != nil {
			return false
		}
	}
	asNew, _ := valueOf[lab.Int](r)
	return asNew != 0
}

// enter moves the calling thread to the host whose network namespace came along.
func enter(a *agent, r *request) reply {
	if err := move(r.passed); err != nil {
		return reply{Broken: "enter its host: " + err.Error()}
	}
	a.name = string(arg[lab.Word](r, 0))
	comm(a.name)
	retitle(a.name)
	if a.imprint == "" {
		var err error
		if a.imprint, err = imprint(); err != nil {
			a.imprint = ""
		}
	}
	return reply{}
}

// roomForTitle is how much of a name ps(1) shows of a process that may be a pool's.
const roomForTitle = 64

// title is what ps(1) shows beside Arg0. Other names are to have room in its place.
func (s Spec) title() string {
	if !s.isKept() || len(s.Name) > roomForTitle {
		return s.Name
	}
	return s.Name + strings.Repeat(" ", roomForTitle-len(s.Name))
}

// retitle writes to where proc_pid_cmdline(5) reads, which is where the Go runtime leaves
// the arguments.
func retitle(name string) {
	room := unsafe.Slice(unsafe.StringData(os.Args[1]), len(os.Args[1]))
	clear(room[copy(room, name):])
}

// leave moves the calling thread out of its host, without its sockets, and answers whether
// the process is then what it was when it came to its first one.
func leave(a *agent, r *request) reply {
	a.closeAll()
	for _, counts := range []int{a.table, a.snmp} {
		if counts >= 0 {
			unix.Close(counts)
		}
	}
	a.table, a.snmp, a.batch = -1, -1, nil
	asNew := lab.Int(0)
	if err := move(r.passed); err == nil && a.imprint != "" && !a.lingers {
		if now, err := imprint(); err == nil && now == a.imprint {
			asNew = 1
		}
	}
	return okWith(asNew)
}
