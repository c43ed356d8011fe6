package topology

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// flow follows the steps of an experiment in one class of columns: which
// processes, sockets and kept names there are before each step.
type flow struct {
	*checker
	x         *experiment
	class     class
	processes map[lab.Process]*process
	kept      map[string]bool      // ports and names, as $p and @$n
	ran       map[lab.Process]bool // programs that have ended
	mine      []lab.Pos            // places complained about
	told      map[lab.Pos]bool     // places that another class complained about
	unsure    bool                 // a step that could not be read may have made or closed a socket
}

// process is a process at some step. Lines are those of the file.
type process struct {
	first   int // the line of its first call, or of the fork that made it
	forked  bool
	program bool   // a real one, in the background
	ended   string // how it ended: exit() on line 9
	sockets map[string]socket
}

type socket struct {
	made   int
	closed int  // 0 while it is open
	unsure bool // it was missing, and may be made yet
}

func (d *checker) checkFlows(x *experiment, classes []class) {
	unused := map[lab.Process]int{} // in how many classes of how many combinations
	told := map[lab.Pos]bool{}
	flows := x.flows()
	for _, c := range classes {
		for _, steps := range flows {
			f := &flow{checker: d, x: x, class: c, processes: map[lab.Process]*process{}, kept: map[string]bool{},
				ran: map[lab.Process]bool{}, told: told}
			for _, s := range steps {
				if d.Full() || d.spend(x, 1) || !f.step(s) {
					return
				}
			}
			f.checkUsers(unused)
			for _, pos := range f.mine {
				told[pos] = true
			}
		}
	}
	for _, u := range x.Users {
		if n := unused[u.Process]; n > 0 && n == len(classes)*len(flows) {
			d.Complain(u.Pos, "%s: process %q makes no call", x.scope, u.Process)
		}
	}
}

// flows returns the steps of the combinations, those alike once: most differ in
// addresses and options alone, which this check does not look at.
func (x *experiment) flows() [][]placedStep {
	if len(x.Combos) == 1 {
		return [][]placedStep{x.stepsOf(x.Combos[0])}
	}
	kinds := map[string]byte{}
	of := make([][]byte, len(x.slots)) // of every variant of a slot
	for i, slot := range x.slots {
		for _, steps := range slot.variants {
			var b strings.Builder
			for _, s := range steps {
				b.WriteString(s.flow())
			}
			if _, ok := kinds[b.String()]; !ok && len(kinds) < 255 {
				kinds[b.String()] = byte(len(kinds))
			}
			k, ok := kinds[b.String()]
			if !ok {
				k = 255 // too many kinds to tell apart: one stands for the rest
			}
			of[i] = append(of[i], k)
		}
	}
	seen := map[string]bool{}
	shape := lab.ShapeOf(x.Axes)
	key := make([]byte, len(x.slots))
	var all [][]placedStep
	values := make([]int, len(x.Axes))
	for _, c := range x.Combos {
		shape.ValuesInto(values, c)
		for i, slot := range x.slots {
			key[i] = of[i][slot.VariantOf.At(shape.Index(slot.Axes, values))]
		}
		if seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		all = append(all, x.stepsOf(c))
	}
	return all
}

func (x *experiment) stepsOf(c lab.Combo) []placedStep {
	shape := lab.ShapeOf(x.Axes)
	values := shape.Values(c)
	var steps []placedStep
	for i := range x.slots {
		steps = append(steps, x.slots[i].at(shape, values)...)
	}
	return steps
}

// flow returns what the check looks at of a step.
func (s placedStep) flow() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s=%s %t %t %t %t(", s.process, s.Call.Makes, s.Call.Name, s.Known, len(s.Mistakes) > 0,
		fails(s.Want), s.step.Run != nil)
	for i, a := range s.Call.Args {
		switch a.(type) {
		case lab.Sock, lab.ProcessName:
			fmt.Fprintf(&b, "%s,", a)
		default:
			fmt.Fprintf(&b, "%s,", s.argVariable(i))
		}
	}
	for _, w := range s.Want {
		fmt.Fprintf(&b, "=%s", s.answerVariable(w))
		fmt.Fprintf(&b, "%t", w.Answer.Errno == "EBADF")
	}
	return b.String() + ");"
}

func (f *flow) complain(s placedStep, at int, format string, args ...any) {
	pos := f.within(s, at)
	if !f.told[pos] && !slices.Contains(f.mine, pos) {
		scope := f.x.scope
		if s.with != "" {
			scope = scope.With(s.with)
		}
		f.checker.Complain(pos, "%s: %s", scope, fmt.Sprintf(format, args...))
		f.mine = append(f.mine, pos)
	}
}

