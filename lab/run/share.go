package run

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/shard"
)

// group is cells of one experiment in one host that no shard cuts apart. Which cells are of one depends on the
// files, on the flags that choose cells and on the number of shards, never on the machine or on how it runs them:
// the shards of a run know nothing of each other.
type group struct {
	*row
	question func() (*question.Question, error)
	column   int32
	combos   []lab.Combo
	jobSize  int // of how many cells its jobs are
	cost     int64
}

// groupSize returns how many cells the groups of an experiment have for a number of shards. The cells of a job stay
// together, for they share labs; but a big batch would leave most of many shards with nothing.
func groupSize(q *question.Question, cells, shards int) int {
	size := chunkOf(q, false, cells <= evidenceCells, cells)
	if shards > 1 && size == mostCells {
		const each = 4 // groups of a batch for each shard, so that shards are evenly full
		size = min(size, max(moreCells, (cells+each*shards-1)/(each*shards)))
	}
	return size
}

// costs are what cells take, in microseconds of an ordinary machine, and never measured by a run: they have to be
// the same on every machine. They go by what labs, processes and batches took on two processors and Linux 6.18, and
// were compared by hand with the seconds in a report of all lessons. Shards are only to take about equally long.
const (
	costBatched = 20     // a cell of a batch
	costLab     = 10_000 // a lab, up and down
	costHost    = 3_500  // a host with two NICs
	costProcess = 2_200  // a start of labrun as a process
	costProgram = 60_000 // a program, with its view of the machine
	costShared  = 600    // a cell in a lab that others have used: what it left is looked for
	costStep    = 150    // a call of a cell that is in no batch, with evidence
	// costRetry is what a step with until: waits, which mostly comes at once.
	costRetry = 50_000
	// costNeighbour is how long the kernel looks for an address that nobody has, see lab.DefaultLimit.
	costNeighbour = 3_000_000
	// atOnce is how many cells wait at the same time, about: those cost a processor nothing.
	atOnce = 16
)

// coster tells what cells of a question cost. Combinations may be many, so the variants of steps are looked into
// once.
type coster struct {
	q        *question.Question
	shape    lab.Shape
	variants [][]int64 // by slot
	lab      int64     // what its lab costs, with its processes
	batched  bool
}

// newCoster looks at a question, of which so many cells run.
func newCoster(q *question.Question, cells int) *coster {
	c := &coster{q: q, shape: lab.ShapeOf(q.Axes), lab: costLab + costHost*int64(len(q.Hosts)),
		batched: chunkOf(q, false, cells <= evidenceCells, cells) == mostCells}
	for _, p := range q.Processes {
		if p.Program {
			c.lab += costProgram
		} else {
			c.lab += costProcess
		}
	}
	for i := range q.Slots {
		var variants []int64
		for _, steps := range q.Slots[i].Variants {
			sum := int64(0)
			for n := range steps {
				sum += stepCost(&steps[n])
			}
			variants = append(variants, sum)
		}
		c.variants = append(c.variants, variants)
	}
	return c
}

// stepCost is what a call costs. Where answers differ by kernel it takes the longest, for shards are of all of them.
func stepCost(s *question.Step) int64 {
	wait := int64(0)
	if s.Call.Name == "sleep" { // elsewhere a duration is a value of an option
		wait = time.Duration(s.Call.Args[0].(lab.Duration)).Microseconds()
	}
	for i := range s.Want {
		switch want := s.Want[i].Answer; {
		case want.May(lab.Blocked):
			wait = max(wait, s.LimitFor(want).Microseconds())
		// Other calls tell of what has been.
		case want.Errno == "EHOSTUNREACH" && (s.Call.Name == "connect" || s.Call.Name == "ping"):
			wait = max(wait, min(costNeighbour, s.LimitOr().Microseconds()))
		}
	}
	if s.Until > 0 {
		wait = max(wait, min(costRetry, s.Until.Microseconds()))
	}
	return costStep + wait/atOnce
}

