package program_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/labtest"
	"labrun/lab/plan"
	"labrun/lab/program"
	"labrun/lab/sys"
)

func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	program.Main()
	if len(os.Args) == 2 {
		switch filepath.Base(os.Args[1]) {
		case ownFile:
			changeOwnFile()
			os.Exit(0)
		case reachingCalls:
			makeReachingCalls()
			os.Exit(0)
		}
	}
	if slices.Contains(program.SeedPrograms, filepath.Base(os.Args[0])) {
		os.Exit(helper(os.Args[1:]))
	}
	labtest.Main(m)
}

// The lab of these tests: one host, alpha, which has 192.0.2.1.
func newLab(t testing.TB) *fabric.Lab {
	t.Helper()
	labtest.NeedNetNS(t)
	nic := lab.NIC{Name: "eth0", Network: "red", Addresses: []lab.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}}}
	l, err := fabric.Up(t.Context(), plan.New(&lab.Layout{
		Name:     "test",
		Networks: []lab.Network{{Name: "red", Subnet: netip.MustParsePrefix("192.0.2.0/24")}},
		Hosts:    []lab.Host{{Name: "alpha", NICs: []lab.NIC{nic}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// mustRun starts a program in alpha that a test ends.
func mustRun(t testing.TB, s program.Spec, argv ...string) *program.Running {
	t.Helper()
	s.Name, s.Hostname, s.Argv = "alpha/program", "alpha", argv
	if s.In == nil {
		s.In = newLab(t).Host("alpha").Do
	}
	r, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// finish waits for a program's end.
func finish(t testing.TB, r *program.Running) int {
	t.Helper()
	status, ended, err := r.Wait(t.Context(), 2*time.Minute)
	if err != nil || !ended {
		t.Fatalf("ended %t, error %v; output %q", ended, err, outputs(r))
	}
	return status
}

func outputs(r *program.Running) string {
	stdout, stderr := r.Output()
	return stdout + stderr
}

// sh runs a script of the shell to its end, and returns what it printed.
func sh(t testing.TB, s program.Spec, script string) string {
	t.Helper()
	r := mustRun(t, s, "sh", "-c", script)
	if status := finish(t, r); status != 0 {
		t.Errorf("%s: exit %d: %s", script, status, outputs(r))
	}
	return outputs(r)
}

func TestProgramStatus(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0": 0, "exit 3": 3, "exit 255": 255, "kill -TERM $$": 143, "kill -KILL $$": 137, "kill -SEGV $$": 139,
	} {
		r := mustRun(t, program.Spec{}, "sh", "-c", script)
		if got := finish(t, r); got != want {
			t.Errorf("%s: exit %d, want %d", script, got, want)
		}
	}
	for _, argv := range [][]string{{"no-such-program"}, {"./no-such-program"}, {"/etc"}} {
		s := program.Spec{In: newLab(t).Host("alpha").Do, Hostname: "alpha", Argv: argv}
		if r, err := s.Start(); err == nil {
			t.Errorf("%s was started: %v", argv, r.Close())
		}
	}
}

func TestProgramSignal(t *testing.T) {
	r := mustRun(t, program.Spec{}, "sh", "-c", `echo ready; exec sleep 1000`)
	await(t, r, "ready\n")
	if status, ended, err := r.Wait(t.Context(), 0); ended || err != nil {
		t.Errorf("status %d, ended %t, error %v while it sleeps", status, ended, err)
	}
	if a, err := r.Kill("SIGTERM"); err != nil || a.Outcome != lab.OK {
		t.Fatal(a, err)
	}
	if got := finish(t, r); got != 143 {
		t.Errorf("exit %d, want 143", got)
	}
	if a, err := r.Kill("SIGTERM"); err != nil || a.Errno != "ESRCH" {
		t.Errorf("a signal after its end: %s, %v, want ESRCH", a, err)
	}
}

// await returns when the program has printed a text.
func await(t testing.TB, r *program.Running, text string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(outputs(r), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %q", text, outputs(r))
		}
	}
}

func TestProgramOutput(t *testing.T) {
	r := mustRun(t, program.Spec{}, "sh", "-c", "echo out; echo err >&2; echo again >/dev/stdout; cat")
	finish(t, r)
	if stdout, stderr := r.Output(); stdout != "out\nagain\n" || stderr != "err\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	r = mustRun(t, program.Spec{}, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
	finish(t, r)
	stdout, _ := r.Output()
	const note = "x\n[labrun: the output goes on after 1048576 bytes]\n"
	if len(stdout) != 1<<20+len(note)-1 || !strings.HasSuffix(stdout, note) {
		t.Errorf("%d bytes, the last are %q", len(stdout), stdout[max(0, len(stdout)-60):])
	}
	r = mustRun(t, program.Spec{}, "sh", "-c", "while :; do echo for ever; done")
	await(t, r, "for ever")
}

// TestProgramTreeDies has a grandchild that left its session and its parent. It
// goes on when the program has ended, and dies with it.
func TestProgramTreeDies(t *testing.T) {
	mark := fmt.Sprintf("9999.%d", os.Getpid())
	r := mustRun(t, program.Spec{}, "sh", "-c", `setsid sh -c 'trap "" TERM HUP; echo alive; exec sleep `+mark+`' & `)
	finish(t, r)
	await(t, r, "alive")
	var pid int
	deadline := time.Now().Add(2 * time.Minute)
	for ; pid == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		pid = processNamed(t, "sleep\x00"+mark+"\x00")
	}
	if pid == 0 {
		t.Fatal("no grandchild")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Errorf("the grandchild is still there: %v", err)
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("after Close this process still has children: %v", err)
	}
}

func processNamed(t *testing.T, cmdline string) int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, _ := os.ReadFile(f); string(b) == cmdline { // it may have gone
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name, pkg string
		missing   bool
	}{
		{"sh", "", false}, {"connect", "", false}, {"./program", "", false},
		{"no-such-program", "", true}, {"/opt/no/such", "", true}, {"/etc/passwd", "", true}, {"/usr/bin/pyhton3", "", true},
		{"/opt/no/ss", "iproute2", true}, {"/opt/no/socat", "socat", true},
	} {
		if pkg, missing := program.Missing([]string{c.name}); pkg != c.pkg || missing != c.missing {
			t.Errorf("%s: package %q, missing %t; want %q, %t", c.name, pkg, missing, c.pkg, c.missing)
		}
	}
	t.Setenv("PATH", "") // the caller's does not count
	if pkg, missing := program.Missing([]string{"sh"}); missing {
		t.Errorf("sh is said to be missing, and in %s", pkg)
	}
}

// TestShellHasSeeds has the seed's programs among the machine's files, which a
// shell sees as they are.
func TestShellHasSeeds(t *testing.T) {
	dir := t.TempDir()
	p := program.Shell{
		In: newLab(t).Host("alpha").Do, Hostname: "alpha", Env: os.Environ(),
		Argv: []string{"sh", "-c", `
			cd "$1" && /usr/local/bin/connect unix here >found && /usr/local/bin/server && ls /usr/local/bin >there
			touch /usr/local/bin/labrun-test-file 2>/dev/null && exit 9; exit 5`, "sh", dir},
	}
	status, err := p.Run(func(int) {})
	if status != 5 || err != nil {
		t.Errorf("exit %d, %v", status, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "found")); string(b) != "no such file or directory\n" {
		t.Errorf("connect printed %q, %v", b, err)
	}
	there, err := os.ReadFile(filepath.Join(dir, "there"))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/usr/local/bin")
	if err != nil {
		t.Skip(err)
	}
	for _, e := range entries {
		if !strings.Contains(string(there), e.Name()+"\n") {
			t.Errorf("no %s in the directory any more: %s", e.Name(), there)
		}
	}
}

// ordinary is set in the run of these tests as a user who is nobody on the machine.
const ordinary = "LABRUN_TEST_ORDINARY"

// TestProgramInUserNamespace runs the tests of programs again where labrun is no
// root: in user namespaces of root's and of nobody's.
func TestProgramInUserNamespace(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(ordinary) != "" || inUserNamespace() {
		t.Skip("the other tests have run as you")
	}
	for name, uid := range map[string]int{"root": 0, "nobody": 65534} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", "-test.run=^(TestProgram|TestShell)", "-test.v")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", ordinary, name))
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  unix.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
				Credential:  &syscall.Credential{NoSetGroups: true},
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

// TestProgramOfTheKilled kills at many instants somebody who starts programs. This
// process adopts what is left: everything must come to its end by itself.
func TestProgramOfTheKilled(t *testing.T) {
	const starts = "LABRUN_TEST_STARTS"
	if os.Getenv(starts) != "" {
		in := newLab(t).Host("alpha").Do
		for {
			r := mustRun(t, program.Spec{In: in, Dir: "/tmp"}, "sh", "-c", "setsid sleep 9999 & sleep 9999")
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	newLab(t) // or skip
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestProgramOfTheKilled$")
		cmd.Env = append(os.Environ(), starts+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(10+3*i) * time.Millisecond) // the instant
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err == unix.ECHILD {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("processes are left")
			}
		}
	}
	if after, err := os.ReadFile("/proc/self/mountinfo"); string(after) != string(before) {
		t.Errorf("mounts were:\n%s\nand are:\n%s\n%v", before, after, err)
	}
}

func inUserNamespace() bool {
	in, err := sys.InUserNamespace()
	return in || err != nil
}
