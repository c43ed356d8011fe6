package trace

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/draft"
	"labrun/lab/syntax"
)

// plain carries a call over as package syntax reads lines of strace.
func (m *importer) plain(e *Event, p *process, d descriptor) { m.plainAs(e, p, "") }

// plainAs is plain for a call that makes a socket of that name.
func (m *importer) plainAs(e *Event, p *process, makes string) bool {
	s := foreign(e)
	if len(s.Mistakes) > 0 {
		m.leave(e, reason(s.Mistakes[0].Msg))
		return false
	}
	return m.addForeign(e, p, s, makes)
}

// foreign reads an event as a line of strace.
func foreign(e *Event) *syntax.Step {
	args := strings.Join(e.Args, ", ")
	if strings.HasPrefix(e.Name, "get") { // the address of a socket without a name, unix(7)
		args = strings.Replace(args, "{sa_family=AF_UNIX}", `{sa_family=AF_UNIX, sun_path=""}`, 1)
	}
	s := syntax.ParseForeign(fmt.Sprintf("%s(%s) = %s", e.Name, args, e.Result))
	if m := pathIn().FindStringSubmatch(args); len(s.Mistakes) > 0 && m != nil {
		if path := syntax.Parse(fmt.Sprintf(`bind(a, "%s")`, m[1])); len(path.Mistakes) > 0 {
			s.Mistakes = path.Mistakes
		}
	}
	return s
}

// reason returns a complaint about a line of strace as the reason to leave it out: it proposes what to write.
func reason(complaint string) string {
	if _, write, ok := strings.Cut(complaint, "this is not how a call is written here; write "); ok {
		return "not all of it can be said; the nearest is " + write
	}
	return complaint
}

// addForeign adds a call with numbers of descriptors and addresses of the events, with names in their places.
func (m *importer) addForeign(e *Event, p *process, s *syntax.Step, makes string) bool {
	call, want := s.Call, s.Want
	call.Makes = makes
	for i, a := range call.Args {
		switch a := a.(type) {
		case lab.Sock:
			if d, ok := p.fds[leadingNumber(string(a))]; ok {
				call.Args[i] = lab.Sock(d.name)
			}
		case lab.Addr:
			named, why := m.address(a, false)
			if why != "" {
				m.leave(e, why)
				return false
			}
			call.Args[i] = named
		}
	}
	for i := range want {
		if a, ok := want[i].Answer.Value.(lab.Addr); ok {
			named, why := m.address(a, true)
			if why != "" {
				m.leave(e, why)
				return false
			}
			want[i].Answer.Value = named
		}
	}
	return m.step(e, m.nameOf(p), syntax.Spell(call, want))
}

// bind gives a socket an address. A port that the kernel chooses is kept, since what follows may be about it.
func (m *importer) bind(e *Event, p *process, d descriptor) {
	s := foreign(e)
	if len(s.Mistakes) > 0 {
		m.leave(e, reason(s.Mistakes[0].Msg))
		return
	}
	a, isAddr := s.Call.Args[1].(lab.Addr)
	errno, failed := e.failed()
	if isAddr && !failed && a.Port == (lab.Port{}) {
		named, why := m.address(a, false)
		if why != "" {
			m.leave(e, why)
			return
		}
		named.Port = lab.Port{Var: m.newPort(m.portOf(e, p))}
		d.local, d.bound = named, true
		m.step(e, m.nameOf(p), fmt.Sprintf("bind(%s, %s)", d.name, named))
		return
	}
	if !m.addForeign(e, p, s, "") || !isAddr {
		return
	}
	if !failed {
		d.local, _ = m.address(a, false)
		d.bound = true
	}
	// Processes of a lab are root in it.
	if by := m.nameOf(p); errno == "EACCES" && a.Port.Number < 1024 && !m.hasUser(by) {
		m.Users = append(m.Users, lab.ProcessUser{Process: by, User: 1000})
	}
}

func (m *importer) hasUser(p lab.Process) bool {
	for _, u := range m.Users {
		if u.Process == p {
			return true
		}
	}
	return false
}

// newPort returns a variable for a port that the kernel chose, 0 for one that no event tells.
func (m *importer) newPort(number uint16) string {
	m.ports++
	name := "p" + strconv.Itoa(m.ports)
	if number != 0 {
		m.chosen[number] = name
	}
	return name
}

// portOf looks ahead for the port that the kernel chose in a bind, which getsockname answers.
func (m *importer) portOf(bind *Event, p *process) uint16 {
	for _, e := range m.events[m.at+1:] {
		if m.owner(e.Thread) != p.id || e.fd(0) != bind.fd(0) {
			continue
		}
		switch e.Name {
		case "getsockname":
			s := foreign(e)
			if len(s.Mistakes) > 0 || len(s.Want) == 0 {
				return 0
			}
			if a, ok := s.Want[0].Answer.Value.(lab.Addr); ok {
				return a.Port.Number
			}
			return 0
		case "close":
			return 0
		}
	}
	return 0
}

