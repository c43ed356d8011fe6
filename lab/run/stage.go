package run

import (
	"context"

	"labrun/lab"
	"labrun/lab/fabric"
)

// Stage is a cell that is kept as its last step left it, to look around in.
type Stage struct {
	Result lab.Cell
	cell   *cell
}

// NewStage runs an experiment in a host, up to its end or its first red step,
// and keeps its lab and its processes. The caller has to close the stage.
func NewStage(ctx context.Context, kernel lab.KernelVersion, t *lab.Topology, e *lab.Experiment, host string) (*Stage, error) {
	c := &cell{topology: t, experiment: e, subject: host, kernel: kernel}
	steps, err := c.steps(ctx, fabric.Up)
	if err != nil {
		_ = c.close()
		return nil, err
	}
	return &Stage{Result: c.result(steps, nil), cell: c}, nil
}

// Host returns a host of the stage's lab, nil when the experiment did not need it.
func (s *Stage) Host(name string) *fabric.Host { return s.cell.lab.Host(name) }

// Close ends the processes and the lab.
func (s *Stage) Close() error { return s.cell.close() }
