package process

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// plants leave something behind in a process, each of another kind. They are made by the
// thread that makes the calls.
var plants = map[string]func(a *agent) error{
	"a descriptor":         func(*agent) error { _, err := unix.MemfdCreate("left", unix.MFD_CLOEXEC); return err },
	"another descriptor":   func(*agent) error { return unix.Dup3(0, 2, 0) },
	"a closed descriptor":  func(*agent) error { return unix.Close(1) },
	"an effective user":    func(*agent) error { return raw(unix.SYS_SETRESUID, ^uintptr(0), 1000, ^uintptr(0)) },
	"a file system's user": func(*agent) error { _, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, 1000, 0, 0); return nil },
	"a group":              func(*agent) error { return raw(unix.SYS_SETRESGID, ^uintptr(0), 1000, ^uintptr(0)) },
	"supplementary groups": func(*agent) error {
		g := uint32(1000)
		return raw(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&g)), 0)
	},
	"lost capabilities": lowerCapability,
	"the bounding set":  func(*agent) error { return unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_BOOT, 0, 0, 0) },
	"an ignored signal": func(*agent) error { return sigaction(unix.SIGUSR1, 1) },
	"a default action":  func(*agent) error { return sigaction(unix.SIGWINCH, 0) },
	"a blocked signal":  func(*agent) error { return block(unix.SIGUSR2) },
	"a pending signal":  func(*agent) error { return pend(unix.Signal(40)) },
	"a working folder":  func(*agent) error { return unix.Chdir("/proc") },
	"a root":            func(*agent) error { return unix.Chroot("/proc") },
	"a umask":           func(*agent) error { unix.Umask(0o077); return nil },
	"a limit of files":  func(*agent) error { return lower(unix.RLIMIT_NOFILE, 64) },
	"a limit of memory": func(*agent) error { return lower(unix.RLIMIT_MEMLOCK, 4096) },
	"a hard limit":      func(*agent) error { return lower(unix.RLIMIT_CORE, 0) },
	"locked memory": func(*agent) error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_LOCKED)
		return err
	},
	"an alarm":      func(*agent) error { return alarm(unix.ItimerReal) },
	"a timer":       func(*agent) error { return alarm(unix.ItimerProf) },
	"a POSIX timer": posixTimer,
	"a child": func(*agent) error {
		_, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
		return err
	},
	"last words":            func(*agent) error { _, err := unix.Write(2, []byte("words")); return err },
	"a name of the machine": func(*agent) error { return unix.Unshare(unix.CLONE_NEWUTS) },
	"mounts":                func(*agent) error { return unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS) },
	"no new privileges":     func(*agent) error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) },
	"kept capabilities":     func(*agent) error { return unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0) },
	"no core dumps":         func(*agent) error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) },
	"a timer's slack":       func(*agent) error { return unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0) },
	"a priority":            func(*agent) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, 5) },
	"a call under way":      func(a *agent) error { a.lingers = true; return nil },
}

func init() {
	for what, plant := range plants {
		calls[what] = func(a *agent, _ *request) reply { return ended(plant(a)) }
	}
}

func raw(call, a, b, c uintptr) error {
	if _, _, errno := unix.RawSyscall(call, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// sigaction sets a disposition, 0 SIG_DFL or 1 SIG_IGN.
func sigaction(s unix.Signal, handler uint64) error {
	action := [8]uint64{handler}
	if _, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func block(s unix.Signal) error {
	set := unix.Sigset_t{}
	set.Val[0] = 1 << (s - 1)
	return unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
}

func pend(s unix.Signal) error {
	if err := block(s); err != nil {
		return err
	}
	return unix.Tgkill(unix.Getpid(), unix.Gettid(), s)
}

func lower(resource int, to uint64) error {
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: to, Max: to})
}

func alarm(which unix.ItimerWhich) error {
	_, err := unix.Setitimer(which, unix.Itimerval{Value: unix.Timeval{Sec: 3600}})
	return err
}

// posixTimer makes a timer that is not armed, timer_create(2).
func posixTimer(*agent) error {
	var id int32
	return raw(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&id)))
}

