package run

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"labrun/lab"
	"labrun/lab/result"
)

// state is what the cells of a run have come to while it goes on.
type state struct {
	topologies []*lab.Topology
	o          *Options
	matrices   []result.Matrix
	finished   []bits      // by matrix, which cells have their answer; nil of what is no share
	seconds    [][]float32 // nil when nobody asks
}

func newState(topologies []*lab.Topology, o *Options) *state {
	s := &state{topologies: topologies, o: o, finished: make([]bits, len(topologies))}
	if o.Seconds != nil {
		s.seconds = make([][]float32, len(topologies))
	}
	return s
}

// jobs makes room in a matrix for the cells of groups, and jobs for those that have to be asked.
func (s *state) jobs(i int, m *result.Matrix, groups []*group) ([]*job, error) {
	total := 0
	for _, g := range groups {
		total += len(g.combos)
	}
	m.Cells = make([]result.Cell, total)
	if !s.o.Share.IsZero() {
		s.finished[i] = make(bits, (total+63)/64)
	}
	isFirst := s.seconds != nil && s.seconds[i] == nil // the times of all runs add up
	if isFirst {
		s.seconds[i] = make([]float32, total)
	}
	had, err := newHad(s.o.Had, i, m)
	if err != nil {
		return nil, err
	}
	var jobs []*job
	at := 0
	for _, g := range groups {
		for chunk := range slices.Chunk(g.combos, g.jobSize) {
			start, from := at, at
			upTo := func(to int) {
				if from == to {
					return
				}
				j := &job{row: g.row, question: g.question, column: g.column, combos: chunk[from-start : to-start], at: from,
					cells: m.Cells[from:to], finished: s.finished[i]}
				if s.seconds != nil {
					j.seconds = s.seconds[i][from:to]
				}
				jobs = append(jobs, j)
			}
			for _, combo := range chunk {
				if cell, took, ok := had.take(result.Cell{Row: g.index, Column: g.column, Combo: combo}); ok {
					upTo(at)
					m.Cells[at], from = cell, at+1
					s.finished[i].set(at)
					if isFirst {
						s.seconds[i][at] = took
					}
				}
				at++
			}
			upTo(at)
		}
	}
	return jobs, nil
}

// part returns the cells that have their answer. It may be called while others get theirs: a cell is read after its
// bit. judged returns what a cell of a matrix comes to.
func (s *state) part(judged func(matrix, cell int) result.Cell) Part {
	p := Part{Matrices: make([]result.Matrix, len(s.matrices))}
	if s.seconds != nil {
		p.Seconds = make([][]float32, len(s.matrices))
	}
	for i, t := range s.topologies {
		m := &p.Matrices[i]
		*m = s.matrices[i]
		m.Columns = slices.Clone(m.Columns) // which a report about several kernels changes
		m.Cells = make([]result.Cell, 0, len(s.matrices[i].Cells))
		for c := range s.matrices[i].Cells {
			if !s.finished[i].has(c) {
				p.Lacks++
				continue
			}
			m.Cells = append(m.Cells, judged(i, c))
			if s.seconds != nil {
				p.Seconds[i] = append(p.Seconds[i], s.seconds[i][c])
			}
		}
		m.Claims = result.NewClaims(t)
		m.Settle()
	}
	return p
}

// bits are a set of cells. What was written before a bit was set can be read by whatever finds it set.
type bits []atomic.Uint64

func (b bits) set(i int)      { b[i/64].Or(1 << (i % 64)) }
func (b bits) has(i int) bool { return b[i/64].Load()&(1<<(i%64)) != 0 }

// A checkpoint is made soon, since many runs are short, then more and more seldom: ten thousand shards may write
// into one file system. It never takes more than a twentieth of the time.
const (
	firstCheckpoint = time.Second
	checkpointEvery = 10 * time.Second
	checkpointShare = 20
)

// withCheckpoints runs a function, and saves from time to time what there is, if there is more than the last time.
func withCheckpoints(save func(Part), part func() Part, run func()) {
	if save == nil {
		run()
		return
	}
	over := make(chan struct{})
	var saver sync.WaitGroup
	saver.Go(func() {
		lacks := -1
		for pause := firstCheckpoint; ; {
			select {
			case <-over:
				return
			case <-time.After(pause):
			}
			began := time.Now()
			if p := part(); p.Lacks != lacks {
				lacks = p.Lacks
				save(p)
			}
			pause = max(min(2*pause, checkpointEvery), (checkpointShare-1)*time.Since(began))
		}
	})
	run()
	close(over)
	saver.Wait()
}
