package process

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
	"labrun/lab/orphan"
)

// Group is the processes of one cell. Its methods are not for use by several
// goroutines at once.
type Group struct {
	all []*Process // a parent stands before its children
}

// Spec says where and as whom a process starts.
type Spec struct {
	Name string                     // for ps(1) and for errors: "alpha/web"
	In   func(f func() error) error // runs f on a thread that is in the host's namespace
	User *uint32                    // uid and gid; nil keeps the caller's
	// Capabilities, of lab.Capabilities, are what a process of another user than
	// the caller keeps.
	Capabilities []string
	// Enter moves the thread to where are all files that it finds by paths, those of
	// unix(7): its root. Its working directory is /tmp. With nil calls with paths cannot
	// be made.
	Enter func() error
	// Pool is where the process may come from, and where it may go when its group is
	// closed; nil is nowhere.
	Pool *Pool
}

// isKept reports whether a pool may keep the process. Another user may not move to another
// host, setns(2).
func (s Spec) isKept() bool { return s.Pool != nil && s.Enter == nil && !child.IsOther(s.User) }

// Start starts a process. It returns before the process is ready for its first
// call, so that several get ready at the same time.
//
// From the first Start on the calling program is a child subreaper, prctl(2).
func (g *Group) Start(s Spec) (*Process, error) {
	// A child of a process that has ended comes to us and not to the machine's
	// init, which in a container may be somebody who reaps nobody.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", err)
	}
	begin := start
	if s.isKept() {
		begin = s.Pool.start
	}
	p, err := begin(s)
	if p != nil {
		g.all = append(g.all, p)
	}
	return p, err
}

// KeepsOrphans reports whether a host may keep connections that no process has open for
// longer than a stock one because of a parameter. A process with privileges there ends them
// when labrun is killed: those of processes that have ended too.
func KeepsOrphans(parameter string) bool { return orphan.IsParameter(parameter) }

// Fork makes the process call fork: the child has its sockets, or those of the
// names, under the same names, its user and its files. To the child the other
// sockets are closed ones.
func (g *Group) Fork(ctx context.Context, parent *Process, name string, socks []string) (*Process, lab.Answer, error) {
	conn, theirs, err := child.Pair()
	if err != nil {
		return nil, lab.Answer{}, err
	}
	defer theirs.Close()
	r, err := parent.ask(ctx, request{Call: "fork", Args: []value{{forkArgs{name, socks}}}}, theirs)
	if err != nil {
		conn.Close()
		return nil, lab.Answer{}, err
	}
	pid, _ := valueOf[lab.Int](r)
	child := &Process{Name: name, conn: conn, pid: int(pid), pidfd: -1, last: parent.last}
	g.all = append(g.all, child)
	return child, lab.Answer{Outcome: lab.OK}, child.open()
}

// Close gives the processes to their pools, ends the others and waits until they are gone.
func (g *Group) Close() error {
	var left []*Process
	for _, p := range g.all {
		if p.leave() {
			left = append(left, p)
		}
	}
	kept := map[*Process]bool{}
	for _, p := range left {
		kept[p] = p.isAsNew() && p.pool.give(p)
	}
	all := slices.DeleteFunc(g.all, func(p *Process) bool { return kept[p] })
	g.all = nil
	return end(all)
}

// end ends processes and waits until they are gone.
func end(all []*Process) error {
	for _, p := range all {
		p.conn.Close()
	}
	// In the order of their birth: once a parent has been waited for, children
	// that it did not wait for are ours.
	var errs []error
	for _, p := range all {
		errs = append(errs, p.reap())
	}
	return errors.Join(errs...)
}

// reap waits for the end of a process whose pair is closed, by force when it
// takes too long.
func (p *Process) reap() error {
	ctx, cancel := context.WithTimeout(context.Background(), child.Grace)
	defer cancel()
	var errs []error
	if err := p.wait(ctx); err != nil {
		errs = append(errs, err, p.kill())
	}
	if p.pidfd >= 0 {
		errs = append(errs, unix.Close(p.pidfd))
	}
	if err := child.Reap(p.pid); err != nil && !errors.Is(err, unix.ECHILD) { // its parent may have been quicker
		errs = append(errs, fmt.Errorf("wait for process %s: %w", p.Name, err))
	}
	p.last.Close() // a child's is its parent's, closed already
	return errors.Join(errs...)
}

// kill ends the process, whose number is its own as nobody has reaped it.
func (p *Process) kill() error {
	if p.pidfd < 0 {
		return unix.Kill(p.pid, unix.SIGKILL)
	}
	return unix.PidfdSendSignal(p.pidfd, unix.SIGKILL, nil, 0)
}

// Call makes the process carry out one call and returns its answer, at the
// latest when the limit has passed: then it is "blocked". An error means that
// the call could not be made.
func (p *Process) Call(ctx context.Context, a Args) (lab.Answer, netip.AddrPort, error) {
	req, err := newRequest(a)
	if err != nil {
		return lab.Answer{}, netip.AddrPort{}, fmt.Errorf("process %s: %w", p.Name, err)
	}
	r, err := p.ask(ctx, req, nil)
	if err != nil {
		return lab.Answer{}, netip.AddrPort{}, err
	}
	answer, addr := r.answer()
	return answer, addr, nil
}

// Exit makes the process end with that status and waits until it has.
func (p *Process) Exit(ctx context.Context, status int) (lab.Answer, error) {
	_, err := p.ask(ctx, request{Call: "exit", Args: []value{{lab.Int(status)}}}, nil)
	if p.dead {
		return lab.Answer{Outcome: lab.OK}, nil
	}
	return lab.Answer{}, err
}

// Kill makes the process send a signal, one of lab.Signals, to another one of its
// host. It waits until the other has ended when SIGKILL was allowed, and until it has handled a
// signal that has a handler; what another signal does to it, and when, is not looked at.
func (p *Process) Kill(ctx context.Context, victim *Process, signal string) (lab.Answer, error) {
	var thread lab.Int
	if !victim.dead {
		r, err := victim.ask(ctx, request{Call: "aim", Args: []value{{lab.Word(signal)}}}, nil)
		if err != nil && !victim.dead {
			return lab.Answer{}, err
		}
		thread, _ = valueOf[lab.Int](r)
	}
	r, err := p.ask(ctx, request{Call: "kill", Args: []value{{lab.Int(victim.pid)}, {lab.Word(signal)}, {thread}}}, nil)
	if err != nil {
		return lab.Answer{}, err
	}
	answer, _ := r.answer()
	victim.sent = victim.sent || answer.Outcome == lab.OK
	if answer.Outcome == lab.OK && thread != 0 && !victim.dead {
		// A second signal of the same number would be none while the first one waits (legacy_queue). The process answers
		// when its handler has run.
		if _, err := victim.ask(ctx, request{Call: "rest"}, nil); err != nil && !victim.dead {
			return answer, err
		}
	}
	if answer.Outcome == lab.OK && signal == "SIGKILL" {
		err = victim.wait(ctx)
	}
	return answer, err
}
