package local

import (
	"context"
	"slices"
	"strconv"
	"time"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/process"
	"labrun/lab/result"
)

// evidenceMost is how many red cells of a batch are looked into. More of them
// would say the same, and it takes as long as a thousand cells.
const evidenceMost = 20

// mostAtOnce keeps the answer about cells within a message.
const mostAtOnce = 2048

// batches asks the cells in batches, when one process can make all the calls by itself.
func (a *asker) batches(ctx context.Context) {
	b := batcher{asker: a, most: mostAtOnce, lacks: usersExist(a.Question, a.Question.Steps()) != nil}
	for b.fill() {
		if b.late == mostLate {
			a.cells(ctx, b.next)
			return
		}
		c := a.cell(a.Combos[b.todo[0]])
		c.sharing = true
		b.began = time.Now()
		err := b.run(ctx, c)
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
		if err != nil && len(b.todo) > 0 {
			b.hand(c.result(outcome{}, err)) // it is this cell's; the next one has a new room
		}
	}
}

// mostLate is how many cells in a row may be late before the rest is asked call by call. A segment that a kernel cuts on
// its way is sent as several and received as one (tcp_skb_pcount): it never arrives, by the counts.
const mostLate = 3

// batcher is how far the batches of a request have come.
type batcher struct {
	*asker
	batch *process.Batch // of all the cells, once it is known
	lacks bool           // some cells ask for a user that does not exist here
	todo  []int          // cells that are next
	most  int            // how many of them to ask for at once: few where few are answered
	reds  int            // so far
	late  int            // cells that were late, one after the other
	began time.Time
}

// fill sees to it that there are as many cells to do as a message takes, and reports
// whether there are any.
func (b *batcher) fill() bool {
	for len(b.todo) < mostAtOnce {
		i, ok := b.Next()
		if !ok {
			break
		}
		if b.lacks {
			c := b.cell(b.Combos[i])
			if err := usersExist(c.q, slices.Values(c.steps)); err != nil {
				b.each(i, c.result(outcome{}, err))
				continue
			}
		}
		b.todo = append(b.todo, i)
	}
	return len(b.todo) > 0
}

// combos returns the combinations that are next.
func (b *batcher) combos() []lab.Combo {
	next := make([]lab.Combo, min(len(b.todo), b.most))
	for n := range next {
		next[n] = b.Combos[b.todo[n]]
	}
	return next
}

// hand hands the answer to the next cell on.
func (b *batcher) hand(a kernel.Answer) {
	b.each(b.todo[0], a)
	b.todo = b.todo[1:]
}

// run builds a room and asks cells in it, until all are done or one has left something
// behind.
func (b *batcher) run(ctx context.Context, c *cell) error {
	if err := c.ready(ctx, b.build); err != nil {
		return err
	}
	p := c.processes[*b.Batch]
	if b.batch == nil {
		batch, err := c.batch(b.Combos)
		if err != nil {
			return err
		}
		b.batch = &batch
	}
	if err := p.Load(ctx, *b.batch); err != nil {
		return err
	}
	for b.fill() {
		fresh := process.Table{Sockets: c.lab.Host(b.Batch.Host).OpenSockets()}
		results, why, err := p.Cells(ctx, b.combos(), fresh, b.reds < evidenceMost)
		if err != nil {
			return err
		}
		b.most = min(2*max(len(results), 1), mostAtOnce)
		took := time.Since(b.began) / time.Duration(max(len(results), 1)) // they were one batch
		b.began = time.Now()
		if len(results) > 0 {
			b.late = 0
		}
		for i, r := range results {
			answer := kernel.Answer{Got: r.Got}
			if r.Red {
				last := why == process.Red && i == len(results)-1
				if answer, err = c.redCell(ctx, b.Combos[b.todo[0]], r, last); err != nil {
					return err
				}
				b.reds++
				if last {
					b.red(ctx, b.todo[0], answer, c)
				}
			}
			answer.Took = took
			b.hand(answer)
		}
		switch why {
		case process.Late:
			b.late++
			i, _ := b.next()
			b.one(ctx, i, nil, false, func() bool { return false })
			return nil
		case process.Left, process.Red:
			if empty, err := c.isEmpty(ctx); !empty || err != nil {
				return err
			}
		}
	}
	return nil
}

// next takes the next cell, which is not to be asked in a batch.
func (b *batcher) next() (int, bool) {
	if len(b.todo) == 0 {
		return b.Next()
	}
	i := b.todo[0]
	b.todo = b.todo[1:]
	return i, true
}

// redCell judges a red cell of a batch as any other, with evidence while its
// sockets exist.
func (c *cell) redCell(ctx context.Context, combo lab.Combo, r process.Result, exist bool) (kernel.Answer, error) {
	s := c.q.StepsOf(combo)[len(r.Got)-1]
	g := got{Answer: lab.Answer{Outcome: lab.OK}}
	word := r.Got[len(r.Got)-1]
	sent, err := strconv.Atoi(word)
	switch {
	case err == nil:
		g.Value = lab.Int(sent)
	case word == string(lab.OK):
	case word == string(lab.Blocked):
		g.Outcome = lab.Blocked
	default:
		g.Answer = lab.Answer{Outcome: lab.Failed, Errno: word}
	}
	o := outcome{got: r.Got, red: true}
	err = c.notTheKernel(ctx, s, g, r.Got[len(r.Got)-1])
	if err == nil && exist {
		var why result.Snapshot
		if why, err = c.explainer(s, g).explain(ctx); err == nil && !why.IsZero() {
			why.Step = len(r.Got) - 1
			o.evidence = []result.Snapshot{why}
		}
	}
	if ctx.Err() != nil {
		return kernel.Answer{}, context.Cause(ctx)
	}
	return c.result(o, err), nil
}

// batch resolves the steps of those combinations for the process.
func (c *cell) batch(combos []lab.Combo) (process.Batch, error) {
	b := process.Batch{Shape: lab.ShapeOf(c.q.Axes)}
	for _, slot := range c.q.Slots {
		b.Slots = append(b.Slots, process.BatchSlot{Axes: slot.Axes, VariantOf: slot.VariantOf,
			Variants: make([][]process.BatchStep, len(slot.Variants))})
	}
	for _, combo := range combos {
		values := b.Shape.Values(combo)
		for i, slot := range c.q.Slots {
			v := slot.VariantOf.At(b.Shape.Index(slot.Axes, values))
			if b.Slots[i].Variants[v] != nil {
				continue
			}
			steps := make([]process.BatchStep, len(slot.Variants[v]))
			for n := range steps {
				s := &slot.Variants[v][n]
				want := s.On(c.on).Answer
				args, err := c.args(s, want)
				if err != nil {
					return b, err
				}
				steps[n] = process.BatchStep{Args: args, Want: want}
			}
			b.Slots[i].Variants[v] = steps
		}
	}
	return b, nil
}
