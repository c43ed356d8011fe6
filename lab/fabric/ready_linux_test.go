package fabric

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// On a new kernel the first question mostly finds everything ready, so what
// happens otherwise is shown with a question of the test's own.
func TestAwait(t *testing.T) {
	needNetNS(t)
	b := newBuilder(false)
	defer b.lab.Close()
	defer b.close()
	must(t, onThread(func() error {
		if err := b.build(t.Context(), []plan.Op{plan.AddNamespace{NS: "f"}}); err != nil {
			return err
		}
		asked := 0
		err := b.await(t.Context(), "f", unix.RTNLGRP_LINK, func(r *rtnl) (bool, error) {
			asked++
			return asked == 3, r.send(addBridge(plan.AddBridge{Name: fmt.Sprint("br", asked), MAC: plan.MAC{0x0a}}))
		})
		if err != nil || asked != 3 {
			t.Errorf("await = %v after %d questions, want 3", err, asked)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, errNotReady)
		defer cancel()
		err = b.await(ctx, "f", unix.RTNLGRP_LINK, func(*rtnl) (bool, error) { return false, nil })
		if !errors.Is(err, errNotReady) {
			t.Errorf("await without an event = %v, want %v", err, errNotReady)
		}
		return nil
	}))
}
