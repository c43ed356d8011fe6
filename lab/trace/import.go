package trace

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"

	"labrun/lab"
	"labrun/lab/draft"
	"labrun/lab/syntax"
)

// Options say what the experiment is to be about.
type Options struct {
	// Layout is the lab that the events happened in. Without one a lab is made up, with an address for each that the
	// events have, and what the other ends of connections must have done is made up too.
	Layout *lab.Layout
	Host   string // of the layout, the host that the processes were in
}

// Imported is what became of events.
type Imported struct {
	Layout   lab.Layout
	Host     string
	Lines    []draft.Line
	Users    []lab.ProcessUser
	Left     []Left
	Waits    int       // calls such as poll and epoll_wait, which no step stands for
	Pending  int       // calls that still waited at the end
	Caches   int       // sockets that asked the C library's cache of names
	MadeUp   int       // steps that other ends of connections must have made
	Renamed  []Renamed // addresses of the events, in the order in which they appear
	Moved    []string  // paths of sockets that no lab has: "/tmp/a.sock is /srv/app/a.sock"
	Carried  int       // calls that are steps
	Programs []string  // the names of the processes, in the order in which they appear
}

// Renamed is an address of the events that has another one in the lab.
type Renamed struct {
	Was  netip.Addr
	Name string // as a step of the host has it: x, peer.x
}

// maxSteps is how many steps an experiment gets; a file may have 10 000, some of which are made up.
const maxSteps = 9000

// Import turns events into the steps of an experiment.
func Import(events []Event, o Options) *Imported {
	m := &importer{
		Imported: &Imported{Host: o.Host}, madeUp: o.Layout == nil,
		threads: map[int]*process{}, taken: map[string]bool{}, nics: map[string]string{},
		chosen: map[uint16]string{}, explicit: map[uint16]bool{}, dials: map[string]int{}, servers: map[string]string{},
		near: map[string]string{}, sockNames: map[string]bool{},
	}
	for i := range events {
		e := events[i] // whose paths may change
		m.events = append(m.events, &e)
	}
	slices.SortStableFunc(m.events, func(a, b *Event) int { return cmp.Compare(a.place(), b.place()) })
	m.findPrograms()
	m.movePaths()
	m.findPorts()
	if m.madeUp {
		m.makeUpLab()
	} else {
		m.Layout = *o.Layout
	}
	m.leftOver()
	for i, e := range m.events {
		if len(m.Lines) >= maxSteps {
			m.leave(e, fmt.Sprintf("an experiment gets %d steps; this call and those behind it are too many", maxSteps))
			break
		}
		m.at = i
		m.event(e)
	}
	return m.Imported
}

// ExpectSuccess has the steps expect of bind, listen and connect that they succeed, where they failed: as the program
// did. A run is red then where the program met its trouble, and says why.
func (m *Imported) ExpectSuccess() {
	for i := range m.Lines {
		s := &m.Lines[i].Step
		if len(s.Want) != 1 || !slices.Contains([]string{"bind", "listen", "connect"}, s.Call.Name) {
			continue
		}
		if a := s.Want[0].Answer; a.Outcome == lab.Failed && !slices.Contains(begun, a.Errno) {
			m.Lines[i].Comment = "it answered " + a.Errno
			s.Want = nil
		}
	}
}

// begun are the errnos of a call that goes on.
var begun = []string{"EINPROGRESS", "EALREADY", "EAGAIN", "EINTR"}

type importer struct {
	*Imported
	madeUp    bool
	events    []*Event
	at        int // the event that is looked at
	parents   map[int]int
	programs  map[int]string
	threads   map[int]*process
	taken     map[string]bool // names of processes
	sockets   int             // how many have a name
	real      map[netip.Addr]netip.Addr
	nics      map[string]string
	chosen    map[uint16]string // ports that the kernel chose, by the variable that keeps each
	explicit  map[uint16]bool   // ports that a program named
	ports     int               // how many variables there are
	dials     map[string]int    // connections to a port that no accept has taken yet
	servers   map[string]string // made-up listeners of the peer, by address: their names
	others    int               // made-up sockets
	sockNames map[string]bool   // the paths of sockets that were bound
	near      map[string]string // made-up processes of the same host, and their names
}

// process is what has one table of descriptors: a process with its threads.
type process struct {
	id    int
	name  lab.Process
	fds   map[int]descriptor
	ended bool
}

type descriptor struct {
	*socket
	name      string
	closeExec bool
}

