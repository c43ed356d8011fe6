package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// timeout ends a run that has had its time. It stands still while the user looks
// around in a lab (--pause-on-fail): that time is not the run's.
type timeout struct {
	mu      sync.Mutex
	timer   *time.Timer // nil when there is no end
	left    time.Duration
	running time.Time // since when
	cancel  context.CancelCauseFunc
}

// withTimeout returns a context that ends when d is over, 0 is never, and what
// makes its clock stand still.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, *timeout) {
	t := &timeout{left: d}
	if d == 0 {
		return ctx, t
	}
	ctx, t.cancel = context.WithCancelCause(ctx)
	t.running = time.Now()
	t.timer = time.AfterFunc(d, func() { t.cancel(fmt.Errorf("--timeout %s was over", d)) })
	return ctx, t
}

// halt makes the clock stand still.
// Stop reports false where the time is over already: then nothing is left to keep.
func (t *timeout) halt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil && t.timer.Stop() {
		t.left -= time.Since(t.running)
	}
}

// resume makes it go on. Where the time was over already, it is.
func (t *timeout) resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.running = time.Now()
		t.timer.Reset(t.left)
	}
}

// end is the end of the run.
func (t *timeout) end() {
	if t.timer != nil {
		t.timer.Stop()
		t.cancel(nil)
	}
}