// connect opens a connection, to a process of the events or to another host.
func (m *importer) connect(e *Event, p *process, d descriptor) {
	if strings.Contains(e.arg(1), "sa_family=AF_UNSPEC") {
		answer := "ok"
		if errno, failed := e.failed(); failed {
			answer = errno
		}
		m.step(e, m.nameOf(p), fmt.Sprintf("connect(%s, unspec) = %s", d.name, answer))
		return
	}
	s := foreign(e)
	if len(s.Mistakes) > 0 {
		m.leave(e, reason(s.Mistakes[0].Msg))
		return
	}
	errno, failed := e.failed()
	path, isPath := s.Call.Args[1].(lab.Text)
	if isPath && !failed && path != "" && path[0] != '@' && !m.sockNames[string(path)] {
		m.leave(e, "the socket of that name is of a program of the machine's, whose calls are not among these")
		d.silent = true
		return
	}
	to, isAddr := s.Call.Args[1].(lab.Addr)
	begun := !failed || errno == "EINPROGRESS"
	if isAddr && to != lab.Unspec && m.madeUp && begun && m.isRemote(to) {
		if d.datagram {
			d.asks = m.remoteDatagram(to)
			d.asked = to.IP
			m.addForeign(e, p, s, "")
			return
		}
		listener := m.remoteServer(to)
		if m.addForeign(e, p, s, "") && d.other == nil {
			d.other = m.remoteAccept(listener)
		}
		return
	}
	lost := slices.Contains([]string{"ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"}, errno)
	if isAddr && lost && m.madeUp && m.isRemote(to) {
		m.leave(e, "what kept it from arriving is not in the log: a firewall, a route, a host that is down")
		return
	}
	if m.addForeign(e, p, s, "") && begun && isAddr && !d.datagram {
		named, _ := m.address(to, false)
		m.dials[named.Port.String()]++
	}
}

// accept takes a connection, of a process of the events or of one that is made up.
func (m *importer) accept(e *Event, p *process, d descriptor) {
	n := e.number()
	made := descriptor{&socket{six: d.six, nonblock: e.has("SOCK_NONBLOCK")}, "", e.has("SOCK_CLOEXEC")}
	if n >= 0 && d.bound {
		port := d.local.Port.String()
		switch {
		case m.dials[port] > 0:
			m.dials[port]--
		case m.madeUp:
			made.other = m.remoteClient(e, d)
		}
	}
	made.name = m.newName()
	made.silent = !m.plainAs(e, p, made.name)
	if n >= 0 {
		p.fds[n] = made
	}
}

// message returns the text of a call that sends or receives, its address, and what cannot be said of it.
func message(e *Event) (value string, cut bool, addr, flags, why string) {
	data := e.arg(1)
	switch e.Name {
	case "writev", "readv", "sendmsg", "recvmsg":
		list := data
		if strings.HasSuffix(e.Name, "msg") {
			addr, list, flags = field(data, "msg_name"), field(data, "msg_iov"), e.arg(2)
		}
		_, failed := e.failed()
		switch received := e.Name == "readv" || e.Name == "recvmsg"; {
		case failed && received: // and has no text: strace leaves it out
			data = `""`
		case strings.Count(list, "iov_base=") != 1:
			return "", false, "", "", "it has not one text but several"
		default:
			data = field(list, "iov_base")
		}
	case "sendto", "recvfrom":
		addr, flags = e.arg(4), e.arg(3)
	case "send", "recv":
		flags = e.arg(3)
	}
	value, cut, ok := text(data)
	if _, failed := e.failed(); !ok && !failed && e.Result != "0" {
		return "", false, "", "", "strace did not print the text"
	}
	if addr == "NULL" {
		addr = ""
	}
	var kept []string
	for word := range strings.SplitSeq(flags, "|") {
		if word != "0" && word != "" && word != "MSG_NOSIGNAL" && word != "MSG_CMSG_CLOEXEC" {
			kept = append(kept, word)
		}
	}
	return value, cut, addr, strings.Join(kept, "|"), ""
}

// noteControl says that control messages came with a call, which is carried over without them: what it sends is
// received all the same.
func (m *importer) noteControl(e *Event) {
	if !strings.HasSuffix(e.Name, "msg") {
		return
	}
	if control := field(e.arg(1), "msg_control"); control != "" && control != "NULL" {
		m.leave(e, "the control messages of this call, which follows without them")
	}
}

// pad returns a text that strace has cut short in its full length.
func pad(value string, length int) string {
	if length > len(value) && length <= 1<<16 {
		return value + strings.Repeat(".", length-len(value))
	}
	return value
}

