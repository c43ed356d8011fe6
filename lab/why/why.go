package why

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/result"
	"labrun/lab/world"
)

// Reason says why the kernel answered a step as it did.
type Reason struct {
	Sentence string          // "b asks for every address, and a (x:80, LISTEN) has one of them; ..."
	Function string          // of the kernel, several joined by ", ": "inet_csk_get_port, inet_bind_conflict"
	Page     string          // of the manual: "bind(2)"
	Lesson   string          // the topology of labrun's that shows it; "" where none does
	Sockets  []*world.Socket // those in the way, which the sentence names, as they were then
}

// String writes the reason in a line: the sentence, and behind it where it comes from.
func (r Reason) String() string { return r.Sentence + " (" + r.from() + ")" }

// From says in words of its own where the reason comes from, for a reader who has been told the rest.
func (r Reason) From() string { return "see " + r.from() }

func (r Reason) from() string {
	if r.Lesson == "" {
		return r.Function
	}
	return r.Function + "; lesson " + r.Lesson
}

// Of says why a step of a combination was answered as it was. got has the answers up to that step at least, in the
// words of a report; seen is what the kernel's list of sockets showed behind that answer, nil where nothing was
// looked at. It is not ok when no reason is known, and where a call that succeeded met nothing that could have made
// it fail.
func Of(q *question.Question, c lab.Combo, got []string, step int, seen []result.SocketInfo) (r Reason, ok bool) {
	steps := q.StepsOf(c)
	if step >= len(steps) || step >= len(got) {
		return Reason{}, false
	}
	p := newPlayer(q, steps)
	for i := range step {
		p.play(steps[i], got[i])
	}
	return p.reason(steps[step], got[step], seen)
}

// Each says it of all steps that were answered, with what was seen of each.
// A step for which Of is not ok has the zero Reason.
func Each(q *question.Question, c lab.Combo, got []string, seen []result.Snapshot) []Reason {
	steps := q.StepsOf(c)
	steps = steps[:min(len(steps), len(got))]
	p := newPlayer(q, steps)
	reasons := make([]Reason, len(steps))
	for i, s := range steps {
		var sockets []result.SocketInfo
		if at := slices.IndexFunc(seen, func(s result.Snapshot) bool { return s.Step == i }); at >= 0 {
			sockets = seen[at].Sockets
		}
		reasons[i], _ = p.reason(s, got[i], sockets)
		p.play(s, got[i])
	}
	return reasons
}

// rule is a condition of the kernel: what calls answer when it is met.
type rule struct {
	errnos   string // several separated by spaces; "ok" is of a call that could be thought to fail
	calls    string // that answer one, separated by spaces; "" is any
	tells    func(m *moment) string
	function string // as choose reads them, and so the lesson
	page     string
	lesson   string
}

func (r *rule) isAbout(errno, call string) bool {
	return slices.Contains(strings.Fields(r.errnos), errno) && (r.calls == "" ||
		slices.Contains(strings.Fields(r.calls), call))
}

// reason returns the first rule's whose condition is met: of the sockets that the steps left, or else of those that
// the kernel has shown.
func (p *player) reason(s *question.Step, got string, seen []result.SocketInfo) (Reason, bool) {
	m := p.moment(s, got)
	if m == nil {
		return Reason{}, false
	}
	r, ok := m.reason()
	if ok && m.agrees(r, seen) {
		return r, true
	}
	if len(seen) == 0 {
		return Reason{}, false
	}
	m.others, m.looked = m.shown(seen), true
	return m.reason()
}

func (m *moment) reason() (Reason, bool) {
	r, sentence := m.rule()
	if r == nil {
		return Reason{}, false
	}
	return Reason{sentence, m.choose(r.function), r.page, m.choose(r.lesson), m.named}, true
}

// rule returns the first rule whose condition is met, with what it says; nil for none.
func (m *moment) rule() (*rule, string) {
	for i := range rules {
		r := &rules[i]
		if !r.isAbout(m.errno(), m.call.Name) {
			continue
		}
		m.named = nil
		if s := r.tells(m); s != "" && m.choose(r.function) != "" {
			return r, s
		}
	}
	return nil, ""
}

// choose returns those of a rule's functions that the call's socket comes through, or of its lessons that show it: "f"
// is of all sockets, and "f of W V" of the calls and kinds W and V. It returns all of them for a socket whose type is
// not known, and "" where the rule names none for the socket.
func (m *moment) choose(all string) string {
	kinds := append(m.kinds(), m.call.Name)
	var those, every []string
	for f := range strings.SplitSeq(all, ", ") {
		name, of, some := strings.Cut(f, " of ")
		every = append(every, name)
		if !some || slices.ContainsFunc(strings.Fields(of), func(w string) bool { return slices.Contains(kinds, w) }) {
			those = append(those, name)
		}
	}
	if len(kinds) == 1 && len(those) == 0 {
		those = every
	}
	return strings.Join(those, ", ")
}

// kinds returns the words by which rules name the kind of the call's socket, such as "inet", "udp", "udp6" and "ipv6":
// none when its type is not known.
func (m *moment) kinds() []string {
	switch {
	case m.sock == nil || m.sock.Type == "":
		return nil
	case m.sock.Type == "unix":
		return []string{"unix", "unix-stream"}
	case m.sock.IsUnix():
		return []string{"unix", m.sock.Type}
	}
	version := "4"
	if m.sock.Is6() {
		version = "6"
	}
	protocol := strings.TrimSuffix(m.sock.Type, "6")
	return []string{"inet", "ipv" + version, protocol, protocol + version}
}

// agrees reports whether the kernel has shown every socket that a reason names. Where nothing was looked at it agrees.
func (m *moment) agrees(r Reason, seen []result.SocketInfo) bool {
	if seen == nil || m.call.Name != "bind" && m.call.Name != "listen" && m.errno() != "EADDRNOTAVAIL" {
		return true
	}
	shown := m.shown(seen)
	for _, s := range r.Sockets {
		if !slices.ContainsFunc(shown, func(o *world.Socket) bool { return same(s, o) }) {
			return false
		}
	}
	return true
}

// same reports whether a socket of the world is one that the kernel has shown.
func same(s, shown *world.Socket) bool {
	return s.Host == shown.Host && (s.IsUnix() && s.Local.Unix == shown.Local.Unix || !s.IsUnix() &&
		s.Ports() == shown.Ports() && (s.Local.Port == shown.Local.Port || s.Local.Port.Chosen() ||
		shown.Local.Port.Chosen()) &&
		(!s.Local.Addr.IsValid() || s.Local.Addr.WithZone("") == shown.Local.Addr.WithZone("")) && s.State == shown.State)
}

func say(format string, args ...any) string { return fmt.Sprintf(format, args...) }
