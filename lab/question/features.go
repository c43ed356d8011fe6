package question

import (
	"slices"

	"labrun/lab"
)

// Features returns the features that answers and experiments of the topology depend on, each once,
// those of probes first. A kernel is asked for them before any question, since which of its wanted
// answers holds depends on them. Has and lacks are one feature: Not is left out.
func Features(t *lab.Topology) []lab.Feature {
	var all features
	for _, list := range [][]lab.Experiment{t.Probes, t.Experiments} {
		for i := range list {
			all.add(list[i].Needs...)
			for s := range list[i].Steps() {
				all.add(s.Want...)
			}
		}
	}
	return all
}

// Features returns the features that its answers depend on, each once.
func (q *Question) Features() []lab.Feature {
	var all features
	for _, slot := range q.Slots {
		for _, steps := range slot.Variants {
			for i := range steps {
				for _, w := range steps[i].Want {
					all.add(w.WantRule)
				}
			}
		}
	}
	return all
}

type features []lab.Feature

func (all *features) add(rules ...lab.WantRule) {
	for _, r := range rules {
		if r.Has == nil {
			continue
		}
		if f := (lab.Feature{Kind: r.Has.Kind, Name: r.Has.Name}); !slices.Contains(*all, f) {
			*all = append(*all, f)
		}
	}
}
