package question

import (
	"slices"

	"labrun/lab"
)

// Features returns the features that answers of the topology depend on, each once, those
// of probes first. A kernel is asked for them before any question, since which of its wanted answers holds
// depends on them. Has and lacks are one feature: Not is left out.
func Features(t *lab.Topology) []lab.Feature {
	var all []lab.Feature
	for _, list := range [][]lab.Experiment{t.Probes, t.Experiments} {
		for i := range list {
			for s := range list[i].Steps() {
				for _, r := range s.Want {
					if r.Has == nil {
						continue
					}
					if f := (lab.Feature{Kind: r.Has.Kind, Name: r.Has.Name}); !slices.Contains(all, f) {
						all = append(all, f)
					}
				}
			}
		}
	}
	return all
}