// of returns what a group of combinations costs.
func (c *coster) of(combos []lab.Combo) int64 {
	if c.batched {
		return c.lab + costBatched*int64(len(combos))
	}
	sum, each := int64(0), c.lab
	if c.q.Shares && len(combos) > 1 {
		sum, each = c.lab, costShared
	}
	values := make([]int, len(c.shape))
	for _, combo := range combos {
		sum += each
		c.shape.ValuesInto(values, combo)
		for i := range c.q.Slots {
			slot := &c.q.Slots[i]
			if v := slot.VariantOf.At(c.shape.Index(slot.Axes, values)); v >= 0 {
				sum += c.variants[i][v]
			}
		}
	}
	return sum
}

// shareOf returns those groups of all topologies that a share has, in their order.
func shareOf(groups [][]*group, s shard.Share) [][]*group {
	if s.Of <= 1 || s.ByKernel {
		return groups
	}
	var costs []int64
	for _, of := range groups {
		for _, g := range of {
			costs = append(costs, g.cost)
		}
	}
	shares := shard.Assign(costs, s.Of)
	mine := make([][]*group, len(groups))
	n := 0
	for i, of := range groups {
		for _, g := range of {
			if shares[n] == s.Index-1 {
				mine[i] = append(mine[i], g)
			}
			n++
		}
	}
	return mine
}

// Part is what a run of a share has so far.
type Part struct {
	Matrices []result.Matrix // with those cells that have been asked, and all rows and columns
	Seconds  [][]float32     // how long each took, as result.Environment has it
	Lacks    int             // how many cells of the share are not there
}

// PartOf finds what a report has of topologies, in their order. A run may have a file twice.
func PartOf(r *result.Report, topologies []*lab.Topology) *Part {
	part := &Part{Matrices: make([]result.Matrix, len(topologies)), Seconds: make([][]float32, len(topologies))}
	next := map[string]int{} // where to look for the next of a file
	for i, t := range topologies {
		for j := next[t.File]; j < len(r.Matrices); j++ {
			if r.Matrices[j].File == t.File {
				part.Matrices[i], part.Seconds[i], next[t.File] = r.Matrices[j], r.SecondsOf(j), j+1
				break
			}
		}
	}
	return part
}

// had are the cells that a run of the share need not ask again: an earlier one was cut short. Errors are asked
// again.
type had struct {
	matrix  *result.Matrix // nil when there is nothing
	seconds []float32
	at      int
}

// newHad finds what the part has of a topology. The rows have to be those of today, since cells say nothing that
// their rows say already: another version of a program, say, may be a feature on which the wanted answers depend.
func newHad(p *Part, i int, m *result.Matrix) (*had, error) {
	if p == nil {
		return &had{}, nil
	}
	before := &p.Matrices[i]
	if len(before.Cells) == 0 { // it was cut short before the kernel was asked
		return &had{}, nil
	}
	if name, same := sameRows(before, m); !same {
		return nil, fmt.Errorf("%s: the part has other experiments or answers for %s than this labrun and kernel",
			m.File, cmp.Or(name, "it"))
	}
	h := &had{matrix: before}
	if i < len(p.Seconds) && len(p.Seconds[i]) == len(before.Cells) {
		h.seconds = p.Seconds[i]
	}
	return h, nil
}

// take returns a cell that has been asked, and how long that took. It has to be called in the order of cells.
func (h *had) take(c result.Cell) (result.Cell, float32, bool) {
	if h.matrix == nil {
		return c, 0, false
	}
	cells := h.matrix.Cells
	for h.at < len(cells) && cells[h.at].Compare(&c) < 0 {
		h.at++
	}
	if h.at == len(cells) || cells[h.at].Compare(&c) != 0 || cells[h.at].Verdict == result.Error {
		return c, 0, false
	}
	seconds := float32(0)
	if h.seconds != nil {
		seconds = h.seconds[h.at]
	}
	return cells[h.at], seconds, true
}

// sameRows reports whether two matrices have the same columns and rows, and else names the first row that differs.
func sameRows(a, b *result.Matrix) (string, bool) {
	for i := range b.Rows {
		if i >= len(a.Rows) || !reflect.DeepEqual(a.Rows[i], b.Rows[i]) {
			return b.Rows[i].Name, false
		}
	}
	return "", len(a.Rows) == len(b.Rows) && slices.Equal(a.Columns, b.Columns)
}