// socket is a socket as far as it matters for what is made up and for the reading of answers.
type socket struct {
	silent   bool // of a family that is left out: so is all that is done with it
	datagram bool
	six      bool
	nonblock bool
	local    lab.Addr
	bound    bool
	other    *end   // the made-up other end
	asks     string // the made-up socket of the peer that a datagram goes to
	asked    netip.Addr
}

// end is the other end of a connection.
type end struct {
	process lab.Process
	name    string
}

// findPrograms finds which threads are processes, and the last program that each of them executed: it is named
// after that, also in the steps before.
func (m *importer) findPrograms() {
	m.parents, m.programs = map[int]int{}, map[int]string{}
	forked := map[int]int{}
	for _, e := range m.events {
		child := e.number()
		switch {
		case !forks(e.Name) || child <= 0:
		case e.has("CLONE_FILES"):
			m.parents[child] = e.Thread
		default:
			forked[child] = e.Thread
		}
	}
	for _, e := range m.events {
		if file, _, ok := text(e.arg(0)); ok && e.Name == "execve" && e.Result == "0" {
			m.programs[m.owner(e.Thread)] = path.Base(file)
		}
	}
	for child := range forked {
		seen := 0
		for p := child; m.programs[child] == "" && seen < 100; seen++ {
			parent, ok := forked[m.owner(p)]
			if !ok {
				break
			}
			p = parent
			m.programs[child] = m.programs[m.owner(p)]
		}
	}
}

func forks(name string) bool {
	return slices.Contains([]string{"clone", "clone3", "fork", "vfork"}, name)
}

// owner returns the first thread of a thread's process.
func (m *importer) owner(thread int) int {
	for range 1000 {
		parent, ok := m.parents[thread]
		if !ok {
			break
		}
		thread = parent
	}
	return thread
}

// process returns the process of a thread.
func (m *importer) process(thread int) *process {
	id := m.owner(thread)
	if m.threads[id] == nil {
		m.threads[id] = &process{id: id, fds: map[int]descriptor{}}
	}
	return m.threads[id]
}

// nameOf returns the name of a process, which it gets with its first step.
func (m *importer) nameOf(p *process) lab.Process {
	if p.name.Name != "" {
		return p.name
	}
	base := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, m.programs[p.id])
	if base = base[:min(len(base), 40)]; syntax.ProcessName.Check(base) != "" || slices.Contains(stepWords, base) {
		base = "main"
	}
	p.name = lab.Process{Name: m.unused(base)}
	m.Programs = append(m.Programs, p.name.Name)
	return p.name
}

// unused returns a name that no process of the host has yet.
func (m *importer) unused(base string) string {
	name := base
	for n := 2; m.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	m.taken[name] = true
	return name
}

// stepWords are keys of a step, which no process has for a name.
var stepWords = []string{"run", "as", "limit", "background", "until", "stdout", "stderr", "exit", "repeat", "fds",
	"together", "answers", "doc", "want", "skip", "only", "axes"}

// newName returns a name for a socket: a to z, then s27 and so on.
func (m *importer) newName() string {
	m.sockets++
	if m.sockets <= 26 {
		return string(rune('a' + m.sockets - 1))
	}
	return fmt.Sprintf("s%d", m.sockets)
}

// leave notes that a call could not be carried over, in the file too.
func (m *importer) leave(e *Event, why string) {
	m.Left = append(m.Left, Left{Line: e.Line, Text: e.Text, Why: why})
	m.Lines = append(m.Lines, draft.Line{Comment: comment(e.Line, e.Text, why)})
}

