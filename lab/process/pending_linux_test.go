package process_test

import (
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/process"
)

// TestCallsInBackground: more calls wait at once than Go threads run at once, each is told of
// what is its own, and none keeps the process from other calls. The main thread, which waits for requests
// with its P, does not hold them up: the answers are there long before it lets go of that (see recvSoon).
func TestCallsInBackground(t *testing.T) {
	l := newLab(t)
	p := mustStartIn(t, newGroup(t), process.Spec{In: l.Host("alpha").Do})
	ask(t, p, call("a", "socket", lab.Word("unix-dgram")), "", 0)
	const calls = 100
	name := func(i int) string { return "r" + lab.Int(i).String() }
	for i := range calls {
		if err := p.Begin(t.Context(), name(i), process.Args{Call: call("", "recv", lab.Sock("a"))}, nil); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	ask(t, p, call("", "shutdown", lab.Sock("a"), lab.Word("SHUT_RD")), "", 0)
	for i := range calls {
		got, err := try(t, p, call("", "answer", lab.Pending(name(i))), "", lab.BlockedLimit)
		if err != nil || got != `""` {
			t.Errorf("call %d answers %s, %v", i, got, err)
		}
	}
	t.Logf("%d answers in %v", calls, time.Since(began))
}
