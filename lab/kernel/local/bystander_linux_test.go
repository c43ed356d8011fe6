package local

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/run"
)

// bystanders has sockets at the port that explain nothing: they are confined to
// something else, or on another host than the one that answered. In others one
// explains the answer that looks as if it did not.
const bystanders = `
experiments:
  v6only:
    hosts: [alpha]
    steps:
      - four: [w = socket(tcp), "bind(w, x:80)"]
      - six: [w = socket(tcp6), "setsockopt(w, IPV6_V6ONLY, 1)", "bind(w, any6:80)"]
      - a = socket(tcp6)
      - setsockopt(a, IPV6_V6ONLY, 1)
      - bind(a, any6:80) = EADDRINUSE
  device:
    hosts: [alpha]
    steps:
      - zero: [w = socket(tcp), "setsockopt(w, SO_BINDTODEVICE, eth0)", "bind(w, any:80)"]
      - one: [w = socket(tcp), "setsockopt(w, SO_BINDTODEVICE, eth1)", "bind(w, any:80)"]
      - a = socket(tcp)
      - setsockopt(a, SO_BINDTODEVICE, eth1)
      - bind(a, any:80) = EADDRINUSE
  elsewhere:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - bind(w, any:80)
      - listen(w, 5)
      - a = socket(tcp)
      - connect(a, 203.0.113.9:80) = ENETUNREACH
      - peer/main: ["addr_add(eth0, 192.0.2.77/24)", w = socket(tcp), "bind(w, 192.0.2.77:80)"]
      - connect(a, 192.0.2.77:80) = ECONNREFUSED
  mapped:
    hosts: [alpha]
    steps:
      - peer/web: [w = socket(tcp), "bind(w, x:80)", "listen(w, 5)"]
      - a = socket(tcp6)
      - setsockopt(a, SO_REUSEADDR, 1)
      - bind(a, any6:1000)
      - connect(a, mapped(peer.x):80)
      - b = socket(tcp)
      - setsockopt(b, SO_REUSEADDR, 1)
      - bind(b, any:1000)
      - connect(b, peer.x:80) = EADDRNOTAVAIL
  in-a-message:
    hosts: [alpha]
    steps:
      - w = socket(tcp)
      - bind(w, x:80)
      - listen(w, 5)
      - c = socket(tcp)
      - connect(c, x:80)
      - s = accept(w)
      - u = socket(unix-dgram)
      - bind(u, "@u")
      - v = socket(unix-dgram)
      - connect(v, "@u")
      - sendmsg(v, s)
      - close(s)
      - b = socket(tcp)
      - bind(b, x:80) = EADDRINUSE
`

// TestBystanders looks for no more in the evidence than what explains the answer.
func TestBystanders(t *testing.T) {
	needNetNS(t)
	want := strings.Split(strings.Trim(`
bind(a, any6:80) = EADDRINUSE
  tcp6 BOUND any6:80 v6only on host alpha, process six (w), user 0
bind(a, any:80) = EADDRINUSE
  tcp BOUND any:80 on eth1 on host alpha, process one (w), user 0
connect(a, 203.0.113.9:80) = ENETUNREACH
connect(a, 192.0.2.77:80) = ECONNREFUSED
  tcp BOUND 192.0.2.77:80 on host beta, process main (w), user 0
connect(b, peer.x:80) = EADDRNOTAVAIL
  tcp6 ESTABLISHED mapped(x):1000 -> mapped(peer.x):80 SO_REUSEADDR on host alpha, process main (a), user 0
bind(b, x:80) = EADDRINUSE
  tcp LISTEN x:80 on host alpha, process main (w), user 0
  tcp ESTABLISHED x:80 -> x:ephemeral on host alpha, process unknown, user 0
`, "\n"), "\n")
	got := evidence(mustRun(t, running, mustParse(t, bystanders), run.Options{Jobs: 2}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
