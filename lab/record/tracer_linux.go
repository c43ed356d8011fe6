package record

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/sys"
	"labrun/lab/trace"
)

// What this program is when it is started again: the second of its arguments, behind child.Self.
const (
	tracerWord = "labrun-tracer"
	traceeWord = "labrun-tracee"
)

// eventsFD is the tracer's descriptor of the file that it writes events to.
const eventsFD = 3

// Command returns the command that records a program, for as long as limit says, 0 for as long as it runs. It writes
// events to descriptor 3, for Read, and its exit status is the program's, or 0 when the recording was ended before.
func Command(limit time.Duration, argv []string) []string {
	return append([]string{child.Self, tracerWord, limit.String()}, argv...)
}

// Events returns the file that such a command gets as descriptor 3, in memory.
func Events() (*os.File, error) { return child.Memory("labrun-events") }

// ended is the Name of the last event of a recording that ended before its program, by the limit or a signal.
const ended = "labrun-ended"

// Read returns the events that such a command has written, and whether it ended the program.
func Read(r io.Reader) (events []trace.Event, cut bool, err error) {
	d := json.NewDecoder(r)
	for {
		var e trace.Event
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return events, cut, nil
		case err != nil:
			return events, cut, fmt.Errorf("read what was recorded: %w", err)
		}
		if cut = e.Name == ended; !cut {
			events = append(events, e)
		}
	}
}

// Main is the whole life of a tracer, or of the process that becomes the program, when this program was started as
// one; otherwise it returns at once. Call it first thing in main.
func Main() {
	if len(os.Args) < 4 || os.Args[0] != child.Self {
		return
	}
	switch os.Args[1] {
	case tracerWord:
		os.Exit(tracerMain(os.Args[2], os.Args[3:]))
	case traceeWord:
		os.Exit(traceeMain(os.Args[2], os.Args[3:]))
	}
}

// traceeMain becomes the program. Its thread alone has the filter, and it is that thread that executes the program.
func traceeMain(path string, argv []string) int {
	runtime.LockOSThread()
	env := os.Environ()
	err := install()
	if err == nil {
		err = syscall.Exec(path, argv, env)
	}
	fmt.Fprintf(os.Stderr, "labrun: %s: %v\n", argv[0], err)
	return 126
}

// tracerMain starts the program and records it.
func tracerMain(limit string, argv []string) int {
	runtime.LockOSThread() // the thread that starts the program is its tracer
	unix.CloseOnExec(eventsFD)
	fail := func(err error) int {
		fmt.Fprintf(os.Stderr, "labrun: record %s: %v\n", argv[0], err)
		return 126
	}
	duration, err := time.ParseDuration(limit)
	if err != nil {
		return fail(err)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		fmt.Fprintf(os.Stderr, "labrun: %v\n", err)
		return 127
	}
	t := &tracer{out: bufio.NewWriterSize(os.NewFile(eventsFD, "events"), 1<<16), threads: map[int]*thread{}}
	signals := make(chan os.Signal, 1)
	sys.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	var over <-chan time.Time
	if duration > 0 {
		over = time.After(duration)
	}
	go func() {
		select {
		case <-signals:
		case <-over:
		}
		t.finish(0, true) // what is still running is killed, PTRACE_O_EXITKILL
	}()
	pid, err := child.Start(child.Self, append([]string{child.Self, traceeWord, path}, argv...),
		&syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		return fail(err)
	}
	status, err := t.follow(pid)
	if err != nil {
		return fail(err)
	}
	t.finish(status, false)
	return status
}

// thread is a thread that is traced.
type thread struct {
	call *trace.Event // that it is in, when its end is waited for
	name string
	args [6]uint64
}

type tracer struct {
	mu      sync.Mutex
	out     *bufio.Writer
	threads map[int]*thread
	place   int  // the last in the order of events
	begun   bool // the program itself is executed
}

