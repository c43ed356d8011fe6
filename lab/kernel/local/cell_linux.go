package local

import (
	"fmt"
	"slices"
	"time"

	"labrun/lab"
	"labrun/lab/process"
	"labrun/lab/program"
	"labrun/lab/question"
)

// cell is one combination of a question while it is asked.
type cell struct {
	view
	sharing  bool              // other cells may come after it in the same room
	evidence bool              // of every errno; of red steps there is evidence anyway
	prints   bool              // tells what programs print, see kernel.Request.Outputs
	recorder *recorder         // nil where nothing is captured
	pool     *process.Pool     // that processes come from; nil for new ones
	waits    func(func())      // calls a step that may wait; nil for a cell that is asked alone
	at       int               // the step that is carried out
	ahead    []process.Reply   // to the calls of the steps from that one on
	made     map[madeBy]string // the sockets that were not made, and why
	race     *race             // the calls that the next together() releases, nil for none
	noFiles  string            // see Kernel.NoFiles
	folder   string            // see kernel.Request.Folder
	live     bool              // its steps are not all known yet, see Live
	bare     bool              // see Kernel.Bare
	slow     float64           // see kernel.Request.Slow
}

func newCell(q *question.Question, combo lab.Combo, on lab.Kernel) *cell {
	return &cell{view: view{
		names: names{q: q, steps: q.StepsOf(combo), ports: map[string]uint16{}, unix: map[string]string{}},
		on:    on, stuck: map[connection]string{},
	}, made: map[madeBy]string{}}
}

// madeBy names a socket of a process.
type madeBy struct {
	process lab.Process
	sock    string
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

// limit returns how long the call of a step may take here when it should answer so. A report has the question's limit:
// how long this kernel was given more is no part of the answer.
func (c *cell) limit(s *question.Step, want lab.Answer) time.Duration {
	return c.slowed(s.LimitFor(want), want)
}

// slowed returns as much time as this kernel needs for what another one answers so within d.
func (c *cell) slowed(d time.Duration, want lab.Answer) time.Duration {
	if want.May(lab.Blocked) {
		return d
	}
	return time.Duration(float64(d) * max(1, c.slow))
}

// args resolves what a process cannot know.
func (c *cell) args(s *question.Step, want lab.Answer) (process.Args, error) {
	args := process.Args{Call: s.Call, Limit: c.limit(s, want)}
	sig, _ := lab.SignatureOf(s.Call.Name)
	for i, a := range s.Call.Args {
		switch a := a.(type) {
		case lab.Text:
			kind := sig.Kind(i)
			if name, ok := c.unix[lab.KeptName(string(a))]; ok && kind.NamesUnix() {
				args.Call.Args = slices.Clone(args.Call.Args)
				args.Call.Args[i] = lab.Text(name)
			}
		case lab.Sock:
			if why, ok := c.made[madeBy{s.Process, string(a)}]; ok {
				return args, fmt.Errorf("there is no socket %s, %s", a, why)
			}
		}
	}
	args.Addr, _ = c.addr(s)
	args.Inner = s.Inner
	args.Sender = s.Sender
	for _, a := range want.All() {
		args.Sender, args.With = args.Sender || a.From != nil, args.With || a.With != nil
	}
	return args, nil
}

// recordMade remembers whether a socket was made, for the message of a later step.
func (c *cell) recordMade(m madeBy, s *question.Step, g got) {
	if g.Outcome == lab.OK {
		delete(c.made, m)
		return
	}
	c.made[m] = fmt.Sprintf("%s answered %s", s.Pos.Words(), g.Answer)
}
