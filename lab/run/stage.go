package run

import (
	"context"

	"labrun/lab"
	"labrun/lab/fabric"
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
	c := &cell{topology: t, experiment: e, plan: e.StepsOf(combo), subject: host, kernel: kernel}
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

// Close ends the processes and the lab.
func (s *Stage) Close() error { return s.cell.close() }
