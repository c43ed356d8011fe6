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
func (c command) pause(topologies []*lab.Topology, s *status, clock *timeout) func(context.Context, *result.Matrix,
	kernel.Kept) {
	return func(ctx context.Context, m *result.Matrix, kept kernel.Kept) {
		clock.halt()
		defer clock.resume()
		s.pause()
		defer s.hide(false)
		if err := c.lookAround(ctx, topologies, m, kept.(*local.Kept)); err != nil {
			c.complain(fmt.Errorf("--pause-on-fail: %w", err))
		}
	}
}

func (c command) lookAround(ctx context.Context, topologies []*lab.Topology, m *result.Matrix, kept *local.Kept) error {
	if err := textFor(c.stderr).Last(c.stderr, m, &m.Cells[0]); err != nil {
		return err
	}
	sockets, err := kept.Sockets(ctx)
	if err != nil {
		return err
	}
	writeSockets(c.stderr, sockets)
	t := topologies[0]
	for _, other := range topologies {
		if other.File == m.File {
			t = other
		}
	}
	h := t.Host(m.Columns[0].Host)
	up := keptLab(t, kept) // which the run closes
	program := up.program(h)
	program.AllProcesses = true // ss -p is to find the experiment's
	if err := asShell(&program); err != nil {
		return err
	}
	if program.Folder != nil {
		defer program.Folder.Close()
	}
	others, err := holdOthers(up, h, true)
	if err != nil {
		return err
	}
	defer others.close()
	_, err = program.Run(func(pid int) {
		fmt.Fprintf(c.stderr, "host %s of %s as it failed: %s\nfrom another terminal: %s\n", h.Name, t.Name, nics(h),
			nsenter(pid))
		others.write(c.stderr)
		up.tellFiles(c.stderr)
		fmt.Fprintln(c.stderr, "the run goes on when this shell ends")
	})
	return err
}

// writeSockets lists the sockets of all hosts.
func writeSockets(w io.Writer, sockets []result.SocketInfo) {
	if len(sockets) == 0 {
		fmt.Fprintln(w, "no socket has a port or a name, on any host")
		return
	}
	fmt.Fprintln(w, "the sockets of all hosts:")
	for _, s := range sockets {
		fmt.Fprintln(w, "  "+s.String())
	}
}

// canPause says why there can be no shell, or nothing.
func (c command) canPause() error {
	if !terminal(os.Stdin) || !terminal(c.stderr) {
		return usagef("--pause-on-fail opens a shell, which takes a terminal; \"labrun shell --after EXPERIMENT " +
			"FILE HOST\" runs one cell and takes commands from a pipe, too")
	}
	return nil
}
