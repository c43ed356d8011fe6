package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/report"
	"labrun/lab/result"
)

const dualNIC = "../../topologies/dual-nic.yaml"

// TestSameReport runs one file many times, on one and on many workers, on a
// machine that is busy, and compares the reports byte for byte.
func TestSameReport(t *testing.T) {
	needNetNS(t)
	stop := make(chan struct{})
	defer close(stop)
	for range 2 * runtime.NumCPU() {
		go func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	file := filepath.Join(t.TempDir(), "lab.yaml")
	write(t, file, sameReport)
	var want, wantJSON string
	for i := range times(50) {
		saved := filepath.Join(t.TempDir(), "report.json")
		out, err := labrun(t, "-j", []string{"1", "8"}[i%2], "-v", "-o", saved, file).Output()
		if status := exitCode(err); status != exitFailed {
			t.Fatalf("exit status %d, want %d:\n%s", status, exitFailed, out)
		}
		text, outcome := string(out), withoutEnvironment(t, saved)
		if i == 0 {
			want, wantJSON = text, outcome
		}
		if text != want {
			t.Fatalf("run %d differs:\n%s\nfrom:\n%s", i, text, want)
		}
		if outcome != wantJSON {
			t.Fatalf("run %d differs:\n%s\nfrom:\n%s", i, outcome, wantJSON)
		}
	}
}

// sameReport has what could differ: ports that the kernel chose, TIME_WAIT,
// holders in several processes and hosts, a child, a connection that is being
// closed, a call that blocks.
const sameReport = `
name: same
networks: {red: 192.0.2.0/24, blue: {subnet6: "2001:db8::/64"}}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: v}}}
  beta: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: v}}}
experiments:
  ephemeral:
    steps:
      - peer/web: [w = socket(tcp6), "bind(w, v:0)", "getsockname(w) = v:$p", "listen(w, 5)"]
      - main: [a = socket(tcp6), "connect(a, peer.v:$p)", getsockname(a) = ?, "getpeername(a) = peer.v:1"]
  time-wait:
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 5)"]
      - main: [a = socket(tcp), "bind(a, any:44567)", "connect(a, peer.x:80)"]
      - peer/web: c = accept(w)
      - close(a)
      - peer/web: [recv(c) = "", close(c)]
      - sockets(any:44567) = TIME_WAIT
      - second: [b = socket(tcp), "bind(b, any:44567)"]
  held:
    steps:
      - web: [w = socket(tcp), "setsockopt(w, SO_REUSEPORT, 1)", "bind(w, any:80)", "listen(w, 5)", fork(child)]
      - other: [v = socket(tcp), "setsockopt(v, SO_REUSEPORT, 1)", "bind(v, x:80)", "listen(v, 5)"]
      - peer/client: [c = socket(tcp), "connect(c, subject.x:80)"]
      - main: [b = socket(tcp), "bind(b, lo:80)"]
  segments-on-their-way:
    steps:
      - server: [w = socket(tcp), "bind(w, any:44567)", "listen(w, 5)"]
      - peer/client: [c = socket(tcp), "connect(c, subject.x:44567)"]
      - server: [s = accept(w), exit()]
      - restarted: [w = socket(tcp), "bind(w, any:44567)"]
  unmade:
    steps: [a = socket(tcp), "listen(a, 5)", "close(a)", "sockets(any:80) = none"]
  blocked:
    steps:
      - main: [a = socket(udp), "bind(a, x:53)"]
      - main: recv(a)
        limit: 1ms
`

func withoutEnvironment(t *testing.T, file string) string {
	t.Helper()
	r := readReport(t, file)
	if got := result.DigestOf(r.Matrices); got != r.Digest {
		t.Errorf("the report says digest %s, its cells have %s", r.Digest, got)
	}
	r.Environment = result.Environment{}
	var b strings.Builder
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func readReport(t *testing.T, file string) result.Report {
	t.Helper()
	fitsSchema(t, read(t, file))
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f.Name(), f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKillLeavesNothing kills runs at many instants. This process adopts what
// they leave: everything must come to its end by itself.
func TestKillLeavesNothing(t *testing.T) {
	needNetNS(t)
	adoptOrphans(t)
	mounts := read(t, "/proc/self/mountinfo")
	dir := t.TempDir()
	const old = "an old report"
	for i := range times(40) {
		saved := filepath.Join(dir, fmt.Sprintf("%d.json", i))
		if i%2 == 1 {
			write(t, saved, old)
		}
		cmd := labrun(t, "-j", "4", "-o", saved, dualNIC)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 5 * time.Millisecond) // the instant
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed, or was done before
		reapAll(t)
		switch b, err := os.ReadFile(saved); {
		case err != nil && i%2 == 1:
			t.Errorf("the old report is lost: %v", err)
		case err == nil && string(b) != old:
			withoutEnvironment(t, saved) // it is whole
		}
	}
	if after := read(t, "/proc/self/mountinfo"); after != mounts {
		t.Errorf("mounts were:\n%s\nand are:\n%s", mounts, after)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

// adoptOrphans makes this process the parent of every orphan below it.
func adoptOrphans(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

// reapAll waits until this process has no children any more.
func reapAll(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return
		case err != nil && !errors.Is(err, unix.EINTR):
			t.Fatal(err)
		case pid > 0:
		case time.Now().After(deadline):
			t.Fatalf("processes are left: %v", children(t))
		default:
			time.Sleep(time.Millisecond)
		}
	}
}

func children(t *testing.T) []string {
	t.Helper()
	var found []string
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, _ := os.ReadFile(f) // it may have gone
		if strings.Contains(string(b), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

const sleeper = `
name: sleeper
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments:
  first: {steps: [a = socket(tcp), "bind(a, x:80)"]}
  second: {steps: [{%[1]s: [a = socket(tcp), "bind(a, x:80)", "listen(a, 5)", sleep(60s)]}]}
  third: {steps: [a = socket(tcp), %[2]s]}
`

// TestInterrupt sends SIGINT in the middle: what is known is reported, the rest
// is an error that says why.
func TestInterrupt(t *testing.T) {
	needNetNS(t)
	cmd, out, pid := startSleeper(t, "sleep(60s)")
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := exitCode(cmd.Wait()); status != exitError {
		t.Errorf("exit status %d, want %d", status, exitError)
	}
	for _, want := range []string{
		`(?m)^first +pass$`, `(?m)^second +ERROR$`, `(?m)^third +ERROR$`,
		// the call that waits, of four that were made at once
		`(?m)^ +\S+lab\.yaml:\d+:\d+: sleep\(60s\): stopped by SIGINT$`,
		`(?m)^1 passed, 0 failed, 0 skipped, 2 errors$`,
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d of the lab is still there: %v", pid, err)
	}
}

// TestProcessDies kills a process of a lab from outside: an error of its cell,
// and no other cell notices.
func TestProcessDies(t *testing.T) {
	needNetNS(t)
	cmd, out, pid := startSleeper(t, "close(a)")
	if err := unix.Kill(pid, unix.SIGABRT); err != nil {
		t.Fatal(err)
	}
	if status := exitCode(cmd.Wait()); status != exitError {
		t.Errorf("exit status %d, want %d", status, exitError)
	}
	for _, want := range []string{
		`(?m)^first +pass$`, `(?m)^second +ERROR$`, `(?m)^third +pass$`,
		`process alpha/s[0-9]+ died: SIGABRT: abort`, // the Go runtime's last words
	} {
		if !regexp.MustCompile(want).Match(out.Bytes()) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
}

// startSleeper starts a run and returns when a process of its second cell listens,
// which is its last deed but sleep, with that process's id. The third cell may begin
// while the second one sleeps.
func startSleeper(t *testing.T, third string) (*exec.Cmd, *bytes.Buffer, int) {
	t.Helper()
	name := fmt.Sprintf("s%d", os.Getpid())
	file := filepath.Join(t.TempDir(), "lab.yaml")
	write(t, file, fmt.Sprintf(sleeper, name, third))
	var out bytes.Buffer
	cmd := labrun(t, "-j", "1", file)
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, f := range files {
			b, _ := os.ReadFile(f) // it may have gone
			// After a name there is room for longer ones.
			if strings.TrimRight(string(b), "\x00") != "labrun-process\x00alpha/"+name {
				continue
			}
			var pid int
			if _, err := fmt.Sscanf(f, "/proc/%d/", &pid); err != nil {
				t.Fatal(err)
			}
			// The sockets of the process's namespace; 0A is TCP_LISTEN.
			if sockets, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid)); strings.Contains(string(sockets),
				" 0A ") {
				return cmd, &out, pid
			}
		}
	}
	t.Fatal("the second cell never began")
	return nil, nil, 0
}

// TestOrdinaryUser runs the main job as nobody in particular.
func TestOrdinaryUser(t *testing.T) {
	needNetNS(t)
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else; TestScript and others have run as you")
	}
	self, err := os.Open("/proc/self/exe") // its path may be in a folder of root's
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	file, err := os.ReadFile(dualNIC)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "labrun")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "lab.yaml"), string(file))

	cmd := labrun(t, "-o", "report.json", "lab.yaml")
	cmd.Path = "/proc/self/fd/3"
	cmd.ExtraFiles = []*os.File{self}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), ", user namespace, ") ||
		!strings.Contains(string(out), " 0 failed, 0 skipped\n") {
		t.Fatalf("%v:\n%s", err, out)
	}
	info, err := os.Stat(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
		t.Errorf("the report belongs to %d", uid)
	}
}

// times is how often a test repeats itself: with -short, as under the race
// detector, which makes every process of a lab many times as dear, less often.
func times(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
