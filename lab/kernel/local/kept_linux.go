package local

import (
	"context"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/kernel"
	"labrun/lab/program"
	"labrun/lab/question"
	"labrun/lab/result"
)

// Kept is a cell as its last step left it, to look around in.
type Kept struct{ cell *cell }

// Keep asks one cell of a question, up to its end or its first red step, and keeps its
// lab and its processes. The caller has to close what is kept, which is nil when the
// cell could not be asked.
func Keep(ctx context.Context, q *question.Question, combo lab.Combo, on lab.Kernel) (*Kept, kernel.Answer) {
	c := newCell(q, combo, on)
	c.evidence = true
	o, err := c.run(ctx, fabric.Up)
	if err != nil {
		_ = c.close()
		return nil, c.result(o, err)
	}
	return &Kept{c}, c.result(o, nil)
}

// Host returns a host of the lab, nil when the experiment did not need it.
func (k *Kept) Host(name string) *fabric.Host { return k.cell.lab.Host(name) }

// Sockets returns the sockets of the hosts, in the order of the file, with the processes
// that have them.
func (k *Kept) Sockets(ctx context.Context) ([]result.SocketInfo, error) {
	c := k.cell
	var all []result.SocketInfo
	for _, host := range c.q.Hosts {
		socks, err := c.lab.Host(host).Sockets()
		if err != nil {
			return nil, err
		}
		var ports []uint16
		for _, s := range socks {
			ports = append(ports, s.Local.Port())
		}
		slices.Sort(ports)
		owned, err := c.owned(ctx, host, slices.Compact(ports)...)
		if err != nil {
			return nil, err
		}
		for _, s := range c.withBound(socks, owned) {
			all = append(all, c.holder(host, s, owned))
		}
	}
	named, err := c.unixSockets(ctx, func(string, lab.UnixSocket) bool { return true })
	return append(all, named...), err
}

// Files returns /tmp and /run of the hosts, nil when no step needed them.
func (k *Kept) Files() *program.Files { return k.cell.files }

// Close ends the processes and the lab.
func (k *Kept) Close() error { return k.cell.close() }
