package run

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"labrun/lab"
	"labrun/lab/fabric"
)

// job is cells of one experiment in one host that run one after the other.
// Which cells are of one job depends on the file alone, never on the machine.
type job struct {
	topology   *lab.Topology
	experiment *lab.Experiment
	kernel     lab.Kernel
	subject    string
	words      *interned
	soloist    *lab.Process // makes every call by itself, nil when none does
	sharing    bool         // its cells may share a lab
	evidence   bool         // of every errno

	row, host int32
	combos    []lab.Combo
	at        int        // the index of its first cell in the matrix
	cells     []lab.Cell // where the results go
	seconds   []float32  // where their times go; nil when nobody asks

	begun  atomic.Int32 // how many cells
	course *course
	turns  *turns
	matrix *lab.Matrix
	number int // of its first cell among all cells of the run

	place string // of its topology, among captures
	nth   int    // run, from 0
}

// Cells of an experiment without axes are jobs of their own, for the sake of
// many processors. Those of axes share labs while nothing is left in them, and
// where one process does all of it by itself, many are quicker than one message.
const (
	manyCells     = 16
	mostCells     = 16384
	evidenceCells = 1000 // see Options
)

func chunkOf(sharing bool, soloist *lab.Process, cells int) int {
	switch {
	case soloist != nil:
		return mostCells
	case !sharing && cells <= evidenceCells: // jobs take memory
		return 1
	}
	return manyCells
}

// run runs the job's cells; tell is told how many more are done.
func (j *job) run(ctx context.Context, build builder, tell func(int)) {
	if !j.solo(ctx, build, tell) {
		j.rest(ctx, build, tell)
	}
}

// next returns the next cell that nobody has begun, unless none is left.
func (j *job) next() (i int, ok bool) {
	i = int(j.begun.Add(1)) - 1
	return i, i < len(j.combos)
}

// rest runs the cells that nobody has begun, one after the other. While one of them
// waits, another worker goes on with the next.
func (j *job) rest(ctx context.Context, build builder, tell func(int)) {
	var kept *set
	sharing := len(j.combos) > 1 && j.sharing
	beside := func() {
		if int(j.begun.Load()) < len(j.combos) {
			j.turns.begins(func() {
				j.turns.begin()
				defer j.turns.end()
				j.rest(ctx, build, tell)
			})
		}
	}
	for i, ok := j.next(); ok && !j.course.isOver(j.number+i); {
		began := time.Now()
		c, steps, err := j.ask(ctx, build, j.combos[i], beside, kept, sharing)
		result := c.result(steps, err)
		result.Note = c.recorder.note(result.Note)
		j.course.pause(ctx, j, c, i, result)
		next, more := j.next()
		kept, err = c.leave(ctx, sharing && err == nil && more)
		if err != nil && result.Verdict != lab.Error {
			result.Verdict, result.Note = lab.Error, c.recorder.note(&lab.Note{Reason: err.Error()})
		}
		j.store(i, result, steps.got)
		j.took(i, i+1, time.Since(began))
		tell(1)
		i, ok = next, more
	}
	_ = kept.close()
}

// tries is how often a cell is asked where the machine was too busy for the answer to
// be the kernel's alone.
const tries = 4

// ask runs the steps of a cell, in a set that was kept for it if not nil. It does so
// again, in a new lab, when segments came late: that may have ended a TIME_WAIT. A file
// may lose segments on purpose, so the last time counts.
func (j *job) ask(ctx context.Context, build builder, combo lab.Combo, beside func(), kept *set, sharing bool) (*cell, outcome, error) {
	for try := 1; ; try++ {
		c := j.cell(combo)
		c.set, c.sharing, c.beside = kept, sharing, beside
		c.recorder = j.recorder(combo)
		o, err := c.steps(ctx, build)
		if err != nil || try == tries || c.recorder != nil || !c.wasLate() {
			return c, o, err
		}
		if err := c.close(); err != nil {
			return c, o, err
		}
		kept = nil
	}
}

// wasLate reports whether a host may have lost a TIME_WAIT to segments that came late.
// Only a connection that ended in the cell leaves one.
func (c *cell) wasLate() bool {
	ends := slices.ContainsFunc(c.plan, func(s *lab.Step) bool {
		return slices.Contains([]string{"close", "shutdown", "exit", "kill", "exec"}, s.Call.Name)
	})
	connects := slices.ContainsFunc(c.plan, func(s *lab.Step) bool { return s.Call.Name == "connect" })
	if !ends || !connects {
		return false
	}
	var all fabric.Busy
	for _, h := range c.topology.Hosts {
		if c.lab.Host(h.Name) == nil {
			continue
		}
		if b, err := c.lab.Host(h.Name).Busy(); err == nil {
			all.Again, all.Resets = all.Again || b.Again, all.Resets || b.Resets
		}
	}
	return all.Again && all.Resets
}

func (j *job) cell(combo lab.Combo) *cell {
	return &cell{
		topology: j.topology, experiment: j.experiment, plan: j.experiment.StepsOf(combo), subject: j.subject, kernel: j.kernel,
		evidence: j.evidence, turns: j.turns,
	}
}

// took adds the time of some cells, which have a share each.
func (j *job) took(from, to int, d time.Duration) {
	if j.seconds == nil || to <= from {
		return
	}
	for i := from; i < to; i++ {
		s := float64(j.seconds[i]) + d.Seconds()/float64(to-from)
		j.seconds[i] = float32(math.Round(s*1e6) / 1e6)
	}
}

func (j *job) store(i int, c lab.Cell, got []string) {
	c.Row, c.Host, c.Combo = j.row, j.host, j.combos[i]
	c.Got = j.words.get(got)
	j.cells[i] = c
	j.course.saw(j.matrix, &j.cells[i], j.number+i)
}
