// Package guest asks kernels other than this machine's: each boots in a guest of its own, emulated
// by QEMU or as User-mode Linux, whose init is this program. It takes neither root nor a network.
package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/kernel/image"
	"labrun/lab/kernel/remote"
)

// Kernel is a kernel in a guest that runs.
type Kernel struct {
	*remote.Kernel
	program string // what runs it: QEMU, or the kernel itself
	process *exec.Cmd
	console *console
	channel *counted
	files   *os.File      // the line that this machine's files are served over, nil where none are
	ended   chan struct{} // closed when the process has ended
	closed  chan struct{} // closed when its end is wanted

	mu     sync.Mutex
	reason error // why labrun ended it
}

// Options is how to run guests.
type Options struct {
	Accel  string // "kvm" or "tcg"; "" is what works here
	Labrun string // the file of a labrun for another architecture; "" builds one
	Files  *Files // nil for a guest that runs no programs of this machine
}

// Start boots a kernel and waits until it can be asked. The caller has to close it. An error says why
// the guest ended, and what its console said last.
func Start(ctx context.Context, i image.Image, o Options) (*Kernel, error) {
	if err := Can(i); err != nil {
		return nil, err
	}
	accel := o.Accel
	if accel == "" && !i.UserMode && !i.GVisor {
		accel = accelFor(ctx, i)
	}
	patience := limits
	if accel == "kvm" {
		if err := checkKVM(); err != nil {
			return nil, err
		}
		patience.busy = min(patience.busy, kvmBusy)
	}
	unpacked := unpackedKernel(i, accel)
	if unpacked != nil {
		defer unpacked.Close()
		i.Kernel = fmt.Sprintf("/dev/fd/%d", kernelFD)
	}
	var err error
	cmd := commandFor(i, accel, o.Files)
	if cmd.program, err = exec.LookPath(cmd.program); err == nil {
		cmd.program, err = filepath.Abs(cmd.program)
	}
	if err != nil {
		return nil, fmt.Errorf("guest: %w", err)
	}
	var initrd *os.File
	if cmd.kind != sandboxed {
		if initrd, err = initramfs(ctx, i, o.Labrun); err != nil {
			return nil, err
		}
		defer initrd.Close()
	}
	k, err := launch(cmd, initrd, unpacked, o.Files)
	if err != nil {
		return nil, err
	}
	booted := make(chan struct{})
	go k.watch(booted, patience)
	if err = k.dial(ctx); err != nil && accel == "kvm" && ctx.Err() == nil {
		err = fmt.Errorf("the guest does not boot with KVM, though /dev/kvm opens; without --accel kvm, or with "+
			"--accel tcg, it is emulated: %w", err)
	}
	if err == nil && cmd.kind != emulated {
		err = k.Measure(ctx)
	}
	if err != nil {
		k.Close()
		return nil, err
	}
	close(booted)
	return k, nil
}

// launch starts what runs the guest, with the ends of a console and a channel, or with a channel in place of its
// standard input and output. The kernel is in unpacked unless that is nil.
func launch(cmd command, initrd, unpacked *os.File, files *Files) (_ *Kernel, err error) {
	k := &Kernel{program: cmd.program, ended: make(chan struct{}), closed: make(chan struct{})}
	console, consoleEnd, err := pair("console")
	if err != nil {
		return nil, err
	}
	defer consoleEnd.Close() // the guest alone has it: when that ends, so does what it said
	k.process = &exec.Cmd{Path: cmd.program, Args: cmd.args, Env: append(os.Environ(), cmd.env...), Dir: cmd.dir,
		Stdout: consoleEnd, Stderr: consoleEnd, SysProcAttr: cmd.attributes()}
	var theirs []*os.File
	if cmd.kind == sandboxed {
		k.process.Path, k.process.Args = child.Self, append([]string{privateArg, cmd.program}, cmd.args...)
		if k.channel, theirs, err = pipes(); err == nil {
			k.process.Stdin, k.process.Stdout = theirs[0], theirs[1]
		}
	} else {
		var ours, end *os.File
		if ours, end, err = pair("channel"); err == nil {
			k.channel, theirs = &counted{ReadCloser: ours, Writer: ours}, []*os.File{end}
			k.process.ExtraFiles = []*os.File{initrd, consoleEnd, end, nil, unpacked} // nil is closed there
		}
		if err == nil && cmd.files {
			if k.files, end, err = pair("files"); err == nil {
				theirs = append(theirs, end)
				k.process.ExtraFiles[filesFD-initrdFD] = end
			}
		}
	}
	if err != nil {
		console.Close()
		return nil, err
	}
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	k.console = newConsole(console)
	if k.files != nil {
		go func() {
			if err := serveFiles(k.files, files.private()); err != nil {
				k.kill(fmt.Errorf("serve this machine's files to the guest: %w", err))
			}
		}()
	}
	if err := k.run(cmd); err != nil {
		consoleEnd.Close()
		k.channel.Close()
		k.console.Close()
		return nil, fmt.Errorf("start %s: %w", cmd.program, err)
	}
	return k, nil
}

