// Package world says what an experiment's processes have after each of its steps, and which
// sockets are in each other's way: what can be known of that without a kernel. It is pure. The
// check of a file follows a World through the steps and never learns an answer (lab/topology);
// evidence asks about sockets as the kernel lists them (lab/kernel/local).
package world

import (
	"cmp"
	"fmt"
	"iter"
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
	held      []heldCall // for the next together()
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
	pending map[string]pending
	handled map[lab.Arg]bool // signals that do not end it: it handles or ignores them, or may
	once    map[lab.Arg]bool // those of them that end it when they come again, SA_RESETHAND
}

// pending is a call in the background that no answer() has seen the end of.
type pending struct {
	line int
	call lab.Call
}

// heldCall is a call that together() releases.
type heldCall struct {
	process *Process
	name    string
	call    lab.Call
}

// socket is a name that a process has for one.
type socket struct {
	raced  int // not 0: the line of a together() that left open what it did to this one
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
	Program    bool     // it runs a program
	FDs        []lab.FD // sockets that it is given
	Background bool     // which goes on while others act
	Repeated   bool     // it stands in repeat
	Pending    string   // the name of a call in the background
	Held       bool     // until together()

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
		w.processes[key] = &Process{First: s.Line, sockets: map[string]socket{}, pending: map[string]pending{}}
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
	if a.Pending != "" {
		a.begin()
	} else if a.Call.Makes != "" {
		a.makeSocket(a.Call.Makes)
	}
	for _, arg := range a.Call.Args {
		if name, ok := arg.(lab.New); ok {
			a.makeSocket(string(name))
		}
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
	for _, fd := range a.FDs {
		giver := a.World.Process(lab.Process{Host: name.Host, Name: fd.Process})
		if a.doubt {
			break
		}
		if giver != nil {
			if k, made := giver.sockets[fd.Sock]; made && k.closed == 0 {
				continue
			}
		}
		hint := ""
		if owners := a.owners(name.Host, fd.Sock); owners != nil {
			hint = fmt.Sprintf(", did you mean %q?", lab.FD{Process: owners[0], Sock: fd.Sock})
		} else if giver != nil {
			hint = wording.Hint(fd.Sock, "open", giver.open())
		}
		if giver == nil {
			a.complain(OfStep, "fds: no process %q exists so far on the program's host%s", fd.Process, hint)
		} else {
			a.complain(OfStep, "fds: process %q has no socket %q%s", fd.Process, fd.Sock, hint)
		}
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
		case a.chooses(i): // and the kernel's choice is kept
		case strings.HasPrefix(v, "@"):
			a.complain(i, "name %s is not known yet, keep it first: getsockname(a) = %q", v, v)
		default:
			a.complain(i, "port %s is not known yet, keep it first: getsockname(a) = any:%s", v, v)
		}
		a.kept[v] = true
	}
	for answer := range a.answers() {
		a.kept[a.answerVariable(answer)] = true
	}
}

// chooses reports whether an argument is an address to bind to whose port has a name and no number
// yet: the kernel chooses one then.
func (s *Step) chooses(i int) bool {
	addr, ok := s.Call.Args[i].(lab.Addr)
	return ok && s.Call.Name == "bind" && addr.Port.Plus == 0
}

// argVariable returns what an argument has that an answer must have kept, "$p" or "@$n", "" for
// nothing.
func (s *Step) argVariable(i int) string {
	sig, ok := lab.SignatureOf(s.Call.Name)
	if !ok || len(sig.Args) == 0 {
		return ""
	}
	return variable(sig.Kind(i), s.Call.Args[i])
}

