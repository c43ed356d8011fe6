package fabric

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// TestForwarding asks for all ports at once, which has to agree with the question for each.
func TestForwarding(t *testing.T) {
	needNetNS(t)
	p := plan.New(dual(3))
	l := mustUp(t, p)
	r := openIn(t, l.fabric)
	var want []string
	for _, o := range p.Ops {
		if o, ok := o.(plan.AddVeth); ok {
			want = append(want, o.Port)
		}
	}
	forwarding := func() []string {
		ports, err := r.forwarding()
		must(t, err)
		for _, name := range want {
			alone, err := r.forwards(name)
			must(t, err)
			if alone != ports[name] {
				t.Errorf("port %q: forwards %v alone, %v among all", name, alone, ports[name])
			}
		}
		return slices.Sorted(maps.Keys(ports))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, forwarding()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	bridge, err := r.indexOf("red")
	must(t, err)
	must(t, r.send(linkDown(bridge)))
	if got := forwarding(); len(got) != 3 || slices.ContainsFunc(got, func(name string) bool { return name[1:] != ".1" }) {
		t.Errorf("with the bridge red down: %q", got)
	}
}

// openIn opens a socket of rtnetlink in a host.
func openIn(t *testing.T, h *Host) (r *rtnl) {
	t.Helper()
	must(t, onThread(func() (err error) {
		if err := enter(h.file); err != nil {
			return err
		}
		r, err = openRTNL()
		return err
	}))
	t.Cleanup(r.close)
	return r
}
