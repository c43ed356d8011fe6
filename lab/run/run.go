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
// errors, with the cause of the cancellation as their reason. Run itself fails
// when a feature that answers depend on could not be looked for.
func Run(ctx context.Context, k kernel.Kernel, version lab.KernelVersion, topologies []*lab.Topology, o Options) ([]result.Matrix, error) {
	kernels := make([]lab.Kernel, len(topologies))
	for i, t := range topologies {
		var err error
		if kernels[i], err = Probe(ctx, k, version, t); err != nil {
			return nil, err
		}
	}
	if o.Seconds != nil {
		*o.Seconds = make([][]float32, len(topologies))
	}
	var all repeated
	p := newProgress(ctx, o)
	places := capture.Places(topologies)
	for n := range max(o.Runs, 1) {
		if n > 0 && p.isCut() {
			break
		}
		matrices := make([]result.Matrix, len(topologies))
		var jobs []*job
		total := 0
		for i, t := range topologies {
			m := &matrix{Matrix: &matrices[i], on: kernels[i], words: &interned{slices: map[string]*[]string{}}, place: places[i]}
			mine, err := m.prepare(t, o)
			if err != nil {
				return nil, err
			}
			if o.Seconds != nil {
				giveSeconds(&(*o.Seconds)[i], mine, len(matrices[i].Cells))
			}
			for _, j := range mine {
				j.number, j.nth = total+j.at, n
			}
			jobs, total = append(jobs, mine...), total+len(matrices[i].Cells)
		}
		p.cells = total
		runAll(ctx, k, p, jobs)
		p.cut(jobs)
		all.add(matrices)
	}
	matrices := all.result()
	for i, t := range topologies {
		matrices[i].Claims = result.NewClaims(t)
		matrices[i].Settle()
	}
	return matrices, nil
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

// prepare lays the matrix out, with room for every cell, and cuts it into jobs.
func (m *matrix) prepare(t *lab.Topology, o Options) ([]*job, error) {
	*m.Matrix = result.Matrix{File: t.File, Name: t.Name, Doc: t.Doc, Lesson: t.Lesson, Source: t.Source,
		Included: t.Included, Layout: t.Layout}
	for _, h := range t.Hosts {
		if len(o.Hosts) == 0 || slices.Contains(o.Hosts, h.Name) {
			m.Columns = append(m.Columns, result.Column{Host: h.Name})
		}
	}
	var jobs []*job
	total := 0
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
		r := &row{matrix: m, experiment: e, index: int32(len(m.Rows)), evidence: len(combos) <= cmp.Or(o.Evidence, evidenceCells)}
		m.Rows = append(m.Rows, result.NewRow(e, m.on))
		size := 0
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
				size = chunkOf(q, o.Apart, r.evidence, len(combos))
			}
			mine := combos
			if o.Cell != nil {
				mine = slices.DeleteFunc(slices.Clone(combos), func(c lab.Combo) bool { return !o.Cell(e, on.Host, c) })
			}
			for chunk := range slices.Chunk(mine, size) {
				jobs = append(jobs, &job{row: r, question: of, column: int32(column), combos: chunk, at: total})
				total += len(chunk)
			}
		}
	}
	m.Cells = make([]result.Cell, total)
	for _, j := range jobs {
		j.cells = m.Cells[j.at : j.at+len(j.combos)]
	}
	return jobs, nil
}

// giveSeconds gives each job the place for the times of its cells. It is the same one
// in every run.
func giveSeconds(seconds *[]float32, jobs []*job, cells int) {
	if *seconds == nil {
		*seconds = make([]float32, cells)
	}
	for _, j := range jobs {
		j.seconds = (*seconds)[j.at : j.at+len(j.combos)]
	}
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
