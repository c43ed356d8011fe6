package run

import (
	"cmp"
	"context"
	"math"
	"sync"
	"sync/atomic"

	"labrun/lab/kernel"
	"labrun/lab/result"
)

// progress is the state that the jobs of a run share: the first red cell, and the
// callbacks.
type progress struct {
	Options
	ended  func() bool  // whether the run is to end early: red cells then say nothing
	limit  atomic.Int64 // with FailFast, the number of the first red cell in the order of the file
	paused atomic.Bool
	red    sync.Mutex
	turns  *turns

	telling sync.Mutex
	cells   int // in a run
	done    int // in all runs
}

func newProgress(ctx context.Context, o Options) *progress {
	p := &progress{Options: o, ended: func() bool { return ctx.Err() != nil },
		turns: newTurns(max(o.Jobs, 1), cmp.Or(o.Waiting, mostWaiting))}
	p.limit.Store(math.MaxInt64)
	return p
}

// note takes note of a cell that did not pass, and of its number among all.
func (p *progress) note(m *result.Matrix, cell *result.Cell, number int) {
	if cell.Verdict != result.Fail && cell.Verdict != result.Error || p.ended() {
		return
	}
	if p.FailFast {
		for n := int64(number); ; {
			before := p.limit.Load()
			if before <= n || p.limit.CompareAndSwap(before, n) {
				break
			}
		}
	}
	if p.Red != nil {
		p.red.Lock()
		defer p.red.Unlock()
		p.Red(m, cell)
	}
}

// tell tells that another cell is done.
func (p *progress) tell() {
	if p.Progress == nil {
		return
	}
	p.telling.Lock()
	defer p.telling.Unlock()
	p.done++
	p.Progress(p.done, p.cells*max(p.Runs, 1))
}

// last is the last of the runs, from 0.
func (p *progress) last() int { return max(p.Runs, 1) - 1 }

// isOver reports whether a cell comes after the one at which the run ends. Those
// before it still run, so that the report is the same with any number of jobs.
func (p *progress) isOver(number int) bool { return int64(number) > p.limit.Load() }

// isCut reports whether the run ends early.
func (p *progress) isCut() bool { return p.limit.Load() != math.MaxInt64 || p.ended() }

// pause shows the first failed cell as its last step left it.
func (p *progress) pause(ctx context.Context, matrix func() result.Matrix, k kernel.Kept) {
	if p.ended() || !p.paused.CompareAndSwap(false, true) {
		return
	}
	m := matrix()
	p.Pause(ctx, &m, k)
}

var notRun = &result.Note{Reason: "not run, --fail-fast"}

// cut makes skips of the cells that come after the first red one, those too that
// another worker had begun with.
func (p *progress) cut(jobs []*job) {
	for _, j := range jobs {
		for i := range j.cells {
			if p.isOver(j.number + i) {
				j.cells[i] = result.Cell{Row: j.index, Column: j.column, Combo: j.combos[i], Verdict: result.Skip, Note: notRun}
			}
		}
	}
}
