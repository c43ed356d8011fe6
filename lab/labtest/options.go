package labtest

import (
	"slices"
	"testing"

	"labrun/lab"
)

// Options say which cells of a file run, and how. The zero Options run all.
type Options struct {
	Hosts []string // columns; empty takes all
	// Only are patterns for names of cells, as labrun's --only takes them:
	// two-listeners[first=any]. Empty takes all.
	Only []string
	Jobs int // cells at a time; 0 is one per processor
}

// selection returns which cells are to run, and fails the test where a pattern chooses
// none.
func (o Options) selection(t *testing.T, file string, top *lab.Topology) func(*lab.Experiment, lab.Combo) bool {
	t.Helper()
	if len(o.Only) == 0 {
		return nil
	}
	var all []lab.Selection
	for _, text := range o.Only {
		s, err := lab.ParseSelection(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		some := slices.ContainsFunc(top.Experiments, func(e lab.Experiment) bool {
			return slices.ContainsFunc(e.Combos, func(c lab.Combo) bool { return s.Matches(&e, c) })
		})
		if !some {
			t.Fatalf("%s has no cell %q", file, text)
		}
		all = append(all, s)
	}
	return func(e *lab.Experiment, c lab.Combo) bool {
		return slices.ContainsFunc(all, func(s lab.Selection) bool { return s.Matches(e, c) })
	}
}
