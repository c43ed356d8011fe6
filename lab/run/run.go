package run

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"labrun/lab"
	"labrun/lab/fabric"
)

// Options say which cells run, and how.
type Options struct {
	Jobs     int                          // cells at a time, at least one
	Only     func(experiment string) bool // nil takes all
	Hosts    []string                     // columns; empty takes all
	Progress func(done, total int)        // called after every cell, not concurrently; may be nil
}

// Run runs the experiments of the topologies and reports what the kernel
// answered. Cancelling ctx ends the run early: cells that had not finished are
// errors, with the cause of the cancellation as their reason.
func Run(ctx context.Context, kernel lab.KernelVersion, topologies []*lab.Topology, o Options) []lab.Matrix {
	var cells []*cell
	matrices := make([]lab.Matrix, len(topologies))
	for i, t := range topologies {
		m := &matrices[i]
		*m = lab.Matrix{File: t.File, Name: t.Name, Doc: t.Doc}
		for _, h := range t.Hosts {
			if len(o.Hosts) == 0 || slices.Contains(o.Hosts, h.Name) {
				m.Hosts = append(m.Hosts, h.Name)
			}
		}
		for j := range t.Experiments {
			e := &t.Experiments[j]
			if o.Only != nil && !o.Only(e.Name) {
				continue
			}
			m.Rows = append(m.Rows, row(e))
			for _, host := range m.Hosts {
				if e.RunsOn(host) {
					cells = append(cells, &cell{topology: t, experiment: e, subject: host, kernel: kernel, matrix: i})
				}
			}
		}
	}
	for i, result := range runAll(ctx, cells, o) {
		m := &matrices[cells[i].matrix]
		m.Cells = append(m.Cells, result)
	}
	for i, t := range topologies {
		matrices[i].Claims = claims(t, matrices[i])
	}
	return matrices
}

func row(e *lab.Experiment) lab.Row {
	r := lab.Row{Name: e.Name, Doc: e.Doc, Claim: e.Claim.Name, Line: e.Pos.Line}
	if e.Claim.Against {
		r.Claim = "not " + r.Claim
	}
	return r
}

// runAll runs the cells, several at a time, and returns their results in the
// order of the cells.
func runAll(ctx context.Context, cells []*cell, o Options) []lab.Cell {
	results := make([]lab.Cell, len(cells))
	var pool fabric.Pool
	defer pool.Close()
	var next atomic.Int64
	var workers sync.WaitGroup
	var progress sync.Mutex
	done := 0
	for range min(max(o.Jobs, 1), len(cells)) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(cells) {
					return
				}
				results[i] = cells[i].run(ctx, pool.Up)
				if o.Progress != nil {
					progress.Lock()
					done++
					o.Progress(done, len(cells))
					progress.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return results
}
