package question

import (
	"slices"

	"labrun/lab"
)

// Features returns the features that answers and experiments of the topology depend on, each once,
// those of probes first. A kernel is asked for them before any question, since which of its wanted
// answers holds depends on them. Has and lacks are one feature: Not is left out.
func Features(t *lab.Topology) []lab.Feature {
	var all []lab.Feature
	add := func(rules []lab.WantRule) {
		for _, r := range rules {
			if r.Has == nil {
				continue
			}
			if f := (lab.Feature{Kind: r.Has.Kind, Name: r.Has.Name}); !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	for _, list := range [][]lab.Experiment{t.Probes, t.Experiments} {
		for i := range list {
			add(list[i].Needs)
			for s := range list[i].Steps() {
				add(s.Want)
			}
		}
	}
	return all
}
