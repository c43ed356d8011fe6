// Package world says what an experiment's processes have after each of its steps, and which
// sockets are in each other's way: what can be known of that without a kernel. It is pure. The
// check of a file follows a World through the steps and never learns an answer (lab/topology);
// evidence asks about sockets as the kernel lists them (lab/kernel/local).
package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// World is what processes have after some steps: which of them exist, under which names they
// have sockets, and which ports and names of unix(7) are kept for later steps. It knows the
// answers that a file expects, and not those of a kernel.
//
// A file with mistakes has steps of which not all is known. The world is in doubt then: a socket
// that it does not know of may exist, so it has nothing to say about one that is missing. That
// keeps one mistake from making many complaints.
type World struct {
	// Same returns one name for all the names that a file has for a process.
	Same func(lab.Process) lab.Process

	processes map[lab.Process]*Process
	kept      map[string]bool // ports and names, as $p and @$n
	ran       map[lab.Process]bool
	doubt     bool
	copied    int
}

// Process is what the world knows of a process. Lines are those of the file.
type Process struct {
	First   int  // of its first call, or of the fork that made it
	Forked  bool // by another process
	Program bool // a real one, in the background
	ended   string
	sockets map[string]socket
}

// socket is a name that a process has for one.
type socket struct {
	made   int
	closed int  // 0 while it is open
	doubt  bool // it was missing once, and may exist
}

// Step is a step as far as a world follows it.
type Step struct {
	Process    lab.Process // as the file names it
	Line       int
	Call       lab.Call
	Want       lab.Want
	Program    bool // it runs a program
	Background bool // which goes on while others act
	Repeated   bool // it stands in repeat

	// What is wrong with a step that could not be read whole, or is in another notation.
	Mistaken bool     // it has mistakes
	Known    bool     // its call is one that there is
	Makes    bool     // and one that makes a socket
	Foreign  bool     // it is what strace(1), C or Python write
	Mentions []string // the variables in the text of a mistaken one
}

// Problem is what cannot be, in words, and of which argument of the call.
type Problem struct {
	Arg  int // OfCall, OfStep or an index
	Text string
}

// The parts of a step, beside its arguments, that a problem may be about.
const (
	OfCall = -1
	OfStep = -2
)

// New returns the world before the first step.
func New(same func(lab.Process) lab.Process) *World {
	return &World{Same: same, processes: map[lab.Process]*Process{}, kept: map[string]bool{}, ran: map[lab.Process]bool{}}
}

// Process returns what the world knows of a process, nil when it has made no call or was a program
// that has ended.
func (w *World) Process(p lab.Process) *Process { return w.processes[w.Same(p)] }

// Ran reports whether a program of that name has run and ended.
func (w *World) Ran(p lab.Process) bool { return w.ran[w.Same(p)] }

// InDoubt reports whether steps that could not be read may have made what the world does not have.
func (w *World) InDoubt() bool { return w.doubt }

// Len returns how many processes there are.
func (w *World) Len() int { return len(w.processes) }

// Copied returns how many names of sockets children have inherited so far: the work of forks.
func (w *World) Copied() int { return w.copied }

// Apply carries out a step, and returns what cannot be about it. Whatever that is, the world
// then is as if it had been said right, so that it is said once.
func (w *World) Apply(s Step) []Problem {
	if s.Mistaken {
		w.doubt = w.doubt || s.Call.Makes == "" && (!s.Known || s.Makes)
		for _, v := range s.Mentions {
			w.kept[v] = true
		}
	}
	if s.Process.Name == "" {
		return nil // it could not be read at all
	}
	a := applier{World: w, Step: s, process: w.caller(s)}
	a.apply()
	return a.problems
}

// caller returns the process that makes the call, new if this is its first.
func (w *World) caller(s Step) *Process {
	key := w.Same(s.Process)
	if w.processes[key] == nil {
		w.processes[key] = &Process{First: s.Line, sockets: map[string]socket{}}
	}
	return w.processes[key]
}

// applier carries out one step.
type applier struct {
	*World
	Step
	process  *Process
	problems []Problem
}

func (a *applier) complain(arg int, format string, args ...any) {
	a.problems = append(a.problems, Problem{arg, fmt.Sprintf(format, args...)})
}

