package process

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
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
}

var adopt = sync.OnceValue(func() error {
	// A child of a process that has ended comes to us and not to the machine's
	// init, which in a container may be somebody who reaps nobody.
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
})

// Start starts a process. It returns before the process is ready for its first
// call, so that several get ready at the same time.
//
// From the first Start on the calling program is a child subreaper, prctl(2).
func (g *Group) Start(s Spec) (*Process, error) {
	if err := adopt(); err != nil {
		return nil, fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", err)
	}
	p, err := start(s.In, s.Name, s.User)
	if p != nil {
		g.all = append(g.all, p)
	}
	return p, err
}

// Fork makes the process call fork: the child has its sockets, under the same
// names, and its user.
func (g *Group) Fork(ctx context.Context, parent *Process, name string) (*Process, lab.Answer, error) {
	conn, theirs, err := pair()
	if err != nil {
		return nil, lab.Answer{}, err
	}
	defer theirs.Close()
	r, err := parent.ask(ctx, request{Call: "fork", Name: name}, theirs)
	if err != nil {
		conn.Close()
		return nil, lab.Answer{}, err
	}
	child := &Process{Name: name, conn: conn, pid: r.PID, pidfd: -1, last: parent.last}
	g.all = append(g.all, child)
	return child, lab.Answer{Outcome: lab.OK}, child.open()
}

// Close ends all processes and waits until they are gone.
func (g *Group) Close() error {
	for _, p := range g.all {
		p.conn.Close()
	}
	// In the order of their birth: once a parent has been waited for, children
	// that it did not wait for are ours.
	var errs []error
	for _, p := range g.all {
		errs = append(errs, p.reap())
	}
	g.all = nil
	return errors.Join(errs...)
}

// reap waits for the end of a process whose pair is closed, by force when it
// takes too long.
func (p *Process) reap() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var errs []error
	if p.pidfd >= 0 {
		if err := p.wait(ctx); err != nil {
			errs = append(errs, err, unix.PidfdSendSignal(p.pidfd, unix.SIGKILL, nil, 0))
		}
		errs = append(errs, unix.Close(p.pidfd))
	}
	if _, err := waitFor(p.pid); err != nil && !errors.Is(err, unix.ECHILD) { // its parent may have been quicker
		errs = append(errs, fmt.Errorf("wait for process %s: %w", p.Name, err))
	}
	p.last.Close() // a child's is its parent's, closed already
	return errors.Join(errs...)
}

// Args is a call's arguments, resolved: every name that has a meaning only in
// the file has become what it stands for.
type Args struct {
	Call  lab.Call
	Addr  netip.AddrPort // for the Addr among the arguments
	Limit time.Duration
}

// Call makes the process carry out one call and returns its answer, at the
// latest when the limit has passed: then it is "blocked". An error means that
// the call could not be made.
func (p *Process) Call(ctx context.Context, a Args) (lab.Answer, netip.AddrPort, error) {
	req := request{Call: a.Call.Name, Makes: a.Call.Makes, Addr: a.Addr, Limit: a.Limit}
	for _, arg := range a.Call.Args {
		switch arg := arg.(type) {
		case lab.Sock:
			req.Sock = string(arg)
		case lab.Int:
			req.Int = int64(arg)
		case lab.Duration:
			req.Limit = time.Duration(arg)
		case lab.Text:
			req.Text = []byte(arg)
		case lab.Word:
			req.Word = string(arg)
		case lab.Linger:
			req.Linger = arg
		case lab.Addr:
		default:
			return lab.Answer{}, netip.AddrPort{}, fmt.Errorf("process %s: %s has an argument of type %T", p.Name, a.Call, arg)
		}
	}
	if req.Int == 0 && (req.Call == "recv" || req.Call == "recvfrom") {
		req.Int = 64 << 10
	}
	r, err := p.ask(ctx, req, nil)
	if err != nil {
		return lab.Answer{}, netip.AddrPort{}, err
	}
	answer := lab.Answer{Outcome: r.Outcome, Errno: r.Errno}
	switch {
	case r.Int != nil:
		answer.Value = lab.Int(*r.Int)
	case r.Text != nil:
		answer.Value = lab.Text(*r.Text)
	case r.Linger != nil:
		answer.Value = *r.Linger
	case r.Addr != nil:
		return answer, *r.Addr, nil
	}
	return answer, netip.AddrPort{}, nil
}

// Exit makes the process end with that status and waits until it has.
func (p *Process) Exit(ctx context.Context, status int) (lab.Answer, error) {
	_, err := p.ask(ctx, request{Call: "exit", Int: int64(status)}, nil)
	if p.dead {
		return lab.Answer{Outcome: lab.OK}, nil
	}
	return lab.Answer{}, err
}

// Kill makes the process send SIGKILL to another one of its host and, when that
// was allowed, waits until the other has ended.
func (p *Process) Kill(ctx context.Context, victim *Process) (lab.Answer, error) {
	answer, _, err := p.Call(ctx, Args{Call: lab.Call{Name: "kill", Args: []lab.Arg{lab.Int(victim.pid)}}})
	if err != nil || answer.Outcome != lab.OK {
		return answer, err
	}
	return answer, victim.wait(ctx)
}

// Owns returns one of the process's sockets, the zero Owned when it has none of
// that name.
func (p *Process) Owns(ctx context.Context, name string) (Owned, error) {
	if p.dead {
		return Owned{}, nil
	}
	r, err := p.ask(ctx, request{Call: "owned", Name: name}, nil)
	if err != nil || len(r.Sockets) == 0 {
		return Owned{}, err
	}
	return r.Sockets[0], nil
}

// Owned returns the sockets that the process has at those ports, not more than a
// few hundred; none when it has ended.
func (p *Process) Owned(ctx context.Context, ports []uint16) ([]Owned, error) {
	if p.dead {
		return nil, nil
	}
	r, err := p.ask(ctx, request{Call: "owned", Ports: ports}, nil)
	return r.Sockets, err
}
