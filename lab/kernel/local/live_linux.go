package local

import (
	"context"
	"fmt"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/question"
	"labrun/lab/result"
)

// Live is a cell without an end: a lab with all hosts of a layout, in which a person makes calls as they come to
// mind. Each host is up from the start, since nobody knows which of them a call will name.
type Live struct {
	Kept
	done     int               // how many steps were made
	reserved map[string]string // the ports kept from the kernel's choice, by host
}

// Begin builds the lab of a session in which calls are made on a host. The caller has to close it.
func Begin(ctx context.Context, layout *lab.Layout, host string) (*Live, error) {
	q := &question.Question{Host: host, Layout: layout, Plan: plan.New(layout)}
	c := newCell(q, 0, lab.Kernel{})
	c.evidence, c.prints, c.live = true, true, true
	if err := c.ready(ctx, fabric.Up); err != nil {
		_ = c.close()
		return nil, err
	}
	return &Live{Kept: Kept{c}, reserved: map[string]string{}}, nil
}

// Reply is what a step of a live cell was answered.
type Reply struct {
	Got  string // in words of the file
	Red  bool   // it is not what the step says
	Seen result.Snapshot
}

// Ask makes the steps of a question that come behind those which were made already, and returns what they are
// answered; the steps before them have to be the same as ever. A process that they name and that does not exist is
// started. A red step ends nothing: the next is one that a person types who has seen it. With an error, also that ctx
// is over, a process may be in the middle of a call, so the lab is of no more use.
func (l *Live) Ask(ctx context.Context, q *question.Question, on lab.Kernel) ([]Reply, error) {
	c := l.cell
	all := *q
	all.Hosts = nil
	for _, h := range q.Layout.Hosts {
		all.Hosts = append(all.Hosts, h.Name)
	}
	c.q, c.steps, c.on = &all, q.StepsOf(0), on
	if err := l.reserve(q); err != nil {
		return nil, err
	}
	if err := c.startProcesses(); err != nil {
		return nil, err
	}
	var replies []Reply
	for ; l.done < len(c.steps); l.done++ {
		c.at = l.done
		done, err := c.step(ctx, c.steps[l.done])
		if err != nil {
			return replies, err
		}
		replies = append(replies, Reply{done.answer, done.red, done.Snapshot})
	}
	return replies, c.died(ctx)
}

// reserve keeps the ports that the steps name from the kernel's choice, as the plan of a cell does whose steps are
// all known before it is built. Nothing is written while they stay the same: a step may have set the parameter.
func (l *Live) reserve(q *question.Question) error {
	for _, h := range l.cell.q.Hosts {
		ports := plan.PortRanges(slices.Clone(q.Kept[h]))
		if ports == l.reserved[h] {
			continue
		}
		l.reserved[h] = ports
		if err := l.cell.lab.Host(h).WriteSysctl(reservedSysctl, ports); err != nil {
			return fmt.Errorf("host %s: %s: %w", h, reservedSysctl, err)
		}
	}
	return nil
}
