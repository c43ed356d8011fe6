package run

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/fabric"
)

// Options say which cells run, and how.
type Options struct {
	Jobs     int                                       // cells that are busy at a time, at least one; more may wait meanwhile
	Only     func(e *lab.Experiment, c lab.Combo) bool // nil takes all
	Hosts    []string                                  // columns; empty takes all
	Progress func(done, total int)                     // called after every cell or more, not concurrently; may be nil
	FailFast bool                                      // after the first cell that failed or is an error, those behind it are skips
	Runs     int                                       // runs all so often; a cell that answers differently has failed. 0 is 1
	Capture  *capture.Folder                           // gets the packets of every cell, which has a lab of its own then; nil is nowhere

	// Seconds gets how long each cell took, over all runs, as lab.Environment has it;
	// may be nil.
	Seconds *[][]float32

	// Evidence is the most cells that an experiment may have in a host for a look at
	// the sockets after every errno; of one with more the red steps are looked into.
	// It takes ten times as long as the calls. 0 is 1000, and -1 is none.
	Evidence int

	// Red is called for every cell that failed or is an error, not concurrently; it
	// has to be quick. Pause is called for the first one that failed, while its lab
	// is up; the stage is not to be closed. Both may be nil.
	Red   func(m *lab.Matrix, c *lab.Cell)
	Pause func(ctx context.Context, s *Stage)
}

// Run runs the experiments of the topologies and reports what the kernel
// answered. Cancelling ctx ends the run early: cells that had not finished are
// errors, with the cause of the cancellation as their reason. Run itself fails
// when a feature that answers depend on could not be looked for.
func Run(ctx context.Context, version lab.KernelVersion, topologies []*lab.Topology, o Options) ([]lab.Matrix, error) {
	var pool fabric.Pool
	defer pool.Close()
	kernels := make([]lab.Kernel, len(topologies))
	for i, t := range topologies {
		var err error
		if kernels[i], err = probe(ctx, version, t, pool.Up); err != nil {
			return nil, err
		}
	}
	if o.Seconds != nil {
		*o.Seconds = make([][]float32, len(topologies))
	}
	var all repeated
	course := newCourse(ctx, o)
	if o.Capture != nil {
		taps, err := fabric.NewTaps()
		if err != nil {
			return nil, err
		}
		defer taps.Close()
		course.taps = taps
	}
	places := capture.Places(topologies)
	for n := range max(o.Runs, 1) {
		if n > 0 && course.isCut() {
			break
		}
		matrices := make([]lab.Matrix, len(topologies))
		var jobs []*job
		total := 0
		for i, t := range topologies {
			mine := prepare(t, kernels[i], o, &matrices[i])
			if o.Seconds != nil {
				giveSeconds(&(*o.Seconds)[i], mine, len(matrices[i].Cells))
			}
			for _, j := range mine {
				j.course, j.matrix, j.number = course, &matrices[i], total+j.at
				j.place, j.nth = places[i], n
			}
			jobs, total = append(jobs, mine...), total+len(matrices[i].Cells)
		}
		runAll(ctx, jobs, n, &pool)
		course.cut(jobs)
		all.add(matrices)
	}
	matrices := all.result()
	for i, t := range topologies {
		matrices[i].Claims = claims(t, matrices[i])
	}
	return matrices, nil
}

// prepare lays a matrix out, with room for every cell, and cuts it into jobs.
func prepare(t *lab.Topology, kernel lab.Kernel, o Options, m *lab.Matrix) []*job {
	*m = lab.Matrix{File: t.File, Name: t.Name, Doc: t.Doc, Source: t.Source, Included: t.Included, Layout: t.Layout()}
	for _, h := range t.Hosts {
		if len(o.Hosts) == 0 || slices.Contains(o.Hosts, h.Name) {
			m.Hosts = append(m.Hosts, h.Name)
		}
	}
	var jobs []*job
	words := &interned{slices: map[string]*[]string{}}
	total := 0
	for j := range t.Experiments {
		e := &t.Experiments[j]
		combos := e.Combos
		if o.Only != nil {
			combos = slices.DeleteFunc(slices.Clone(combos), func(c lab.Combo) bool { return !o.Only(e, c) })
		}
		if len(combos) == 0 {
			continue
		}
		row := int32(len(m.Rows))
		m.Rows = append(m.Rows, lab.NewRow(e, kernel))
		evidence := len(combos) <= cmp.Or(o.Evidence, evidenceCells)
		sharing, alone := shares(e), soloist(e)
		if evidence {
			alone = nil // a batch is not stopped to look around
		}
		if o.Capture != nil {
			sharing, alone = false, nil // a file holds the packets of one cell
		}
		size := chunkOf(sharing, alone, len(combos))
		for h, host := range m.Hosts {
			if !e.RunsOn(host) {
				continue
			}
			for chunk := range slices.Chunk(combos, size) {
				jobs = append(jobs, &job{
					topology: t, experiment: e, kernel: kernel, subject: host, words: words, soloist: alone, sharing: sharing, evidence: evidence,
					row: row, host: int32(h), combos: chunk, at: total,
				})
				total += len(chunk)
			}
		}
	}
	m.Cells = make([]lab.Cell, total)
	for _, j := range jobs {
		j.cells = m.Cells[j.at : j.at+len(j.combos)]
	}
	return jobs
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

// runAll runs the jobs for the nth time, several at a time.
func runAll(ctx context.Context, jobs []*job, nth int, pool *fabric.Pool) {
	if len(jobs) == 0 {
		return
	}
	o := jobs[0].course.Options
	total := 0
	for _, j := range jobs {
		total += len(j.combos)
	}
	var next atomic.Int64
	var progress sync.Mutex
	done := nth * total
	tell := func(n int) {
		if o.Progress != nil {
			progress.Lock()
			done += n
			o.Progress(done, total*max(o.Runs, 1))
			progress.Unlock()
		}
	}
	turns := newTurns(max(o.Jobs, 1))
	for range jobs {
		turns.begins(func() {
			for {
				turns.begin()
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					turns.end()
					return
				}
				jobs[i].turns = turns
				jobs[i].run(ctx, pool.Up, tell)
				turns.end()
			}
		})
	}
	turns.workers.Wait()
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
	words = slices.Clip(slices.Clone(words))
	in.slices[string(key)] = &words
	return &words
}
