package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/process"
)

// cell is one combination of one experiment in one host while it runs.
type cell struct {
	topology   *lab.Topology
	experiment *lab.Experiment
	plan       []*lab.Step // what it does
	subject    string
	kernel     lab.Kernel
	sharing    bool // other cells may come after it in the same set
	evidence   bool // of every errno; of red steps there is evidence anyway
	recorder   *recorder
	turns      *turns // nil for a cell that runs alone
	beside     func() // goes on with the cells of its job while it waits

	*set
	made  map[madeBy]string     // the sockets that were not made, and why
	ports map[string]uint16     // what $name stands for
	names map[string]string     // and "@$name"
	named []uint16              // ports that the file names; nil until somebody asks
	stuck map[connection]string // the states of sockets that nothing came for in all of settleTime
}

// set is what a cell runs in: a lab, and the processes in it.
type set struct {
	lab       *fabric.Lab
	group     process.Group
	processes map[lab.Process]*process.Process // by name, hosts resolved
	born      []lab.Process                    // in the order of their birth
	programs  map[lab.Process]*process.Running
	ran       []lab.Process   // programs, in the order of their start
	guarded   map[string]bool // hosts that guard has given a process
	files     *process.Files  // /tmp and /run of the hosts, nil until a step needs them

	fresh map[string]process.Table // what each host had before the first cell; nil when the set is not shared
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
	evidence []lab.Snapshot
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

// result judges the steps that ran and the error that ended them.
func (c *cell) result(o outcome, err error) lab.Cell {
	var result lab.Cell
	if len(o.got) > 0 {
		result.Got = &o.got
	}
	var skip errSkip
	note := lab.Note{Evidence: o.evidence}
	switch {
	case errors.As(err, &skip):
		result.Verdict, note.Reason = lab.Skip, skip.Error()
	case err != nil:
		result.Verdict, note.Reason = lab.Error, err.Error()
	case o.red:
		result.Verdict = lab.Fail
	}
	if result.Verdict != lab.Pass {
		note.Outputs = c.outputs()
	}
	if result.Verdict != lab.Pass || note.Evidence != nil {
		result.Note = &note
	}
	return result
}

func (c *cell) steps(ctx context.Context, build builder) (outcome, error) {
	defer c.recorder.stop()
	if err := c.ready(ctx, build); err != nil {
		return outcome{}, err
	}
	return c.play(ctx)
}

// ready makes what the cell runs in, unless it was left to it whole.
func (c *cell) ready(ctx context.Context, build builder) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.usersExist(); err != nil {
		return err
	}
	if c.set == nil {
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
	c.made = map[madeBy]string{}
	c.stuck = map[connection]string{}
	c.ports, c.names = map[string]uint16{}, map[string]string{}
	return nil
}

// up builds the lab.
func (c *cell) up(ctx context.Context, build builder) error {
	c.set = &set{
		processes: map[lab.Process]*process.Process{}, programs: map[lab.Process]*process.Running{},
	}
	hosts := c.experiment.HostsUsed(c.topology, c.subject)
	var err error
	buildable := c.topology
	if !fabric.HasIPv6() { // experiments with IPv6 sockets skip themselves
		buildable = buildable.WithoutIPv6()
	}
	if c.lab, err = build(ctx, plan.For(buildable, c.experiment, hosts...)); err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lacking(err)
}

// guardHosts guards the hosts for which the file sets such a parameter.
func (c *cell) guardHosts() error {
	for i := range c.topology.Hosts {
		h := &c.topology.Hosts[i]
		if c.lab.Host(h.Name) == nil {
			continue
		}
		for _, s := range h.Sysctls {
			if err := c.guard(h.Name, s.Name); err != nil {
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

// startProcesses starts the processes that no other one forks, those that a
// shared set has already left out.
func (c *cell) startProcesses() error {
	forked, named := map[lab.Process]bool{}, namesPaths(c.plan)
	for _, s := range c.plan {
		who := c.resolve(s.Process)
		if s.Call.Name == "fork" {
			forked[lab.Process{Host: who.Host, Name: string(s.Call.Args[0].(lab.ProcessName))}] = true
		}
		if forked[who] || c.processes[who] != nil || !needsProcess(s) {
			continue
		}
		spec := process.Spec{Name: who.String(), In: c.lab.Host(who.Host).Do}
		if u := c.user(who); u != nil {
			spec.User, spec.Capabilities = &u.User, u.Capabilities
		}
		if named {
			var err error
			if spec.Files, err = c.sharedFiles(); err != nil {
				return err
			}
		}
		p, err := c.group.Start(spec)
		if err != nil {
			return err
		}
		c.bear(who, p)
	}
	return nil
}

// needsProcess reports whether it takes a process to make the step's call.
func needsProcess(s *lab.Step) bool {
	sig, _ := lab.SignatureOf(s.Call.Name)
	return s.Run == nil && sig.By != lab.ByHost && s.Call.Name != "wait"
}

// sharedFiles returns /tmp and /run of the lab's hosts.
func (c *cell) sharedFiles() (*process.Files, error) {
	if c.files == nil {
		files, err := process.NewFiles(c.lab.Host(c.subject).Do)
		if err != nil {
			return nil, err
		}
		c.files = files
	}
	return c.files, nil
}

// namesPaths reports whether a step names a file.
func namesPaths(steps []*lab.Step) bool {
	return slices.ContainsFunc(steps, func(s *lab.Step) bool {
		sig, _ := lab.SignatureOf(s.Call.Name)
		for i, a := range s.Call.Args {
			if text, ok := a.(lab.Text); ok && s.Run == nil && (sig.Args[i] == lab.KindAddr || sig.Args[i] == lab.KindPath) &&
				text != "" && !strings.HasPrefix(string(text), "@") {
				return true
			}
		}
		return false
	})
}

func (s *set) bear(who lab.Process, p *process.Process) {
	s.processes[who] = p
	s.born = append(s.born, who)
}

// resolve turns the host of a process into the name of a host.
func (c *cell) resolve(p lab.Process) lab.Process {
	return lab.Process{Host: c.topology.HostOf(p.Host, c.subject), Name: p.Name}
}

// user returns whom the file wants a process to run as, nil for the caller.
func (c *cell) user(who lab.Process) *lab.ProcessUser {
	for i, u := range c.experiment.Users {
		if c.resolve(u.Process) == who {
			return &c.experiment.Users[i]
		}
	}
	return nil
}

// usersExist finds out whether the users are there that the steps ask for.
func (c *cell) usersExist() error {
	check := func(id uint32, what string) error {
		if ok, err := process.UserExists(id); err != nil {
			return err
		} else if !ok {
			return errSkip(fmt.Sprintf("%s needs user %d, and this user namespace has no such user (as root there is)", what, id))
		}
		return nil
	}
	for _, s := range c.plan {
		if u := c.user(c.resolve(s.Process)); u != nil {
			if err := check(u.User, "process "+u.Process.String()); err != nil {
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

// play runs the steps in their order until one is red or cannot be asked. Answers
// that come when a process has died say nothing about the kernel's rules.
func (c *cell) play(ctx context.Context) (outcome, error) {
	var o outcome
	for _, s := range c.plan {
		var done stepped
		var err error
		step := func() { done, err = c.step(ctx, s) }
		if s.Run != nil { // a program is busy while it is waited for
			step()
		} else {
			c.turns.lend(step, c.beside)
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
// reason: somebody has killed it, or it was short of something.
func (s *set) died(ctx context.Context) error {
	for _, who := range s.born {
		if err := s.processes[who].Died(ctx); err != nil {
			return err
		}
	}
	for _, who := range s.ran {
		if err := s.programs[who].Died(); err != nil {
			return err
		}
	}
	return nil
}

// leave ends the cell. The set is returned for the next cell when that is wanted
// and nothing is left in it.
func (c *cell) leave(ctx context.Context, keep bool) (*set, error) {
	if c.set == nil {
		return nil, nil
	}
	if keep {
		if empty, err := c.isEmpty(ctx); empty && err == nil {
			return c.set, nil
		}
	}
	return nil, c.close()
}

// close takes everything down; the set may be in any state.
func (s *set) close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, who := range s.ran {
		errs = append(errs, s.programs[who].Close())
	}
	errs = append(errs, s.group.Close())
	if s.lab != nil {
		errs = append(errs, s.lab.Close())
	}
	if s.files != nil {
		errs = append(errs, s.files.Close())
	}
	return errors.Join(errs...)
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