// comment is what stands in the file for something that was left out.
func comment(line int, text, why string) string {
	where := ""
	if line > 0 {
		where = fmt.Sprintf("line %d: ", line)
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if len(text) > 100 {
		text = strings.ToValidUTF8(text[:100], "") + "..."
	}
	return where + text + "\n  left out: " + why
}

// step adds a step that is written in a text, and complains about the event if it is not one.
func (m *importer) step(e *Event, by lab.Process, text string) bool {
	s := syntax.Parse(text)
	if len(s.Mistakes) > 0 {
		m.leave(e, s.Mistakes[0].Msg)
		return false
	}
	m.add(by, s.Call, s.Want)
	m.Carried++
	return true
}

func (m *importer) add(by lab.Process, call lab.Call, want lab.Want) {
	m.Lines = append(m.Lines, draft.Line{Step: lab.Step{Process: by, Call: call, Want: want}})
}

// makeUp adds a step that is not of the events.
func (m *importer) makeUp(by lab.Process, format string, args ...any) {
	s := syntax.Parse(fmt.Sprintf(format, args...))
	if len(s.Mistakes) > 0 {
		panic(fmt.Sprintf("a step that was made up: %s: %s", s.Text, s.Mistakes[0].Msg))
	}
	m.add(by, s.Call, s.Want)
	m.MadeUp++
}

// event follows one event.
func (m *importer) event(e *Event) {
	p := m.process(e.Thread)
	errno, failed := e.failed()
	switch {
	case e.Result == "" && e.Name != Exit && !strings.HasPrefix(e.Name, "exit"):
		if d, ok := p.fds[e.fd(0)]; ok && !d.silent && slices.Contains(waiting, e.Name) {
			m.Pending++
		}
		return
	case e.Name == "io_uring_setup":
	case errno == "EINTR" || strings.HasPrefix(e.Result, "? "):
		restarts := strings.Contains(e.Result, "RESTART") // then it is made again
		if d, ok := p.fds[e.fd(0)]; ok && !d.silent && !slices.Contains(polls, e.Name) && !restarts {
			m.leave(e, "a signal interrupted it")
		}
		return
	}
	switch e.Name {
	case Exit:
		if e.Thread == p.id {
			m.end(p)
		}
	case "exit_group":
		m.end(p)
	case "clone", "clone3", "fork", "vfork":
		m.fork(e, p)
	case "execve", "execveat":
		if !failed {
			m.exec(p)
		}
	case "socket":
		m.socket(e, p)
	case "socketpair":
		m.socketpair(e, p)
	case "dup", "dup2", "dup3":
		m.dup(e, p)
	case "fcntl", "fcntl64":
		m.fcntl(e, p)
	case "unlink", "unlinkat":
		m.unlink(e, p)
	case "close", "close_range":
		m.close(e, p)
	case Foreign:
		m.leave(e, "a program of another architecture, such as a 32-bit one, whose calls are not seen")
	case "io_uring_setup":
		m.leave(e, "calls by io_uring are not seen, and so are not in this file")
	case "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2":
		if len(p.fds) > 0 {
			m.Waits++
		}
	default:
		m.onSocket(e, p)
	}
}

// polls are the calls that wait for sockets to be ready. What came of it shows in the calls behind them.
var polls = []string{"poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"}

// onSocket follows a call about a socket that exists.
func (m *importer) onSocket(e *Event, p *process) {
	d, ok := p.fds[e.fd(0)]
	calls := socketCalls[e.Name]
	_, failed := e.failed()
	switch {
	case !ok && calls.socketsOnly && e.fd(0) >= 0:
		if errno, _ := e.failed(); errno != "ENOTSOCK" && errno != "EBADF" {
			m.leave(e, fmt.Sprintf("descriptor %d was made by a call that is not among these", e.fd(0)))
		}
	case !ok || d.silent:
	case calls.follow == nil && e.Name == "sendfile":
		m.leave(e, "labrun has no such call; write send() with a text")
	case calls.follow == nil:
		if calls.socketsOnly {
			m.leave(e, "labrun has no such call")
		}
	case !failed && e.number() < 0: // "?": the thread ended in it
		m.leave(e, "strace did not print what it answered")
	default:
		calls.follow(m, e, p, d)
	}
}

// socketCall says how a call about a socket is followed.
type socketCall struct {
	follow      func(*importer, *Event, *process, descriptor)
	socketsOnly bool // it is about sockets alone, unlike read
}

var socketCalls map[string]socketCall

func init() { // they call each other
	socketCalls = map[string]socketCall{
		"bind": {(*importer).bind, true}, "connect": {(*importer).connect, true},
		"listen": {(*importer).plain, true}, "shutdown": {(*importer).plain, true},
		"accept": {(*importer).accept, true}, "accept4": {(*importer).accept, true},
		"getsockname": {(*importer).plain, true}, "getpeername": {(*importer).plain, true},
		"setsockopt": {(*importer).option, true}, "getsockopt": {(*importer).option, true},
		"send": {(*importer).send, true}, "sendto": {(*importer).send, true}, "write": {(*importer).send, false},
		"writev": {(*importer).send, false}, "sendmsg": {(*importer).send, true},
		"recv": {(*importer).receive, true}, "recvfrom": {(*importer).receive, true}, "read": {(*importer).receive, false},
		"readv": {(*importer).receive, false}, "recvmsg": {(*importer).receive, true},
		"sendmmsg": {(*importer).several, true}, "recvmmsg": {(*importer).several, true}, "sendfile": {nil, false},
		"ioctl": {(*importer).ioctl, false},
	}
}
