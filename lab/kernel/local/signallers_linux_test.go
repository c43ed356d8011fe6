package local

import (
	"testing"

	"labrun/lab"
)

// TestSignallers has senders that are not processes of the experiment: the kernel, and one of which no number is known.
func TestSignallers(t *testing.T) {
	sent := lab.SignallersOf([]string{"kernel", "1", "2"}, []string{"0", "0"})
	asked := lab.Answer{Outcome: lab.OK, From: lab.Signallers{Names: "other", Users: "0"}}
	for _, e := range []struct {
		want lab.Answer
		got  string
	}{{asked, "kernel|other user 0"}, {lab.Answer{Outcome: lab.OK}, "kernel|other"}} {
		if got := (&cell{view: view{room: newRoom()}}).signallers(sent, "alpha", e.want).String(); got != e.got {
			t.Errorf("of %s it tells of %s, want %s", e.want, got, e.got)
		}
	}
}
