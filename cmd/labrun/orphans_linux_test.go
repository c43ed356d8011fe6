package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// orphans leave a connection whose peer never answers again, on hosts whose kernel
// would try for hours.
const orphans = `
name: orphans
networks: {red: {subnet: 192.0.2.0/24, subnet6: "2001:db8::/64"}, blue: {subnet6: "2001:db8:b::/64"}}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: six}}}
  beta: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: six}}}
experiments:
  orphan:
    hosts: [alpha]
    steps:
      - sysctl(net.ipv4.tcp_orphan_retries, "200")
      - sysctl(net.ipv4.tcp_fin_timeout, "3600")
      - peer/web: [w = socket(%[1]s), "setsockopt(w, SO_LINGER, {1, 0})", "bind(w, %[2]s:80)", "listen(w, 5)"]
%[3]s
      - peer/web: [m = socket(tcp), "bind(m, any:81)", "listen(m, 5)", sleep(%[4]s)]
`

const connects = `
      - a = socket(%[1]s)
      - connect(a, peer.%[2]s:80)
      - peer/web: [b = accept(w), "setsockopt(b, SO_LINGER, {1, 0})"]
`

const goesDown = `
      - link_down(eth0)
      - link_down(eth1)
`

// TestOrphansEnd counts the network and mount namespaces of a user namespace when labrun
// has ended: the kernel does, to keep user.max_net_namespaces and the like. A kernel that was left
// alone would need hours.
func TestOrphansEnd(t *testing.T) {
	needNetNS(t)
	const program = `
      - {run: "connect --keep 192.0.2.2 80", as: client, background: true}
      - peer/web: [b = accept(w), "setsockopt(b, SO_LINGER, {1, 0})"]
`
	const files = `
      - {run: "sleep 3600", as: client, background: true}
      - main: [a = socket(unix), 'bind(a, "/tmp/a")', "fork(child)"]
      - peer/other: [b = socket(unix), 'bind(b, "/run/b")', "exec()"]
`
	for _, c := range []struct {
		name, kind, nic string
		steps           string
		kill            bool
	}{
		{"data", "tcp", "x", connects + goesDown + `      - main: ["send(a, \"hello\")", close(a)]`, false},
		{"open", "tcp", "x", connects + goesDown + `      - send(a, "hello")`, false},
		{"fin-wait-2", "tcp", "x", connects + "      - close(a)\n      - peer/web: recv(b) = \"\"" + goesDown, false},
		{"ipv6", "tcp6", "six", connects + goesDown + `      - main: ["send(a, \"hello\")", close(a)]`, false},
		{"mptcp", "mptcp", "x", connects + goesDown + `      - main: ["send(a, \"hello\")", close(a)]`, false},
		{"program", "tcp", "x", program + goesDown, false},
		{"files", "tcp", "x", files, false},
		{"killed-files", "tcp", "x", files, true},
		{"killed", "tcp", "x", connects + goesDown + `      - main: ["send(a, \"hello\")", close(a)]`, true},
		{"killed-with-files", "tcp", "x", connects + goesDown +
			`      - main: [u = socket(unix), 'bind(u, "/tmp/a")', "send(a, \"hello\")", close(a)]`, true},
		{"killed-open", "tcp6", "six", connects + goesDown + `      - send(a, "hello")`, true},
		{"killed-exited", "tcp", "x", connects + goesDown + `      - main: ["send(a, \"hello\")", exit()]`, true},
		{"killed-program", "tcp", "x", program + goesDown, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lab.yaml")
			last := "1ms"
			if c.kill {
				last = "60s"
			}
			steps := strings.NewReplacer("%[1]s", c.kind, "%[2]s", c.nic).Replace(c.steps)
			write(t, file, fmt.Sprintf(orphans, c.kind, c.nic, steps, last))
			out := countNamespaces(t, file, c.kill)
			if !c.kill && !strings.Contains(out, "1 passed, 0 failed, 0 skipped") &&
				!strings.Contains(out, "0 passed, 0 failed, 1 skipped") {
				t.Errorf("the run went wrong:\n%s", out)
			}
		})
	}
}

// noNamespaceLeft is sh that waits until its user namespace has no other namespaces.
const noNamespaceLeft = `left() {
		echo 1 >/proc/sys/user/max_net_namespaces && echo 1 >/proc/sys/user/max_mnt_namespaces || return
		for i in $(seq 1000); do
			unshare -n -m true 2>/dev/null && return
			sleep 0.1
		done
		echo network or mount namespaces are left
		return 1
	}; left`

// namedLabrun returns a name of the test's program by which it knows what it is to be.
func namedLabrun(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "labrun")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// countNamespaces runs a topology in a user namespace, kills labrun when somebody
// listens on port 81 if that is wanted, and waits until no such namespace is left
// there.
func countNamespaces(t *testing.T, file string, kill bool) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("unshare", "--user", "--map-root-user", "sh", "-c", `"$0" "$1"; echo; `+noNamespaceLeft,
		namedLabrun(t), file)
	cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("unshare(1): %v", err)
	}
	ended := ends(t, cmd, &out, 10*time.Minute)
	for killed := !kill; !killed; {
		select {
		case <-ended:
			t.Fatalf("the run was not to end by itself:\n%s", &out)
		case <-time.After(5 * time.Millisecond):
		}
		for _, labrun := range childrenOf(cmd.Process.Pid) {
			for _, process := range childrenOf(labrun) {
				sockets, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", process))
				if strings.Contains(string(sockets), ":0051 00000000:0000 0A ") {
					killed = unix.Kill(labrun, unix.SIGKILL) == nil || killed // for several processes show the socket
				}
			}
		}
	}
	<-ended
	if !cmd.ProcessState.Success() {
		t.Errorf("%v:\n%s", cmd.ProcessState, &out)
	}
	return out.String()
}