// send sends. Of a text that strace has cut short the length is kept.
func (m *importer) send(e *Event, p *process, d descriptor) {
	value, cut, addr, flags, why := message(e)
	if why != "" {
		m.leave(e, why)
		return
	}
	m.noteControl(e)
	length := e.number()
	if cut {
		asked := leadingNumber(e.arg(2))
		if strings.HasPrefix(e.Name, "writev") || e.Name == "sendmsg" {
			asked = length
		}
		value = pad(value, max(asked, length))
	}
	args := []string{d.name, quoted(value)}
	call := "send"
	if addr != "" {
		at, remote, why := m.structure(addr)
		to := ""
		if why == "" {
			to, why = m.words(at, false)
		}
		if why != "" {
			m.leave(e, why)
			return
		}
		if m.madeUp && remote.IsValid() && d.datagram && m.isRemote(lab.Addr{IP: remote.Addr()}) {
			d.asks = m.remoteDatagram(lab.Addr{IP: remote.Addr(), Port: lab.Port{Number: remote.Port()}})
			d.asked = remote.Addr()
		}
		call, args = "sendto", append(args, to)
	}
	if flags != "" {
		args = append(args, flags)
	}
	answer := ""
	if errno, failed := e.failed(); failed {
		answer = " = " + errno
		if errno == "EPIPE" || errno == "ECONNRESET" {
			m.reset(d, errno)
		}
	} else if length >= 0 && length < len(value) {
		answer = " = ?"
	}
	if cut {
		m.note("strace cut the text short (-s 9999 has it whole)")
	}
	if m.step(e, m.nameOf(p), fmt.Sprintf("%s(%s)%s", call, strings.Join(args, ", "), answer)) && answer == "" {
		m.remoteHears(d, value)
	}
}

// several carries over a sendmmsg or a recvmmsg as one call for each of its messages: that is what the kernel makes of
// it (__sys_sendmmsg, do_recvmmsg). One that failed has failed with the first.
func (m *importer) several(e *Event, p *process, d descriptor) {
	one, follow := *e, (*importer).send
	one.Name = "sendmsg"
	if e.Name == "recvmmsg" {
		one.Name, follow = "recvmsg", (*importer).receive
	}
	n := e.number()
	_, failed := e.failed()
	if failed {
		n = 1
	}
	messages := elements(e.arg(1))
	if failed && len(messages) == 0 {
		messages = []string{""}
	}
	if n > len(messages) {
		m.leave(e, "not all of its messages are printed")
		return
	}
	if n > 1 {
		m.note(fmt.Sprintf("%s of %d messages", e.Name, n))
	}
	flags := strings.ReplaceAll(strings.ReplaceAll(e.arg(3), "|MSG_WAITFORONE", ""), "MSG_WAITFORONE", "0")
	for _, message := range messages[:n] {
		header := field(message, "msg_hdr")
		one.Args = []string{e.arg(0), header, flags}
		if !failed {
			one.Result = field(strings.TrimPrefix(message, "{msg_hdr="+header), "msg_len")
		}
		follow(m, &one, p, d)
	}
}

// note adds a comment, unless the line before is the same.
func (m *importer) note(text string) {
	m.Lines = append(m.Lines, draft.Line{Comment: text})
}

// receive receives what a process of the events has sent, or the other end that is made up sends first.
func (m *importer) receive(e *Event, p *process, d descriptor) {
	value, cut, addr, flags, why := message(e)
	if why != "" {
		m.leave(e, why)
		return
	}
	m.noteControl(e)
	length := e.number()
	args := []string{d.name}
	answer := ""
	errno, failed := e.failed()
	switch {
	case failed:
		answer = errno
		if errno == "ECONNRESET" || errno == "EPIPE" {
			m.reset(d, errno)
		}
	case cut || length != len(value):
		if value = pad(value, length); length != len(value) {
			m.leave(e, "its text has another length than it answered")
			return
		}
		args, answer = append(args, strconv.Itoa(length)), "?"
		if cut {
			m.note("strace cut the text short (-s 9999 has it whole)")
		}
	default:
		answer = quoted(value)
		if room := m.room(e); room == length && length > 0 {
			args = append(args, strconv.Itoa(room)) // more may have been there
		}
	}
	if flags != "" {
		if len(args) == 1 {
			args = append(args, "65536")
		}
		args = append(args, flags)
	}
	call := "recv"
	if !failed {
		if addr != "" {
			at, remote, why := m.structure(addr)
			from := ""
			if why == "" {
				from, why = m.words(at, true)
			}
			if why == "" && d.datagram {
				if m.madeUp && m.isRemote(lab.Addr{IP: remote.Addr()}) {
					m.remoteSend(remote, d, value)
				}
				if answer != "?" {
					call, answer = "recvfrom", answer+" from "+from
				}
			}
		}
		m.sendFrom(d, value, length)
	}
	m.step(e, m.nameOf(p), fmt.Sprintf("%s(%s) = %s", call, strings.Join(args, ", "), answer))
}

// room returns how many bytes a call that receives has room for, -1 if it does not say so simply.
func (m *importer) room(e *Event) int {
	switch e.Name {
	case "read", "recv", "recvfrom":
		return leadingNumber(e.arg(2))
	}
	return -1
}
