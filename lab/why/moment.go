package why

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/syntax"
	"labrun/lab/world"
)

// player replays the steps of a cell.
type player struct {
	q     *question.Question
	steps []*question.Step
	world *world.Replay
	at    int
}

func newPlayer(q *question.Question, steps []*question.Step) *player {
	return &player{q: q, steps: steps, world: world.NewReplay(q.Layout)}
}

func (p *player) play(s *question.Step, got string) {
	if a, ok := p.answered(s, got); ok {
		p.world.Apply(a)
	}
	p.at++
}

// answered reads the answer of a step. It is not ok for one that no answer of the call could be, such as a report that
// was edited has.
func (p *player) answered(s *question.Step, got string) (world.Answered, bool) {
	a := world.Answered{Process: s.Process, Call: s.Call, Spec: s.Spec, Pending: s.Pending, Held: s.Held,
		Program: s.Run != nil}
	if a.Program {
		a.FDs = s.Run.FDs
		return a, true
	}
	if u := p.q.UserOf(s.Process); u != nil {
		a.User = *u.User
	}
	for _, arg := range s.Call.Args {
		switch arg := arg.(type) {
		case lab.Addr:
			if arg != lab.Unspec {
				a.Addr, a.HasAddr = world.Endpoint{Addr: s.Addr.Addr(), Port: world.PortOf(arg.Port)}, true
			}
		case lab.Text:
			if p.unixName(s.Call, arg) {
				a.Addr, a.HasAddr = world.Endpoint{Unix: string(arg)}, true
			}
		}
	}
	a.Answer = p.read(s, got)
	for _, part := range []struct {
		got  lab.Arg
		of   func(lab.Answer) lab.Arg
		into *world.Endpoint
	}{
		{a.Answer.Value, func(a lab.Answer) lab.Arg { return a.Value }, &a.Value},
		{a.Answer.From, func(a lab.Answer) lab.Arg { return a.From }, &a.From},
	} {
		addr, ok := part.got.(lab.Addr)
		if !ok || addr == lab.Unspec {
			continue
		}
		*part.into = p.endpoint(addr, s.Process.Host)
		if part.into.Port.IsZero() && strings.Contains(got, ":ephemeral") {
			part.into.Port = kept(s, part.of)
		}
	}
	return a, true
}

// kept returns the name under which a step keeps the port that it is answered, "$p": its answer is written before the
// port has the name.
func kept(s *question.Step, of func(lab.Answer) lab.Arg) world.Port {
	for _, w := range s.Want {
		for _, a := range w.Answer.All() {
			if addr, ok := of(a).(lab.Addr); ok && addr.Port.Var != "" && addr.Port.Plus == 0 {
				return world.PortOf(addr.Port)
			}
		}
	}
	return world.Port{}
}

// unixName reports whether a text in a call is a name of unix(7), and not what is sent.
func (p *player) unixName(call lab.Call, text lab.Text) bool {
	sig, ok := lab.SignatureOf(call.Name)
	i := slices.Index(call.Args, lab.Arg(text))
	return ok && i >= 0 && sig.Kind(i).NamesUnix()
}

// read reads the words of an answer. Of a value that cannot be read back, a port that no name was kept for, ok is
// left.
func (p *player) read(s *question.Step, got string) lab.Answer {
	call := s.Call
	if call.Name == "answer" {
		if began, ok := p.world.PendingCall(s.Process, call.Args[0].String()); ok {
			call = began.Call
		}
	}
	first, _, _ := strings.Cut(got, " ")
	if isErrno(first) {
		return lab.Answer{Outcome: lab.Failed, Errno: first}
	}
	if got == string(lab.Blocked) {
		return lab.Answer{Outcome: lab.Blocked}
	}
	if a, err := syntax.ParseAnswer(call, strings.ReplaceAll(got, ":ephemeral", ":0")); err == nil {
		return a
	}
	return lab.Answer{Outcome: lab.OK}
}

