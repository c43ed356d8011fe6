package run

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/why"
)

// job is cells of one experiment in one host that are asked one after the other.
// Which cells are of one job depends on the file alone, never on the machine.
type job struct {
	*row
	question func() (*question.Question, error) // made when it is first asked for, and shared by jobs
	column   int32
	combos   []lab.Combo
	at       int           // the index of its first cell in the matrix
	cells    []result.Cell // where the results go
	seconds  []float32     // where their times go; nil when nobody asks
	finished bits          // of the matrix, which cells have their answer; nil when nobody asks

	begun  atomic.Int32 // how many cells
	number int          // of its first cell among all cells of the run
	nth    int          // run, from 0
}

// row is what the jobs of an experiment have in common.
type row struct {
	*matrix
	experiment *lab.Experiment
	index      int32
	evidence   bool // of every errno
}

// matrix is what the jobs of a topology have in common.
type matrix struct {
	*result.Matrix
	on    lab.Kernel
	words *interned
	place string // among those of the run
}

// Cells of an experiment without axes are jobs of their own, for the sake of
// many processors. Those of axes may share labs and processes while nothing is left in
// them, so a job has more of them where there are enough for as many jobs as there are
// processors, and where one process does all of it by itself, many are quicker than one
// message.
const (
	manyCells     = 16
	manyJobs      = 32
	moreCells     = 256
	mostCells     = 16384
	evidenceCells = 1000 // see Options
)

func chunkOf(q *question.Question, apart, evidence bool, cells int) int {
	switch {
	case !apart && !evidence && q.Batch != nil:
		return mostCells
	case (apart || !q.Shares) && cells <= evidenceCells: // jobs take memory
		return 1
	}
	return min(max(manyCells, cells/manyJobs), moreCells)
}

// run asks the kernel for those of the job's cells that have not begun. While one of them
// waits, another worker goes on with the next.
func (j *job) run(ctx context.Context, k kernel.Kernel, p *progress) {
	next := func() (int, bool) {
		i := int(j.begun.Add(1)) - 1
		return i, i < len(j.combos) && !p.isOver(j.number+i)
	}
	q, err := j.question()
	if lacks := j.experiment.Lacks(j.on); err != nil || lacks != "" {
		for i, ok := next(); ok; i, ok = next() {
			j.store(p, i, kernel.Answer{Err: err, Skip: lacks})
		}
		return
	}
	beside := func() {
		if int(j.begun.Load()) < len(j.combos) {
			p.turns.begins(func() {
				p.turns.begin()
				defer p.turns.end()
				j.run(ctx, k, p)
			})
		}
	}
	r := kernel.Request{
		Question: q, Combos: j.combos, On: j.on, Evidence: j.evidence, Outputs: p.Outputs, Place: j.place,
		Next:  next,
		Waits: func(f func()) { p.turns.lend(f, beside) },
	}
	if p.Runs > 1 {
		r.Run = j.nth + 1
	}
	if p.Pause != nil {
		r.Red = func(ctx context.Context, i int, a kernel.Answer, kept kernel.Kept) {
			p.pause(ctx, func() result.Matrix { return MatrixOf(j.Matrix, j.experiment, j.combos[i], q, j.on, a) }, kept)
		}
	}
	k.Answer(ctx, r, func(i int, a kernel.Answer) { j.store(p, i, a) })
}

// judge makes a cell of what a kernel said to it.
func judge(a kernel.Answer) result.Cell {
	c := result.Cell{Verdict: result.Pass}
	note := result.Note{Evidence: a.Evidence, Outputs: a.Outputs, Captures: a.Captures}
	switch {
	case a.Skip != "":
		c.Verdict, note.Reason = result.Skip, a.Skip
	case a.Err != nil:
		c.Verdict, note.Reason = result.Error, a.Err.Error()
	case a.Red:
		c.Verdict = result.Fail
	}
	if c.Verdict != result.Pass || note.Evidence != nil || note.Outputs != nil || note.Captures != nil {
		c.Note = &note
	}
	return c
}

// explained returns the answer with the reason of its red step, where one is known, behind what the kernel that was
// asked has found out itself. Reds are few, or a report is not read to its end: the steps are followed once more for
// each.
func explained(q *question.Question, c lab.Combo, a kernel.Answer) kernel.Answer {
	at := len(a.Got) - 1
	if !a.Red || at < 0 || a.Skip != "" || a.Err != nil {
		return a
	}
	i := slices.IndexFunc(a.Evidence, func(s result.Snapshot) bool { return s.Step == at })
	seen := result.Snapshot{Step: at}
	if i >= 0 {
		seen = a.Evidence[i]
	}
	r, ok := why.Of(q, c, a.Got, at, seen.Sockets)
	if !ok {
		return a
	}
	line := r.String()
	if len(seen.Why) > 0 {
		line = r.From()
	}
	seen.Why = append(slices.Clone(seen.Why), line)
	a.Evidence = slices.Clone(a.Evidence)
	if i >= 0 {
		a.Evidence[i] = seen
	} else {
		a.Evidence = append(a.Evidence, seen)
	}
	return a
}

// MatrixOf returns a matrix of one cell: what a kernel said to a combination of an
// experiment in a host. Of the other matrix it has what names the topology.
func MatrixOf(m *result.Matrix, e *lab.Experiment, combo lab.Combo, q *question.Question, on lab.Kernel,
	a kernel.Answer) result.Matrix {
	c := judge(explained(q, combo, a))
	c.Combo = combo
	if len(a.Got) > 0 {
		c.Got = &a.Got
	}
	return result.Matrix{File: m.File, Name: m.Name, Columns: result.OnHosts(q.Host),
		Rows: []result.Row{result.NewRow(e, on)}, Cells: []result.Cell{c}}
}

func (j *job) store(p *progress, i int, a kernel.Answer) {
	if q, err := j.question(); err == nil {
		a = explained(q, j.combos[i], a)
	}
	c := judge(a)
	c.Row, c.Column, c.Combo = j.index, j.column, j.combos[i]
	c.Got = j.words.get(a.Got)
	j.cells[i] = c
	if j.seconds != nil {
		s := float64(j.seconds[i]) + a.Took.Seconds()
		j.seconds[i] = float32(math.Round(s*1e6) / 1e6)
	}
	// What was stopped has no answer; nor has a cell before the last of several runs.
	if isStopped := a.Err != nil && p.ended(); j.finished != nil && !isStopped && j.nth == p.last() {
		j.finished.set(j.at + i)
	}
	p.note(j.Matrix, &j.cells[i], j.number+i)
	p.tell()
}

// interned keeps one copy of equal lists of answers: cells have the same ones by
// the thousand.
type interned struct {
	mu     sync.Mutex
	slices map[string]*[]string
}

func (in *interned) get(words []string) *[]string {
	if len(words) == 0 {
		return nil
	}
	n := 0
	for _, w := range words {
		n += len(w) + 1
	}
	key := make([]byte, 0, n)
	for _, w := range words {
		key = append(append(key, w...), 0)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if same, ok := in.slices[string(key)]; ok {
		return same
	}
	words = append(make([]string, 0, len(words)), words...)
	in.slices[string(key)] = &words
	return &words
}
