package guest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/kernel/image"
	"labrun/lab/question"
	"labrun/lab/topology"
)

// runsc is gVisor's program.
const runsc = "runsc"

// gVisorQuestions are cells whose answers say what labrun makes of a kernel that has less than Linux. The answers of
// bind and connect in them are those of any kernel.
const gVisorQuestions = `
name: gvisor
networks: {red: {subnet: 192.0.2.0/24, subnet6: 2001:db8:a::/64}}
hosts:
  alpha: {nics: {eth0: {network: red, address: [{address: 192.0.2.1/24, as: x}, {address: 2001:db8:a::1/64, as: x6}]}}}
  beta: {nics: {eth0: {network: red, as: x}}}
experiments:
  # /proc/net/tcp of gVisor has the sockets of both hosts, and tells no host.
  of-this-host-alone:
    steps:
      - peer/web: [w = socket(tcp), "bind(w, any:80)", "listen(w, 5)"]
      - main: [sockets(any:80) = none, a = socket(tcp), "connect(a, peer.x:80)"]
      - peer/web: [s = accept(w), sockets(any:80) = LISTEN ESTABLISHED, "getpeername(s) = subject.x:$p"]
      - main: sockets(any:$p) = ESTABLISHED
  held:
    steps:
      - main: [a = socket(tcp), "bind(a, x:80)", b = socket(tcp), "bind(b, x:80) = ok"]
  # Its table of UDP over IPv6 is empty, whatever there is.
  udp6:
    steps: [a = socket(udp6), "bind(a, x6:53)", sockets(any:53) = UNCONN]
  unix:
    steps: [a = socket(unix), 'bind(a, "@name")', "listen(a, 1)", 'sockets("@name") = LISTEN']
  path:
    steps: [a = socket(unix), 'bind(a, "/tmp/name")', "listen(a, 1)", 'sockets("/tmp/name") = LISTEN']
  nobody-listens:
    steps: [a = socket(tcp), "connect(a, peer.x:80) = ECONNREFUSED"]
  time-wait:
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 5)"]
      - main: [a = socket(tcp), "bind(a, x:4000)", "connect(a, peer.x:80)"]
      - peer/web: s = accept(w)
      - main: close(a)
      - peer/web: close(s)
      - main: sockets(any:4000) = TIME_WAIT
  nothing-left:
    steps: [a = socket(tcp), "bind(a, x:4000)", "listen(a, 1)", close(a), sockets(any:4000) = none]
  parameter:
    steps: ['sysctl(net.ipv4.ip_local_port_range, "40000 40001")']
  linux-alone:
    linux: ">= 3.0"
    steps: [a = socket(tcp)]
  otherwise:
    steps: [a = socket(tcp), "bind(a, x:80) = ok [EINVAL on linux < 7]"]
`

// TestGVisor asks a gVisor, that of LABRUN_TEST_KERNELS or the one in the path.
func TestGVisor(t *testing.T) {
	path := ""
	for _, k := range filepath.SplitList(os.Getenv("LABRUN_TEST_KERNELS")) {
		if filepath.Base(k) == runsc {
			path = k
		}
	}
	if path == "" {
		var err error
		if path, err = exec.LookPath(runsc); err != nil {
			t.Skip(err)
		}
	}
	i, err := image.Open(t.Context(), "gvisor:"+path)
	if err != nil {
		t.Fatal(err)
	}
	left := func() (all []string) { // what runsc leaves on a machine, if it is not kept from it
		for _, pattern := range []string{filepath.Join(os.TempDir(), "runsc-*"), "/sys/fs/cgroup/runsc-*", "/sys/fs/cgroup/*/runsc-*"} {
			found, _ := filepath.Glob(pattern)
			all = append(all, found...)
		}
		return all
	}
	before := left()
	k, err := Start(t.Context(), i, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if now := left(); !slices.Equal(now, before) { // while it ran nothing was made either: it is killed
			t.Errorf("it has left %q, and before there was %q", now, before)
		}
	}()
	defer noChildren(t)
	defer k.Close()
	if k.Hello.Kernel.Version != lab.GVisor || k.Hello.Version.IsLinux() || len(k.Hello.Kernel.Sysctls) > 0 {
		t.Errorf("it says that it is %+v", k.Hello)
	}
	top, err := topology.Load(topology.Source{File: "gvisor.yaml", Text: []byte(gVisorQuestions)})
	if err != nil {
		t.Fatal(err)
	}
	const closed = "no sockets that no process has open"
	skips := map[string]string{"time-wait": closed, "nothing-left": closed, "parameter": "net.ipv4.ip_local_port_range of a host"}
	for n := range top.Experiments {
		e := &top.Experiments[n]
		t.Run(e.Name, func(t *testing.T) {
			on := lab.Kernel{Version: k.Hello.Version}
			if e.Name == "linux-alone" {
				if lacks := e.Lacks(on); !strings.Contains(lacks, "not Linux") {
					t.Errorf("it lacks %q", lacks)
				}
				return
			}
			a := askOne(t, k, top, e, on)
			switch want, skip := skips[e.Name]; { // in words of the reason
			case skip:
				if !strings.Contains(a.Skip, want) || a.Err != nil {
					t.Errorf("got %+v, want a skip with %q", a, want)
				}
			case e.Name == "held":
				red := len(a.Evidence)
				if !a.Red || red == 0 || len(a.Evidence[red-1].Sockets) == 0 {
					t.Fatalf("got %+v, want EADDRINUSE and the socket that has the port", a)
				}
				if s := a.Evidence[red-1].Sockets[0]; !slices.Equal(s.Owners, []string{"main (a)"}) || s.State != lab.StateBound {
					t.Errorf("the port is held by %+v, want a of main, BOUND", s)
				}
			case !a.Passed():
				t.Errorf("got %+v", a)
			}
		})
	}
}

// askOne asks the only cell of an experiment in host alpha.
func askOne(t *testing.T, k kernel.Kernel, top *lab.Topology, e *lab.Experiment, on lab.Kernel) (answer kernel.Answer) {
	t.Helper()
	q, err := question.Of(top, e, "alpha")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	k.Answer(t.Context(), kernel.Request{Question: q, Combos: q.Combos, On: on, Evidence: true, Next: func() (int, bool) {
		n++
		return 0, n == 1
	}}, func(_ int, a kernel.Answer) { answer = a })
	return answer
}
