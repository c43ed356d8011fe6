package topology

import (
	"fmt"
	"maps"
	"slices"

	"labrun/lab"
)

// flow follows the steps of an experiment in one class of columns: which
// processes, sockets and ports there are before each step.
type flow struct {
	*decoder
	x         *experiment
	class     class
	processes map[lab.Process]*process
	ports     map[string]bool
	mine      []lab.Pos        // places complained about
	told      map[lab.Pos]bool // places that another class complained about
	unsure    bool             // a step that could not be read may have made or closed a socket
}

// process is a process at some step. Lines are those of the file.
type process struct {
	first   int // the line of its first call, or of the fork that made it
	forked  bool
	ended   string // how it ended: exit() in line 9
	sockets map[string]socket
}

type socket struct {
	made   int
	closed int  // 0 while it is open
	unsure bool // it was missing, and may be made yet
}

func (d *decoder) checkFlows(x *experiment, classes []class) {
	unused := map[lab.Process]int{} // in how many classes
	told := map[lab.Pos]bool{}
	for _, c := range classes {
		f := &flow{decoder: d, x: x, class: c, processes: map[lab.Process]*process{}, ports: map[string]bool{}, told: told}
		for _, s := range x.parsed {
			if d.full() || d.spend(x, 1) || !f.step(s) {
				return
			}
		}
		f.checkUsers(unused)
		for _, pos := range f.mine {
			told[pos] = true
		}
	}
	for _, u := range x.Users {
		if n := unused[u.Process]; n > 0 && n == len(classes) {
			d.complain(u.Pos, "%s: process %q makes no call", x.scope, u.Process)
		}
	}
}

func (f *flow) complain(s placedStep, at int, format string, args ...any) {
	pos := f.within(s, at)
	if !f.told[pos] {
		f.add(pos, "%s: %s", f.x.scope, fmt.Sprintf(format, args...))
		f.mine = append(f.mine, pos)
	}
}

// step checks a step and carries it out. It returns false when the rest of the
// experiment cannot be checked.
func (f *flow) step(s placedStep) bool {
	if len(s.mistakes) > 0 && s.call.Makes == "" && (!s.known || s.makes) {
		f.unsure = true
	}
	if len(s.mistakes) > 0 {
		for _, m := range portSyntax().FindAllStringSubmatch(s.text, -1) {
			f.ports[m[1]] = true
		}
	}
	if s.process.Name == "" {
		return true // it could not be read at all
	}
	p := f.caller(s)
	if len(f.processes) > maxProcesses {
		f.complain(s, s.callAt, "more than %d processes, the limit", maxProcesses)
		return false
	}
	if p.ended != "" {
		f.complain(s, s.callAt, "process %q has ended: %s", s.process, p.ended)
		p.ended = "" // once is enough
	}
	f.checkPorts(s)
	if s.known {
		f.checkSockets(s, p)
	}
	if name := s.call.Makes; name != "" {
		f.makeSocket(s, p, name)
	}
	f.carryOut(s, p)
	return true
}

// caller returns the process that makes the call, new if this is its first.
func (f *flow) caller(s placedStep) *process {
	key := f.class.canonical(s.process)
	p := f.processes[key]
	if p == nil {
		p = &process{first: s.node.Line, sockets: map[string]socket{}}
		f.processes[key] = p
	}
	return p
}

// checkPorts complains about a port that no answer has kept so far.
func (f *flow) checkPorts(s placedStep) {
	for i, a := range s.call.Args {
		if a, ok := a.(lab.Addr); ok && a.Port.Var != "" && !f.ports[a.Port.Var] {
			f.complain(s, s.argsAt[i], "port $%s is not known yet, keep it first: getsockname(a) = any:$%s", a.Port.Var, a.Port.Var)
			f.ports[a.Port.Var] = true
		}
	}
	for _, w := range s.want {
		if a, ok := w.Answer.Value.(lab.Addr); ok && a.Port.Var != "" {
			f.ports[a.Port.Var] = true
		}
	}
}

// checkSockets complains about sockets that the caller does not have.
func (f *flow) checkSockets(s placedStep, p *process) {
	for i, a := range s.call.Args {
		name, ok := a.(lab.Sock)
		if !ok {
			continue
		}
		k, made := p.sockets[string(name)]
		switch {
		case f.unsure:
		case !made:
			f.complain(s, s.argsAt[i], "process %q has no socket %q%s", s.process, name,
				hint(string(name), "open", p.open()))
			p.sockets[string(name)] = socket{unsure: true} // once is enough
		case k.closed > 0:
			f.complain(s, s.argsAt[i], "socket %q of process %q is closed since line %d", name, s.process, k.closed)
			p.sockets[string(name)] = socket{unsure: true}
		}
	}
}