// finish writes what was recorded, and whether that was cut short, and ends the tracer.
func (t *tracer) finish(status int, cut bool) {
	t.mu.Lock() // and keeps it: nothing is written any more
	if cut {
		t.put(&trace.Event{Name: ended})
	}
	if err := t.out.Flush(); err != nil {
		fmt.Fprintf(os.Stderr, "labrun: write what was recorded: %v\n", err)
		status = 126
	}
	os.Exit(status)
}

func (t *tracer) write(e *trace.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(e)
}

// put does what write does. The caller holds the lock.
func (t *tracer) put(e *trace.Event) {
	if b, err := json.Marshal(e); err == nil {
		_, _ = t.out.Write(append(b, '\n')) // finish tells of an error
	}
}

func (t *tracer) next() int {
	t.place++
	return t.place
}

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL

// follow follows the program and all that it starts until it ends, and returns its exit status, 128 and the signal
// when one ended it.
func (t *tracer) follow(main int) (int, error) {
	var status unix.WaitStatus
	if err := wait(main, &status); err != nil {
		return 0, err
	}
	if !status.Stopped() {
		return status.ExitStatus(), nil
	}
	if err := unix.PtraceSetOptions(main, options); err != nil {
		return 0, fmt.Errorf("ptrace: %w", err)
	}
	t.threads[main] = &thread{}
	t.resume(main, 0)
	for {
		status = 0
		pid, err := waitAny(&status)
		switch {
		case errors.Is(err, unix.ECHILD):
			return 0, nil
		case err != nil:
			return 0, fmt.Errorf("wait4: %w", err)
		case status.Exited() || status.Signaled():
			delete(t.threads, pid)
			if t.begun {
				at := t.next()
				t.write(&trace.Event{Thread: pid, Begin: at, End: at, Name: trace.Exit, Text: "+++ ended +++"})
			}
			if pid == main {
				if status.Signaled() {
					return 128 + int(status.Signal()), nil
				}
				return status.ExitStatus(), nil
			}
		case status.Stopped():
			deliver, err := t.stopped(pid, status)
			if err != nil {
				return 0, err
			}
			t.resume(pid, deliver)
		}
	}
}

