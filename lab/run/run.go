package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/kernel"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/shard"
)

// Options say which cells run, and how.
type Options struct {
	Jobs    int                                       // cells that are busy at a time, at least one; more may wait meanwhile
	Waiting int                                       // how many more, which take memory; 0 is 32
	Only    func(e *lab.Experiment, c lab.Combo) bool // nil takes all
	// Cell says of each cell that Only takes whether it runs in a host; nil takes all.
	Cell     func(e *lab.Experiment, host string, c lab.Combo) bool
	Hosts    []string              // columns; empty takes all
	Progress func(done, total int) // called after every cell, not concurrently; may be nil
	FailFast bool                  // after the first cell that failed or is an error, those behind it are skips
	Runs     int                   // runs all so often; a cell that answers differently has failed. 0 is 1
	Apart    bool                  // each cell has a lab of its own, as a kernel wants it that captures packets

	// Seconds gets how long each cell took, over all runs, as result.Environment has it;
	// may be nil.
	Seconds *[][]float32

	// Share says which of the groups of cells run, all where it is zero. What its run returns has no cells that were not
	// asked or not answered before ctx was cancelled: those are for another run, which is given Had.
	Share shard.Share
	// Had is what an earlier run of the share has. Its cells are not asked again, unless they are errors. May be nil.
	Had *Part
	// Checkpoint gets from time to time what the share has, and is called no more when Run returns. It may be nil, and
	// is called only in the last one of several Runs: a cell has no answer before.
	Checkpoint func(Part)

	// Evidence is the most cells that an experiment may have in a host for a look at
	// the sockets after every errno; of one with more the red steps are looked into.
	// It takes ten times as long as the calls. 0 is 1000, and -1 is none.
	Evidence int

	// Outputs asks what programs print, of cells that pass too.
	Outputs bool

	// Red is called for every cell that failed or is an error, not concurrently; it
	// has to be quick. Pause is called for the first one that failed, with a matrix of
	// it alone, while its lab is up. Both may be nil.
	Red   func(m *result.Matrix, c *result.Cell)
	Pause func(ctx context.Context, m *result.Matrix, k kernel.Kept)
}

// Run asks a kernel for the experiments of the topologies and reports what it
// answered. Cancelling ctx ends the run early: cells that had not finished are
// errors, with the cause of the cancellation as their reason, and those of a share are
// not there. Run itself fails when a feature that answers depend on could not be looked for,
// and when the part of an earlier run is one of something else.
func Run(ctx context.Context, k kernel.Kernel, version lab.KernelVersion, topologies []*lab.Topology,
	o Options) ([]result.Matrix, error) {
	kernels := make([]lab.Kernel, len(topologies))
	for i, t := range topologies {
		var err error
		if kernels[i], err = Probe(ctx, k, version, t); err != nil {
			return nil, err
		}
	}
	var all repeated
	p := newProgress(ctx, o)
	places := capture.Places(topologies)
	state := newState(topologies, &o)
	for n := range max(o.Runs, 1) {
		if n > 0 && p.isCut() {
			break
		}
		matrices := make([]result.Matrix, len(topologies))
		groups := make([][]*group, len(topologies))
		for i, t := range topologies {
			m := &matrix{Matrix: &matrices[i], on: kernels[i], words: &interned{slices: map[string]*[]string{}},
				place: places[i]}
			var err error
			if groups[i], err = m.prepare(t, o); err != nil {
				return nil, err
			}
		}
		var jobs []*job
		total := 0
		for i, mine := range shareOf(groups, o.Share) {
			own, err := state.jobs(i, &matrices[i], mine)
			if err != nil {
				return nil, err
			}
			for _, j := range own {
				j.number, j.nth = total+j.at, n
			}
			jobs, total = append(jobs, own...), total+len(matrices[i].Cells)
		}
		state.matrices, p.cells = matrices, total
		asked := func() { runAll(ctx, k, p, jobs) }
		if n == p.last() {
			soFar := func() Part {
				return state.part(func(m, c int) result.Cell { return all.with(m, c, &matrices[m].Cells[c]) })
			}
			withCheckpoints(o.Checkpoint, soFar, asked)
		} else {
			asked()
		}
		p.cut(jobs)
		all.add(matrices)
	}
	matrices := all.result()
	if o.Share.IsZero() {
		for i, t := range topologies {
			matrices[i].Claims = result.NewClaims(t)
			matrices[i].Settle()
		}
		if o.Seconds != nil {
			*o.Seconds = state.seconds
		}
		return matrices, nil
	}
	part := state.part(func(m, c int) result.Cell { return matrices[m].Cells[c] })
	if o.Seconds != nil {
		*o.Seconds = part.Seconds
	}
	return part.Matrices, nil
}