// open returns the names of the open sockets.
func (p *process) open() []string {
	var names []string
	for name, k := range p.sockets {
		if k.closed == 0 {
			names = append(names, name)
		}
	}
	return sorted(names...)
}

func (f *flow) makeSocket(s placedStep, p *process, name string) {
	if k, ok := p.sockets[name]; ok && k.closed == 0 && !k.unsure && !f.unsure {
		f.complain(s, 0, "process %q has an open socket %q already, from line %d", s.process, name, k.made)
	}
	if !fails(s.want) || len(s.mistakes) > 0 {
		p.sockets[name] = socket{made: s.node.Line}
	}
}

// fails reports whether no answer that is expected is a success.
func fails(w lab.Want) bool {
	return !slices.ContainsFunc(w, func(r lab.WantRule) bool {
		return r.Answer.Outcome == lab.OK || r.Answer.Outcome == lab.Unasked
	})
}

// carryOut does what the call does to processes and sockets.
func (f *flow) carryOut(s placedStep, p *process) {
	if len(s.mistakes) > 0 {
		if s.call.Name == "fork" || s.call.Name == "close" {
			f.unsure = true
		}
		return
	}
	switch s.call.Name {
	case "close":
		name := string(s.call.Args[0].(lab.Sock))
		k := p.sockets[name]
		k.closed = s.node.Line
		p.sockets[name] = k
	case "exit":
		p.ended = fmt.Sprintf("exit() in line %d", s.node.Line)
	case "fork":
		f.fork(s, p)
	case "kill":
		f.kill(s)
	}
}

func (f *flow) fork(s placedStep, p *process) {
	child := s.process
	child.Name = string(s.call.Args[0].(lab.ProcessName))
	key := f.class.canonical(child)
	if other := f.processes[key]; other != nil {
		what := "makes calls"
		if other.forked {
			what = "was forked"
		}
		f.complain(s, s.argsAt[0], "process %q is there before this fork, it %s in line %d", child, what, other.first)
		return
	}
	if fails(s.want) || f.spend(f.x, len(p.sockets)) {
		return
	}
	f.processes[key] = &process{first: s.node.Line, forked: true, sockets: maps.Clone(p.sockets)}
}

func (f *flow) kill(s placedStep) {
	victim := s.process
	victim.Name = string(s.call.Args[0].(lab.ProcessName))
	v := f.processes[f.class.canonical(victim)]
	switch {
	case f.class.canonical(victim) == f.class.canonical(s.process):
		f.complain(s, s.argsAt[0], "process %q kills itself, write exit()", victim)
	case v == nil && f.unsure:
	case v == nil:
		f.complain(s, s.argsAt[0], "there is no process %q so far%s", victim, hint(victim.Name, "processes", f.living(s.process)))
	case v.ended != "":
		f.complain(s, s.argsAt[0], "process %q has ended already: %s", victim, v.ended)
	case !fails(s.want):
		v.ended = fmt.Sprintf("kill() in line %d", s.node.Line)
	}
}

// living returns the names of the processes on the host of p that have not ended.
func (f *flow) living(p lab.Process) []string {
	var names []string
	for key, q := range f.processes {
		if key.Host == f.class.canonical(p).Host && q.ended == "" {
			names = append(names, key.Name)
		}
	}
	return sorted(names...)
}

// checkUsers checks the processes that run as somebody else, and counts those
// that make no call in this class.
func (f *flow) checkUsers(unused map[lab.Process]int) {
	given := map[lab.Process]int{}
	for _, u := range f.x.Users {
		key := f.class.canonical(u.Process)
		p := f.processes[key]
		switch line := given[key]; {
		case line > 0:
			f.add(u.Pos, "%s: process %q is the same as the one in line %d", f.x.scope, u.Process, line)
		case p == nil && !f.unsure:
			unused[u.Process]++
		case p != nil && p.forked:
			f.add(u.Pos, "%s: process %q is forked in line %d, a child runs as its parent", f.x.scope, u.Process, p.first)
		}
		given[key] = u.Pos.Line
	}
}