// answers are those that will do, on any kernel.
func (s *Step) answers() iter.Seq[lab.Answer] {
	return func(yield func(lab.Answer) bool) {
		for _, r := range s.Want {
			for _, a := range r.Answer.All() {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// answerVariable returns what an answer keeps.
func (s *Step) answerVariable(a lab.Answer) string {
	sig, _ := lab.SignatureOf(s.Call.Name)
	return cmp.Or(variable(sig.Answers, a.Value), variable(lab.KindAddr, a.From))
}

func variable(kind lab.Kind, a lab.Arg) string {
	switch a := a.(type) {
	case lab.Addr:
		if a.Port.Var != "" {
			return "$" + a.Port.Var
		}
	case lab.Text:
		if n := lab.KeptName(string(a)); n != "" && kind.NamesUnix() {
			return "@$" + n
		}
	}
	return ""
}

// checkSockets complains about sockets that the caller does not have.
func (a *applier) checkSockets() {
	for i, arg := range a.Call.Args {
		for _, v := range append(lab.ControlArgs(arg), arg) {
			if sock, ok := v.(lab.Sock); ok && !a.doubt {
				a.checkSocket(i, string(sock))
			}
		}
	}
}

func (a *applier) checkSocket(arg int, name string) {
	p, process := a.process, a.Step.Process
	k, made := p.sockets[name]
	switch {
	case !made && a.Foreign:
	case !made:
		hint := wording.Hint(name, "open", p.open())
		if owners := a.owners(process.Host, name); owners != nil {
			hint = fmt.Sprintf("; process %q has one", owners[0])
		}
		a.complain(arg, "process %q has no socket %q%s", process, name, hint)
	case k.raced > 0 && !a.Held && !slices.Contains(indifferent, a.Call.Name) && !a.leavesOpen():
		a.complain(arg, "what together on line %d did to socket %q of process %q is left open, so this may answer one thing "+
			"or another: write = ANSWER | ANSWER, or = ?", k.raced, name, process)
	case k.closed > 0 && !a.expectsClosed():
		a.complain(arg, "socket %q of process %q was closed on line %d", name, process, k.closed)
	default:
		return
	}
	p.sockets[name] = socket{doubt: true}
}

// owners returns the processes of a host that have an open socket of that name, sorted.
func (a *applier) owners(host, sock string) []string {
	var names []string
	for who, p := range a.processes {
		k, made := p.sockets[sock]
		if made && k.closed == 0 && !k.doubt && p.ended == "" && who == a.Same(lab.Process{Host: host, Name: who.Name}) {
			names = append(names, who.Name)
		}
	}
	slices.Sort(names)
	return names
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

// begin notes a call in the background.
func (a *applier) begin() {
	if other, ok := a.process.pending[a.Pending]; ok {
		a.complain(OfStep, "process %q has a call %q in the background already, from line %d", a.Step.Process, a.Pending,
			other.line)
	}
	a.process.pending[a.Pending] = pending{a.Line, a.Call}
	if a.Held {
		a.held = append(a.held, heldCall{a.process, a.Pending, a.Call})
	}
}

// together releases the calls that were held. Which of them is answered what is left open, unless all are
// answered alike: a socket that one of them may have made exists or not, and one that they were about is in
// one state or another. Where all are about the same sockets that does not matter.
func (a *applier) together() {
	held := a.held
	a.held = nil
	var outcomes []lab.Answer
	alike, allOK := true, true
	for answer := range a.answers() {
		all, ok := answer.Value.(lab.Outcomes)
		outcomes = append(outcomes, all...)
		for _, one := range all {
			alike = alike && one.Outcome == all[0].Outcome && one.Errno == all[0].Errno
			allOK = allOK && one.Outcome == lab.OK
		}
		allOK = allOK && ok
		alike = alike && ok
	}
	for _, one := range outcomes {
		if !slices.ContainsFunc(held, func(h heldCall) bool { return mayAnswer(h.call, one) }) {
			a.complain(OfCall, "none of the calls can answer %s", one)
		}
	}
	same := len(held) > 0
	for _, h := range held {
		same = same && h.call.Makes == "" && slices.Equal(h.socks(), held[0].socks())
	}
	for _, h := range held {
		delete(h.process.pending, h.name)
		if h.call.Name == "close" {
			name := string(h.call.Args[0].(lab.Sock))
			k := h.process.sockets[name]
			k.closed = a.Line
			h.process.sockets[name] = k
		}
		made := []string{h.call.Makes}
		for _, arg := range h.call.Args {
			switch arg := arg.(type) {
			case lab.New:
				made = append(made, string(arg))
			case lab.Sock:
				if k, ok := h.process.sockets[string(arg)]; ok && !alike && !same {
					k.raced = a.Line
					h.process.sockets[string(arg)] = k
				}
			}
		}
		for _, name := range made {
			switch {
			case name == "":
			case allOK:
				h.process.sockets[name] = socket{made: a.Line}
			default:
				h.process.sockets[name] = socket{doubt: true, raced: a.Line}
			}
		}
	}
}

// heldSock is a socket of a call that was held: inherited from the same one it is the same.
type heldSock struct {
	name string
	made int
}

func (h heldCall) socks() (all []heldSock) {
	for _, arg := range h.call.Args {
		if name, ok := arg.(lab.Sock); ok {
			all = append(all, heldSock{string(name), h.process.sockets[string(name)].made})
		}
	}
	return all
}

// mayAnswer reports whether a call may answer so.
func mayAnswer(call lab.Call, answer lab.Answer) bool {
	sig, _ := lab.SignatureOf(call.Name)
	sig = sig.For(len(call.Args))
	if call.Makes != "" {
		sig.Answers = ""
	}
	switch _, number := answer.Value.(lab.Int); {
	case sig.Answers == lab.KindValue && number:
		return true
	case sig.Answers == lab.KindEvents, sig.Answers == lab.KindFDFlags, sig.Answers == lab.KindCaught:
		_, words := answer.Value.(lab.Socks) // POLLIN looks as the name of a socket does
		return words || answer.Value == nil
	}
	return isOf(sig.Answers, answer.Value)
}

// indifferent are calls whose answers do not tell what an earlier one did to the socket.
var indifferent = []string{"close", "setsockopt", "fcntl", "dup", "epoll_ctl", "fchown", "together", "fork"}

// leavesOpen reports whether more than one answer will do.
func (s *Step) leavesOpen() bool {
	for _, r := range s.Want {
		if r.Answer.Outcome != lab.Unasked && r.Answer.Outcome != lab.Either {
			return false
		}
	}
	return true
}

// answer takes the answer of a call in the background, which is over then: unless it can only be that it
// still waits.
func (a *applier) answer() {
	name := string(a.Call.Args[0].(lab.Pending))
	call, ok := a.process.pending[name]
	if !ok {
		if !a.doubt {
			a.complain(0, "process %q has no call %q in the background%s", a.Step.Process, name,
				wording.Hint(name, "waiting", wording.Sorted(slices.Collect(maps.Keys(a.process.pending))...)))
		}
		return
	}
	sig, _ := lab.SignatureOf(call.call.Name)
	if call.call.Makes != "" {
		sig.Answers = ""
	}
	over := false
	for answer := range a.answers() {
		over = over || answer.Outcome != lab.Blocked
		if answer.Outcome == lab.OK && answer.Value == nil && sig.Answers != "" {
			a.complain(OfCall, "%q is %s, from line %d, which answers %s: write that, or ?", name, call.call, call.line,
				sig.Answers)
			continue
		}
		if !isOf(sig.Answers, answer.Value) || answer.From != nil && !sig.Sender || answer.With != nil && !sig.Controls {
			a.complain(OfCall, "%q is %s, from line %d, which cannot answer %s", name, call.call, call.line, answer)
		}
	}
	if !over {
		return
	}
	delete(a.process.pending, name)
	if call.call.Makes != "" {
		a.makeSocket(call.call.Makes)
	}
}

// isOf reports whether a call that answers values of a kind may answer that one.
func isOf(kind lab.Kind, value lab.Arg) bool {
	switch value.(type) {
	case nil:
		return true
	case lab.Text:
		return kind == lab.KindText
	case lab.Int:
		return kind == lab.KindInt
	case lab.Socks:
		return kind == lab.KindSocks
	}
	return false
}

func (a *applier) makeSocket(name string) {
	p := a.process
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

// expectsClosed reports whether an answer that is expected says that the descriptor is closed.
func (s *Step) expectsClosed() bool {
	for a := range s.answers() {
		if saysClosed(a) {
			return true
		}
	}
	return false
}

// saysClosed reports whether it is the answer of a closed descriptor: poll(2) has an event for it.
func saysClosed(a lab.Answer) bool {
	return a.Errno == "EBADF" || a.Value == lab.Arg(lab.Word("POLLNVAL"))
}

// mayEndWell reports whether an answer that is expected is a success.
func (s *Step) mayEndWell() bool {
	for a := range s.answers() {
		if a.Outcome == lab.OK || a.Outcome == lab.Unasked {
			return true
		}
	}
	return false
}

// carryOut does what the call does to processes and sockets.
func (a *applier) carryOut() {
	switch a.Call.Name {
	case "close":
		name := string(a.Call.Args[0].(lab.Sock))
		k := a.process.sockets[name]
		k.closed = a.Line
		a.process.sockets[name] = k
	case "pidfd_getfd":
		if v := a.World.Process(a.named()); !a.doubt && (v == nil || !v.Program || v.ended != "") {
			a.complain(0, "no program %q is in the background", a.named())
		}
	case "answer":
		a.answer()
	case "together":
		a.together()
	case "exec": // it ends the other threads, execve(2)
		clear(a.process.pending)
	case "exit":
		a.process.ended = fmt.Sprintf("exit() on line %d", a.Line)
	case "fork":
		a.fork()
	case "kill", "wait":
		a.end()
	case "signals":
		a.checkSignallers()
	case "sigaction":
		if a.process.handled == nil {
			a.process.handled, a.process.once = map[lab.Arg]bool{}, map[lab.Arg]bool{}
		}
		a.process.once[a.Call.Args[0]] = len(a.Call.Args) > 2 && a.mayEndWell() &&
			slices.Contains(strings.Split(a.Call.Args[2].String(), "|"), "SA_RESETHAND")
		a.process.handled[a.Call.Args[0]] = a.Call.Args[1] != lab.Arg(lab.Word("SIG_DFL")) || !a.mayEndWell()
	}
}

// checkSignallers complains about senders of signals that do not exist, and about processes whose names stand for
// another sender.
func (a *applier) checkSignallers() {
	for answer := range a.answers() {
		from, _ := answer.From.(lab.Signallers)
		if from.Names == "" {
			continue
		}
		for name := range strings.SplitSeq(from.Names, "|") {
			p := a.Step.Process
			p.Name = name
			switch exists, own := a.World.Process(p) != nil, name == lab.SentByKernel || name == lab.SentByOther; {
			case own && exists:
				a.complain(OfCall, "behind from, %q is what is not a process of the experiment: give the process of that name "+
					"another one", name)
			case !own && !exists && !a.doubt:
				a.complain(OfCall, "no process %q exists so far%s", name, wording.Hint(name, "processes", a.living()))
			}
		}
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
	ignored := maps.Clone(a.process.handled) // not handlers, but SIG_IGN may go on to a child, fork(2)
	a.processes[a.Same(child)] = &Process{First: a.Line, Forked: true, sockets: inherited, pending: map[string]pending{},
		handled: ignored}
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
	case a.mayEndWell() && (waits || len(a.Call.Args) == 1):
		v.ended = fmt.Sprintf("%s() on line %d", a.Call.Name, a.Line)
	case a.mayEndWell() && !v.Program && a.isFatal() && (!v.handled[a.Call.Args[1]] || a.Call.Args[1] == fatal[0]):
		v.ended = fmt.Sprintf("%s(%s) on line %d", a.Call.Name, a.Call.Args[1], a.Line)
	case a.mayEndWell() && len(a.Call.Args) > 1 && v.once[a.Call.Args[1]]:
		v.handled[a.Call.Args[1]] = false
	}
}

// fatal are the signals whose default action ends a process, signal(7). The first ends every one, whatever it handles.
// SIGPIPE is not among them: it comes to a process that has a handler for it alone.
var fatal = []lab.Arg{lab.Word("SIGKILL"), lab.Word("SIGHUP"), lab.Word("SIGINT"), lab.Word("SIGQUIT"),
	lab.Word("SIGUSR1"), lab.Word("SIGUSR2"), lab.Word("SIGTERM")}

// isFatal reports whether kill sends a signal that ends a process which does not handle it.
func (s *Step) isFatal() bool {
	return len(s.Call.Args) > 1 && slices.Contains(fatal, s.Call.Args[1])
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
		case lab.Sock, lab.New, lab.ProcessName, lab.Pending, lab.Control, lab.Word: // a signal is a word
			fmt.Fprintf(&b, "%s,", a)
		default:
			fmt.Fprintf(&b, "%s,", s.argVariable(i))
		}
	}
	for a := range s.answers() {
		fmt.Fprintf(&b, "=%s%t", s.answerVariable(a), saysClosed(a))
		fmt.Fprintf(&b, "=%s%t", s.answerVariable(a), a.Errno == "EBADF")
		if slices.Contains([]string{"answer", "together", "signals"}, s.Call.Name) {
			b.WriteString(a.String())
		}
	}
	fmt.Fprintf(&b, "%s%t", s.Pending, s.leavesOpen())
	return b.String() + ");"
}
