package labtest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/kernel/local"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/sys"
	"labrun/lab/topology"
)

// Run is Run of these cells only.
func (o Options) Run(t *testing.T, file string) {
	t.Helper()
	top, err := topology.Load(topology.Source{File: file})
	if err != nil {
		t.Fatal(err) // even where nothing can run
	}
	for _, w := range topology.Warnings(top) {
		t.Log(w)
	}
	for _, h := range o.Hosts {
		if top.Host(h) == nil {
			t.Fatalf("%s has no host %q", file, h)
		}
	}
	only := o.selection(t, file, top)
	t.Run(top.Name, func(t *testing.T) {
		if !inMain {
			t.Fatal("the processes of a lab are this program: let TestMain call labtest.Main")
		}
		NeedNetNS(t)
		m := o.matrix(t, top, only)
		if len(m.Cells) == 0 {
			t.Fatalf("%s: no cell to run", file)
		}
		tell(t, m)
	})
}

// matrix runs the cells, and gives up before the test's own time is over.
func (o Options) matrix(t *testing.T, top *lab.Topology,
	only func(*lab.Experiment, lab.Combo) bool) *result.Matrix {
	t.Helper()
	version, err := sys.KernelVersion()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if end, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, end.Add(-graceOf(time.Until(end))),
			errors.New("the time of -timeout was over"))
		defer cancel()
	}
	jobs := o.Jobs
	if jobs == 0 {
		jobs = runtime.NumCPU()
	}
	kernel, err := local.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	matrices, err := run.Run(ctx, kernel, version, []*lab.Topology{top},
		run.Options{Jobs: jobs, Only: only, Hosts: o.Hosts})
	if err != nil {
		t.Fatal(err)
	}
	return &matrices[0]
}

// graceOf is how much of the time left is for telling what came of it. Processes
// that the race detector watches take a second each to exit (atexit_sleep_ms).
func graceOf(left time.Duration) time.Duration { return min(left/2, 5*time.Second) }

// tell makes a subtest of every cell, in the order of the file. The hosts of one
// experiment, or of one combination of its axes, are together.
func tell(t *testing.T, m *result.Matrix) {
	t.Helper()
	type line struct {
		row   int32
		combo lab.Combo
	}
	var lines []line
	cells := map[line][]*result.Cell{}
	for i := range m.Cells {
		c := &m.Cells[i]
		l := line{c.Row, c.Combo}
		if cells[l] == nil {
			lines = append(lines, l)
		}
		cells[l] = append(cells[l], c)
	}
	for _, l := range lines {
		t.Run(m.NameOf(cells[l][0]), func(t *testing.T) {
			for _, c := range cells[l] {
				t.Run(m.ColumnOf(c), func(t *testing.T) { judge(t, m, c) })
			}
		})
	}
}

// judge passes a verdict on.
func judge(t *testing.T, m *result.Matrix, c *result.Cell) {
	t.Helper()
	switch c.Verdict {
	case result.Pass:
	case result.Skip:
		t.Skip(c.Reason())
	case result.Error:
		t.Fatalf("labrun could not ask\n%s", report.Explain(m, c))
	default:
		t.Errorf("%s on %s\n%s", m.NameOf(c), m.ColumnOf(c), report.Explain(m, c))
	}
}
