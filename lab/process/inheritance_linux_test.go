package process_test

import (
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/sys"
)

const (
	d = lab.Sock("d")
	e = lab.Sock("e")
	u = lab.Sock("u")
	v = lab.Sock("v")
)

// TestExec has sockets that exec keeps and others that it closes.
func TestExec(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: newFiles(t, l).Enter})
	q := mustStart(t, g, l.Host("alpha"), "other")
	cloexec := lab.Word("FD_CLOEXEC")
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
		{p, call("b", "socket", lab.Word("tcp"), lab.Word("SOCK_CLOEXEC")), "", 0, "ok"},
		{p, call("", "bind", b), "192.0.2.1:81", 0, "ok"},
		{p, call("c", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", c), "192.0.2.1:82", 0, "ok"},
		{p, call("", "fcntl", c, lab.Word("F_SETFD"), cloexec), "", 0, "ok"},
		{p, call("d", "dup", c), "", 0, "ok"}, // the flag is not duplicated
		{p, call("e", "socket", lab.Word("udp"), lab.Word("SOCK_CLOEXEC|SOCK_NONBLOCK")), "", 0, "ok"},
		{p, call("", "fcntl", e, lab.Word("F_SETFD"), lab.Word("0")), "", 0, "ok"},
		{p, call("n", "fd", lab.Int(999)), "", 0, "ok"},
		{p, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{p, call("", "close", u), "", 0, "ok"},
		{q, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{q, call("", "bind", a), "192.0.2.1:81", 0, "EADDRINUSE"},

		{p, call("", "exec"), "", 0, "ok"},
		{p, call("", "getsockname", a), "", 0, "192.0.2.1:80"},
		{p, call("", "getsockname", b), "", 0, "EBADF"},
		{p, call("", "getsockname", c), "", 0, "EBADF"},
		{p, call("", "getsockname", d), "", 0, "192.0.2.1:82"},
		{p, call("", "recv", e), "", 0, "EAGAIN"},
		{p, call("", "listen", lab.Sock("n"), lab.Int(1)), "", 0, "EBADF"},
		{p, call("", "listen", u, lab.Int(1)), "", 0, "EBADF"},
		{p, call("", "listen", a, lab.Int(1)), "", 0, "ok"},
		{p, call("c", "accept", a), "", soon, "blocked"}, // the new image watches its keeper as well
		{q, call("", "bind", a), "192.0.2.1:81", 0, "ok"},
		{p, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{p, call("", "bind", u, lab.Text("name")), "", 0, "ok"}, // in the lab's /tmp
		{p, call("", "exec"), "", 0, "ok"},
		{p, call("", "getsockname", d), "", 0, "192.0.2.1:82"},
		{p, call("", "getsockname", b), "", 0, "EBADF"},
	})
}

// TestForkChosen has a child with some of its parent's sockets.
func TestForkChosen(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: newFiles(t, l).Enter})
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp"), lab.Word("SOCK_CLOEXEC")), "", 0, "ok"},
		{p, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
		{p, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", b), "192.0.2.1:81", 0, "ok"},
		{p, call("c", "socket", lab.Word("udp")), "", 0, "ok"},
		{p, call("", "close", c), "", 0, "ok"},
	})
	fork := func(parent *process.Process, names ...string) *process.Process {
		child, answer, err := g.Fork(t.Context(), parent, "alpha/child", names)
		if err != nil || answer.String() != "ok" {
			t.Fatal(answer, err)
		}
		return child
	}
	one, all := fork(p, "a"), fork(p)
	expect(t, []expected{
		{one, call("", "getsockname", a), "", 0, "192.0.2.1:80"},
		{one, call("", "getsockname", b), "", 0, "EBADF"},
		{one, call("", "getsockname", c), "", 0, "EBADF"},
		{all, call("", "getsockname", b), "", 0, "192.0.2.1:81"},
		{all, call("", "getsockname", c), "", 0, "EBADF"},
		{p, call("", "close", a), "", 0, "ok"},
		{p, call("", "close", b), "", 0, "ok"},
		{all, call("", "exec"), "", 0, "ok"},
		{all, call("", "getsockname", a), "", 0, "EBADF"}, // close-on-exec as its parent's was
		{p, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", b), "192.0.2.1:80", 0, "EADDRINUSE"},
		{one, call("", "close", a), "", 0, "ok"},
		{p, call("", "bind", b), "192.0.2.1:80", 0, "ok"},
		{all, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{all, call("", "bind", u, lab.Text("name")), "", 0, "ok"}, // where its parent does
		{p, call("", "unlink", lab.Text("name")), "", 0, "ok"},
	})
	if child, _, err := g.Fork(t.Context(), p, "alpha/child", []string{"never"}); err == nil {
		t.Errorf("fork with a socket that was never made: %v", child)
	}
}

// TestDescriptor sends one from a process to another.
func TestDescriptor(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p, q := mustStart(t, g, l.Host("alpha"), "main"), mustStart(t, g, l.Host("alpha"), "other")
	expect(t, []expected{
		{p, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{p, call("", "bind", u, lab.Text("@u")), "", 0, "ok"},
		{p, call("", "listen", u, lab.Int(1)), "", 0, "ok"},
		{q, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{q, call("", "connect", u, lab.Text("@u")), "", ample, "ok"},
		{p, call("v", "accept", u), "", ample, "ok"},
		{p, call("b", "recvmsg", v), "", soon, "blocked"},
		{q, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{q, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
		{q, call("", "sendmsg", u, a), "", ample, "ok"},
		{q, call("", "close", a), "", 0, "ok"},
		{q, call("", "sendmsg", u, a), "", ample, "EBADF"},
		{p, call("b", "recvmsg", v), "", ample, "ok"},
		{p, call("", "getsockname", b), "", 0, "192.0.2.1:80"},
		{q, call("", "send", u, lab.Text("x")), "", 0, "1"},
	})
	if got, err := try(t, p, call("b", "recvmsg", v), "", ample); err == nil {
		t.Errorf("recvmsg of a message without a descriptor = %s, want an error", got)
	}
}

func TestSignals(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p := mustStart(t, g, l.Host("alpha"), "main")
	for _, e := range []struct {
		signal string
		dies   bool
	}{{"SIGWINCH", false}, {"SIGTERM", true}, {"SIGHUP", true}, {"SIGUSR1", true}, {"SIGUSR2", true}, {"SIGKILL", true}} {
		q := mustStart(t, g, l.Host("alpha"), "victim")
		expect(t, []expected{
			{q, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
			{q, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
			{p, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
			{p, call("", "bind", b), "192.0.2.1:80", 0, "EADDRINUSE"},
		})
		if answer, err := p.Kill(t.Context(), q, e.signal); err != nil || answer.String() != "ok" {
			t.Errorf("kill %s = %s, %v", e.signal, answer, err)
		}
		if !e.dies {
			ask(t, q, call("", "close", a), "", 0)
		} else if got, err := try(t, q, call("", "sleep", lab.Duration(ample)), "", 0); err == nil {
			t.Errorf("after %s sleep = %s, want a process that died", e.signal, got)
		}
		expect(t, []expected{
			{p, call("", "bind", b), "192.0.2.1:80", 0, "ok"},
			{p, call("", "close", b), "", 0, "ok"},
		})
		if owned, err := q.Owned(t.Context(), []uint16{80}); err != nil || len(owned) > 0 {
			t.Errorf("after %s it owns %v, %v", e.signal, owned, err)
		}
	}
	if _, err := p.Kill(t.Context(), p, "SIGFLY"); err == nil {
		t.Error("SIGFLY is a signal")
	}
}

// needUsers skips a test where there is nobody but root.
func needUsers(t *testing.T) {
	t.Helper()
	if ok, err := sys.UserExists(1000); err != nil || !ok {
		t.Skipf("no user 1000 here (%v); run as root", err)
	}
}

// TestUsers follows a socket's owner.
func TestUsers(t *testing.T) {
	needUsers(t)
	l := newLab(t)
	g := newGroup(t)
	p := mustStart(t, g, l.Host("alpha"), "main")
	uid := func(p *process.Process, name string, want uint32) {
		t.Helper()
		owned, err := p.Owns(t.Context(), name)
		if err != nil || owned.Inode == 0 || owned.UID != want {
			t.Errorf("%s is %+v, %v, want uid %d", name, owned, err, want)
		}
	}
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "fchown", a, lab.Int(33)), "", 0, "ok"},
		{p, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "seteuid", lab.Int(1000)), "", 0, "ok"},
		{p, call("c", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", c), "192.0.2.1:80", 0, "EACCES"},
		{p, call("", "fchown", c, lab.Int(33)), "", 0, "EPERM"},
	})
	uid(p, "a", 33)
	uid(p, "b", 0)
	uid(p, "c", 1000)
	child, _, err := g.Fork(t.Context(), p, "alpha/child", nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, []expected{
		{child, call("d", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "exec"), "", 0, "ok"},
		{p, call("d", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", d), "192.0.2.1:80", 0, "EACCES"},
	})
	uid(child, "d", 1000)
	uid(p, "d", 1000)
	uid(p, "b", 0)
	if err := p.Reset(t.Context()); err != nil {
		t.Error(err)
	}

	q := mustStart(t, g, l.Host("alpha"), "back")
	expect(t, []expected{
		{q, call("", "seteuid", lab.Int(1000)), "", 0, "ok"},
		{q, call("", "seteuid", lab.Int(0)), "", 0, "ok"},
		{q, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{q, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
	})
	uid(q, "a", 0)
}

// TestExecRefused has an exec that fails: the process goes on as it was.
func TestExecRefused(t *testing.T) {
	needUsers(t)
	l := newLab(t)
	g := newGroup(t)
	p := mustStart(t, g, l.Host("alpha"), "main")
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("b", "socket", lab.Word("tcp"), lab.Word("SOCK_CLOEXEC")), "", 0, "ok"},
		{p, call("", "seteuid", lab.Int(1000)), "", 0, "ok"},
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(self, 0700); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(self, 0755)
	expect(t, []expected{
		{p, call("", "exec"), "", 0, "EACCES"},
		{p, call("", "getsockname", a), "", 0, "0.0.0.0:0"},
		{p, call("", "getsockname", b), "", 0, "0.0.0.0:0"},
		{p, call("", "seteuid", lab.Int(0)), "", 0, "ok"},
		{p, call("", "exec"), "", 0, "ok"},
		{p, call("", "getsockname", a), "", 0, "0.0.0.0:0"},
		{p, call("", "getsockname", b), "", 0, "EBADF"},
	})
}

// TestPrivilege has a port that takes a capability, which stays with the process
// through fork and exec.
func TestPrivilege(t *testing.T) {
	needUsers(t)
	l := newLab(t)
	g := newGroup(t)
	somebody := uint32(1000)
	in := l.Host("alpha").Do
	plain := mustStartIn(t, g, process.Spec{In: in, User: &somebody, Enter: newFiles(t, l).Enter})
	able := mustStartIn(t, g, process.Spec{In: in, User: &somebody, Capabilities: []string{"CAP_NET_BIND_SERVICE"}})
	expect(t, []expected{
		{plain, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{plain, call("", "bind", a), "192.0.2.1:80", 0, "EACCES"},
		{plain, call("", "seteuid", lab.Int(0)), "", 0, "EPERM"},
		{plain, call("", "setsockopt", a, lab.Word("SO_ATTACH_REUSEPORT_EBPF"), lab.Selector{Op: "cpu"}), "", 0,
			unprivilegedBPF()},
		{plain, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{plain, call("", "bind", u, lab.Text("name")), "", 0, "ok"},
		{able, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{able, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
		{able, call("", "setsockopt", a, lab.Word("SO_MARK"), lab.Int(1)), "", 0, "EPERM"},
		{able, call("", "exec"), "", 0, "ok"},
		{able, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{able, call("", "bind", b), "192.0.2.1:81", 0, "ok"},
	})
	child, _, err := g.Fork(t.Context(), able, "alpha/child", nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, []expected{
		{child, call("c", "socket", lab.Word("tcp")), "", 0, "ok"},
		{child, call("", "bind", c), "192.0.2.1:82", 0, "ok"},
	})
	root := mustStart(t, g, l.Host("alpha"), "root")
	if answer, err := plain.Kill(t.Context(), root, "SIGTERM"); err != nil || answer.String() != "EPERM" {
		t.Errorf("kill = %s, %v, want EPERM", answer, err)
	}
	if _, err := g.Start(process.Spec{Name: "x", In: in, User: &somebody, Capabilities: []string{"CAP_FLY"}}); err == nil {
		t.Error("CAP_FLY is a capability")
	}
}

// unprivilegedBPF is what bpf(2) says to somebody without CAP_BPF, or without
// SO_REUSEPORT where it is allowed.
func unprivilegedBPF() string {
	var b [1]byte
	fd, err := unix.Open("/proc/sys/kernel/unprivileged_bpf_disabled", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, _ = unix.Read(fd, b[:])
		unix.Close(fd)
	}
	if b[0] == '0' {
		return "EINVAL"
	}
	return "EPERM"
}

// TestSenders asks who sent signals: another process of the lab, the test, which is none, and the kernel for the
// process itself.
func TestSenders(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p, q := mustStart(t, g, l.Host("alpha"), "main"), mustStart(t, g, l.Host("alpha"), "other")
	ask(t, p, call("", "sigaction", lab.Word("SIGUSR1"), lab.Word("handler")), "", 0)
	ask(t, p, call("", "sigaction", lab.Word("SIGPIPE"), lab.Word("handler")), "", 0)
	signals := func(want lab.Arg, senders ...int) {
		t.Helper()
		answer, _, err := p.Call(t.Context(), process.Args{Call: call("", "signals"), Sender: true})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, pid := range senders {
			names = append(names, strconv.Itoa(pid))
		}
		from := lab.Arg(lab.SignallersOf(names, []string{strconv.Itoa(os.Getuid())}))
		if senders == nil {
			from = nil
		}
		if answer.Value != want || answer.From != from {
			t.Errorf("signals = %s, want %s from %v", answer, want, from)
		}
	}
	if _, err := q.Kill(t.Context(), p, "SIGUSR1"); err != nil {
		t.Fatal(err)
	}
	signals(lab.Word("SIGUSR1"), q.PID())
	signals(lab.Word("none"))
	// More than there is room for, in all: each is read before the next one comes.
	for range 3 * 256 {
		if _, err := q.Kill(t.Context(), p, "SIGUSR1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Tgkill(p.PID(), p.PID(), unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	signals(lab.Word("SIGUSR1"), q.PID(), os.Getpid())
	ask(t, p, call("", "socketpair", lab.Word("unix"), lab.New("a"), lab.New("b")), "", 0)
	ask(t, p, call("", "close", b), "", 0)
	ask(t, p, call("", "send", a, lab.Text("x")), "", ample)
	signals(lab.Word("SIGPIPE"), p.PID())
}
