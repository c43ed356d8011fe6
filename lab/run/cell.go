package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/process"
)

// cell is one experiment in one host while it runs.
type cell struct {
	topology   *lab.Topology
	experiment *lab.Experiment
	subject    string
	kernel     lab.KernelVersion
	matrix     int // the index of the matrix that it belongs to

	lab       *fabric.Lab
	group     process.Group
	processes map[lab.Process]*process.Process // by name, hosts resolved
	born      []lab.Process                    // in the order of their birth
	made      map[madeBy]string                // the sockets that were not made, and why
	ports     map[string]uint16                // what $name stands for
}

// builder is fabric.Up, or that of a pool.
type builder func(context.Context, plan.Plan) (*fabric.Lab, error)

// madeBy names a socket of a process.
type madeBy struct {
	process lab.Process
	sock    string
}

// errSkip is a reason why this machine cannot ask the question.
type errSkip string

func (e errSkip) Error() string { return string(e) }

// run builds the cell's lab, runs the steps until one is red, and takes
// everything down again.
func (c *cell) run(ctx context.Context, build builder) lab.Cell {
	steps, err := c.steps(ctx, build)
	if closeErr := c.close(); err == nil {
		err = closeErr
	}
	return c.result(steps, err)
}

// result judges the steps that ran and the error that ended them.
func (c *cell) result(steps []lab.StepResult, err error) lab.Cell {
	result := lab.Cell{Experiment: c.experiment.Name, Host: c.subject, Steps: steps}
	if steps == nil {
		result.Steps = []lab.StepResult{} // [] and not null in JSON
	}
	var skip errSkip
	switch {
	case errors.As(err, &skip):
		result.Verdict, result.Reason = lab.Skip, skip.Error()
	case err != nil:
		result.Verdict, result.Reason = lab.Error, err.Error()
	case len(steps) > 0 && steps[len(steps)-1].Red():
		result.Verdict = lab.Fail
	default:
		result.Verdict = lab.Pass
	}
	return result
}

func (c *cell) steps(ctx context.Context, build builder) ([]lab.StepResult, error) {
	if err := c.up(ctx, build); err != nil {
		return nil, err
	}
	return c.play(ctx)
}

// up builds the lab and starts the processes that no other one forks.
func (c *cell) up(ctx context.Context, build builder) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.usersExist(); err != nil {
		return err
	}
	hosts := c.experiment.HostsUsed(c.topology, c.subject)
	var err error
	buildable := c.topology
	if !fabric.HasIPv6() { // experiments with IPv6 sockets skip themselves
		buildable = buildable.WithoutIPv6()
	}
	if c.lab, err = build(ctx, plan.New(buildable, hosts...)); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	c.processes = map[lab.Process]*process.Process{}
	c.made = map[madeBy]string{}
	c.ports = map[string]uint16{}
	forked := map[lab.Process]bool{}
	for _, s := range c.experiment.Steps {
		who := c.resolve(s.Process)
		if s.Call.Name == "fork" {
			forked[lab.Process{Host: who.Host, Name: string(s.Call.Args[0].(lab.ProcessName))}] = true
		}
		if forked[who] || slices.Contains(c.born, who) {
			continue
		}
		p, err := c.group.Start(process.Spec{Name: who.String(), In: c.lab.Host(who.Host).Do, User: c.user(who)})
		if err != nil {
			return err
		}
		c.bear(who, p)
	}
	return nil
}

func (c *cell) bear(who lab.Process, p *process.Process) {
	c.processes[who] = p
	c.born = append(c.born, who)
}

// resolve turns the host of a process into the name of a host.
func (c *cell) resolve(p lab.Process) lab.Process {
	return lab.Process{Host: c.topology.HostOf(p.Host, c.subject), Name: p.Name}
}

// user returns whom the file wants a process to run as, nil for the caller.
func (c *cell) user(who lab.Process) *uint32 {
	for _, u := range c.experiment.Users {
		if c.resolve(u.Process) == who {
			return &u.User
		}
	}
	return nil
}

func (c *cell) usersExist() error {
	for _, u := range c.experiment.Users {
		if ok, err := process.UserExists(u.User); err != nil {
			return err
		} else if !ok {
			return errSkip(fmt.Sprintf("process %s needs user %d, and this user namespace has no such user (as root there is)", u.Process, u.User))
		}
	}
	return nil
}

// play runs the steps in their order until one is red or cannot be asked.
func (c *cell) play(ctx context.Context) ([]lab.StepResult, error) {
	var results []lab.StepResult
	for i := range c.experiment.Steps {
		r, err := c.step(ctx, &c.experiment.Steps[i])
		if err != nil {
			return results, err
		}
		results = append(results, r)
		if r.Red() {
			break
		}
	}
	return results, nil
}

// close takes everything down; the cell may be in any state.
func (c *cell) close() error {
	err := c.group.Close()
	if c.lab != nil {
		err = errors.Join(err, c.lab.Close())
	}
	return err
}

// addr resolves an address in a step by a process on the host at to what a
// system call takes. An unknown $name, which only an answer may have, resolves
// to port 0.
func (c *cell) addr(a lab.Addr, at string) (netip.AddrPort, error) {
	ip, err := c.topology.Resolve(a, at, c.subject)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := a.Port.Number
	if a.Port.Var != "" {
		port = c.ports[a.Port.Var]
	}
	return netip.AddrPortFrom(ip, port), nil
}
