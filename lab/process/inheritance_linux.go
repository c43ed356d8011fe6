package process

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/child"
)

// markExeced is an argument beside those of handle.argument: this program was started by the
// call exec, whose answer is due.
const markExeced = "!"

// markForked says in the same place that the process is another one's child.
const markForked = "+"

// inherit makes an agent of the arguments that follow its name. It closes all descriptors above
// those that it is told of: what the experiment's program has open is what the file says.
func inherit(name string, arguments []string) (*agent, error) {
	a := &agent{name: name, socks: handles{}, proc: -1, table: -1, snmp: -1}
	top, execed, forked := child.ControlFD, false, false
	for _, argument := range arguments {
		if argument == markExeced {
			execed = true
			continue
		}
		if argument == markForked {
			forked = true
			continue
		}
		sock, cloexec := strings.CutPrefix(argument, markCloexec)
		sock, number, _ := strings.Cut(sock, "=")
		fd, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", argument, err)
		}
		switch _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); {
		case err == nil:
			top = max(top, fd)
		case !errors.Is(err, unix.EBADF): // a closed one's
			return nil, fmt.Errorf("fcntl of %q: %w", argument, err)
		}
		if sock == "" {
			a.proc = fd
			continue
		}
		a.socks[sock] = handle{fd, cloexec}
	}
	unix.CloseOnExec(child.ControlFD)
	// Descriptors that labrun's own caller left open are not a lab's business.
	// Before Linux 5.9 the kernel does not have this call, and they stay.
	_ = unix.CloseRange(uint(top+1), math.MaxUint32, 0)
	if a.proc >= 0 {
		if err := os.Chdir("/tmp"); err != nil {
			return nil, err
		}
	}
	if !execed && !forked {
		ignoreNone()
	}
	settle(name)
	if execed {
		return a, respond(reply{Outcome: lab.OK})
	}
	return a, nil
}

// comm makes ss -p and ps show the experiment's name for the process. Best effort: it is
// the main thread's name that they show, and Main runs there.
func comm(name string) {
	if b, err := unix.ByteSliceFromString(name); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
	}
}

// settle makes a process look and die as the experiment's own program would.
func settle(name string) {
	comm(name)
	// Who may connect to a path depends on it, and a report does not on the caller's.
	unix.Umask(0022)
	// The Go runtime catches these two for signal.Notify and ignores them when
	// nothing has asked for them; other programs die of them. A zero sigaction is SIG_DFL.
	var dfl [64]byte
	for _, s := range []unix.Signal{unix.SIGUSR1, unix.SIGUSR2} {
		_, _, _ = unix.Syscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&dfl)), 0, 8, 0, 0)
	}
}

// ignoreNone gives a new process the default dispositions of the signals that labrun's caller ignores, as nohup(1)
// does: a report does not depend on it. What an experiment's process ignores itself, its children and what it executes
// ignore as well. Only of these two does the Go runtime leave that as it finds it. Notify has the runtime count them
// with all others, which it resets in a child; the zero disposition, SIG_DFL, then undoes its handler here.
func ignoreNone() {
	for _, s := range []unix.Signal{unix.SIGHUP, unix.SIGINT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
			_ = act(s, &disposition{}, nil) // of a signal that there is
		}
	}
}

// whereSelfIs calls f with a path of this program that can be executed. Where the root is the
// lab's, the only way to the machine's files is the descriptor of its /proc, and a path goes
// through the working folder, since syscall.ForkExec takes a path alone.
func (a *agent) whereSelfIs(f func(self string) error) error {
	if a.proc < 0 {
		return f(child.Self)
	}
	if err := unix.Fchdir(a.proc); err != nil {
		return fmt.Errorf("chdir to /proc: %w", err)
	}
	return errors.Join(f(child.SelfInProc), unix.Chdir("/tmp"))
}

// passOn returns the arguments that tell a program of this one's descriptors. It has those
// that place gives a number in the program; to a socket that is not to be there, as to one
// that is closed, it has the name alone.
func (a *agent) passOn(keeps func(name string, h handle) bool, place func(fd int) int) []string {
	var arguments []string
	if a.proc >= 0 {
		arguments = append(arguments, handle{}.argument("", place(a.proc)))
	}
	for _, name := range a.socks.names() {
		h := a.socks[name]
		fd := -1
		if keeps(name, h) {
			if fd = h.fd; h.isOpen() {
				fd = place(h.fd)
			}
		}
		arguments = append(arguments, h.argument(name, fd))
	}
	return arguments
}

// fork starts a child with the process's sockets, or those that the request
// names, and with the descriptor that came along as its end of the pair. Of the others it knows the
// names: a child that closed them. The child is this program started again,
// which a socket cannot tell from fork(2): descriptors of the child refer to
// the same open sockets. Nothing reaps it until its parent has ended.
func fork(a *agent, r *request) reply {
	control, of := r.passed, arg[forkArgs](r, 0)
	defer unix.Close(control)
	for _, name := range of.Socks {
		if _, ok := a.socks[name]; !ok {
			return unknown(name)
		}
	}
	files := []uintptr{0, 1, 2, uintptr(control)}
	arguments := a.passOn(
		func(name string, _ handle) bool { return len(of.Socks) == 0 || slices.Contains(of.Socks, name) },
		func(fd int) int {
			files = append(files, uintptr(fd))
			return len(files) - 1
		})
	var pid int
	err := a.whereSelfIs(func(self string) (err error) {
		pid, err = child.Start(self, append([]string{Arg0, of.Name, markForked}, arguments...), &syscall.ProcAttr{
			Env: child.Environment, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true},
		})
		return err
	})
	if err != nil {
		return reply{Broken: "fork: " + err.Error()}
	}
	return okWith(lab.Int(pid))
}

// execSelf becomes this program from its start, with the sockets that are not
// close-on-exec. When it succeeds the answer comes from there.
func execSelf(a *agent, _ *request) reply {
	passed := []int{child.ControlFD}
	arguments := a.passOn(
		func(_ string, h handle) bool { return !h.cloexec },
		func(fd int) int {
			passed = append(passed, fd)
			return fd
		})
	defer func() {
		for _, fd := range passed {
			unix.CloseOnExec(fd)
		}
	}()
	for _, fd := range passed {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return reply{Broken: fmt.Sprintf("exec: fcntl of descriptor %d: %v", fd, err)}
		}
	}
	argv := append([]string{Arg0, a.name, markExeced}, arguments...)
	return ended(a.whereSelfIs(func(self string) error { return unix.Exec(self, argv, child.Environment) }))
}
