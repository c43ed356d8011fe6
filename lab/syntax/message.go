package syntax

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// part reads what stands behind the text of sendmsg(): the address to send to, control messages and
// flags, in any order, since each is known by how it is written.
func (r *reader) part(s span) (lab.Arg, []Mistake) {
	first := s.token(0)
	switch {
	case !first.str && strings.HasPrefix(first.text, "MSG_"):
		return r.arg(lab.KindFlags, s)
	case first.word() && s.token(1).is("(") && first.text != "family" && first.text != "mapped":
		return control(s, false)
	}
	return r.arg(lab.KindAddr, s)
}

// control reads a control message: of a call, or of an answer. There is no other form of one, so an
// answer of a report can be sent back as it is.
func control(s span, came bool) (lab.Arg, []Mistake) {
	name := s.token(0)
	sig, known := lab.ControlOf(name.text)
	if name.is("none") {
		return nil, s.wrong("\"none\" says that nothing came along, and stands alone")
	}
	if !known || name.str || len(s.tokens) > 1 && s.closing(1) != len(s.tokens)-1 {
		names := namesOf(lab.Controls, func(s lab.Signature) string { return s.Name })
		return nil, s.wrong("unknown control message %s%s", wording.Quote(s.text()),
			wording.Hint(name.text, "allowed", names))
	}
	r := &reader{Signature: sig, came: came}
	var list []span
	if len(s.tokens) > 1 {
		list = s.part(2, len(s.tokens)-1).split()
	}
	if len(list) < len(sig.Args)-sig.Optional || len(list) > len(sig.Args) && !sig.Repeats {
		return nil, s.wrong("%s; found %d", r.takes(), len(list))
	}
	c := lab.Control{Name: sig.Name}
	for i, one := range list {
		kind := sig.Kind(i)
		if came && kind == lab.KindSock {
			kind = lab.KindInt
		}
		a, mistakes := r.arg(kind, one)
		if mistakes != nil {
			return nil, mistakes
		}
		c.Args = append(c.Args, a)
	}
	return c, nil
}

// bare reads an address without a port.
func (r *reader) bare(s span) (lab.Arg, []Mistake) {
	a, m := parseAddr(s.text() + ":0")
	if m != nil || a.Family != "" {
		return nil, r.expected(lab.KindBare, s)
	}
	return lab.Bare(a), nil
}

// errno reads the name of an errno.
func errno(s span) (lab.Arg, []Mistake) {
	name, ok := lab.CanonicalErrno(s.text())
	if !ok {
		return nil, s.wrong("unknown errno %s%s", wording.Quote(s.text()), wording.Hint(s.text(), "names", lab.ErrnoNames()))
	}
	return lab.Word(name), nil
}

// clauses cuts an answer before the words "from" and "with" that stand outside of parentheses. The
// first word is never one of them: it may be the name of a socket, behind who().
func (s span) clauses() (value, from, with span) {
	cut := len(s.tokens)
	open := s.depths()
	for i := len(s.tokens) - 1; i > 0; i-- {
		switch {
		case open[i] > 0:
		case s.tokens[i].is("with") && len(with.tokens) == 0:
			with, cut = s.part(i, cut), i
		case s.tokens[i].is("from"):
			return s.part(0, i), s.part(i, cut), with
		}
	}
	return s.part(0, cut), from, with
}

// depths returns how many brackets are open before each token.
func (s span) depths() []int {
	all := make([]int, len(s.tokens))
	n := 0
	for i, t := range s.tokens {
		all[i] = n
		switch {
		case t.is("("), t.is("["):
			n++
		case t.is(")"), t.is("]"):
			n--
		}
	}
	return all
}

// sender reads who sent it: from ADDR.
func (r *reader) sender(s span) (lab.Arg, []Mistake) {
	if !r.Sender {
		return nil, s.wrong("%s does not say who sent it: from is for recvfrom, recvmsg, accept and signals", r.Name)
	}
	s = s.from(1)
	if r.Answers == lab.KindCaught {
		return r.signallers(s)
	}
	a, mistakes := r.value(lab.KindAddr, s)
	if addr, ok := a.(lab.Addr); ok && addr.Family != "" && addr != lab.Unspec {
		mistakes = s.wrong("%s answers what the kernel says, family() is for what it is told", r.Name)
	}
	return a, mistakes
}

