package local

import (
	"fmt"
	"regexp"
	"testing"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// inVain has connects that wait, each as the last step of a cell.
const inVain = `
name: vain
networks: {red: 192.0.2.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}}}
  beta:  {nics: {eth0: {network: red, as: x}}}
  deaf:
    nics: {eth0: {network: red, as: x}}
    sysctls: {net.ipv4.conf.all.arp_ignore: 8}
experiments:
  full:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 0)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - connect(b, x:80) = ?
  full-on-the-peer:
    hosts: [alpha]
    steps:
      - sysctl(net.core.somaxconn, "100")
      - beta/web: [w = socket(tcp6), "bind(w, any6:80)", "listen(w, 0)"]
      - a = socket(tcp)
      - connect(a, beta.x:80)
      - b = socket(tcp)
      - connect(b, beta.x:80) = ?
  wanted:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 0)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - connect(b, x:80) = blocked
  file-has-a-limit:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 0)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - {main: "connect(b, x:80) = ?", limit: 1500ms}
  socket-gives-up:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 0)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - setsockopt(b, TCP_USER_TIMEOUT, 1500)
      - connect(b, x:80) = ?
  host-gives-up:
    hosts: [alpha]
    steps:
      - sysctl(net.ipv4.tcp_syn_retries, "1")
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 0)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - connect(b, x:80) = ?
  no-neighbour:
    hosts: [alpha]
    steps:
      - deaf/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 0)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - connect(b, deaf.x:80) = ?
  queue-has-room:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 1)", a = socket(tcp), "connect(a, x:80)"]
      - b = socket(tcp)
      - connect(b, x:80) = ?
  other-refusals:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - main: ["bind(w, x:80)", "listen(w, 0)", q = socket(tcp), "connect(q, x:80)"]
      - c = socket(tcp, SOCK_NONBLOCK)
      - main: ["connect(c, x:80) = EINPROGRESS", a = socket(tcp), "bind(a, x:81)", b = socket(tcp)]
      - bind(b, x:81) = EADDRINUSE
      - bind(b, x:81) = EADDRINUSE
`

// TestInVain gives up what nothing can answer, and no other call, and waits for no
// segment that will not come.
func TestInVain(t *testing.T) {
	needNetNS(t)
	top, err := topology.Load(topology.Source{File: "vain.yaml", Text: []byte(inVain)})
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string]string{
		"full": `blocked \(1 s\)`, "full-on-the-peer": `blocked \(1 s\)`, "wanted": `blocked \(1 s\)`,
		"file-has-a-limit": `blocked \(1\.5 s\)`,
		"socket-gives-up":  `ETIMEDOUT`,
		"host-gives-up":    `ETIMEDOUT|blocked \(5 s\)`, // after 3 s, later with tcp_syn_linear_timeouts (Linux 6.5)
		"no-neighbour":     `EHOSTUNREACH`,
		"queue-has-room":   `ok`,
		"other-refusals":   `EADDRINUSE`,
	}
	for i := range top.Experiments {
		e := &top.Experiments[i]
		for _, h := range top.Hosts {
			if !e.RunsOn(h.Name) {
				continue
			}
			t.Run(e.Name, func(t *testing.T) {
				t.Parallel()
				q, err := question.Of(top, e, h.Name)
				if err != nil {
					t.Fatal(err)
				}
				c := newCell(q, 0, lab.Kernel{Version: running})
				c.evidence = true
				o, err := c.run(t.Context(), fabric.Up)
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := c.close(); err != nil {
						t.Error(err)
					}
				}()
				m := run.MatrixOf(&result.Matrix{}, e, 0, q, c.on, c.result(o, nil))
				steps := m.StepsOf(&m.Cells[0])
				last := steps[len(steps)-1]
				if got := last.Words(last.Got); !regexp.MustCompile("^(?:" + wants[e.Name] + ")$").MatchString(got) {
					t.Errorf("%s = %s, want %s", last.Call, got, wants[e.Name])
				}
				if len(c.stuck) > 0 {
					t.Errorf("waited in vain for %v", fmt.Sprint(c.stuck))
				}
			})
		}
	}
}

// TestBeside has cells of one job wait at the same time, each in a lab of its own.
func TestBeside(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, `
experiments:
  e:
    hosts: [alpha]
    axes: {port: [80, 81, 82]}
    steps:
      - w = socket(tcp)
      - bind(w, x:${port})
      - listen(w, 5)
      - {main: a = accept(w) = blocked, limit: 2s}
`)
	m := mustRun(t, running, top, run.Options{Jobs: 1})
	for i := range m.Cells {
		if c := &m.Cells[i]; c.Verdict != result.Pass {
			t.Errorf("%s: %v, %v", m.NameOf(c), c.Verdict, c.Answers())
		}
	}
}