// Probe finds out which of the features the kernel has that answers of the
// topology depend on. That is the kernel whose answers are wanted.
func Probe(ctx context.Context, k kernel.Kernel, version lab.KernelVersion, t *lab.Topology) (lab.Kernel, error) {
	has := map[lab.Feature]bool{}
	on := lab.Kernel{Version: version, Has: func(f lab.Feature) bool { return has[f] }}
	needed := question.Features(t)
	for i := range t.Probes {
		e := &t.Probes[i]
		f := lab.Feature{Kind: "probe", Name: e.Name}
		if !slices.Contains(needed, f) {
			continue
		}
		q, err := question.Of(t, e, e.Hosts[0])
		if err != nil {
			return on, err
		}
		r := kernel.Request{Question: q, Combos: []lab.Combo{0}, On: on, Next: once()}
		k.Answer(ctx, r, func(_ int, a kernel.Answer) { err, has[f] = a.Err, a.Passed() })
		if err != nil {
			return on, fmt.Errorf("probe %s: %w", e.Name, err)
		}
	}
	needed = slices.DeleteFunc(needed, func(f lab.Feature) bool { return f.Kind == "probe" })
	tried, err := k.Has(ctx, needed)
	for f, ok := range tried {
		has[f] = ok
	}
	return on, err
}

// once returns the first cell alone.
func once() func() (int, bool) {
	n := -1
	return func() (int, bool) { n++; return n, n == 0 }
}

// Cells returns how many cells of the topologies run on a kernel.
func Cells(topologies []*lab.Topology, o Options) (int, error) {
	groups := make([][]*group, len(topologies))
	for i, t := range topologies {
		m := &matrix{Matrix: &result.Matrix{}}
		var err error
		if groups[i], err = m.prepare(t, o); err != nil {
			return 0, err
		}
	}
	cells := 0
	for _, mine := range shareOf(groups, o.Share) {
		for _, g := range mine {
			cells += len(g.combos)
		}
	}
	return cells, nil
}

// prepare lays the matrix out, without cells, and cuts those into groups.
func (m *matrix) prepare(t *lab.Topology, o Options) ([]*group, error) {
	*m.Matrix = result.Matrix{File: t.File, Name: t.Name, Doc: t.Doc, Lesson: t.Lesson, Source: t.Source,
		Included: t.Included, Layout: t.Layout}
	for _, h := range t.Hosts {
		if len(o.Hosts) == 0 || slices.Contains(o.Hosts, h.Name) {
			m.Columns = append(m.Columns, result.Column{Host: h.Name})
		}
	}
	var groups []*group
	for i := range t.Experiments {
		e := &t.Experiments[i]
		combos := e.Combos
		if o.Only != nil {
			combos = slices.DeleteFunc(slices.Clone(combos), func(c lab.Combo) bool { return !o.Only(e, c) })
		}
		if o.Cell != nil { // an experiment without a cell has no row
			combos = slices.DeleteFunc(slices.Clone(combos), func(c lab.Combo) bool {
				return !slices.ContainsFunc(m.Columns, func(on result.Column) bool {
					return e.RunsOn(on.Host) && o.Cell(e, on.Host, c)
				})
			})
		}
		if len(combos) == 0 {
			continue
		}
		r := &row{matrix: m, experiment: e, index: int32(len(m.Rows)),
			evidence: len(combos) <= cmp.Or(o.Evidence, evidenceCells)}
		m.Rows = append(m.Rows, result.NewRow(e, m.on))
		size, jobSize := 0, 0
		var costs *coster
		for column, on := range m.Columns {
			if !e.RunsOn(on.Host) {
				continue
			}
			of := sync.OnceValues(func() (*question.Question, error) { return question.Of(t, e, on.Host) })
			if size == 0 { // the same in every host
				q, err := of()
				if err != nil {
					return nil, err
				}
				jobSize = chunkOf(q, o.Apart, r.evidence, len(combos))
				size = jobSize
				if o.Share.Of > 1 {
					size, costs = groupSize(q, len(combos), o.Share.Of), newCoster(q, len(combos))
				}
			}
			mine := combos
			if o.Cell != nil {
				mine = slices.DeleteFunc(slices.Clone(combos), func(c lab.Combo) bool { return !o.Cell(e, on.Host, c) })
			}
			for chunk := range slices.Chunk(mine, size) {
				g := &group{row: r, question: of, column: int32(column), combos: chunk, jobSize: jobSize}
				if costs != nil {
					g.cost = costs.of(chunk)
				}
				groups = append(groups, g)
			}
		}
	}
	return groups, nil
}

// runAll runs the jobs, several at a time.
func runAll(ctx context.Context, k kernel.Kernel, p *progress, jobs []*job) {
	var next atomic.Int64
	for range jobs {
		p.turns.begins(func() {
			for {
				p.turns.begin()
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					p.turns.end()
					return
				}
				jobs[i].run(ctx, k, p)
				p.turns.end()
			}
		})
	}
	p.turns.workers.Wait()
}
