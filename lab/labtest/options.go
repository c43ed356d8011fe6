package labtest

import (
	"testing"

	"labrun/lab"
)

// Options say which cells of a file run, and how. The zero Options run all.
type Options struct {
	Hosts []string                                  // columns; empty takes all
	Only  func(e *lab.Experiment, c lab.Combo) bool // nil takes all
	Jobs  int                                       // cells at a time; 0 is one per processor
}

// Run runs the experiments of a topology file. Every cell is a subtest of t, called
// TOPOLOGY/EXPERIMENT/HOST. All cells have run when the first of them reports.
func Run(t *testing.T, file string) {
	t.Helper()
	Options{}.Run(t, file)
}