// isErrno reports whether a word of an answer is the name of an errno. States of sockets and events of epoll begin
// alike.
func isErrno(word string) bool {
	return len(word) > 2 && word[0] == 'E' && word != "ESTABLISHED" && !strings.HasPrefix(word, "EPOLL") &&
		strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

func (p *player) endpoint(a lab.Addr, at string) world.Endpoint {
	ip := a.IP
	if a.Name != "" || a.Mapped {
		ip, _ = p.q.Layout.Resolve(a, at, p.q.Host)
	}
	return world.Endpoint{Addr: ip, Port: world.PortOf(a.Port)}
}

// moment is the world as a call found it.
type moment struct {
	*player
	step   *question.Step
	call   lab.Call // of answer() the call that ended
	by     world.Answered
	sock   *world.Socket // that the call is about, nil for none
	others []*world.Socket
	looked bool            // others are those that the kernel has shown, and not those of the steps
	named  []*world.Socket // by the sentence of the rule that is asked
}

// moment returns what a step found, nil for one that has no reason: a program, or a call whose end answer() tells.
func (p *player) moment(s *question.Step, got string) *moment {
	a, ok := p.answered(s, got)
	if !ok || a.Program || s.Pending != "" {
		return nil
	}
	m := &moment{player: p, step: s, call: s.Call, by: a, others: p.world.Sockets}
	if s.Call.Name == "answer" {
		began, ok := p.world.PendingCall(s.Process, s.Call.Args[0].String())
		if !ok {
			return nil
		}
		m.call = began.Call
		m.by.Call, m.by.Addr, m.by.HasAddr = began.Call, began.Addr, began.HasAddr
	}
	if name, ok := m.arg(0).(lab.Sock); ok {
		m.sock = p.world.Named(s.Process, string(name))
	}
	return m
}

// errno is what the call answered: an errno's name, "ok" or "blocked".
func (m *moment) errno() string {
	if m.by.Answer.Outcome == lab.Failed {
		return m.by.Answer.Errno
	}
	if all, ok := m.by.Answer.Value.(lab.Outcomes); ok { // of together: the errno of some of the calls
		for _, one := range all {
			if one.Outcome == lab.Failed {
				return one.Errno
			}
		}
	}
	return string(m.by.Answer.Outcome)
}

func (m *moment) arg(i int) lab.Arg {
	if i < len(m.call.Args) {
		return m.call.Args[i]
	}
	return nil
}

func (m *moment) word(i int) string {
	if a := m.arg(i); a != nil {
		return a.String()
	}
	return ""
}

// has reports whether an argument of the call has the word, as flags do.
func (m *moment) has(word string) bool {
	return slices.ContainsFunc(m.call.Args, func(a lab.Arg) bool {
		return slices.Contains(strings.Split(a.String(),
			"|"), word)
	})
}

// length returns the length that the call says its address or value has.
func (m *moment) length() (int, bool) {
	if len(m.call.Args) < 2 {
		return 0, false
	}
	n, ok := m.call.Args[len(m.call.Args)-1].(lab.Int)
	return int(n), ok
}

// self is the caller's name for the socket of the call.
func (m *moment) self() string { return m.word(0) }

// host is that of the call.
func (m *moment) host() string { return m.step.Process.Host }

// user is as whom the call was made.
func (m *moment) user() uint32 { return m.world.UserOf(m.step.Process, m.by.User) }

// keeps reports whether the caller kept the capability, or is root.
func (m *moment) keeps(capability string) bool {
	if m.user() == 0 {
		return true
	}
	u := m.q.UserOf(m.step.Process)
	return u != nil && slices.Contains(u.Keeps, capability)
}

// known is the socket of the call, nil where not all of it follows from the answers.
func (m *moment) known() *world.Socket {
	if m.sock == nil || m.sock.Type == "" || m.sock.Doubt {
		return nil
	}
	return m.sock
}

// place writes an address as the file does.
func (m *moment) place(e world.Endpoint) string {
	if e.Unix != "" {
		return strconv.Quote(e.Unix)
	}
	return m.addr(e.Addr) + ":" + e.Port.String()
}

func (m *moment) addr(ip netip.Addr) string {
	if !ip.IsValid() {
		return "?"
	}
	return m.q.Layout.NameOf(ip, m.host(), m.q.Host)
}

// name writes the socket's name, with its process where that is another one.
func (m *moment) name(s *world.Socket) string {
	n := s.Was
	if len(s.Names) > 0 {
		n = s.Names[0]
		for _, other := range s.Names {
			if other.Process == m.step.Process {
				n = other
			}
		}
	}
	if n.Process == m.step.Process || n.Sock == "" {
		return n.Sock
	}
	process := n.Process
	process.Host = m.q.Layout.HostWord(process.Host, m.host(), m.q.Host)
	if n.Process.Host == m.host() || process.Host == "" {
		return n.Sock + " of " + process.Name
	}
	return n.Sock + " of " + process.String()
}

// tell writes a socket with what decides whether another one may share its port, and notes that the sentence names it.
func (m *moment) tell(s *world.Socket) string {
	m.named = append(m.named, s.Clone())
	words := m.place(s.Local)
	if s.Remote.Port != (world.Port{}) && s.State != "LISTEN" {
		words += " -> " + m.place(s.Remote)
	}
	if s.State != "" {
		words += ", " + s.State
	}
	if s.Device != "" {
		words += ", on " + s.Device
	}
	switch name := m.name(s); {
	case len(s.Names) > 0:
		return name + " (" + words + ")"
	case s.Listener != nil:
		return "a connection (" + words + ") that waits for accept"
	default:
		return "the closed " + or(name, "socket") + " (" + words + ")"
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// shown returns the sockets that the kernel has shown as the world has them.
func (m *moment) shown(seen []result.SocketInfo) []*world.Socket {
	var all []*world.Socket
	for _, i := range seen {
		s := &world.Socket{Host: i.Host, Type: i.Protocol, User: i.User, State: i.State, Device: i.Device, V6Only: i.V6Only,
			Options: map[string]string{}}
		if s.IsUnix() {
			s.Local.Unix, _ = strconv.Unquote(i.Local)
		} else {
			s.Local, s.Remote = m.read1(i.Local), m.read1(i.Remote)
		}
		for _, o := range i.Options {
			s.Options[o] = "1"
		}
		// The kernel's list has no SO_REUSEADDR: that of a process is known to the process alone.
		s.Opaque = len(i.Owners) == 0
		for _, o := range i.Owners {
			process, sock, _ := strings.Cut(strings.TrimSuffix(o, ")"), " (")
			n := world.Name{Process: m.step.Process, Sock: "a socket"}
			if host, name, ok := strings.Cut(process, "/"); ok {
				n.Process = lab.Process{Host: m.q.Layout.HostOf(host, m.q.Host), Name: name}
			} else if process != "unknown" {
				n.Process = lab.Process{Host: m.q.Host, Name: process}
			}
			isProgram := slices.ContainsFunc(m.q.Processes, func(p question.Process) bool {
				return p.Process == n.Process &&
					p.Program
			})
			if s.Opaque = s.Opaque || isProgram || process == "unknown"; !s.Opaque {
				n.Sock = sock
			}
			s.Names = append(s.Names, n)
		}
		for _, known := range m.world.Sockets { // a closed one has the options that it had
			if s.Opaque && same(known, s) && len(known.Names) == len(s.Names) {
				s.Opaque, s.Options = false, known.Options
			}
		}
		all = append(all, s)
	}
	return all
}

// read1 reads an address of a report.
func (m *moment) read1(text string) world.Endpoint {
	text, ephemeral := strings.CutSuffix(text, ":ephemeral")
	if ephemeral {
		text += ":0"
	}
	call, err := syntax.ParseCall("bind(a, " + text + ")")
	if err != nil {
		return world.Endpoint{}
	}
	a, ok := call.Args[1].(lab.Addr)
	if !ok {
		return world.Endpoint{}
	}
	e := m.endpoint(a, m.host())
	if ephemeral {
		e.Port = world.Port{Name: "?"}
	}
	return e
}
