package trace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"labrun/lab"
)

// open returns the descriptors of a process that steps know of, in order.
func (p *process) open() (numbers []int) {
	for _, n := range slices.Sorted(maps.Keys(p.fds)) {
		if !p.fds[n].silent {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// fork makes a child, which steps know of only if it inherits sockets: a process needs no fork to exist.
func (m *importer) fork(e *Event, p *process) {
	id := e.number()
	if id <= 0 || m.owner(id) != id {
		return // it failed, or made a thread
	}
	child := &process{id: id, fds: map[int]descriptor{}}
	m.threads[id] = child
	if len(p.open()) == 0 || m.idle(id) {
		return
	}
	child.fds = maps.Clone(p.fds)
	m.step(e, m.nameOf(p), fmt.Sprintf("fork(%s)", m.nameOf(child).Name))
}

// idle reports whether a child matters for no step: it neither keeps a socket beyond its parent's next step nor makes
// a call about one. Most programs fork for other things, such as to look for a file.
func (m *importer) idle(id int) bool {
	for _, e := range m.events[m.at+1:] {
		owner := m.owner(e.Thread)
		switch {
		case owner == id && (e.Name == Exit || e.Name == "exit_group"):
			return true
		case owner == id && (forks(e.Name) || socketCalls[e.Name].socketsOnly || e.Name == "socket"):
			return false
		case owner == id:
		case socketCalls[e.Name].socketsOnly || e.Name == "socket" || e.Name == "close":
			return false
		}
	}
	return false
}

// exec follows a program that becomes another one, which has the descriptors that are not close-on-exec.
func (m *importer) exec(p *process) {
	had := p.open()
	for n, d := range p.fds {
		if d.closeExec {
			delete(p.fds, n)
		}
	}
	if len(had) > 0 && p.name.Name != "" {
		m.add(p.name, lab.Call{Name: "exec"}, nil)
	}
}

// end ends a process, and with it its sockets.
func (m *importer) end(p *process) {
	if len(p.open()) > 0 && !p.ended && p.name.Name != "" {
		m.add(p.name, lab.Call{Name: "exit"}, nil)
	}
	p.ended, p.fds = true, map[int]descriptor{}
}

// socket makes a socket, or leaves out one of a family that has no addresses of hosts.
func (m *importer) socket(e *Event, p *process) {
	family := strings.Replace(e.arg(0), "PF_", "AF_", 1)
	s := &socket{
		datagram: e.has("SOCK_DGRAM"), six: family == "AF_INET6", nonblock: e.has("SOCK_NONBLOCK"),
	}
	if !slices.Contains([]string{"AF_INET", "AF_INET6", "AF_UNIX", "AF_LOCAL"}, family) {
		s.silent = true
		m.leave(e, "sockets of "+family+" are left out, with all that is done with them")
	}
	if m.asksCache(e, p) {
		s.silent = true
		m.Caches++
	}
	made := descriptor{s, "", e.has("SOCK_CLOEXEC")}
	if !s.silent {
		made.name = m.newName()
		if !m.plainAs(e, p, made.name) {
			s.silent = true
		}
	}
	if n := e.number(); n >= 0 {
		p.fds[n] = made
	}
}

// nscd is where the C library asks for names of users and hosts before it looks in files, nscd(8).
const nscd = "/run/nscd/socket"

// asksCache reports whether a socket is made to ask the C library's cache of names, which says nothing about the
// program: most machines do not have it, and most programs ask.
func (m *importer) asksCache(made *Event, p *process) bool {
	for _, e := range m.events[m.at+1:] {
		if m.owner(e.Thread) == p.id && e.fd(0) == made.number() {
			return e.Name == "connect" && strings.Contains(e.arg(1), nscd)
		}
	}
	return false
}

// socketpair makes two sockets: socketpair(AF_UNIX, SOCK_STREAM, 0, [3, 4]).
func (m *importer) socketpair(e *Event, p *process) {
	one, two, ok := strings.Cut(strings.Trim(e.arg(3), "[]"), ", ")
	if !ok || e.Result != "0" {
		return
	}
	s, t := &socket{}, &socket{}
	a, b := m.newName(), m.newName()
	kind := map[bool]string{e.has("SOCK_STREAM"): "unix", e.has("SOCK_DGRAM"): "unix-dgram",
		e.has("SOCK_SEQPACKET"): "unix-seqpacket"}[true]
	if strings.Contains(e.arg(1), "|") { // SOCK_STREAM|SOCK_CLOEXEC
		word, flags, _ := strings.Cut(strings.TrimPrefix(e.arg(1), "SOCK_"), "|")
		kind = "unix, " + strings.ToLower(word) + "|" + flags + ", 0"
	}
	s.silent = !m.step(e, m.nameOf(p), fmt.Sprintf("socketpair(%s, %s, %s)", kind, a, b))
	t.silent = s.silent
	closeExec := e.has("SOCK_CLOEXEC")
	p.fds[leadingNumber(one)] = descriptor{s, a, closeExec}
	p.fds[leadingNumber(two)] = descriptor{t, b, closeExec}
}

// dup makes another descriptor, and may close the one that had its number.
func (m *importer) dup(e *Event, p *process) {
	m.duplicate(e, p, e.Name == "dup3" && e.has("O_CLOEXEC"))
}

func (m *importer) duplicate(e *Event, p *process, closeExec bool) {
	n := e.number()
	if n < 0 || n == e.fd(0) {
		return
	}
	if old, ok := p.fds[n]; ok {
		m.drop(p, n, old)
	}
	d, ok := p.fds[e.fd(0)]
	if !ok {
		return
	}
	copied := descriptor{d.socket, "", closeExec}
	if !d.silent {
		copied.name = m.newName()
		m.step(e, m.nameOf(p), fmt.Sprintf("%s = dup(%s)", copied.name, d.name))
		if closeExec {
			m.makeUp(m.nameOf(p), "fcntl(%s, F_SETFD, FD_CLOEXEC)", copied.name)
			m.MadeUp-- // it is what the call did as well
		}
	}
	p.fds[n] = copied
}

// drop closes a descriptor.
func (m *importer) drop(p *process, n int, d descriptor) {
	delete(p.fds, n)
	if !d.silent {
		m.add(m.nameOf(p), lab.Call{Name: "close", Args: []lab.Arg{lab.Sock(d.name)}}, nil)
		m.Carried++
	}
}

// close closes one descriptor, or with close_range several.
func (m *importer) close(e *Event, p *process) {
	if _, failed := e.failed(); failed {
		return
	}
	first, last := e.fd(0), e.fd(0)
	if e.Name == "close_range" {
		if e.has("CLOSE_RANGE_CLOEXEC") {
			m.leave(e, "labrun has no such call; write fcntl(NAME, F_SETFD, FD_CLOEXEC) for each")
			return
		}
		if last = e.fd(1); last < 0 || strings.HasPrefix(e.arg(1), "~") || len(e.arg(1)) > 8 {
			last = 1 << 30
		}
	}
	for _, n := range slices.Sorted(maps.Keys(p.fds)) {
		if first <= n && n <= last {
			m.drop(p, n, p.fds[n])
		}
	}
}

// fcntl follows the commands that copy a descriptor and those that change its flags.
func (m *importer) fcntl(e *Event, p *process) {
	d, ok := p.fds[e.fd(0)]
	if !ok {
		return
	}
	command, flags := e.arg(1), e.arg(2)
	if strings.HasPrefix(command, "F_DUPFD") {
		m.duplicate(e, p, command == "F_DUPFD_CLOEXEC")
		return
	}
	if d.silent {
		return
	}
	answer := ""
	switch command {
	case "F_SETFL":
		d.nonblock = strings.Contains(flags, "O_NONBLOCK")
		answer = ", " + flags
	case "F_SETFD":
		d.closeExec = strings.Contains(flags, "FD_CLOEXEC")
		p.fds[e.fd(0)] = d
		answer = ", " + flags
	case "F_GETFL", "F_GETFD":
		return // a question about the process, of which nothing here depends
	case "F_SETOWN", "F_SETSIG", "0x8", "0xa": // of signals that a socket sends
		m.leave(e, "labrun has no signals of sockets")
		return
	default:
		m.leave(e, "labrun has no such command of fcntl")
		return
	}
	m.step(e, m.nameOf(p), fmt.Sprintf("fcntl(%s, %s%s)", d.name, command, answer))
}

// ioctl follows FIONBIO, which F_SETFL does as well; a terminal's commands are not about sockets.
func (m *importer) ioctl(e *Event, p *process, d descriptor) {
	if e.arg(1) != "FIONBIO" {
		if !strings.HasPrefix(e.arg(1), "TC") {
			m.leave(e, "only FIONBIO is carried over of the commands of ioctl")
		}
		return
	}
	value := strings.Trim(e.arg(2), "[]")
	d.nonblock = value != "0"
	m.step(e, m.nameOf(p), fmt.Sprintf("ioctl(%s, FIONBIO, %s)", d.name, value))
}
