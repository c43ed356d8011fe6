package run

import (
	"testing"
	"time"
)

// TestTurns has a busy cell keep its turn, and one that waits lend it.
func TestTurns(t *testing.T) {
	turns := newTurns(1, mostWaiting)
	turns.begin()
	began := make(chan bool)
	done := make(chan bool)
	go func() {
		turns.begin()
		close(began)
		<-done
		turns.end()
		done <- true
	}()
	turns.lend(func() { <-began }, func() {}) // for ever, if the other one had to wait for the end
	select {
	case <-began:
	case <-time.After(time.Minute):
		t.Fatal("nobody else began")
	}
	if turns.free != -1 {
		t.Errorf("%d turns are free while two cells go on, want -1", turns.free)
	}
	done <- true
	<-done
	turns.end()
	if turns.free != 1 {
		t.Errorf("%d turns are free at the end, want 1", turns.free)
	}
}