func wait(pid int, status *unix.WaitStatus) error {
	for {
		if _, err := unix.Wait4(pid, status, unix.WALL, nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func waitAny(status *unix.WaitStatus) (pid int, err error) {
	for {
		if pid, err = unix.Wait4(-1, status, unix.WALL, nil); !errors.Is(err, unix.EINTR) {
			return pid, err
		}
	}
}

// resume lets a thread go on, to the end of its call where that is of interest. One that was killed meanwhile is gone.
func (t *tracer) resume(pid int, deliver unix.Signal) {
	if th := t.threads[pid]; th != nil && th.call != nil {
		_ = unix.PtraceSyscall(pid, int(deliver))
		return
	}
	_ = unix.PtraceCont(pid, int(deliver))
}

// stopped looks at why a thread has stopped, and returns the signal that it is to get.
func (t *tracer) stopped(pid int, status unix.WaitStatus) (deliver unix.Signal, err error) {
	th := t.threads[pid]
	if th == nil { // a child's first stop, which may come before its parent's
		th = &thread{}
		t.threads[pid] = th
		if status.StopSignal() == unix.SIGSTOP {
			return 0, nil
		}
	}
	switch s := status.StopSignal(); {
	case s == unix.SIGTRAP|0x80:
		return 0, t.exit(pid, th)
	case s == unix.SIGTRAP && int(status)>>16 == unix.PTRACE_EVENT_SECCOMP:
		return 0, t.enter(pid, th)
	case s == unix.SIGTRAP && int(status)>>16 == unix.PTRACE_EVENT_EXEC:
		return 0, t.executed(pid)
	case s == unix.SIGTRAP && int(status)>>16 != 0:
		return 0, nil // a new child
	default:
		return s, nil
	}
}

// The layout of struct ptrace_syscall_info, ptrace(2).
const (
	infoSize    = 88
	infoArch    = 4  // AUDIT_ARCH_*, of the thread
	infoNumber  = 24 // of a call that begins, with six arguments behind it
	infoResult  = 24 // of a call that has ended
	infoIsError = 32

	ptraceGetSyscallInfo = 0x420e
	infoExit             = 2
	infoSeccomp          = 3
)

func syscallInfo(pid int) (info [infoSize]byte, err error) {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(pid), infoSize,
		uintptr(unsafe.Pointer(&info)), 0, 0)
	switch {
	case errno == unix.EIO:
		return info, errors.New("this kernel does not tell a tracer what is called: it takes Linux 5.3")
	case errno != 0 && errno != unix.ESRCH:
		return info, fmt.Errorf("ptrace PTRACE_GET_SYSCALL_INFO: %w", errno)
	}
	return info, nil
}

// executed notes that a process has become a program of another architecture, such as a 32-bit one: the kernel reads
// its calls by other numbers, and the filter lets them pass.
func (t *tracer) executed(pid int) error {
	info, err := syscallInfo(pid)
	if err != nil || binary.NativeEndian.Uint32(info[infoArch:]) == auditArch[runtime.GOARCH] {
		return err
	}
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil { // it was killed meanwhile
		return nil
	}
	at := t.next()
	t.write(&trace.Event{Thread: pid, Begin: at, End: at, Name: trace.Foreign, Result: "0", Text: program})
	return nil
}

// enter notes a call that begins.
func (t *tracer) enter(pid int, th *thread) error {
	info, err := syscallInfo(pid)
	if err != nil || info[0] != infoSeccomp {
		return err
	}
	number := binary.NativeEndian.Uint64(info[infoNumber:])
	for i := range th.args {
		th.args[i] = binary.NativeEndian.Uint64(info[infoNumber+8*(1+i):])
	}
	th.name = calls[number]
	if th.name == "execve" {
		t.begun = true
	}
	if !t.begun || th.name == "" || !wanted(pid, th.name, th.args) {
		return nil
	}
	e := &trace.Event{Thread: pid, Begin: t.next(), Name: th.name}
	m := memory(pid)
	e.Args = m.before(th.name, th.args)
	if th.name == "exit_group" || th.name == "io_uring_setup" {
		e.End = e.Begin
		e.Result = "?"
		t.complete(e)
		return nil
	}
	th.call = e
	return nil
}

// exit notes what a call answered.
func (t *tracer) exit(pid int, th *thread) error {
	e := th.call
	if e == nil {
		return nil
	}
	th.call = nil
	info, err := syscallInfo(pid)
	if err != nil || info[0] != infoExit {
		return err
	}
	result := int64(binary.NativeEndian.Uint64(info[infoResult:]))
	e.End = t.next()
	e.Result = fmt.Sprint(result)
	if info[infoIsError] != 0 {
		e.Result = failure(unix.Errno(-result))
	}
	if e.Args == nil || info[infoIsError] == 0 {
		if after := memory(pid).after(th.name, th.args, result); after != nil {
			e.Args = after
		}
	}
	t.complete(e)
	return nil
}

// The numbers by which the kernel restarts a call that a signal has interrupted, include/linux/errno.h.
const (
	erestartsys   = 512
	erestartBlock = 516
)

func failure(errno unix.Errno) string {
	if errno >= erestartsys && errno <= erestartBlock {
		return "? ERESTARTSYS (To be restarted)"
	}
	name := unix.ErrnoName(errno)
	if name == "" {
		name = fmt.Sprintf("E%d", int(errno))
	}
	return fmt.Sprintf("-1 %s (%s)", name, errno.Error())
}

func (t *tracer) complete(e *trace.Event) {
	e.Text = e.Name + "(" + strings.Join(e.Args, ", ") + ") = " + e.Result
	t.write(e)
}