func (a *applier) apply() {
	p, name := a.process, a.Step.Process
	if p.ended != "" {
		a.complain(OfCall, "process %q has ended: %s", name, p.ended)
		p.ended = ""
	}
	switch {
	case a.Step.Program:
		a.program()
		return
	case p.Program:
		a.complain(OfCall, "%q is a program, it makes no calls", name)
		return
	}
	a.keep()
	if a.Known {
		a.checkSockets()
	}
	if a.Call.Makes != "" {
		a.makeSocket()
	}
	switch {
	case !a.Mistaken:
		a.carryOut()
	case a.Call.Name == "fork" || a.Call.Name == "close":
		a.doubt = true
	}
}

// program runs a program. The name of one that has ended is free again.
func (a *applier) program() {
	p, name := a.process, a.Step.Process
	if p.First != a.Line && !p.Program && p.ended == "" {
		a.complain(OfStep, "%q is a process, from line %d; give the program another name", name, p.First)
		return
	}
	p.Program = true
	if !a.Background {
		delete(a.processes, a.Same(name))
		a.ran[a.Same(name)] = true
	}
}

// keep complains about a port or a name that no answer has kept so far, and keeps those of the
// step's answers.
func (a *applier) keep() {
	for i := range a.Call.Args {
		v := a.argVariable(i)
		switch {
		case v == "" || a.kept[v]:
			continue
		case strings.HasPrefix(v, "@"):
			a.complain(i, "name %s is not known yet, keep it first: getsockname(a) = %q", v, v)
		default:
			a.complain(i, "port %s is not known yet, keep it first: getsockname(a) = any:%s", v, v)
		}
		a.kept[v] = true
	}
	for _, rule := range a.Want {
		a.kept[a.answerVariable(rule)] = true
	}
}

// argVariable returns what an argument has that an answer must have kept, "$p" or "@$n", "" for
// nothing.
func (s *Step) argVariable(i int) string {
	sig, ok := lab.SignatureOf(s.Call.Name)
	if !ok || len(sig.Args) == 0 {
		return ""
	}
	return variable(sig.Args[min(i, len(sig.Args)-1)], s.Call.Args[i])
}

