package run

import (
	"context"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/process"
)

// Stage is a cell that is kept as its last step left it, to look around in.
type Stage struct {
	Matrix lab.Matrix // with this one cell
	cell   *cell
}

// NewStage runs a combination of an experiment in a host, up to its end or its
// first red step, and keeps its lab and its processes. The caller has to close
// the stage.
func NewStage(ctx context.Context, version lab.KernelVersion, t *lab.Topology, e *lab.Experiment, combo lab.Combo, host string) (*Stage, error) {
	kernel, err := probe(ctx, version, t, fabric.Up)
	if err != nil {
		return nil, err
	}
	c := &cell{topology: t, experiment: e, plan: e.StepsOf(combo), subject: host, kernel: kernel, evidence: true}
	o, err := c.steps(ctx, fabric.Up)
	if err != nil {
		_ = c.close()
		return nil, err
	}
	result := c.result(o, nil)
	result.Combo = combo
	return &Stage{cell: c, Matrix: lab.Matrix{
		File: t.File, Name: t.Name, Hosts: []string{host}, Rows: []lab.Row{lab.NewRow(e, kernel)}, Cells: []lab.Cell{result},
	}}, nil
}

// Host returns a host of the stage's lab, nil when the experiment did not need it.
func (s *Stage) Host(name string) *fabric.Host { return s.cell.lab.Host(name) }

// Files returns /tmp and /run of the stage's hosts, nil when no step needed them.
func (s *Stage) Files() *process.Files { return s.cell.files }

// Sockets returns the sockets of the stage's hosts, in the order of the file, with
// the processes that have them.
func (s *Stage) Sockets(ctx context.Context) ([]lab.Holder, error) {
	c := s.cell
	var all []lab.Holder
	for _, h := range c.topology.Hosts {
		if c.lab.Host(h.Name) == nil {
			continue
		}
		socks, err := c.lab.Host(h.Name).Sockets()
		if err != nil {
			return nil, err
		}
		var ports []uint16
		for _, s := range socks {
			ports = append(ports, s.Local.Port())
		}
		slices.Sort(ports)
		owned, err := c.owned(ctx, h.Name, slices.Compact(ports)...)
		if err != nil {
			return nil, err
		}
		for _, s := range c.withBound(socks, owned) {
			all = append(all, c.holder(h.Name, s, owned))
		}
	}
	named, err := c.unixSockets(ctx, func(string, lab.UnixSocket) bool { return true })
	return append(all, named...), err
}

// Close ends the processes and the lab.
func (s *Stage) Close() error { return s.cell.close() }