// step checks a step and carries it out. It returns false when the rest of the
// experiment cannot be checked.
func (f *flow) step(s placedStep) bool {
	if len(s.Mistakes) > 0 && s.Call.Makes == "" && (!s.Known || s.Makes) {
		f.unsure = true
	}
	if len(s.Mistakes) > 0 {
		for _, v := range variableSyntax().FindAllString(s.Text, -1) {
			f.kept[v] = true
		}
	}
	if s.process.Name == "" {
		return true // it could not be read at all
	}
	p := f.caller(s)
	if len(f.processes) > maxProcesses {
		f.complain(s, s.CallAt, "more than %d processes, the limit", maxProcesses)
		return false
	}
	if p.ended != "" {
		f.complain(s, s.CallAt, "process %q has ended: %s", s.process, p.ended)
		p.ended = "" // once is enough
	}
	if s.step.Run != nil {
		if p.first != s.node.Line && !p.program && p.ended == "" {
			f.complain(s, 0, "%q is a process, from line %d; give the program another name", s.process, p.first)
			return true
		}
		p.program = true
		if !s.step.Run.Background {
			delete(f.processes, f.class.canonical(s.process)) // its name is free again
			f.ran[f.class.canonical(s.process)] = true
		}
		return true
	}
	if p.program {
		f.complain(s, s.CallAt, "%q is a program, it makes no calls", s.process)
		return true
	}
	f.checkKept(s)
	if s.Known {
		f.checkSockets(s, p)
	}
	if name := s.Call.Makes; name != "" {
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

// checkKept complains about a port or a name that no answer has kept so far.
func (f *flow) checkKept(s placedStep) {
	for i := range s.Call.Args {
		v := s.argVariable(i)
		if v == "" || f.kept[v] {
			continue
		}
		f.kept[v] = true
		if strings.HasPrefix(v, "@") {
			f.complain(s, s.ArgsAt[i], "name %s is not known yet, keep it first: getsockname(a) = %q", v, v)
		} else {
			f.complain(s, s.ArgsAt[i], "port %s is not known yet, keep it first: getsockname(a) = any:%s", v, v)
		}
	}
	for _, w := range s.Want {
		f.kept[s.answerVariable(w)] = true
	}
}

// argVariable returns what an argument has that an answer must have kept, "$p" or
// "@$n", "" for nothing.
func (s placedStep) argVariable(i int) string {
	sig, ok := lab.SignatureOf(s.Call.Name)
	if !ok || len(sig.Args) == 0 {
		return ""
	}
	return variable(sig.Args[min(i, len(sig.Args)-1)], s.Call.Args[i])
}

// answerVariable returns what an answer keeps.
func (s placedStep) answerVariable(w lab.WantRule) string {
	sig, _ := lab.SignatureOf(s.Call.Name)
	return variable(sig.Answers, w.Answer.Value)
}

func variable(kind lab.Kind, a lab.Arg) string {
	switch a := a.(type) {
	case lab.Addr:
		if a.Port.Var != "" {
			return "$" + a.Port.Var
		}
	case lab.Text:
		if n := lab.KeptName(string(a)); n != "" && (kind == lab.KindAddr || kind == lab.KindPath) {
			return "@$" + n
		}
	}
	return ""
}

// checkSockets complains about sockets that the caller does not have.
func (f *flow) checkSockets(s placedStep, p *process) {
	for i, a := range s.Call.Args {
		name, ok := a.(lab.Sock)
		if !ok {
			continue
		}
		k, made := p.sockets[string(name)]
		switch {
		case f.unsure:
		case !made && s.Foreign:
			p.sockets[string(name)] = socket{unsure: true}
		case !made:
			f.complain(s, s.ArgsAt[i], "process %q has no socket %q%s", s.process, name,
				wording.Hint(string(name), "open", p.open()))
			p.sockets[string(name)] = socket{unsure: true} // once is enough
		case k.closed > 0 && wants(s.Want, "EBADF"):
		case k.closed > 0:
			f.complain(s, s.ArgsAt[i], "socket %q of process %q was closed on line %d", name, s.process, k.closed)
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
	return wording.Sorted(names...)
}

func (f *flow) makeSocket(s placedStep, p *process, name string) {
	switch k, ok := p.sockets[name]; {
	case !ok || k.closed > 0 || k.unsure || f.unsure || s.Foreign:
	case s.repeated && k.made == s.node.Line:
		f.complain(s, 0, "repeat makes socket %q again while it is open; call it %s${i}, or close it in the same turn",
			name, name)
	default:
		f.complain(s, 0, "process %q has an open socket %q already, from line %d", s.process, name, k.made)
	}
	if !fails(s.Want) || len(s.Mistakes) > 0 {
		p.sockets[name] = socket{made: s.node.Line}
	}
}

// wants reports whether the errno is one of the answers.
func wants(w lab.Want, errno string) bool {
	return slices.ContainsFunc(w, func(r lab.WantRule) bool { return r.Answer.Errno == errno })
}

// fails reports whether no answer that is expected is a success.
func fails(w lab.Want) bool {
	return !slices.ContainsFunc(w, func(r lab.WantRule) bool {
		return r.Answer.Outcome == lab.OK || r.Answer.Outcome == lab.Unasked
	})
}

// carryOut does what the call does to processes and sockets.
func (f *flow) carryOut(s placedStep, p *process) {
	if len(s.Mistakes) > 0 {
		if s.Call.Name == "fork" || s.Call.Name == "close" {
			f.unsure = true
		}
		return
	}
	switch s.Call.Name {
	case "close":
		name := string(s.Call.Args[0].(lab.Sock))
		k := p.sockets[name]
		k.closed = s.node.Line
		p.sockets[name] = k
	case "exit":
		p.ended = fmt.Sprintf("exit() on line %d", s.node.Line)
	case "fork":
		f.fork(s, p)
	case "kill", "wait":
		f.end(s)
	}
}

func (f *flow) fork(s placedStep, p *process) {
	child := s.process
	child.Name = string(s.Call.Args[0].(lab.ProcessName))
	key := f.class.canonical(child)
	if other := f.processes[key]; other != nil {
		what := "makes calls"
		if other.forked {
			what = "was forked"
		}
		f.complain(s, s.ArgsAt[0], "process %q exists before this fork: it %s on line %d", child, what, other.first)
		return
	}
	if fails(s.Want) || f.spend(f.x, len(p.sockets)) {
		return
	}
	inherited := maps.Clone(p.sockets)
	if only := s.Call.Args[1:]; len(only) > 0 {
		maps.DeleteFunc(inherited, func(name string,
			_ socket) bool {
			return !slices.Contains(only, lab.Arg(lab.Sock(name)))
		})
	}
	f.processes[key] = &process{first: s.node.Line, forked: true, sockets: inherited}
}

// end follows kill() and wait(), which end a process, unless the signal may be
// one that it survives.
func (f *flow) end(s placedStep) {
	victim := s.process
	victim.Name = string(s.Call.Args[0].(lab.ProcessName))
	v := f.processes[f.class.canonical(victim)]
	waits := s.Call.Name == "wait"
	switch {
	case f.class.canonical(victim) == f.class.canonical(s.process) && waits:
		f.complain(s, s.ArgsAt[0], "process %q waits for itself", victim)
	case f.class.canonical(victim) == f.class.canonical(s.process):
		f.complain(s, s.ArgsAt[0], "process %q kills itself, write exit()", victim)
	case v == nil && f.unsure:
	case v == nil:
		f.complain(s, s.ArgsAt[0], "no process %q exists so far%s", victim,
			wording.Hint(victim.Name, "processes", f.living(s.process)))
	case waits && !v.program:
		f.complain(s, s.ArgsAt[0], "wait() is for a program in the background, %q is a process", victim)
	case v.ended != "":
		f.complain(s, s.ArgsAt[0], "process %q has ended already: %s", victim, v.ended)
	case !fails(s.Want) && (waits || len(s.Call.Args) == 1 || s.Call.Args[1] == lab.Arg(lab.Word("SIGKILL")) &&
		!v.program):
		v.ended = fmt.Sprintf("%s() on line %d", s.Call.Name, s.node.Line)
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
	return wording.Sorted(names...)
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
			f.checker.Complain(u.Pos, "%s: process %q is the same as the one on line %d", f.x.scope, u.Process, line)
		case p == nil && !f.unsure && !f.ran[key]:
			unused[u.Process]++
		case len(u.Capabilities) > 0 && (f.ran[key] || p != nil && p.program):
			f.checker.Complain(u.Pos, "%s: %q is a program, it keeps no capabilities", f.x.scope, u.Process)
		case p != nil && p.forked:
			f.checker.Complain(u.Pos, "%s: process %q is forked on line %d, and a child runs as its parent", f.x.scope,
				u.Process,
				p.first)
		}
		given[key] = u.Pos.Line
	}
}

// class is columns whose hosts stand in the same relation to the hosts that
// the steps name, so that a check of one is a check of all.
type class struct {
	subject string // its name when the steps name it, else ""
	peer    string // the same for the peer
}

func (d *checker) classes(x *experiment, columns []*host) []class {
	named := map[string]bool{}
	for s := range x.all() {
		named[s.process.Host] = true
	}
	for _, u := range x.Users {
		named[u.Process.Host] = true
	}
	delete(named, "")
	delete(named, "peer")
	var list []class
	seen := map[class]bool{}
	for _, h := range columns {
		c := class{peer: "peer"}
		if named[h.Name] {
			c.subject = h.Name
		}
		if h.peer != nil && named[h.peer.Name] {
			c.peer = h.peer.Name
		}
		if !seen[c] {
			seen[c] = true
			list = append(list, c)
		}
	}
	return list
}

// canonical turns the names that a process has in a class into one.
func (c class) canonical(p lab.Process) lab.Process {
	switch {
	case p.Host == "peer":
		p.Host = c.peer
	case p.Host != "" && p.Host == c.subject:
		p.Host = ""
	}
	return p
}

var variableSyntax = once.Regexp(`@?\$[A-Za-z0-9_]+`)
