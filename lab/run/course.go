package run

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"labrun/lab"
	"labrun/lab/fabric"
)

// course is the state shared by the jobs of a run: the first failed cell and the callbacks.
type course struct {
	Options
	ended  func() bool  // whether the run is to end early: red cells then say nothing
	limit  atomic.Int64 // with FailFast, the number of the first red cell in the order of the file
	paused atomic.Bool
	red    sync.Mutex
	taps   *fabric.Taps // with Capture
}

func newCourse(ctx context.Context, o Options) *course {
	c := &course{Options: o, ended: func() bool { return ctx.Err() != nil }}
	c.limit.Store(math.MaxInt64)
	return c
}

// saw takes note of a cell that did not pass, and of its number among all.
func (c *course) saw(m *lab.Matrix, cell *lab.Cell, number int) {
	if cell.Verdict != lab.Fail && cell.Verdict != lab.Error || c.ended() {
		return
	}
	if c.FailFast {
		for n := int64(number); ; {
			before := c.limit.Load()
			if before <= n || c.limit.CompareAndSwap(before, n) {
				break
			}
		}
	}
	if c.Red != nil {
		c.red.Lock()
		defer c.red.Unlock()
		c.Red(m, cell)
	}
}

// isOver reports whether a cell comes after the one at which the run ends. Those
// before it still run, so that the report is the same with any number of jobs.
func (c *course) isOver(number int) bool { return int64(number) > c.limit.Load() }

// isCut reports whether the run ends early.
func (c *course) isCut() bool { return c.limit.Load() != math.MaxInt64 || c.ended() }

// pause shows the first failed cell to whom that was promised, as its last step
// left it.
func (c *course) pause(ctx context.Context, j *job, at *cell, i int, result lab.Cell) {
	if c.Pause == nil || result.Verdict != lab.Fail || c.ended() || !c.paused.CompareAndSwap(false, true) {
		return
	}
	result.Row, result.Host, result.Combo = 0, 0, j.combos[i]
	c.Pause(ctx, &Stage{cell: at, Matrix: lab.Matrix{
		File: j.topology.File, Name: j.topology.Name, Hosts: []string{j.subject},
		Rows: []lab.Row{lab.NewRow(j.experiment, j.kernel)}, Cells: []lab.Cell{result},
	}})
}

var notRun = &lab.Note{Reason: "not run, --fail-fast"}

// cut makes skips of the cells that come after the first red one, those too that
// another worker had begun with.
func (c *course) cut(jobs []*job) {
	for _, j := range jobs {
		for i := range j.cells {
			if c.isOver(j.number + i) {
				j.cells[i] = lab.Cell{Row: j.row, Host: j.host, Combo: j.combos[i], Verdict: lab.Skip, Note: notRun}
			}
		}
	}
}
