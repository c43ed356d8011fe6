package local

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/result"
	"labrun/lab/run"
)

// seen answers errnos of many kinds that are all wanted.
const seen = `
experiments:
  in-use:
    hosts: [alpha]
    steps:
      - web: [w = socket(tcp), "setsockopt(w, SO_REUSEADDR, 1)", "setsockopt(w, IP_FREEBIND, 1)", "bind(w, x:80)", "listen(w, 5)"]
      - other: [o = socket(tcp), "setsockopt(o, SO_REUSEADDR, 1)", "setsockopt(o, SO_REUSEPORT, 1)", "bind(o, y:80)"]
      - b = socket(tcp)
      - bind(b, x:80) = EADDRINUSE
      - bind(b, any:80) = EADDRINUSE
      - bind(b, any:81)
      - bind(b, any:82) = EINVAL
  nobody:
    hosts: [alpha]
    steps:
      - c = socket(tcp)
      - bind(c, 203.0.113.1:80) = EADDRNOTAVAIL
      - connect(c, peer.x:80) = ECONNREFUSED
      - getpeername(c) = ENOTCONN
  connections:
    hosts: [alpha]
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 5)"]
      - a = socket(tcp)
      - setsockopt(a, SO_REUSEADDR, 1)
      - setsockopt(a, SO_KEEPALIVE, 1)
      - bind(a, any:1000)
      - connect(a, peer.x:80)
      - send(a, "hello")
      - b = socket(tcp)
      - setsockopt(b, SO_REUSEADDR, 1)
      - bind(b, any:1000)
      - connect(b, peer.x:80) = EADDRNOTAVAIL
      - close(a)
      - peer/web: [s = accept(w), recv(s) = "hello", 'recv(s) = ""', close(s)]
      - sockets(any:1000) = TIME_WAIT
      - c = socket(tcp)
      - bind(c, x:1000) = EADDRINUSE
  on-its-way:
    hosts: [alpha]
    steps:
      - a = socket(tcp, SOCK_NONBLOCK)
      - bind(a, x:1000)
      - connect(a, 192.0.2.99:80) = EINPROGRESS
      - connect(a, 192.0.2.99:80) = EALREADY
  six:
    hosts: [alpha]
    steps:
      - w = socket(tcp6)
      - setsockopt(w, IPV6_V6ONLY, 1)
      - bind(w, any6:80)
      - a = socket(tcp6)
      - bind(a, any6:80) = EADDRINUSE
`

// evidence lists the sockets that a matrix has for each step.
func evidence(m result.Matrix) (lines []string) {
	for i := range m.Cells {
		c := &m.Cells[i]
		if c.Verdict != result.Pass {
			lines = append(lines, fmt.Sprintf("%s: %+v", m.NameOf(c), c))
		}
		if c.Note == nil {
			continue
		}
		steps := m.StepsOf(c)
		for _, s := range c.Note.Evidence {
			lines = append(lines, steps[s.Step].Call+" = "+steps[s.Step].Got)
			for _, h := range s.Sockets {
				lines = append(lines, "  "+strings.TrimSpace(h.String()+" "+h.Timer))
			}
		}
	}
	return lines
}

// TestEvidence looks at the sockets after every errno, on every run the same.
func TestEvidence(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, seen)
	const owner = ", user 0"
	want := strings.Split(strings.Trim(`
bind(b, x:80) = EADDRINUSE
  tcp LISTEN x:80 SO_REUSEADDR IP_FREEBIND on host alpha, process web (w)
bind(b, any:80) = EADDRINUSE
  tcp BOUND y:80 SO_REUSEADDR SO_REUSEPORT on host alpha, process other (o)
  tcp LISTEN x:80 SO_REUSEADDR IP_FREEBIND on host alpha, process web (w)
bind(b, any:82) = EINVAL
bind(c, 203.0.113.1:80) = EADDRNOTAVAIL
connect(c, peer.x:80) = ECONNREFUSED
connect(b, peer.x:80) = EADDRNOTAVAIL
  tcp ESTABLISHED x:1000 -> peer.x:80 SO_REUSEADDR timer:keepalive on host alpha, process main (a) keepalive
bind(c, x:1000) = EADDRINUSE
  tcp BOUND any:1000 SO_REUSEADDR on host alpha, process main (b)
  tcp TIME_WAIT x:1000 -> peer.x:80 on host alpha, no process timewait
connect(a, 192.0.2.99:80) = EINPROGRESS
connect(a, 192.0.2.99:80) = EALREADY
bind(a, any6:80) = EADDRINUSE
  tcp6 BOUND any6:80 v6only on host alpha, process main (w)
`, "\n"), "\n")
	for jobs := range 4 {
		got := evidence(mustRun(t, running, top, run.Options{Jobs: jobs + 1}))
		for i, line := range got {
			got[i] = strings.Replace(line, owner, "", 1)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d jobs: want (-), got (+):\n%s", jobs+1, diff)
		}
	}
	if got := evidence(mustRun(t, running, top, run.Options{Evidence: -1})); got != nil {
		t.Errorf("evidence of what is not red: %q", got)
	}
}
