package process_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/program"
)

// TestFiles has files that processes and programs of two hosts share, and that
// another lab does not have.
func TestFiles(t *testing.T) {
	l := newLab(t)
	mounts := read(t, "/proc/self/mountinfo")
	files, others := newFiles(t, l), newFiles(t, l)
	g := newGroup(t)
	alpha := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: files.Enter})
	beta := mustStartIn(t, g, process.Spec{In: l.Host("beta").Do, Enter: files.Enter})
	other := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: others.Enter})
	expect(t, []expected{
		{alpha, call("a", "socket", lab.Word("unix")), "", 0, "ok"},
		{alpha, call("", "bind", a, lab.Text("/run/a")), "", 0, "ok"},
		{alpha, call("", "listen", a, lab.Int(1)), "", 0, "ok"},
		{alpha, call("", "getsockname", a), "", 0, `"/run/a"`},
		{beta, call("b", "socket", lab.Word("unix")), "", 0, "ok"},
		{beta, call("", "bind", b, lab.Text("/run/a")), "", 0, "EADDRINUSE"},
		{beta, call("", "bind", b, lab.Text("b")), "", 0, "ok"},
		{beta, call("", "connect", b, lab.Text("/run/a")), "", ample, "ok"},
		{alpha, call("c", "accept", a), "", ample, "ok"},
		{alpha, call("", "getpeername", c), "", 0, `"b"`}, // as it was written
		{other, call("a", "socket", lab.Word("unix")), "", 0, "ok"},
		{other, call("", "connect", a, lab.Text("/run/a")), "", 0, "ENOENT"},
	})
	child, _, err := g.Fork(t.Context(), beta, "beta/child", nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, []expected{
		{beta, call("", "exec"), "", 0, "ok"},
		{beta, call("", "unlink", lab.Text("/tmp/b")), "", 0, "ok"},
		{child, call("", "unlink", lab.Text("b")), "", 0, "ENOENT"},
		{child, call("", "unlink", lab.Text("/run/a")), "", 0, "ok"},
	})

	in := program.Spec{In: l.Host("alpha").Do, Files: files, Dir: t.TempDir()}
	there := program.Spec{In: l.Host("beta").Do, Files: files}
	if got := sh(t, in, `pwd; ls /tmp /run; echo hello >/tmp/file; echo again >/run/file; ln -s file /tmp/link; echo 'echo ran' >/tmp/x; chmod +x /tmp/x; /tmp/x`); strings.TrimPrefix(got, "/labrun") != in.Dir+"\n/run:\nlock\n\n/tmp:\nran\n" {
		t.Errorf("the first program printed %q", got)
	}
	if got := sh(t, there, "stat -c %a /tmp /run; cat /tmp/link /run/file; rm /run/file"); got != "1777\n755\nhello\nagain\n" {
		t.Errorf("a program in another host printed %q", got)
	}
	expect(t, []expected{
		{alpha, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
		{alpha, call("", "bind", u, lab.Text("link")), "", 0, "EADDRINUSE"}, // vfs_mknod follows no link
		{alpha, call("", "connect", u, lab.Text("link")), "", 0, "ECONNREFUSED"},
		{alpha, call("", "connect", u, lab.Text("/run/file")), "", 0, "ENOENT"},
	})
	if diff := cmp.Diff(mounts, read(t, "/proc/self/mountinfo")); diff != "" {
		t.Errorf("the caller's mounts: -before +after:\n%s", diff)
	}
}