// dial waits for the guest's init.
func (k *Kernel) dial(ctx context.Context) error {
	dialed := make(chan error, 1)
	go func() {
		r, err := remote.Dial(k.channel, k.explain)
		k.Kernel = r
		dialed <- err
	}()
	select {
	case err := <-dialed:
		if err != nil {
			err = k.explain(err)
		}
		return err
	case <-ctx.Done():
		err := context.Cause(ctx)
		k.kill(err)
		<-dialed
		return err
	}
}

// attributes has the kernel end the command with labrun, and what it starts with it: pid_namespaces(7).
func (c command) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	switch c.kind {
	case inUserMode:
		attr.Cloneflags = syscall.CLONE_NEWPID
	case sandboxed:
		attr.Cloneflags = syscall.CLONE_NEWNS
	default:
		return attr
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// guests counts those that were started, so that those side by side are pinned to different processors.
var guests atomic.Int32

// run starts the program and waits for it. The kernel ends it with the thread that started it, if
// labrun is killed (PR_SET_PDEATHSIG of prctl(2)), so that thread does nothing else.
func (k *Kernel) run(cmd command) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()      // for good: a pinned thread is of no use to others
		if cmd.kind == inUserMode { // see userMode
			pin(int(guests.Add(1)))
		}
		err := k.process.Start()
		started <- err
		if err == nil {
			_ = k.process.Wait() // explain says what it ended with
			close(k.ended)
			k.channel.Close()
			if k.files != nil {
				k.files.Close()
			}
		}
	}()
	return <-started
}

// private has this process, which was born in a mount namespace of its own, see privateDir as memory with a copy of
// labrun in it, and become the program of its further arguments: nothing is left of them after its last process.
func private(args []string) error {
	self, err := os.ReadFile(child.Self)
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	if err := unix.Mount("tmpfs", privateDir, "tmpfs", 0, "mode=0755"); err != nil {
		return os.NewSyscallError("mount", err)
	}
	if err := os.WriteFile(privateInit, self, 0o755); err != nil {
		return err
	}
	return &os.PathError{Op: "exec", Path: args[0], Err: unix.Exec(args[0], args[1:], os.Environ())}
}

// pin keeps this thread, and what it starts, on the nth of the processors that it may use. Where that
// is refused, the guest is slower.
func pin(nth int) {
	var may, one unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil || may.Count() == 0 {
		return
	}
	nth %= may.Count()
	for cpu := 0; ; cpu++ {
		if may.IsSet(cpu) {
			if nth == 0 {
				one.Set(cpu)
				_ = unix.SchedSetaffinity(0, &one)
				return
			}
			nth--
		}
	}
}

// kill ends the guest for a reason, the first of which counts.
func (k *Kernel) kill(reason error) {
	k.mu.Lock()
	if k.reason == nil {
		k.reason = reason
	}
	k.mu.Unlock()
	_ = k.process.Process.Kill()
}

var errClosed = errors.New("the guest is not needed any more")

// Close ends the guest, and waits until it is gone.
func (k *Kernel) Close() {
	select {
	case <-k.closed:
	default:
		close(k.closed)
	}
	k.kill(errClosed)
	<-k.ended
	k.console.Close()
}

// endGrace is how long a guest that has closed its channel may take to end by itself, and to say why.
const endGrace = 5 * time.Second

// explain says why a guest cannot be asked any more, once that shows in an error of its channel.
func (k *Kernel) explain(err error) error {
	select {
	case <-k.ended:
	case <-k.closed:
	case <-time.After(endGrace):
		k.kill(errors.New("the guest does not answer any more, and does not end"))
	}
	<-k.ended
	k.console.drain()
	k.mu.Lock()
	reason := k.reason
	k.mu.Unlock()
	said, state := k.console.said(), k.process.ProcessState
	status, _ := state.Sys().(syscall.WaitStatus)
	switch {
	case reason == errClosed:
		return reason
	case reason != nil:
		err = reason
	case panicOf(said) != "":
		err = errors.New(panicOf(said))
	case status.Signaled() && status.Signal() == unix.SIGKILL:
		err = errors.New("the guest was killed, by somebody or for want of memory") // see dmesg(1)
	case !state.Success():
		err = fmt.Errorf("%s ended: %s", k.program, state)
	default:
		err = fmt.Errorf("the guest has ended: %w", err)
	}
	if last := lastLines(said); last != "" {
		return fmt.Errorf("%w; its console's last lines:\n%s", err, last)
	}
	return err
}

// pair returns a connected pair of sockets, the second one for a child.
func pair(name string) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), name)
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that a close ends a read
		theirs.Close()
		_ = unix.Close(fds[0])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), name), theirs, nil
}

// counted is a channel, and counts what is read from it.
type counted struct {
	io.ReadCloser
	io.Writer
	n atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n.Add(int64(n))
	return n, err
}

var _ io.ReadWriter = (*counted)(nil)

// pipes makes a channel of two pipes, which any program can have as its standard input and output, and
// returns the program's ends.
func pipes() (*counted, []*os.File, error) {
	in, ourIn, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	ourOut, out, err := os.Pipe()
	if err != nil {
		in.Close()
		ourIn.Close()
		return nil, nil, err
	}
	return &counted{ReadCloser: ourOut, Writer: ourIn}, []*os.File{in, out}, nil
}
