package local

import (
	"context"
	"fmt"
	"maps"
	"time"

	"labrun/lab/process"
)

// drain is how long a shared lab may take to become empty: segments that are
// under way between its hosts.
const drain = 50 * time.Millisecond

// isEmpty closes every socket of the processes and reports whether the hosts
// then have none at all, TIME_WAIT and orphans included.
func (r *room) isEmpty(ctx context.Context) (bool, error) {
	deadline := time.Now().Add(drain)
	for {
		tables, err := r.reset(ctx)
		if err != nil {
			return false, err
		}
		empty := true
		for host, t := range tables {
			empty = empty && t == r.fresh[host]
		}
		if empty || time.Now().After(deadline) {
			return empty, nil
		}
		for _, t := range tables {
			if t.TimeWait > 0 {
				return false, nil // for the next 60 s
			}
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// reset closes the sockets of every process, and says what each host has left.
func (r *room) reset(ctx context.Context) (map[string]process.Table, error) {
	tables := map[string]process.Table{}
	for _, who := range r.born {
		t, err := r.processes[who].Reset(ctx)
		if err != nil {
			return nil, err
		}
		tables[who.Host] = t
	}
	return tables, nil
}

// measure notes what the hosts have before the first cell: sockets of labrun's
// own. Those that built the lab are closed, but the kernel takes a while to put
// them away (netlink_release defers it to RCU), and nobody may take one of them
// for what a cell has left.
func (r *room) measure(ctx context.Context) error {
	for _, who := range r.born {
		if _, err := r.lab.Host(who.Host).Sockets(); err != nil { // opens the one for that
			return err
		}
	}
	r.fresh = map[string]process.Table{}
	for _, who := range r.born {
		r.fresh[who.Host] = process.Table{Sockets: r.lab.Host(who.Host).OpenSockets()}
	}
	for deadline := time.Now().Add(patience); ; {
		tables, err := r.reset(ctx)
		if err != nil || maps.Equal(tables, r.fresh) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("hosts have sockets %v before the first cell, want %v", tables, r.fresh)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
}

// patience is how long the kernel may take over a grace period of RCU.
const patience = 2 * time.Minute
