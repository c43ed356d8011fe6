package local

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/question"
	"labrun/lab/run"
	"labrun/lab/sys"
	"labrun/lab/topology"
)

// notAsWanted has red steps with calls after them, which must not be made.
const notAsWanted = `
experiments:
  refused:
    hosts: [alpha]
    steps: [a = socket(tcp), "bind(a, x:80)", b = socket(tcp), "bind(b, x:80)", "listen(a, 5)", close(a)]
  allowed:
    hosts: [alpha]
    steps: [a = socket(tcp), "bind(a, x:80) = EADDRINUSE", "listen(a, 5)", close(a)]
  another-value:
    hosts: [alpha]
    steps: [a = socket(tcp), "bind(a, x:80)", "getsockname(a) = y:80", "listen(a, 5)", close(a)]
`

// A cell is answered the same, with the same evidence, whether a process gets its calls one by
// one or as many at a time as it may.
func TestTogether(t *testing.T) {
	needNetNS(t)
	version, err := sys.KernelVersion()
	if err != nil {
		t.Fatal(err)
	}
	defer func(n int) { mostTogether = n }(mostTogether)
	lessons := []string{"", "dual-nic", "restart", "bind-timewait", "unix", "privileged", "port-zero", "udp"}
	for _, lesson := range lessons {
		top := mustParse(t, notAsWanted)
		if lesson != "" {
			var err error
			if top, err = topology.Load(topology.Source{File: filepath.Join("..", "..", "..", "topologies", lesson+".yaml")}); err != nil {
				t.Fatal(err)
			}
		}
		answers := func(most int) []string {
			mostTogether = most
			m := mustRun(t, version, top, run.Options{Jobs: 2})
			lines := outcomes(m)
			for i := range m.Cells {
				c := &m.Cells[i]
				note, err := json.Marshal(c.Note)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, strings.Join(c.Answers(), " ")+string(note))
			}
			return lines
		}
		if diff := cmp.Diff(answers(1), answers(32)); diff != "" {
			t.Errorf("%s: one by one (-), together (+):\n%s", lesson, diff)
		}
	}
}

// TestWhichWaits: of calls that were cut the one is named that may wait, and none where it may have been another.
func TestWhichWaits(t *testing.T) {
	const text = `
experiments:
  one: {hosts: [alpha], steps: [u = socket(udp), "bind(u, x:80)", recv(u) = blocked]}
  pause: {hosts: [alpha], steps: [u = socket(udp), sleep(60s), "bind(u, x:80)"]}
  two: {hosts: [alpha], steps: [u = socket(udp), 'sendto(u, "x", x:80)', recv(u) = blocked]}
  none: {hosts: [alpha], steps: [u = socket(udp), "bind(u, x:80)"]}
`
	top := mustParse(t, text)
	want := map[string]string{"one": "recv(u)", "pause": "sleep(60s)"}
	for i := range top.Experiments {
		e := &top.Experiments[i]
		q, err := question.Of(top, e, "alpha")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s := whichWaits(q.StepsOf(0)); s != nil {
			got = s.Call.String()
		}
		if got != want[e.Name] {
			t.Errorf("%s: %q waits, want %q", e.Name, got, want[e.Name])
		}
	}
}