// answerVariable returns what an answer keeps.
func (s *Step) answerVariable(rule lab.WantRule) string {
	sig, _ := lab.SignatureOf(s.Call.Name)
	return variable(sig.Answers, rule.Answer.Value)
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
func (a *applier) checkSockets() {
	p, process := a.process, a.Step.Process
	for i, arg := range a.Call.Args {
		sock, ok := arg.(lab.Sock)
		if !ok {
			continue
		}
		name := string(sock)
		k, made := p.sockets[name]
		switch {
		case a.doubt:
			continue
		case !made && a.Foreign:
		case !made:
			a.complain(i, "process %q has no socket %q%s", process, sock, wording.Hint(name, "open", p.open()))
		case k.closed > 0 && !a.expects("EBADF"):
			a.complain(i, "socket %q of process %q was closed on line %d", sock, process, k.closed)
		default:
			continue
		}
		p.sockets[name] = socket{doubt: true}
	}
}

// open returns the names of the open sockets.
func (p *Process) open() []string {
	var names []string
	for name, k := range p.sockets {
		if k.closed == 0 {
			names = append(names, name)
		}
	}
	return wording.Sorted(names...)
}

func (a *applier) makeSocket() {
	p, name := a.process, a.Call.Makes
	switch k, ok := p.sockets[name]; {
	case !ok || k.closed > 0 || k.doubt || a.doubt || a.Foreign:
	case a.Repeated && k.made == a.Line:
		a.complain(OfStep, "repeat makes socket %q again while it is open; call it %s${i}, or close it in the same turn",
			name, name)
	default:
		a.complain(OfStep, "process %q has an open socket %q already, from line %d", a.Step.Process, name, k.made)
	}
	if a.mayEndWell() || a.Mistaken {
		p.sockets[name] = socket{made: a.Line}
	}
}

// expects reports whether the errno is one of the answers.
func (s *Step) expects(errno string) bool {
	return slices.ContainsFunc(s.Want, func(r lab.WantRule) bool { return r.Answer.Errno == errno })
}

// mayEndWell reports whether an answer that is expected is a success.
func (s *Step) mayEndWell() bool {
	return slices.ContainsFunc(s.Want, func(r lab.WantRule) bool {
		return r.Answer.Outcome == lab.OK || r.Answer.Outcome == lab.Unasked
	})
}

// carryOut does what the call does to processes and sockets.
func (a *applier) carryOut() {
	switch a.Call.Name {
	case "close":
		name := string(a.Call.Args[0].(lab.Sock))
		k := a.process.sockets[name]
		k.closed = a.Line
		a.process.sockets[name] = k
	case "exit":
		a.process.ended = fmt.Sprintf("exit() on line %d", a.Line)
	case "fork":
		a.fork()
	case "kill", "wait":
		a.end()
	}
}

// named returns the process of the caller's host that the first argument names.
func (s *Step) named() lab.Process {
	p := s.Process
	p.Name = string(s.Call.Args[0].(lab.ProcessName))
	return p
}

// fork makes a child with the parent's sockets, or those of them that the call names.
func (a *applier) fork() {
	child := a.named()
	if other := a.World.Process(child); other != nil {
		what := "makes calls"
		if other.Forked {
			what = "was forked"
		}
		a.complain(0, "process %q exists before this fork: it %s on line %d", child, what, other.First)
		return
	}
	if !a.mayEndWell() {
		return
	}
	inherited := maps.Clone(a.process.sockets)
	a.copied += len(inherited)
	if only := a.Call.Args[1:]; len(only) > 0 {
		maps.DeleteFunc(inherited, func(name string, _ socket) bool {
			return !slices.Contains(only, lab.Arg(lab.Sock(name)))
		})
	}
	a.processes[a.Same(child)] = &Process{First: a.Line, Forked: true, sockets: inherited}
}

// end follows kill() and wait(), which end a process, unless the signal may be one that it
// survives.
func (a *applier) end() {
	victim, waits := a.named(), a.Call.Name == "wait"
	itself, v := a.Same(victim) == a.Same(a.Step.Process), a.World.Process(victim)
	switch {
	case itself && waits:
		a.complain(0, "process %q waits for itself", victim)
	case itself:
		a.complain(0, "process %q kills itself, write exit()", victim)
	case v == nil && a.doubt:
	case v == nil:
		a.complain(0, "no process %q exists so far%s", victim, wording.Hint(victim.Name, "processes", a.living()))
	case waits && !v.Program:
		a.complain(0, "wait() is for a program in the background, %q is a process", victim)
	case v.ended != "":
		a.complain(0, "process %q has ended already: %s", victim, v.ended)
	case a.mayEndWell() && (waits || a.isFatal() && !v.Program || len(a.Call.Args) == 1):
		v.ended = fmt.Sprintf("%s() on line %d", a.Call.Name, a.Line)
	}
}

// isFatal reports whether kill sends the signal that no process survives.
func (s *Step) isFatal() bool {
	return len(s.Call.Args) > 1 && s.Call.Args[1] == lab.Arg(lab.Word("SIGKILL"))
}

// living returns the names of the processes on the caller's host that have not ended.
func (a *applier) living() []string {
	var names []string
	for key, p := range a.processes {
		if key.Host == a.Same(a.Step.Process).Host && p.ended == "" {
			names = append(names, key.Name)
		}
	}
	return wording.Sorted(names...)
}

// Kind returns all that a world looks at of a step: two worlds that are alike stay so after steps of
// the same kind, but for the lines in their words. Of combinations with steps of the same kinds the
// check follows one, so what Apply looks at and Kind leaves out is a mistake that is found or not by
// the order of an axis's values.
func (s *Step) Kind() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s=%s %v %q(", s.Process, s.Call.Makes, s.Call.Name, []bool{
		s.Known, s.Makes, s.Foreign, s.Mistaken, s.Program, s.Background, s.mayEndWell(), s.isFatal()}, s.Mentions)
	for i, a := range s.Call.Args {
		switch a.(type) {
		case lab.Sock, lab.ProcessName:
			fmt.Fprintf(&b, "%s,", a)
		default:
			fmt.Fprintf(&b, "%s,", s.argVariable(i))
		}
	}
	for _, r := range s.Want {
		fmt.Fprintf(&b, "=%s%t", s.answerVariable(r), r.Answer.Errno == "EBADF")
	}
	return b.String() + ");"
}
