package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/sys"
)

// buffers are for replies.
var buffers = sync.Pool{New: func() any { return new([maxMessage]byte) }}

// Process is the keeper's hold on a process of a lab.
type Process struct {
	Name  string
	conn  *net.UnixConn
	pid   int
	pidfd int // -1 where the kernel has none
	dead  bool
	sent  bool     // a step has sent it a signal
	last  *os.File // what it and its children wrote to standard error
	pool  *Pool    // that may keep it; nil when none does
	owes  int      // how many requests it has not answered, as far as is known
	began bool     // a call in the background
	moves bool     // the first of them is to enter its host

	traces [][]string // of the batch that it has: what cells were answered
	sizes  []int      // of the texts that the batch sends, see sizeCode
}

// PID returns the process's number, by which signals tell who sent them.
func (p *Process) PID() int { return p.pid }

// ErrNoAmbient is that no program can be started as another user with capabilities: the kernel has no
// PR_CAP_AMBIENT, capabilities(7).
var ErrNoAmbient = errors.New("this kernel lets no other user keep capabilities (PR_CAP_AMBIENT)")

// start runs the program again as a process. It is born in the namespaces of
// the thread that calls in's function.
func start(s Spec) (*Process, error) {
	caps, err := capabilities(s.Capabilities)
	if err != nil {
		return nil, fmt.Errorf("start process %s: %w", s.Name, err)
	}
	last, err := child.Memory("labrun-stderr") // what it says at its end
	if err != nil {
		return nil, err
	}
	conn, theirs, err := child.Pair()
	if err != nil {
		last.Close()
		return nil, err
	}
	defer theirs.Close()
	attr := &syscall.ProcAttr{
		Env: child.Environment,
		Sys: &syscall.SysProcAttr{Setpgid: true}, // the terminal's ^C is for labrun alone
	}
	if child.IsOther(s.User) {
		attr.Sys.Credential = &syscall.Credential{Uid: *s.User, Gid: *s.User}
		attr.Sys.AmbientCaps = caps
	}
	p := &Process{Name: s.Name, conn: conn, pidfd: -1, last: last}
	err = s.In(func() error {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		attr.Files = []uintptr{null.Fd(), null.Fd(), last.Fd(), theirs.Fd()}
		argv := []string{Arg0, s.title()}
		exe := child.Self
		if s.Enter != nil {
			proc, err := os.Open("/proc")
			if err != nil {
				return err
			}
			defer proc.Close()
			argv = append(argv, handle{}.argument("", len(attr.Files)))
			attr.Files = append(attr.Files, proc.Fd())
			if err := s.Enter(); err != nil {
				return fmt.Errorf("enter the lab's files: %w", err)
			}
			if err := proc.Chdir(); err != nil {
				return err
			}
			exe = child.SelfInProc
		}
		p.pid, err = child.Start(exe, argv, attr)
		return err
	})
	if err != nil {
		p.conn.Close()
		last.Close()
		switch {
		case attr.Sys.Credential == nil:
		case errors.Is(err, unix.EACCES):
			err = fmt.Errorf("user %d may not execute labrun's file: %w", *s.User, err)
		case len(caps) > 0 && errors.Is(err, unix.EINVAL):
			return nil, ErrNoAmbient
		case len(caps) > 0 && errors.Is(err, unix.EPERM):
			err = fmt.Errorf("user %d cannot keep %s: %w", *s.User, strings.Join(s.Capabilities, ", "), err)
		}
		return nil, fmt.Errorf("start process %s: %w", s.Name, err)
	}
	return p, p.open()
}

// open gets the descriptor by which the end of the process is awaited. A kernel without pidfd_open(2), as gVisor, is
// asked for the process's state instead.
func (p *Process) open() (err error) {
	if p.pidfd, err = unix.PidfdOpen(p.pid, 0); err != nil {
		p.pidfd = -1
		if errors.Is(err, unix.ENOSYS) {
			return nil
		}
		return fmt.Errorf("pidfd of process %s: %w", p.Name, err)
	}
	return nil
}

