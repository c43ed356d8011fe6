package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
	"labrun/lab/sys"
)

// Path is the PATH of a program of an experiment.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Spec says what program an experiment runs, where and as which user.
//
// The program sees the machine's files copy-on-write, /dev, /proc and /sys of its own,
// /run and /tmp of the lab, and no process but its own. Of root's privileges it has those
// over its view and over its host's network. What it started is gone with it
// when it is closed, or when labrun ends.
type Spec struct {
	Name     string                     // for errors: "alpha/web"
	In       func(f func() error) error // runs f on a thread that is in the host's namespace
	Hostname string
	Argv     []string
	User     *uint32    // uid and gid; nil keeps the caller's
	Hosts    string     // what /etc/hosts says
	Dir      string     // the working directory, the topology file's; "" is /
	Files    *Files     // its /run and /tmp, nil for some of its own
	Env      []string   // beside PATH, HOME and LANG; nothing comes from labrun's own
	Sockets  []*os.File // its descriptors 3 and up, with LISTEN_FDS and LISTEN_PID, sd_listen_fds(3)
	Shared   []string   // kernel parameters that are not the host's alone: read-only
}

// Running is a program that was started.
type Running struct {
	name           string
	conn           *net.UnixConn // the hold on the init of the program's PID namespace
	init           int
	pidfd          int // of the program
	stdout, stderr *output

	ended  chan struct{} // closed when one of these is known
	status int
	err    error
}

// Start starts the program, and returns when it has.
func (s Spec) Start() (*Running, error) {
	r := &Running{name: s.Name, pidfd: -1, ended: make(chan struct{})}
	conn, theirs, err := child.Pair()
	if err != nil {
		return nil, err
	}
	r.conn = conn
	err = s.launch(r, theirs)
	theirs.Close() // the init's alone: its death is the end of what there is to hear
	if err != nil {
		r.conn.Close()
		for _, o := range []*output{r.stdout, r.stderr} {
			if o != nil {
				o.close()
			}
		}
		return nil, fmt.Errorf("start program %s: %w", s.Name, err)
	}
	err = r.begin()
	if err != nil {
		return nil, fmt.Errorf("start program %s: %w", s.Name, errors.Join(err, r.Close()))
	}
	go r.follow(conn)
	return r, nil
}

// launch starts the init of the program's namespaces.
func (s Spec) launch(r *Running, theirs *os.File) (err error) {
	var stdout, stderr *os.File
	if r.stdout, stdout, err = newOutput(s.User); err != nil {
		return err
	}
	defer stdout.Close()
	if r.stderr, stderr, err = newOutput(s.User); err != nil {
		return err
	}
	defer stderr.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	exe, err := sealed()
	if err != nil {
		return err
	}
	r.init, err = initStart{
		setup: s.setup(), in: s.In, files: s.Files, env: child.Environment,
		exe:  descriptorPath(exeFD),
		argv: append([]string{arg0Init, s.Hostname, viewCopy, ""}, s.Argv...),
		fds:  [...]uintptr{null.Fd(), stdout.Fd(), stderr.Fd(), theirs.Fd(), exe.Fd()},
		how:  &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWIPC, Setsid: true},

		sockets: s.Sockets,
	}.start()
	return err
}

// setup returns what the init is to do.
func (s Spec) setup() setup {
	home := "/root"
	if s.User != nil && *s.User != 0 {
		home = "/"
	}
	in := setup{
		Hosts: s.Hosts, Dir: s.Dir, Self: selfFile(), Shared: s.Shared,
		Env: append([]string{"PATH=" + Path, "HOME=" + home, "LANG=C.UTF-8"}, s.Env...),
	}
	if child.IsOther(s.User) {
		in.User = s.User
	}
	return in
}

// begin waits until the program runs.
func (r *Running) begin() error {
	if err := r.conn.SetReadDeadline(time.Now().Add(child.Grace)); err != nil {
		return err
	}
	first, oob, err := hear(r.conn)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("its init ended: %s", r.stderr)
	case err != nil:
		return err
	case first.Failed != "":
		return errors.New(first.Failed)
	}
	if r.pidfd, err = child.Descriptor(oob); err != nil {
		return fmt.Errorf("receive a pidfd: %w", err)
	}
	unix.CloseOnExec(r.pidfd) // the net package has asked for that already
	return r.conn.SetReadDeadline(time.Time{})
}

// follow waits for the program's end.
func (r *Running) follow(conn *net.UnixConn) {
	defer close(r.ended)
	last, _, err := hear(conn)
	if err != nil {
		r.err = r.gone()
	}
	r.status = last.Status
}

// hear waits for the next message of an init, io.EOF when it has ended.
func hear(conn *net.UnixConn) (m initMessage, oob []byte, err error) {
	b, oob := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(b, oob)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return m, nil, err
	}
	return m, oob[:oobn], json.Unmarshal(b[:n], &m)
}

// Wait waits for the program's end, as long as the limit says, and returns its
// exit status, 128 and the signal when one ended it. What it has started may go
// on.
func (r *Running) Wait(ctx context.Context, limit time.Duration) (status int, ended bool, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.ended:
		return r.status, r.err == nil, r.err
	case <-ctx.Done():
		return 0, false, context.Cause(ctx)
	case <-timer.C:
		status, ended = r.Ended() // also when the limit is 0
		return status, ended, nil
	}
}

// Ended returns the exit status of a program that has ended by itself.
func (r *Running) Ended() (status int, ended bool) {
	select {
	case <-r.ended:
		return r.status, r.err == nil
	default:
		return 0, false
	}
}

// Socket returns a descriptor of the program's.
func (r *Running) Socket(number int) (*os.File, error) {
	fd, err := unix.PidfdGetfd(r.pidfd, number, 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_getfd", err)
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// Died returns an error when the init of the program's namespace has ended, and with
// it all that the program has started.
func (r *Running) Died() error {
	gone, err := child.HungUp(r.conn)
	switch {
	case err != nil:
		return fmt.Errorf("look for program %s: %w", r.name, err)
	case gone:
		return r.gone()
	}
	return nil
}

func (r *Running) gone() error {
	return fmt.Errorf("program %s: the init of its namespace is gone", r.name)
}

// Output returns what the program and its children have written until now, of
// more than 1 MiB the beginning, with a note.
func (r *Running) Output() (stdout, stderr string) {
	return r.stdout.String(), r.stderr.String()
}

// Close ends the program with all that it started, and waits until they are
// gone. What it wrote can still be had.
func (r *Running) Close() error {
	if r.conn == nil {
		return nil
	}
	r.conn.Close()
	r.conn = nil
	// The kernel lets go of an init when it has reaped all others of its namespace.
	_ = unix.Kill(r.init, unix.SIGKILL) // it is not reaped yet, so the number is its own
	err := child.Reap(r.init)
	r.stdout.close()
	r.stderr.close()
	if r.pidfd >= 0 {
		<-r.ended
		unix.Close(r.pidfd)
		r.pidfd = -1
	}
	if err != nil {
		return fmt.Errorf("wait for program %s: %w", r.name, err)
	}
	return nil
}

// Kill sends a signal, one of lab.Signals, to the program itself, and returns the kernel's
// answer: ESRCH when the program has ended.
func (r *Running) Kill(signal string) (lab.Answer, error) {
	number, ok := sys.Signals[signal]
	if !ok {
		return lab.Answer{}, fmt.Errorf("no signal %s", signal)
	}
	err := unix.PidfdSendSignal(r.pidfd, number, nil, 0)
	answer, ok := sys.AnswerOf(err)
	if !ok {
		return answer, err
	}
	return answer, nil
}
