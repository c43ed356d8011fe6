package main

import (
	"labrun/lab"
	"labrun/lab/result"
)

// failedCells are the cells of a kept report that failed or were errors.
type failedCells struct {
	cells map[failedCell]bool
	// known are all cells that the report has: of an experiment that has others by now, it is not known which of them
	// are those that failed.
	known map[failedCell]bool
	names map[failedCell]bool // the experiments, by their plain names, that have a failed cell in a host
}

// failedCell is a cell by its names: a host, and an experiment with the values of its axes.
type failedCell struct{ host, name string }

// loadFailed reads a kept report for --failed. It is an error when nothing in it failed: a run of no cells would pass.
func loadFailed(file string) (*failedCells, error) {
	r, err := loadOutcome(file)
	if err != nil {
		return nil, usageError{err}
	}
	f := &failedCells{map[failedCell]bool{}, map[failedCell]bool{}, map[failedCell]bool{}}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			c := &m.Cells[j]
			cell := failedCell{m.HostOf(c), m.NameOf(c)}
			f.known[cell] = true
			if c.Verdict == result.Fail || c.Verdict == result.Error {
				f.cells[cell] = true
				f.names[failedCell{cell.host, m.Rows[c.Row].Name}] = true
			}
		}
	}
	if len(f.cells) == 0 {
		return nil, usagef("--failed %s: nothing in that report failed", file)
	}
	return f, nil
}

// has reports whether a cell is to run.
func (f *failedCells) has(e *lab.Experiment, host string, c lab.Combo) bool {
	if !f.names[failedCell{host, e.Name}] {
		return false
	}
	cell := failedCell{host, e.CellName(c)}
	return f.cells[cell] || !f.known[cell]
}

// any reports whether a cell of the topologies is to run.
func (f *failedCells) any(topologies []*lab.Topology) bool {
	for _, t := range topologies {
		for i := range t.Experiments {
			e := &t.Experiments[i]
			for _, h := range t.Hosts {
				for _, c := range e.Combos {
					if e.RunsOn(h.Name) && f.has(e, h.Name, c) {
						return true
					}
				}
			}
		}
	}
	return false
}
