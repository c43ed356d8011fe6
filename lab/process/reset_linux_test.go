package process_test

import (
	"os"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/process"
	"labrun/lab/sys"
)

// reset resets a process of the host, and says what the host has then.
func reset(t *testing.T, h *fabric.Host, p *process.Process) (table process.Table) {
	t.Helper()
	if err := p.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := h.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/sockstat")
		table = process.Table{Sockets: sys.Count(text, sys.SocketsUsed), TimeWait: sys.Count(text, sys.TimeWait)}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// left resets until the host has that left: segments are on their way for a moment,
// and the netlink sockets that made a new host's links count until an RCU child.Grace
// period after their close (netlink_release).
func left(t *testing.T, h *fabric.Host, p *process.Process, want process.Table) {
	t.Helper()
	for deadline := time.Now().Add(ample); ; {
		table := reset(t, h, p)
		if table == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the host has %+v, want %+v", table, want)
		}
	}
}

// TestReset leaves nothing behind of two cells.
func TestReset(t *testing.T) {
	l := newLab(t)
	h := l.Host("alpha")
	g := newGroup(t)
	p := mustStartIn(t, g, process.Spec{In: l.Host("alpha").Do, Enter: newFiles(t, l).Enter})
	q := mustStart(t, g, l.Host("alpha"), "other")
	left(t, h, p, process.Table{})
	for range 2 {
		expect(t, []expected{
			{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
			{p, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
			{p, call("", "listen", a, lab.Int(5)), "", 0, "ok"},
			{q, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
			{q, call("", "connect", b), "192.0.2.1:80", ample, "ok"},
			{p, call("c", "accept", a), "", ample, "ok"},
			{q, call("d", "socket", lab.Word("tcp")), "", 0, "ok"},
			{q, call("", "connect", d), "192.0.2.1:80", ample, "ok"}, // nobody accepts it
			{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},   // the listener has no name any more
			{p, call("u", "socket", lab.Word("unix")), "", 0, "ok"},
			{p, call("", "bind", u, lab.Text("name")), "", 0, "ok"},
			{p, call("f", "file"), "", 0, "ok"},
			{p, call("n", "fd", lab.Int(999)), "", 0, "ok"},
		})
		if first := reset(t, h, p); first.Sockets == 0 {
			t.Errorf("while another process has sockets the host has %+v", first)
		}
		left(t, h, q, process.Table{})
		if got, err := try(t, p, call("", "close", u), "", 0); err == nil {
			t.Errorf("after a reset close = %s", got)
		}
	}
}

// TestTimeWait has a connection that ends as usual, which a reset sees.
func TestTimeWait(t *testing.T) {
	l := newLab(t)
	h := l.Host("alpha")
	g := newGroup(t)
	p, q := mustStart(t, g, l.Host("alpha"), "main"), mustStart(t, g, l.Host("alpha"), "other")
	left(t, h, p, process.Table{})
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", 0, "ok"},
		{p, call("", "bind", a), "192.0.2.1:80", 0, "ok"},
		{p, call("", "listen", a, lab.Int(5)), "", 0, "ok"},
		{q, call("b", "socket", lab.Word("tcp")), "", 0, "ok"},
		{q, call("", "connect", b), "192.0.2.1:80", ample, "ok"},
		{p, call("c", "accept", a), "", ample, "ok"},
		{q, call("", "close", b), "", 0, "ok"},
		{p, call("", "recv", c), "", ample, `""`},
		{p, call("", "close", c), "", 0, "ok"},
	})
	reset(t, h, p)
	left(t, h, q, process.Table{TimeWait: 1})
}

// BenchmarkReset is the cost of a reset of nothing, message and all.
func BenchmarkReset(b *testing.B) {
	l := newLab(b)
	p := mustStart(b, newGroup(b), l.Host("alpha"), "main")
	for b.Loop() {
		if err := p.Reset(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
