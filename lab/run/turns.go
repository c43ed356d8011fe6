package run

import (
	"sync"
	"time"
)

// turns bounds how many cells are busy at a time, as -j has it. A cell that waits, for
// a call to be given up or for a state to come, needs no processor, so another one
// starts meanwhile: a file of sixty calls that block takes as long as a few of them.
type turns struct {
	mu      sync.Mutex
	next    sync.Cond
	free    int // negative while cells go on that were waiting
	workers sync.WaitGroup
	spare   int // how many more workers there may be
}

// mostWaiting bounds the labs that are up at a time beyond those of busy cells, where Options do not.
const mostWaiting = 32

// waits is how long a step is busy before it counts as waiting.
const waits = 20 * time.Millisecond

func newTurns(n, waiting int) *turns {
	t := &turns{free: n, spare: n + waiting}
	t.next.L = &t.mu
	return t
}

// begin waits for a turn.
func (t *turns) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.free <= 0 {
		t.next.Wait()
	}
	t.free--
}

func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.next.Signal()
}

// resume goes on without waiting for a turn: nothing may come between an answer and
// the next call, which states of the kernel may end in the meantime.
func (t *turns) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free--
}

// begins starts a worker, unless there are as many as there may be.
func (t *turns) begins(work func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spare == 0 {
		return
	}
	t.spare--
	t.workers.Go(func() {
		work()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.spare++
	})
}

// lend runs f, and gives the turn to another cell while f waits, which beside may start.
// A nil turns only runs f.
func (t *turns) lend(f, beside func()) {
	if t == nil {
		f()
		return
	}
	given := make(chan bool, 1)
	timer := time.AfterFunc(waits, func() {
		beside()
		t.end()
		given <- true
	})
	f()
	if !timer.Stop() {
		<-given
		t.resume()
	}
}
