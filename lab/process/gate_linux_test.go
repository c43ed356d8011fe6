package process_test

import (
	"slices"
	"testing"

	"labrun/lab"
	"labrun/lab/process"
)

// TestGate holds calls of two processes, which wait until the gate is opened; one that is closed over them
// is an error, and not an answer.
func TestGate(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	both := []*process.Process{mustStart(t, g, l.Host("alpha"), "p"), mustStart(t, g, l.Host("alpha"), "q")}
	answerOf := func(p *process.Process) (string, error) {
		return try(t, p, call("", "answer", lab.Pending("r")), "", soon)
	}
	hold := func(gate *process.Gate) {
		t.Helper()
		for _, p := range both {
			listen := process.Args{Call: call("", "listen", lab.Sock("a"), lab.Int(5))}
			if err := p.Begin(t.Context(), "r", listen, gate); err != nil {
				t.Fatal(err)
			}
			if got, err := answerOf(p); err != nil || got != "blocked" {
				t.Fatalf("at a closed gate: %v, %v", got, err)
			}
		}
	}
	for _, p := range both {
		ask(t, p, call("a", "socket", lab.Word("tcp")), "", 0)
		ask(t, p, call("", "setsockopt", lab.Sock("a"), lab.Word("SO_REUSEADDR"), lab.Int(1)), "", 0)
		ask(t, p, call("", "bind", lab.Sock("a"), lab.Addr{Name: "lo", Port: lab.Port{Number: 80}}), "127.0.0.1:80", 0)
	}
	gate, err := process.NewGate()
	if err != nil {
		t.Fatal(err)
	}
	hold(gate)
	if err := gate.Open(); err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, p := range both {
		got, err := answerOf(p)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, got)
	}
	gate.Close()
	if !slices.Contains(outcomes, "EADDRINUSE") {
		t.Errorf("two listens at the same instant: %v", outcomes)
	}
	if gate, err = process.NewGate(); err != nil {
		t.Fatal(err)
	}
	hold(gate)
	gate.Close()
	for _, p := range both {
		if got, err := answerOf(p); err == nil {
			t.Errorf("the gate was closed, and the answer is %v", got)
		}
	}
}
