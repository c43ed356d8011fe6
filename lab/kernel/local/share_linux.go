package local

import (
	"context"
	"errors"
	"time"
)

// drain is how long a shared lab may take to become empty: segments that are
// under way between its hosts.
const drain = 50 * time.Millisecond

// isEmpty closes every socket of the processes, ends what connections are left, and reports
// whether the lab is then as it was before the cell.
func (r *room) isEmpty(ctx context.Context) (bool, error) {
	for _, who := range r.born {
		if err := r.processes[who].Reset(ctx); err != nil {
			return false, err
		}
	}
	return r.lab.Clear(ctx, drain)
}

// settle waits until a new lab is empty for the kernel too: sockets that built it are closed,
// and count for a while.
func (r *room) settle(ctx context.Context) error {
	if empty, err := r.lab.Clear(ctx, patience); empty || err != nil {
		return err
	}
	return errors.New("a new lab has sockets before its first cell")
}

// patience is how long the kernel may take over a grace period of RCU.
const patience = 2 * time.Minute
