package local

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/kernel"
	"labrun/lab/process"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/sys"
)

// run asks the cell, in a new room or in the one that it was given.
func (c *cell) run(ctx context.Context, build builder) (outcome, error) {
	defer c.recorder.stop()
	if err := c.ready(ctx, build); err != nil {
		return outcome{}, err
	}
	return c.runSteps(ctx)
}

// ready makes what the cell is asked in, unless it was left to it whole.
func (c *cell) ready(ctx context.Context, build builder) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := usersExist(c.q, slices.Values(c.steps)); err != nil {
		return err
	}
	if c.room == nil {
		if err := c.up(ctx, build); err != nil {
			return err
		}
	}
	c.recorder.start(c.lab)
	if err := c.guardHosts(); err != nil {
		return err
	}
	if err := c.startProcesses(); err != nil {
		return err
	}
	if c.sharing && !c.shared {
		c.shared = true
		return c.settle(ctx)
	}
	return nil
}

// up builds the lab.
func (c *cell) up(ctx context.Context, build builder) error {
	c.room = newRoom()
	p := c.q.Plan
	if !sys.HasIPv6() { // experiments with IPv6 sockets skip themselves
		p = p.WithoutIPv6()
	}
	err := fabric.NeedOf(p, len(c.q.Processes)).Check()
	if err != nil {
		return err
	}
	if c.lab, err = build(ctx, p); err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lacking(err)
}

// startProcesses starts the processes that no other one forks, those that a
// shared room has already left out.
func (c *cell) startProcesses() error {
	forked := map[lab.Process]bool{}
	pool := c.pool
	// Programs may have privilege in the hosts.
	if slices.ContainsFunc(c.steps, func(s *question.Step) bool { return s.Run != nil }) {
		pool = nil
	}
	named := c.live || slices.ContainsFunc(c.steps, (*question.Step).NamesPath)
	for _, s := range c.steps {
		who := s.Process
		if s.Call.Name == "fork" {
			forked[childOf(s)] = true
		}
		if forked[who] || c.processes[who] != nil || !s.ByProcess() {
			continue
		}
		spec := process.Spec{Name: who.String(), In: c.lab.Host(who.Host).Do, Pool: pool}
		if u := c.q.UserOf(who); u != nil {
			spec.User, spec.Capabilities = u.User, u.Keeps
		}
		if named {
			files, err := c.sharedFiles()
			if err != nil {
				return err
			}
			spec.Enter = files.Enter
		}
		p, err := c.group.Start(spec)
		if err != nil {
			return lacking(err)
		}
		c.add(who, p)
	}
	return nil
}

// usersExist finds out whether the users exist that the steps ask for.
func usersExist(q *question.Question, steps iter.Seq[*question.Step]) error {
	check := func(id uint32, what string) error {
		if ok, err := sys.UserExists(id); err != nil {
			return err
		} else if !ok {
			return errSkip(fmt.Sprintf("%s needs user %d, and this user namespace has no such user (as root there is)", what, id))
		}
		return nil
	}
	for s := range steps {
		if u := q.UserOf(s.Process); u != nil {
			if err := check(*u.User, "process "+u.Named); err != nil {
				return err
			}
		}
		sig, _ := lab.SignatureOf(s.Call.Name)
		for i, a := range s.Call.Args {
			if id, ok := a.(lab.Int); ok && s.Run == nil && sig.Kind(i) == lab.KindUser {
				if err := check(uint32(id), s.Call.String()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// runSteps makes the steps in their order until one is red or cannot be asked. Answers
// that come when a process has died say nothing about the kernel's rules.
func (c *cell) runSteps(ctx context.Context) (outcome, error) {
	var o outcome
	for i, s := range c.steps {
		c.at = i
		var done stepped
		var err error
		step := func() { done, err = c.step(ctx, s) }
		if s.Run != nil || c.waits == nil { // a program is busy while it is waited for
			step()
		} else {
			c.waits(step)
		}
		o.add(done)
		if err != nil {
			return o, err
		}
		if o.red {
			break
		}
	}
	if c.sharing && !o.red { // they are asked to reset themselves, or looked at when the cell ends
		return o, nil
	}
	return o, c.died(ctx)
}

// result is what the steps that ran and the error that ended them come to.
func (c *cell) result(o outcome, err error) kernel.Answer {
	a := kernel.Answer{Got: o.got, Evidence: o.evidence}
	reason, skipped := SkipOf(err)
	switch {
	case skipped:
		a.Skip = reason
	case err != nil:
		if a.Err = err; c.bare && errors.Is(err, fabric.ErrNoBase) {
			a.Err = fmt.Errorf("%w; labrun found no modules of this kernel: name the folder or the package that has its "+
				"lib/modules in place of the kernel's file", err)
		}
	default:
		a.Red = o.red
	}
	if !a.Passed() || c.prints {
		a.Outputs = c.outputs()
	}
	return a
}

// leave ends the cell. The room is returned for the next cell when that is wanted
// and nothing is left in it.
func (c *cell) leave(ctx context.Context, keep bool) (*room, error) {
	if c.room == nil {
		return nil, nil
	}
	if keep {
		empty, err := c.isEmpty(ctx)
		if empty {
			return c.room, nil
		}
		if ctx.Err() != nil {
			err = nil
		}
		return nil, errors.Join(err, c.close())
	}
	var err error
	if c.sharing {
		err = c.died(ctx)
	}
	return nil, errors.Join(err, c.close())
}

// outcome is the steps that ran: what they were answered, whether the last one is
// red, and evidence.
type outcome struct {
	got      []string
	red      bool
	evidence []result.Snapshot
}

// add takes another step in.
func (o *outcome) add(s stepped) {
	o.red = s.red
	if s.answer == "" {
		return
	}
	o.got = append(o.got, s.answer)
	if s.Step = len(o.got) - 1; !s.IsZero() {
		o.evidence = append(o.evidence, s.Snapshot)
	}
}