// ask sends a request, with a descriptor when there is one, and waits for the
// reply.
func (p *Process) ask(ctx context.Context, r request, file *os.File) (reply, error) {
	if ctx.Err() != nil {
		return reply{}, context.Cause(ctx)
	}
	if err := p.conn.SetDeadline(time.Now().Add(r.Limit + child.Grace)); err != nil {
		return reply{}, p.lost(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := p.tell(r, file); err != nil {
		return reply{}, p.lost(ctx, err)
	}
	for p.owes > 1 {
		if _, err := p.hear(ctx); err != nil {
			return reply{}, err
		}
	}
	return p.hear(ctx)
}

// tell sends a request.
func (p *Process) tell(r request, file *os.File) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	if _, _, err := p.conn.WriteMsgUnix(b, rights, nil); err != nil {
		return err
	}
	p.owes++
	return nil
}

// hear waits for the reply to a request. One that says that the call could not be
// made is an error.
func (p *Process) hear(ctx context.Context) (reply, error) {
	b := buffers.Get().(*[maxMessage]byte)
	defer buffers.Put(b)
	n, err := p.conn.Read(b[:])
	if err != nil {
		return reply{}, p.lost(ctx, err)
	}
	if n == 0 {
		return reply{}, p.lost(ctx, io.EOF)
	}
	p.owes--
	p.moves = false
	var a reply
	if err := json.Unmarshal(b[:n], &a); err != nil {
		return reply{}, fmt.Errorf("process %s: %w", p.Name, err)
	}
	if a.Broken != "" {
		return reply{}, fmt.Errorf("process %s: %s", p.Name, a.Broken)
	}
	return a, nil
}

// lost says why a process does not answer.
func (p *Process) lost(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("process %s does not answer", p.Name)
	case !errors.Is(err, io.EOF) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET):
		return fmt.Errorf("process %s: %w", p.Name, err)
	}
	if err := p.wait(ctx); err != nil {
		return err
	}
	words := strings.TrimSpace(p.words())
	if words == "" {
		words = "it said nothing"
		if n := sys.OutOfMemoryKills(); n > 0 {
			words += fmt.Sprintf("; memory has run out since this kernel booted (oom_kill of /proc/vmstat is %d)", n)
		}
	}
	return fmt.Errorf("process %s died: %s", p.Name, words)
}

// Died returns an error when the process has ended, and not because a step has asked
// for that.
func (p *Process) Died(ctx context.Context) error {
	if p.dead || p.sent {
		return nil
	}
	gone, err := child.HungUp(p.conn)
	if err != nil {
		return fmt.Errorf("look for process %s: %w", p.Name, err)
	}
	if gone || isEnding(p.pid) {
		return p.lost(ctx, io.EOF)
	}
	return nil
}

// isEnding reports whether a process that nobody has reaped has begun to end: PF_EXITING
// of linux/sched.h among its flags, proc_pid_stat(5). It is set before the first of its
// sockets is closed, which may be long before its end of the pair is.
func isEnding(pid int) bool {
	fields, err := sys.ProcessStat(pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	flags, err := strconv.ParseUint(fields[6], 10, 32)
	return err == nil && flags&0x4 != 0
}

// words returns the beginning of what the process wrote to standard error.
func (p *Process) words() string {
	b := make([]byte, 4096)
	n, err := p.last.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return string(b[:n])
}

// wait returns when the process has ended and its descriptors are closed. An
// end-of-file on the pair comes earlier: exit_files closes one after the other.
func (p *Process) wait(ctx context.Context) error {
	stuck := fmt.Errorf("process %s has not ended after %v", p.Name, child.Grace)
	ctx, cancel := context.WithTimeoutCause(ctx, child.Grace, stuck)
	defer cancel()
	for !p.dead {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if p.pidfd < 0 {
			if p.dead = hasEnded(p.pid); !p.dead {
				time.Sleep(pollPause)
			}
			continue
		}
		fds := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 100) // wakes up for the sake of ctx only
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process %s: %w", p.Name, err)
		}
		p.dead = n > 0
	}
	return nil
}

// pollPause is between two looks at a process whose end no descriptor tells of.
const pollPause = 200 * time.Microsecond

// hasEnded reports whether a process that nobody has reaped has ended: it is a zombie, proc_pid_stat(5), whose
// descriptors are closed.
func hasEnded(pid int) bool {
	fields, err := sys.ProcessStat(pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	return fields[0] == "Z" || fields[0] == "X"
}