// signallers reads who sent signals: p, p|q, p user 1000.
func (r *reader) signallers(s span) (lab.Arg, []Mistake) {
	const form = "the senders of signals are processes, or kernel or other, joined by |, and the users that they are " +
		"when they send: from p, from p|q, from p user 1000"
	names, ok := s.part(0, min(1, len(s.tokens))).word()
	asks := s.token(1).is("user")
	if !ok || asks && len(s.tokens) != 3 || !asks && len(s.tokens) > 1 {
		return nil, s.wrong("%s; found %s", form, s.found())
	}
	all, users := strings.Split(names, "|"), []string(nil)
	for _, name := range all {
		if mistakes := s.check(ProcessName, name); mistakes != nil {
			return nil, mistakes
		}
	}
	if asks {
		users = strings.Split(s.tokens[2].text, "|")
		for _, user := range users {
			if _, problem := Decimal(user, 0, MaxUser); problem != "" || s.tokens[2].str {
				return nil, wrong(s.tokens[2].start, "%s is not a user's number", wording.Quote(s.tokens[2].text))
			}
		}
	}
	return lab.SignallersOf(all, users), nil
}

// with reads what came along: with pktinfo(y, eth1) ttl(64) MSG_TRUNC. The kernel has an order for
// them that says nothing, so they are put into that of lab.Controls, flags last.
func (r *reader) with(s span) ([]lab.Control, []Mistake) {
	if !r.Controls {
		return nil, s.wrong("%s gets no control messages: with is for recvmsg", r.Name)
	}
	all := []lab.Control{}
	if len(s.tokens) == 2 && s.tokens[1].is("none") {
		return all, nil
	}
	for rest := s.from(1); len(rest.tokens) > 0; {
		end := 1
		if rest.token(1).is("(") {
			if end = rest.closing(1) + 1; end == 0 {
				return all, rest.wrong("this parenthesis is not closed")
			}
		}
		one := rest.part(0, end)
		rest = rest.from(end)
		if slices.Contains(lab.MessageFlags, one.text()) {
			all = append(all, lab.Control{Name: one.text()})
			continue
		}
		c, mistakes := control(one, true)
		if mistakes != nil {
			return all, mistakes
		}
		all = append(all, c.(lab.Control))
	}
	if len(all) == 0 {
		return all, s.wrong("what came along is missing behind \"with\": a control message such as ttl(64), or none")
	}
	lab.SortControls(all)
	return all, nil
}

// mask reads flags that a call answers, and puts them into the order of their table: none at all is
// written "none", or 0 where a program would print that.
func mask(k lab.Kind, s span) (lab.Arg, []Mistake) {
	words := maskWords[k]
	if k != lab.KindFDFlags && len(s.tokens) == 1 && s.tokens[0].is("none") {
		return lab.Word("none"), nil
	}
	a, mistakes := flags(noun(k), words, s)
	if mistakes != nil {
		return a, mistakes
	}
	all := strings.Split(a.String(), "|")
	slices.SortFunc(all, func(a, b string) int { return slices.Index(words, a) - slices.Index(words, b) })
	return lab.Word(strings.Join(slices.Compact(all), "|")), nil
}

// texts reads the messages that recvmmsg() answers, in the order in which they came.
func (r *reader) texts(s span) (lab.Arg, []Mistake) {
	var all lab.Texts
	for i, t := range s.tokens {
		if !t.str {
			return nil, s.part(i, i+1).wrong("%s: %s are expected here, in double quotes; found %s", r.Name, r.Answers,
				wording.Quote(t.text))
		}
		all = append(all, lab.Text(t.text))
	}
	return all, nil
}

// lowAddr reads an address of a family below IP: packet(eth0, 0x0800), netlink(0, 1). What is left out
// is 0, as in a sockaddr that a program has cleared.
func (r *reader) lowAddr(family string, s span) (lab.Arg, []Mistake) {
	wrong := s.wrong("%s: an address is written packet(eth0, 0x0800) or netlink(0, 1), found %s", r.Name, s.found())
	if s.closing(1) != len(s.tokens)-1 {
		return nil, wrong
	}
	list := s.part(2, len(s.tokens)-1).split()
	if len(list) == 0 || len(list) > 2 {
		return nil, wrong
	}
	var number uint64
	if len(list) == 2 {
		n, err := strconv.ParseUint(list[1].text(), 0, 32)
		if err != nil || family == "packet" && n > math.MaxUint16 {
			return nil, wrong
		}
		number = n
	}
	if family == "packet" {
		name, mistakes := r.device(list[0])
		return lab.PacketAddr{NIC: name, Protocol: uint16(number)}, mistakes
	}
	port, err := strconv.ParseUint(list[0].text(), 10, 31)
	if list[0].text() == "self" {
		port, err = lab.OwnPort, nil
	}
	if err != nil {
		return nil, wrong
	}
	return lab.NetlinkAddr{Port: uint32(port), Groups: uint32(number)}, nil
}
