package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/kernel/local"
	"labrun/lab/result"
)

// pause opens a shell in the host of a failed cell, whose lab waits meanwhile as its
// last step left it. --timeout has time to spare meanwhile.
func pause(stderr io.Writer, topologies []*lab.Topology, s *status, clock *timeout) func(context.Context,
	*result.Matrix, kernel.Kept) {
	return func(ctx context.Context, m *result.Matrix, kept kernel.Kept) {
		clock.halt()
		defer clock.resume()
		s.pause()
		defer s.hide(false)
		if err := lookAround(ctx, stderr, topologies, m, kept.(*local.Kept)); err != nil {
			complain(stderr, fmt.Errorf("--pause-on-fail: %w", err))
		}
	}
}

// lookAround says how the cell failed and which sockets stand, and opens the shell. Sockets are
// listed before it: many a question is answered by them, and the shell is left at once.
func lookAround(ctx context.Context, stderr io.Writer, topologies []*lab.Topology, m *result.Matrix,
	kept *local.Kept) error {
	if err := tell(ctx, stderr, m, kept, true); err != nil {
		return err
	}
	t := topologies[0]
	for _, other := range topologies {
		if other.File == m.File {
			t = other
		}
	}
	h := t.Host(m.Columns[0].Host)
	up := keptLab(t, kept) // which the run closes
	_, err := up.shell(stderr, h, " as it failed", "the run goes on when this shell ends")
	return err
}

// canPause says why there can be no shell, or nothing.
func canPause(stderr io.Writer) error {
	if !terminal(os.Stdin) || !terminal(stderr) {
		return usagef("--pause-on-fail opens a shell, which takes a terminal; \"labrun shell --after EXPERIMENT " +
			"FILE HOST\" runs one cell and takes commands from a pipe, too")
	}
	return nil
}
