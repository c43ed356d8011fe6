package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// programs has programs in the background, daemons, other users, and processes
// beside them.
const programs = `
name: programs
networks: {red: 192.0.2.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}}}
  beta: {nics: {eth0: {network: red, as: x}}}
experiments:
  short:
    axes: {n: [1, 2]}
    steps: [{run: "true ${n}"}, {run: "echo hello", stdout: "hello\n"}]
  background:
    steps:
      - {run: "sleep 100", as: peer/web, background: true}
      - {run: "sh -c 'sleep 100 & sleep 100 & echo'", as: daemon}
      - {run: "sh -c 'setsid sleep 100 & sleep 100 & sleep 100'", as: other, background: true}
      - {run: "server 80", as: peer/server, background: true, until: "sockets(any:80) = LISTEN"}
      - a = socket(tcp)
      - connect(a, peer.x:80)
  users:
    processes: {other: {user: 1000}, third: {user: 65534}}
    axes: {n: [1, 2]}
    steps:
      - {run: "sh -c 'sleep 100 & sleep 100 & echo ${n}'", as: other}
      - {run: "sh -c 'setsid sleep 100 & exec sleep 100'", as: third, background: true}
      - {run: "true"}
`

// TestInitsKilled kills inits of programs, stopped ones too: as soon as they are
// seen, which may be before they are executed, or at any time later. That is an error
// of their cells, and the end of the run comes all the same.
func TestInitsKilled(t *testing.T) {
	needNetNS(t)
	adoptOrphans(t)
	file := filepath.Join(t.TempDir(), "lab.yaml")
	write(t, file, programs)
	random := rand.New(rand.NewPCG(4, 2))
	for kills := 0; kills < times(200); {
		var out bytes.Buffer
		cmd := labrun(t, "-j", strconv.Itoa(1+random.IntN(8)), file)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kills += killInits(t, cmd.Process.Pid, random, ends(t, cmd, &out, time.Minute))
		if status := cmd.ProcessState.ExitCode(); status != 0 && status != exitError {
			t.Fatalf("exit status %d:\n%s", status, out.String())
		}
		if !regexp.MustCompile(`(?m)^\d+ passed, 0 failed, 0 skipped(, \d+ errors?)?\n\z`).Match(out.Bytes()) {
			t.Fatalf("no closing line:\n%s", out.String())
		}
		reapAll(t)
	}
}

// ends returns a channel that is closed when the command has ended, and its output
// is there. One that does not end in time is ended, with what its goroutines wait for.
func ends(t *testing.T, cmd *exec.Cmd, out *bytes.Buffer, limit time.Duration) <-chan struct{} {
	ended := make(chan struct{})
	timer := time.AfterFunc(limit, func() {
		t.Errorf("%v does not end", cmd.Args)
		_ = cmd.Process.Signal(unix.SIGABRT)
		time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	})
	cmd.WaitDelay = 10 * time.Second
	go func() {
		defer close(ended)
		err := cmd.Wait()
		if !timer.Stop() {
			t.Errorf("it was at:\n%s", out)
		}
		if errors.Is(err, exec.ErrWaitDelay) {
			t.Error("its output is still open")
		}
	}()
	return ended
}

// killInits kills some inits of PID namespaces below a process until that ends.
func killInits(t *testing.T, root int, random *rand.Rand, ended <-chan struct{}) (kills int) {
	seen, due := map[int]bool{}, map[int]time.Time{}
	for {
		select {
		case <-ended:
			return kills
		case <-time.After(time.Millisecond / 2):
		}
		for _, pid := range initsBelow(root) {
			if !seen[pid] {
				seen[pid] = true
				if random.IntN(2) == 0 {
					due[pid] = time.Now().Add(time.Duration(random.IntN(2)*random.IntN(60)) * time.Millisecond)
				}
			}
		}
		for pid, at := range due {
			if time.Now().Before(at) {
				continue
			}
			if random.IntN(2) == 0 {
				_ = unix.Kill(pid, unix.SIGSTOP)
			}
			if unix.Kill(pid, unix.SIGKILL) == nil {
				kills++
			}
			delete(due, pid)
		}
	}
}

// initsBelow returns the children of a process that are PID 1 of a namespace. Nobody
// but that process reaps them, so a number is theirs until it does.
func initsBelow(root int) (inits []int) {
	for _, pid := range childrenOf(root) {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may have ended
		if strings.Contains(string(status), fmt.Sprintf("\nNSpid:\t%d\t1\n", pid)) {
			inits = append(inits, pid)
		}
	}
	return inits
}

func childrenOf(pid int) (all []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range tasks {
		b, _ := os.ReadFile(file) // it may have ended
		for _, word := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