func lowerCapability(*agent) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_BIND_SERVICE
	return unix.Capset(&header, &data[0])
}

// inNew runs a function in a new network namespace.
func inNew(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // it ends with the thread's namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func newPool(t *testing.T) *Pool {
	t.Helper()
	if err := inNew(func() error { return nil }); err != nil {
		t.Skip(err)
	}
	o := &Pool{In: inNew}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// cell starts a process in a new host, calls f with it and ends its group.
func (o *Pool) cell(t *testing.T, name string, f func(g *Group, p *Process)) (pid int) {
	t.Helper()
	var g Group
	p, err := g.Start(Spec{Name: name, In: inNew, Pool: o})
	if err != nil {
		t.Fatal(err)
	}
	if f != nil {
		f(&g, p)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	return p.pid
}

func (p *Process) must(t *testing.T, r request) {
	t.Helper()
	if _, err := p.ask(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsLeft plants something of each kind, and sees a new process.
func TestNothingIsLeft(t *testing.T) {
	for what := range plants {
		t.Run(what, func(t *testing.T) {
			if ok, err := sys.UserExists(1000); !ok && (strings.Contains(what, "user") || strings.Contains(what, "group")) {
				t.Skip("no user 1000 here ", err)
			}
			o := newPool(t)
			first := o.cell(t, "alpha/first", nil)
			second := o.cell(t, "alpha/second", func(_ *Group, p *Process) {
				r, err := p.ask(t.Context(), request{Call: what}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.Errno == "EPERM" {
					t.Skip("not as this user")
				}
				if r.Outcome != lab.OK {
					t.Fatal(r.Errno)
				}
			})
			for reaped := 1; reaped > 0; { // a child of what has ended is ours
				reaped, _ = unix.Wait4(-1, nil, unix.WNOHANG, nil)
			}
			if second != first {
				t.Errorf("nothing was left in %d, and then there came %d", first, second)
			}
			if third := o.cell(t, "alpha/third", nil); third == first {
				t.Error("the process was used again")
			}
		})
	}
}

// TestUsedAgain has cells whose calls leave nothing, and cells after which a process is not
// what it was.
func TestUsedAgain(t *testing.T) {
	call := func(name, makes string, args ...any) request {
		r := request{Call: name, Makes: makes}
		for _, a := range args {
			r.Args = append(r.Args, value{a})
		}
		return r
	}
	for _, c := range []struct {
		name  string
		again bool
		cell  func(t *testing.T, g *Group, p *Process)
	}{
		{"sockets", true, func(t *testing.T, _ *Group, p *Process) {
			for range 100 {
				p.must(t, call("socket", "a", lab.Word("tcp")))
			}
			p.must(t, call("listen", "", lab.Sock("a"), lab.Int(5)))
			p.must(t, call("socket", "u", lab.Word("unix-dgram")))
			p.must(t, call("file", "f"))
			p.must(t, call("dup", "g", lab.Sock("f")))
			p.must(t, call("fd", "n", lab.Int(999)))
			p.must(t, request{Call: "reset"}) // opens the host's counters
		}},
		{"a call that waited", true, func(t *testing.T, _ *Group, p *Process) {
			p.must(t, request{Call: "sleep", Args: []value{{lab.Duration(time.Millisecond)}}})
		}},
		{"a user", false, func(t *testing.T, _ *Group, p *Process) {
			p.must(t, call("seteuid", "", lab.Int(1000)))
			p.must(t, call("seteuid", "", lab.Int(0)))
		}},
		{"exec", false, func(t *testing.T, _ *Group, p *Process) { p.must(t, request{Call: "exec"}) }},
		{"fork", false, func(t *testing.T, g *Group, p *Process) {
			if _, _, err := g.Fork(t.Context(), p, "child", nil); err != nil {
				t.Fatal(err)
			}
		}},
		{"exit", false, func(t *testing.T, _ *Group, p *Process) {
			if _, err := p.Exit(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}},
		{"a signal", false, func(t *testing.T, _ *Group, p *Process) {
			if _, err := p.Kill(t.Context(), p, "SIGWINCH"); err != nil {
				t.Fatal(err)
			}
		}},
		{"an answer unheard", false, func(t *testing.T, _ *Group, p *Process) {
			p.must(t, request{Call: "sleep"})
			if err := p.tell(request{Call: "sleep"}, nil); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "a user") {
				if ok, err := sys.UserExists(1000); !ok {
					t.Skip("no user 1000 here ", err)
				}
			}
			o := newPool(t)
			first := o.cell(t, "alpha/first", func(g *Group, p *Process) { c.cell(t, g, p) })
			if second := o.cell(t, "alpha/second", nil); (second == first) != c.again {
				t.Errorf("again %v, want %v", second == first, c.again)
			}
		})
	}
}

// TestKeepsNoHost has a process that is idle in no host at all, and in a host with the
// thread that makes the calls alone: another one would keep it.
func TestKeepsNoHost(t *testing.T) {
	o := newPool(t)
	name := "a-host-with-a-long-name/" + strings.Repeat("x", 20)
	var home, host string
	look := func(pid int) map[string]int {
		t.Helper()
		in := map[string]int{}
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/ns/net", pid))
		if err != nil || len(tasks) < 2 {
			t.Fatal(tasks, err)
		}
		for _, task := range tasks {
			ns, err := os.Readlink(task)
			if err != nil {
				t.Fatal(err)
			}
			in[ns]++
		}
		return in
	}
	pid := o.cell(t, "alpha/first", func(_ *Group, p *Process) {
		p.must(t, request{Call: "sleep", Args: []value{{lab.Duration(time.Millisecond)}}}) // the thread that watches, too
		host, _ = os.Readlink(fmt.Sprintf("/proc/%d/ns/net", p.pid))
		home, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", o.home.Fd()))
		if in := look(p.pid); host == home || in[host] != 1 || len(in) != 2 || in[home] == 0 {
			t.Errorf("in its host: %v, host %s, home %s", in, host, home)
		}
	})
	if in := look(pid); len(in) != 1 || in[home] == 0 {
		t.Errorf("idle: %v, home %s", in, home)
	}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatal(fds, err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.HasPrefix(to, "net:") || strings.Contains(to, "sockstat") {
			t.Errorf("%s -> %s", fd, to)
		}
	}
	second := o.cell(t, name, func(_ *Group, p *Process) {
		p.must(t, request{Call: "sleep"})
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.pid))
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
		if got := strings.TrimRight(string(cmdline), "\x00"); got != Arg0+"\x00"+name {
			t.Errorf("cmdline %q", got)
		}
		if got := strings.TrimSpace(string(comm)); got != name[:15] {
			t.Errorf("comm %q", got)
		}
	})
	if second != pid {
		t.Errorf("process %d, then %d", pid, second)
	}
}

// TestIdleDies kills an idle process: the next cell has another one.
func TestIdleDies(t *testing.T) {
	o := newPool(t)
	first := o.cell(t, "alpha/first", nil)
	pidfd := o.idle[0].pidfd
	if err := unix.Kill(first, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for n, err := 0, error(nil); n == 0; {
		if n, err = unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
	}
	if second := o.cell(t, "alpha/second", func(_ *Group, p *Process) { p.must(t, request{Call: "sleep"}) }); second == first {
		t.Error("it is alive")
	}
}

// TestIdleForLong has a process that was idle for longer than it has for a reply: the time to leave the last host in
// is over, and nothing of that is left for the next one.
func TestIdleForLong(t *testing.T) {
	o := newPool(t)
	first := o.cell(t, "alpha/first", nil)
	if err := o.idle[0].conn.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if second := o.cell(t, "alpha/second", func(_ *Group, p *Process) { p.must(t, request{Call: "sleep"}) }); second != first {
		t.Errorf("%d was whole, and then there came %d", first, second)
	}
}
