package run

import (
	"context"
	"time"

	"labrun/lab"
	"labrun/lab/process"
)

// soloist returns the process that makes every call of the experiment, in calls
// that it can make in a batch, nil when it takes more than that.
func soloist(e *lab.Experiment) *lab.Process {
	if !shares(e) {
		return nil
	}
	var one *lab.Process
	for s := range e.Steps() {
		if one == nil {
			one = &s.Process
		}
		if s.Process != *one || s.Until != 0 {
			return nil
		}
		for _, rule := range s.Want {
			if !process.InBatch(s.Call, rule.Answer) {
				return nil
			}
		}
	}
	return one
}

// evidenceMost is how many red cells of a batch are looked into. More of them
// would say the same, and it takes as long as a thousand cells.
const evidenceMost = 20

// solo runs the cells of the job in batches, when one process can do them all by
// itself. It reports whether that was so.
func (j *job) solo(ctx context.Context, build builder, tell func(int)) bool {
	who := j.soloist
	if who == nil || len(j.combos) < 2 {
		return false
	}
	red := 0
	for done := 0; done < len(j.combos) && !j.course.isOver(j.number+done); {
		c := j.cell(j.combos[done])
		c.sharing = true
		before, began := done, time.Now()
		err := c.perform(ctx, build, *who, j, &done, &red, tell)
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
		if err != nil && done < len(j.combos) {
			// It is this cell's; the next one has a new lab.
			j.store(done, c.result(outcome{}, err), nil)
			done++
		}
		j.took(before, done, time.Since(began)) // in which they were one batch
		if done > before {
			tell(0)
		}
	}
	return true
}

// perform builds a lab and runs cells in it, from the one at done on, until all
// are done or one has left something behind.
func (c *cell) perform(ctx context.Context, build builder, who lab.Process, j *job, done, red *int, tell func(int)) error {
	if err := c.ready(ctx, build); err != nil {
		return err
	}
	who = c.resolve(who)
	p := c.processes[who]
	batch, err := c.batch(who, j.combos[*done:])
	if err != nil {
		return err
	}
	if err := p.Load(ctx, batch); err != nil {
		return err
	}
	for *done < len(j.combos) && !j.course.isOver(j.number+*done) {
		next := j.combos[*done:min(*done+mostAtOnce, len(j.combos))]
		results, why, err := p.Cells(ctx, next, c.fresh[who.Host], *red < evidenceMost)
		if err != nil {
			return err
		}
		for i, r := range results {
			var cell lab.Cell
			if r.Red {
				if cell, err = c.redCell(ctx, j, j.combos[*done], r, why == process.Red && i == len(results)-1); err != nil {
					return err
				}
				*red++
				if last := why == process.Red && i == len(results)-1; last {
					j.course.pause(ctx, j, c, *done, cell)
				}
			}
			j.store(*done, cell, r.Got)
			*done++
		}
		tell(len(results))
		switch why {
		case process.Left:
			return nil
		case process.Red:
			if empty, err := c.isEmpty(ctx); !empty || err != nil {
				return err
			}
		}
	}
	return nil
}

// mostAtOnce keeps the answer about cells within a message.
const mostAtOnce = 2048

// redCell judges a red cell of a batch as any other, with evidence while its
// sockets are still there.
func (c *cell) redCell(ctx context.Context, j *job, combo lab.Combo, r process.Result, there bool) (lab.Cell, error) {
	s := j.experiment.StepsOf(combo)[len(r.Got)-1]
	g := got{Answer: lab.Answer{Outcome: lab.OK}}
	if word := r.Got[len(r.Got)-1]; word != string(lab.OK) {
		g.Answer = lab.Answer{Outcome: lab.Failed, Errno: word}
	}
	o := outcome{got: r.Got, red: true}
	err := c.blame(ctx, s, g, r.Got[len(r.Got)-1])
	if err == nil && there {
		var why lab.Snapshot
		if why, err = c.explain(ctx, s, g); err == nil && !why.IsZero() {
			why.Step = len(r.Got) - 1
			o.evidence = []lab.Snapshot{why}
		}
	}
	if ctx.Err() != nil {
		return lab.Cell{}, context.Cause(ctx)
	}
	return c.result(o, err), nil
}

// batch resolves the steps of those combinations for the process.
func (c *cell) batch(who lab.Process, combos []lab.Combo) (process.Batch, error) {
	b := process.Batch{Radix: lab.RadixOf(c.experiment.Axes)}
	for _, slot := range c.experiment.Slots {
		b.Slots = append(b.Slots, process.BatchSlot{Axes: slot.Axes, Which: slot.Which, Variants: make([][]process.BatchStep, len(slot.Variants))})
	}
	for _, combo := range combos {
		values := b.Radix.Split(combo)
		for i, slot := range c.experiment.Slots {
			v := slot.Which.Of(b.Radix.Index(slot.Axes, values))
			if b.Slots[i].Variants[v] != nil {
				continue
			}
			steps := make([]process.BatchStep, len(slot.Variants[v]))
			for n := range steps {
				s := &slot.Variants[v][n]
				want := s.Want.On(c.kernel)
				args, err := c.args(who, s, want)
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
