package local

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// mustParse reads a file with the hosts alpha and beta and these experiments.
func mustParse(t testing.TB, experiments string) *lab.Topology {
	t.Helper()
	top, err := topology.Load(topology.Source{File: "trial.yaml", Text: []byte(`
name: trial
networks: {red: 192.0.2.0/24, blue: 198.51.100.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
  beta:  {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
` + experiments)})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// mustAsk returns the question of the first experiment in alpha.
func mustAsk(t *testing.T, top *lab.Topology) *question.Question {
	t.Helper()
	q, err := question.Of(top, &top.Experiments[0], "alpha")
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// running is the kernel that tests claim to run on; none of them depends on it.
var running = lab.KernelVersion{6, 18, 0}

// outcomes lists the cells of a matrix with their verdicts and last answers.
func outcomes(m result.Matrix) []string {
	var lines []string
	for i := range m.Cells {
		c := &m.Cells[i]
		line := fmt.Sprintf("%s on %s: %s", m.NameOf(c), m.ColumnOf(c), c.Verdict)
		if got := c.Answers(); len(got) > 0 {
			line += " " + got[len(got)-1]
		}
		if c.Note != nil && c.Note.Reason != "" {
			line += ", " + c.Note.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

// pairs is the conflict rule of inet_bind_conflict for three addresses and the
// option, in one process: a batch.
const pairs = `
experiments:
  pairs:
    hosts: [alpha]
    axes:
      option: {none: "", reuse: "setsockopt(a, SO_REUSEADDR, 1)"}
      first:  [x, y, any]
      second: [x, y, any]
    want:
      - {option: reuse, answer: ok}
      - {first: x, second: y, answer: ok}
      - {first: y, second: x, answer: ok}
      - {else: EADDRINUSE}
    steps:
      - %[1]s: a = socket(tcp)
      - %[1]s: "${option}"
      - %[1]s: bind(a, ${first}:80)
      - b = socket(tcp)
      - setsockopt(b, SO_REUSEADDR, 1)
      - bind(b, ${second}:80) = ${want}
`

// inBatches runs cells in batches where it can, however few there are.
var inBatches = run.Options{Evidence: -1}

// TestBatchIsTheSame asks the same questions in a batch, by one process, and call
// by call, by one and by two: the answers are the same.
func TestBatchIsTheSame(t *testing.T) {
	needNetNS(t)
	alone, together := mustParse(t, fmt.Sprintf(pairs, "main")), mustParse(t, fmt.Sprintf(pairs, "other"))
	if mustAsk(t, alone).Batch == nil || mustAsk(t, together).Batch != nil {
		t.Fatal("the first is to be a batch, the second not")
	}
	one, two := outcomes(mustRun(t, running, alone, inBatches)), outcomes(mustRun(t, running, together, run.Options{}))
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("batch (-), call by call (+):\n%s", diff)
	}
	if diff := cmp.Diff(one, outcomes(mustRun(t, running, alone, run.Options{}))); diff != "" {
		t.Errorf("batch (-), with evidence (+):\n%s", diff)
	}
	for _, line := range one {
		if !strings.Contains(line, ": pass ") {
			t.Error(line)
		}
	}
	if len(one) != 18 {
		t.Errorf("%d cells, want 18", len(one))
	}
}

// connections are calls of a batch that wait, or could: answered, refused, from the wrong family, by a socket that is
// connected, to a full queue, and to where nothing answers.
const connections = `
experiments:
  connections:
    hosts: [alpha]
    axes:
      socket: [tcp, tcp6, udp, udp6]
      queue: ["5", "0"]
      owner: ["0", "1000"]
      to: {itself: "x:81", other: "y:81", six: "lo6:81", mapped: "mapped(x):81", refused: "x:82", undone: "unspec"}
    steps:
      - w = socket(tcp6)
      - "bind(w, any6:81)"
      - "listen(w, ${queue})"
      - v = socket(tcp)
      - setsockopt(v, SO_LINGER, {1, 0})
      - "connect(v, y:81)"
      - a = socket(${socket})
      - setsockopt(a, SO_LINGER, {1, 0})
      - fchown(a, ${owner}) = ?
      - "bind(a, any6:80) = ?"
      - {main: "connect(a, ${to}) = ?", limit: 20ms}
      - b = socket(tcp6)
      - setsockopt(b, SO_LINGER, {1, 0})
      - {main: "connect(b, lo6:81) = ?", limit: 20ms}
      - {main: "connect(b, lo6:81) = ?", limit: 20ms}
`

// TestBatchConnects asks the same in a batch and call by call: a connect that waits is given up in both.
func TestBatchConnects(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, connections)
	if mustAsk(t, top).Batch == nil {
		t.Fatal("no batch")
	}
	one, two := mustRun(t, running, top, inBatches), mustRun(t, running, top, run.Options{})
	met := map[string]bool{}
	for i := range one.Cells {
		c, d := &one.Cells[i], &two.Cells[i]
		if diff := cmp.Diff(d.Answers(), c.Answers()); diff != "" || c.Verdict != result.Pass {
			t.Errorf("%s: %s: %s: call by call (-), batch (+):\n%s", one.NameOf(c), c.Verdict, c.Reason(), diff)
		}
		for _, got := range c.Answers() {
			met[got] = true
		}
	}
	for _, got := range []string{"ok", "blocked", "ECONNREFUSED", "EISCONN", "EINVAL"} {
		if !met[got] {
			t.Errorf("no cell answered %s: %v", got, met)
		}
	}
}

// TestBatchEnds asks about connections that end in a batch and call by call: what comes after an end finds it arrived, and
// what it leaves is gone before the next cell.
func TestBatchEnds(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, `
experiments:
  ends:
    hosts: [alpha]
    axes:
      type: {four: tcp, six: tcp6}
      to: {x: "mapped(x):81", lo: "mapped(lo):81"}
      end:
        time wait: ["close(a)", "close(p)"]
        fin wait 2: ["close(a)", "drain(p)", "setsockopt(p, TCP_QUICKACK, 1)"]
        close wait: ["shutdown(p, SHUT_WR)"]
        fin wait 1: ['send(a, "x"*4096)', "close(a)"]
        last ack: ["shutdown(p, SHUT_WR)", 'send(a, "x"*4096)', "close(a)"]
        gone: ["close(p)", "close(w)", "s = accept(b) = EINVAL"]
        no listener: ["connect(b, x:81) = ?", "drain(b) = ?", "shutdown(b, SHUT_WR) = ?", 'send(a, "x")', "close(p)", 'send(a, "x") = ECONNRESET', 'send(a, "x") = EPIPE']
      owner: ["0", "1000"]
    steps:
      - w = socket(tcp6)
      - setsockopt(w, SO_RCVBUF, 1)
      - bind(w, any6:81)
      - listen(w, 5)
      - a = socket(tcp6)
      - setsockopt(a, SO_REUSEPORT, 1)
      - bind(a, any6:80)
      - connect(a, ${to})
      - p = accept(w)
      - b = socket(${type})
      - ${end}
      - fchown(b, ${owner}) = ?
      - setsockopt(b, SO_REUSEPORT, 1)
      - bind(b, any6:80) = ?
      - "listen(b, 5) = ?"
`)
	if mustAsk(t, top).Batch == nil {
		t.Fatal("no batch")
	}
	apart := inBatches
	apart.Apart = true
	one, two := mustRun(t, running, top, inBatches), mustRun(t, running, top, apart)
	for i := range one.Cells {
		c, d := &one.Cells[i], &two.Cells[i]
		if diff := cmp.Diff(d.Answers(), c.Answers()); diff != "" || c.Verdict != result.Pass {
			t.Errorf("%s: %s: %s: call by call (-), batch (+):\n%s", one.NameOf(c), c.Verdict, c.Reason(), diff)
		}
	}
}

// TestBatchIsLate: a cell of a batch that sent a segment a second time, here a SYN after a second, is asked again call by
// call, and those before it and after it are answered as ever.
func TestBatchIsLate(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, `
experiments:
  late:
    hosts: [alpha]
    axes:
      call: {before: "connect(b, y:81) = ?", late: "connect(b, x:81) = ?", after: "listen(b, 5) = ?"}
    steps:
      - w = socket(tcp)
      - bind(w, x:81)
      - listen(w, 0)
      - v = socket(tcp)
      - setsockopt(v, SO_LINGER, {1, 0})
      - connect(v, x:81)
      - b = socket(tcp)
      - {main: "${call}", limit: 1200ms}
      - close(v)
`)
	if mustAsk(t, top).Batch == nil {
		t.Fatal("no batch")
	}
	var got []string
	m := mustRun(t, running, top, inBatches)
	for i := range m.Cells {
		c := &m.Cells[i]
		got = append(got, fmt.Sprint(c.Verdict, " ", c.Answers()[6:], " ", c.Note != nil))
	}
	if diff := cmp.Diff([]string{"pass [ok ECONNREFUSED ok] false", "pass [ok blocked ok] false", "pass [ok ok ok] false"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBatchIsAlwaysLate: what is sent as several segments and received as one does not arrive by the counts, and the cells
// are asked call by call.
func TestBatchIsAlwaysLate(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, `
experiments:
  late:
    hosts: [alpha]
    axes: {second: [x, y, lo, any], option: [SO_REUSEADDR, SO_REUSEPORT]}
    steps:
      - w = socket(tcp)
      - bind(w, x:81)
      - listen(w, 5)
      - a = socket(tcp)
      - setsockopt(a, SO_LINGER, {1, 0})
      - setsockopt(w, TCP_MAXSEG, 536)
      - bind(a, x:80)
      - connect(a, x:81)
      - send(a, "x"*4096)
      - close(a)
      - b = socket(tcp)
      - setsockopt(b, ${option}, 1)
      - bind(b, ${second}:80)
`)
	if mustAsk(t, top).Batch == nil {
		t.Fatal("no batch")
	}
	m := mustRun(t, running, top, inBatches)
	for i := range m.Cells {
		if c := &m.Cells[i]; c.Verdict != result.Pass || len(c.Answers()) != 13 {
			t.Errorf("%s: %s %s %v", m.NameOf(c), c.Verdict, c.Reason(), c.Answers())
		}
	}
}

// TestNoBatch: a question goes call by call where a connection is not of the host with itself, or a call answers a value.
func TestNoBatch(t *testing.T) {
	for step, want := range map[string]bool{
		"shutdown(w, SHUT_RD)": true, "fchown(w, 1000)": true, "setsockopt(w, SO_LINGER, {1, 0})": true,
		"connect(c, x:81)": true, "[connect(c, x:81), close(c)]": true, "[connect(c, x:81), shutdown(w, SHUT_RD)]": true,
		"[connect(c, x:81), s = accept(w), send(s, \\\"x\\\"), drain(c), close(c)]": true,
		"[connect(c, x:81), s = accept(w) = ?]":                                     false,
		"[connect(c, x:81), send(c, \\\"x\\\") = ?]":                                true,
		"[connect(c, x:81), s = accept(w) = ok from x:$p]":                          false,
		"[connect(c, x:81), recv(c) = ?]":                                           false,
		"[connect(c, peer.x:81), close(c)]":                                         false,
		"[setsockopt(c, SO_LINGER, {1, 5}), connect(c, x:81), close(c)]":            false,
		"[setsockopt(c, SO_LINGER, {0, 5}), connect(c, x:81), close(c)]":            true,
		"connect(c, unspec)":                                                        true, "connect(c, any6:81)": true, "connect(c, lo:81)": true, "connect(c, y:81)": true,
		"connect(c, peer.x:81) = ?": false, "connect(c, 192.0.2.99:81) = ?": false, "connect(c, mapped(peer.x):81) = ?": false,
		"[d = socket(udp), connect(d, peer.x:81)]":                                  true,
		"[setsockopt(c, SO_BINDTODEVICE, eth0), connect(c, y:81) = ?]":              false,
		"[setsockopt(w, SO_BINDTODEVICE, eth0), connect(c, y:81) = ?]":              true,
		"[d = socket(udp), setsockopt(d, SO_BINDTODEVICE, eth1), connect(d, x:81)]": true,
		"[d = socket(udp), connect(d, x:81), shutdown(w, SHUT_RD)]":                 true,
		"connect(c, x:81, 3)": false, "getsockname(w) = x:81": false, "connect(c, x:81) = blocked": false,
	} {
		step = "\"" + strings.ReplaceAll(strings.Trim(step, "[]"), "), ", ")\", \"") + "\""
		top := mustParse(t, `
experiments:
  trial:
    axes: {twice: ["1", "2"]}
    steps: ["w = socket(tcp)", "bind(w, x:81)", "listen(w, ${twice})", "c = socket(tcp)", `+step+`]
`)
		if got := mustAsk(t, top).Batch != nil; got != want {
			t.Errorf("%s: in a batch: %t, want %t", step, got, want)
		}
	}
}

// TestRedInBatch turns every expectation round: the report of each cell of a
// batch says what was got and who held the port.
func TestRedInBatch(t *testing.T) {
	needNetNS(t)
	text := strings.NewReplacer("answer: ok", "answer: EACCES", "else: EADDRINUSE", "else: ok").Replace(fmt.Sprintf(pairs, "main"))
	for _, o := range []run.Options{{}, inBatches} {
		checkRed(t, mustRun(t, running, mustParse(t, text), o))
	}
}

func checkRed(t *testing.T, m result.Matrix) {
	t.Helper()
	for i := range m.Cells {
		c := &m.Cells[i]
		name := m.NameOf(c)
		if c.Verdict != result.Fail || c.Note == nil {
			t.Errorf("%s: %+v", name, c)
			continue
		}
		// Where the bind succeeds, two sockets that overlap explain that too.
		if got := c.Answers(); got[len(got)-1] == "EADDRINUSE" && len(c.Seen().Sockets) != 1 {
			t.Errorf("%s: held by %v", name, c.Seen().Sockets)
		}
		for _, h := range c.Seen().Sockets {
			if h.State != "BOUND" || h.Owners[0] != "main (a)" {
				t.Errorf("%s: held by %s", name, h)
			}
		}
	}
}

// TestNothingIsLeft plants cells that leave something behind, each in its way,
// before cells that would notice: in one job, where labs are shared.
func TestNothingIsLeft(t *testing.T) {
	needNetNS(t)
	for _, c := range []struct{ name, planted string }{
		{"time-wait", `["w = socket(tcp)", "bind(w, x:80)", "listen(w, 5)", "c = socket(tcp)", "connect(c, x:80)",
			"s = accept(w)", "close(s)", 'recv(c) = ""', "close(c)", "sockets(x:80) = LISTEN TIME_WAIT"]`},
		{"orphan", `["w = socket(tcp)", "bind(w, x:80)", "listen(w, 5)", "c = socket(tcp)", "connect(c, x:80)",
			"s = accept(w)", "close(s)"]`},
		{"open", `["w = socket(tcp)", "bind(w, x:80)", "listen(w, 5)"]`},
		{"connected", `["w = socket(tcp)", "bind(w, x:80)", "listen(w, 5)", "c = socket(tcp)", "connect(c, x:80)", "s = accept(w)"]`},
		{"lingering", `["w = socket(tcp)", "bind(w, x:80)", "listen(w, 5)", "c = socket(tcp)", "setsockopt(c, SO_LINGER, {1, 9})", "connect(c, x:80)"]`},
		{"peer", `[{peer/p: ["w = socket(tcp)", "bind(w, x:80)", "listen(w, 5)"]}, "c = socket(tcp)", "bind(c, x:80)", "connect(c, peer.x:80)",
			{peer/p: ["s = accept(w)"]}, "close(c)", {peer/p: ['recv(s) = ""', "close(s)"]}, "sockets(x:80) = TIME_WAIT"]`},
		{"udp", `["u = socket(udp)", "bind(u, any:80)"]`},
		{"six", `["u = socket(tcp6)", "bind(u, any6:80)", "listen(u, 1)"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := mustParse(t, fmt.Sprintf(`
experiments:
  planted:
    hosts: [alpha]
    axes: {turn: ["1", "2", "3", "4"], what: {leave: %s, look: []}}
    steps:
      - ${what}
      - "t${turn} = socket(tcp)"
      - "setsockopt(t${turn}, SO_REUSEADDR, 0)"
      - "bind(t${turn}, x:81)"
      - v = socket(udp)
      - bind(v, x:81)
`, c.planted))
			if !mustAsk(t, top).Shares {
				t.Fatal("its cells are to share labs")
			}
			// What looks binds port 80 too; what leaves has done so itself.
			for i := range top.Experiments[0].Slots {
				slot := &top.Experiments[0].Slots[i]
				if len(slot.Axes) == 1 && len(slot.Variants) == 2 {
					slot.Variants[1] = mustParse(t, look).Experiments[0].Slots[0].Variants[0]
				}
			}
			for _, o := range []run.Options{inBatches, {}} {
				for _, line := range outcomes(mustRun(t, running, top, o)) {
					if !strings.Contains(line, ": pass ok") {
						t.Error(line)
					}
				}
			}
		})
	}
}

const look = `
experiments:
  look:
    steps: [{"main": ["p = socket(tcp)", "bind(p, any:80)", "listen(p, 5)", "q = socket(udp)", "bind(q, any:80)",
      "sockets(any:80) = LISTEN UNCONN"]}]
`
