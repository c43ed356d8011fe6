package run

import (
	"time"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/shard"
)

// Cost returns how long the cells of the topologies take on a kernel, about, on one processor of an ordinary machine:
// by it shards are made as long as is worth their start.
func Cost(topologies []*lab.Topology, o Options) (time.Duration, error) {
	o.Share = shard.Share{Index: 1, Of: 2} // a run of all cells needs no costs
	sum := int64(0)
	for _, t := range topologies {
		m := &matrix{Matrix: &result.Matrix{}}
		groups, err := m.prepare(t, o)
		if err != nil {
			return 0, err
		}
		for _, g := range groups {
			sum += g.cost
		}
	}
	return time.Duration(sum) * time.Microsecond, nil
}
