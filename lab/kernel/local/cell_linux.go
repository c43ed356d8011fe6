package local

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/kernel"
	"labrun/lab/plan"
	"labrun/lab/process"
	"labrun/lab/program"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/sys"
)

// cell is one combination of a question while it is asked.
type cell struct {
	view
	sharing  bool              // other cells may come after it in the same room
	evidence bool              // of every errno; of red steps there is evidence anyway
	recorder *recorder         // nil where nothing is captured
	waits    func(func())      // calls a step that may wait; nil for a cell that is asked alone
	made     map[madeBy]string // the sockets that were not made, and why
}

func newCell(q *question.Question, combo lab.Combo, on lab.Kernel) *cell {
	return &cell{view: view{
		names: names{q: q, steps: q.StepsOf(combo), ports: map[string]uint16{}, unix: map[string]string{}},
		on:    on, stuck: map[connection]string{},
	}, made: map[madeBy]string{}}
}

// room is what a cell is asked in: a lab, and the processes in it. The next cell may
// have it when nothing is left in it.
type room struct {
	lab       *fabric.Lab
	group     process.Group
	processes map[lab.Process]*process.Process // by name, hosts resolved
	born      []lab.Process                    // in the order of their birth
	programs  map[lab.Process]*program.Running
	ran       []lab.Process   // programs, in the order of their start
	guarded   map[string]bool // hosts that guard has given a process
	files     *program.Files  // /tmp and /run of the hosts, nil until a step needs them

	fresh map[string]process.Table // what each host had before the first cell; nil when the room is not shared
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

// result is what the steps that ran and the error that ended them come to.
func (c *cell) result(o outcome, err error) kernel.Answer {
	a := kernel.Answer{Got: o.got, Evidence: o.evidence}
	var skip errSkip
	switch {
	case errors.As(err, &skip):
		a.Skip = skip.Error()
	case err != nil:
		a.Err = err
	default:
		a.Red = o.red
	}
	if !a.Passed() {
		a.Outputs = c.outputs()
	}
	return a
}

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
	if err := c.usersExist(); err != nil {
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
	if c.sharing && c.fresh == nil {
		if err := c.measure(ctx); err != nil {
			return err
		}
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
	var err error
	if c.lab, err = build(ctx, p); err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lacking(err)
}

func newRoom() *room {
	return &room{processes: map[lab.Process]*process.Process{}, programs: map[lab.Process]*program.Running{}}
}

// startProcesses starts the processes that no other one forks, those that a
// shared room has already left out.
func (c *cell) startProcesses() error {
	forked := map[lab.Process]bool{}
	named := slices.ContainsFunc(c.steps, (*question.Step).NamesPath)
	for _, s := range c.steps {
		who := s.Process
		if s.Call.Name == "fork" {
			forked[childOf(s)] = true
		}
		if forked[who] || c.processes[who] != nil || !s.ByProcess() {
			continue
		}
		spec := process.Spec{Name: who.String(), In: c.lab.Host(who.Host).Do}
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
			return err
		}
		c.add(who, p)
	}
	return nil
}

// guardHosts guards the hosts for which the file sets such a parameter.
func (c *cell) guardHosts() error {
	for _, host := range c.q.Hosts {
		for _, s := range c.q.Layout.Host(host).Sysctls {
			if err := c.guard(host, s.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// guard starts a process on a host that may keep connections for long because of a
// parameter. If labrun is killed, it ends them where no other process can: those of the
// experiment have ended, or have no privileges.
func (c *cell) guard(host, parameter string) error {
	if !process.KeepsOrphans(parameter) || c.guarded[host] {
		return nil
	}
	if _, err := c.group.Start(process.Spec{Name: host + "/labrun", In: c.lab.Host(host).Do}); err != nil {
		return err
	}
	if c.guarded == nil {
		c.guarded = map[string]bool{}
	}
	c.guarded[host] = true
	return nil
}

// childOf returns the process that a fork makes, or that another call names first.
func childOf(s *question.Step) lab.Process {
	return lab.Process{Host: s.Process.Host, Name: string(s.Call.Args[0].(lab.ProcessName))}
}

// sharedFiles returns /tmp and /run of the lab's hosts.
func (c *cell) sharedFiles() (*program.Files, error) {
	if c.files == nil {
		files, err := program.NewFiles(c.lab.Host(c.q.Host).Do)
		if err != nil {
			return nil, err
		}
		c.files = files
	}
	return c.files, nil
}

func (r *room) add(who lab.Process, p *process.Process) {
	r.processes[who] = p
	r.born = append(r.born, who)
}

// usersExist finds out whether the users exist that the steps ask for.
func (c *cell) usersExist() error {
	check := func(id uint32, what string) error {
		if ok, err := sys.UserExists(id); err != nil {
			return err
		} else if !ok {
			return errSkip(fmt.Sprintf("%s needs user %d, and this user namespace has no such user (as root there is)", what, id))
		}
		return nil
	}
	for _, s := range c.steps {
		if u := c.q.UserOf(s.Process); u != nil {
			if err := check(*u.User, "process "+u.Named); err != nil {
				return err
			}
		}
		sig, _ := lab.SignatureOf(s.Call.Name)
		for i, a := range s.Call.Args {
			if id, ok := a.(lab.Int); ok && s.Run == nil && sig.Args[min(i, len(sig.Args)-1)] == lab.KindUser {
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
	for _, s := range c.steps {
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
	return o, c.died(ctx)
}

// died returns an error when a process of the cell has ended and no step is the
// reason: it was killed, or it was short of something.
func (r *room) died(ctx context.Context) error {
	for _, who := range r.born {
		if err := r.processes[who].Died(ctx); err != nil {
			return err
		}
	}
	for _, who := range r.ran {
		if err := r.programs[who].Died(); err != nil {
			return err
		}
	}
	return nil
}

// leave ends the cell. The room is returned for the next cell when that is wanted
// and nothing is left in it.
func (c *cell) leave(ctx context.Context, keep bool) (*room, error) {
	if c.room == nil {
		return nil, nil
	}
	if keep {
		if empty, err := c.isEmpty(ctx); empty && err == nil {
			return c.room, nil
		}
	}
	return nil, c.close()
}

// close takes everything down; the room may be in any state.
func (r *room) close() error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, who := range r.ran {
		errs = append(errs, r.programs[who].Close())
	}
	errs = append(errs, r.group.Close())
	if r.lab != nil {
		errs = append(errs, r.lab.Close())
	}
	if r.files != nil {
		errs = append(errs, r.files.Close())
	}
	return errors.Join(errs...)
}