// TestFilesAlone has links that lead out of the lab, to what the machine has.
func TestFilesAlone(t *testing.T) {
	l := newLab(t)
	files := newFiles(t, l)
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	p := mustStartIn(t, newGroup(t), process.Spec{In: l.Host("alpha").Do, Enter: files.Enter})
	sh(t, program.Spec{In: l.Host("alpha").Do, Files: files},
		"cd /tmp && ln -s / root && ln -s ../../../.. up && ln -s "+dir+" dir && ln -s "+dir+"/socket socket && ln -s /proc/self/root proc")
	ask(t, p, call("u", "socket", lab.Word("unix")), "", 0)
	for _, name := range []lab.Text{"dir/socket", "socket", "root", "up"} {
		want := "ENOENT"
		if name == "root" || name == "up" {
			name += lab.Text(dir) + "/socket"
		}
		if got := ask(t, p, call("", "connect", u, name), "", ample); got != want {
			t.Errorf("connect(%s) = %s, want %s", name, got, want)
		}
	}
	for _, name := range []lab.Text{"dir/new", "proc/tmp/new", "root/etc/new", "up/etc/new"} {
		if got := ask(t, p, call("", "bind", u, name), "", 0); got != "ENOENT" {
			t.Errorf("bind(%s) = %s, want ENOENT", name, got)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("outside there is %v, %v, want the socket alone", entries, err)
	}
}

// TestFilesOfUsers has a socket's file that is not for everybody, and a directory
// that everybody may write in, but for others' files.
func TestFilesOfUsers(t *testing.T) {
	needUsers(t)
	l := newLab(t)
	files := newFiles(t, l)
	g := newGroup(t)
	somebody := uint32(1000)
	root := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: files.Enter})
	user := mustStartIn(t, g, process.Spec{In: l.Host("beta").Do, Enter: files.Enter, User: &somebody})
	expect(t, []expected{
		{root, call("a", "socket", lab.Word("unix")), "", 0, "ok"},
		{root, call("", "bind", a, lab.Text("/tmp/a")), "", 0, "ok"},
		{root, call("", "listen", a, lab.Int(1)), "", 0, "ok"},
		{user, call("b", "socket", lab.Word("unix")), "", 0, "ok"},
		{user, call("", "connect", b, lab.Text("/tmp/a")), "", ample, "EACCES"}, // unix_find_bsd wants MAY_WRITE
		{user, call("", "unlink", lab.Text("/tmp/a")), "", 0, "EPERM"},          // sticky, inode(7)
		{user, call("", "bind", b, lab.Text("/run/b")), "", 0, "EACCES"},
		{user, call("", "bind", b, lab.Text("/run/lock/b")), "", 0, "ok"},
		{user, call("", "exec"), "", 0, "ok"},
		{user, call("", "unlink", lab.Text("/run/lock/b")), "", 0, "ok"},
		{root, call("", "seteuid", lab.Int(1000)), "", 0, "ok"},
		{root, call("", "unlink", lab.Text("a")), "", 0, "EPERM"},
		{root, call("c", "socket", lab.Word("unix")), "", 0, "ok"},
		{root, call("", "bind", c, lab.Text("/run/c")), "", 0, "EACCES"},
	})
	child, _, err := g.Fork(t.Context(), root, "alpha/child", nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, []expected{{child, call("", "bind", c, lab.Text("c")), "", 0, "ok"}})
}

// TestLongPath leaves it to the kernel how long a path may be: unix_validate_addr has
// 108 bytes, of which the last need not be zero, and getname 4096.
func TestLongPath(t *testing.T) {
	l := newLab(t)
	p := mustStartIn(t, newGroup(t), process.Spec{In: l.Host("alpha").Do, Enter: newFiles(t, l).Enter})
	long := func(n int) lab.Text { return lab.Text("/tmp/" + strings.Repeat("x", n-5)) }
	ask(t, p, call("a", "socket", lab.Word("unix")), "", 0)
	ask(t, p, call("b", "socket", lab.Word("unix")), "", 0)
	ask(t, p, call("c", "socket", lab.Word("unix")), "", 0)
	expect(t, []expected{
		{p, call("", "bind", a, long(107)), "", 0, "ok"},
		{p, call("", "getsockname", a), "", 0, long(107).String()},
		{p, call("", "bind", b, long(108)), "", 0, "EINVAL"},
		{p, call("", "bind", b, long(108), lab.Int(110)), "", 0, "ok"},
		{p, call("", "getsockname", b), "", 0, long(108).String()},
		{p, call("", "connect", c, long(108)), "", 0, "EINVAL"},
		{p, call("", "connect", c, long(1000)), "", 0, "EINVAL"},
		{p, call("", "bind", c, "@"+long(108)), "", 0, "EINVAL"},
		{p, call("", "unlink", long(300)), "", 0, "ENAMETOOLONG"},
		{p, call("", "unlink", long(5000)), "", 0, "ENAMETOOLONG"},
	})
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sh runs a script of the shell to its end, and returns what it printed.
func sh(t *testing.T, s program.Spec, script string) string {
	t.Helper()
	s.Name, s.Argv = "alpha/program", []string{"sh", "-c", script}
	r, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if status, ended, err := r.Wait(t.Context(), 2*time.Minute); status != 0 || !ended || err != nil {
		t.Errorf("%s: exit %d, %t, %v", script, status, ended, err)
	}
	stdout, stderr := r.Output()
	return stdout + stderr
}
