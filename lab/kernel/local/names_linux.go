package local

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/plan"
	"labrun/lab/question"
)

// names are the words of the file for what a cell was answered, and what they stand for: a
// port or a name that the kernel chose has another value on every run, and goes by its
// $name.
type names struct {
	q     *question.Question
	steps []*question.Step
	ports map[string]uint16 // what $name stands for
	unix  map[string]string // and "@$name"
}

// answer writes the answer of a process on the host at in the words of the file.
func (n *names) answer(g got, at string) string {
	switch {
	case g.addr.IsValid():
		return n.name(g.addr, at)
	case g.unix:
		return n.unixName(g.Value.(lab.Text))
	}
	if spec, ok := g.Value.(lab.Spec); ok {
		return n.spec(spec, at)
	}
	if g.From == nil && g.With == nil {
		return g.String()
	}
	words := g.Answer
	words.From = n.inWords(g.From, at)
	words.With = make([]lab.Control, len(g.With))
	for i, c := range g.With {
		words.With[i].Name = c.Name
		for _, a := range c.Args {
			words.With[i].Args = append(words.With[i].Args, n.inWords(a, at))
		}
	}
	if g.With == nil {
		words.With = nil
	}
	return words.String()
}

// inWords writes an address that a process has answered as the file would.
func (n *names) inWords(a lab.Arg, at string) lab.Arg {
	switch a := a.(type) {
	case lab.Addr:
		if a != lab.Unspec {
			return lab.Name(n.name(addrPort(a), at))
		}
	case lab.Bare:
		return lab.Name(n.q.Layout.NameOf(a.IP, at, n.q.Host))
	case lab.Text: // a name of unix(7)
		return lab.Name(n.unixName(a))
	}
	return a
}

// addrPort returns what a literal address stands for.
func addrPort(a lab.Addr) netip.AddrPort { return netip.AddrPortFrom(a.IP, a.Port.Number) }

// spec writes words of ip(8) as the file would: with names in the place of addresses, and a
// link-layer address by the NIC that has it.
func (n *names) spec(s lab.Spec, at string) string {
	l := n.q.Layout
	terms := s.Terms()
	for i := range terms {
		t := &terms[i]
		if ip := t.Addr().IP; ip.IsValid() {
			t.Value = strings.Trim(l.NameOf(ip, at, n.q.Host), "[]")
		}
		if host, nic, ok := plan.OwnerOf(l, t.Value); ok && t.Takes == lab.TakesMAC {
			t.Value = l.HostWord(host, at, n.q.Host) + "." + nic
		}
	}
	return lab.SpecOf(terms).String()
}

// name writes an address as the file would. A port that the kernel chose has
// another number on every run: it goes by its $name, or as "ephemeral".
func (n *names) name(a netip.AddrPort, at string) string {
	return n.q.Layout.NameOf(a.Addr(), at, n.q.Host) + ":" + n.portName(a.Port())
}

func (n *names) portName(port uint16) string {
	if port == 0 || slices.Contains(n.q.Ports, port) {
		return strconv.Itoa(int(port))
	}
	var names []string
	for name, p := range n.ports {
		if p == port {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "ephemeral"
	}
	return "$" + slices.Min(names)
}

// unixName writes an address of unix(7) as the file would. A name that the kernel
// chose goes by its $name, or as "autobind", unless the file has it.
func (n *names) unixName(name lab.Text) string {
	if !lab.IsAutobound(string(name)) || n.hasText(name) {
		return name.String()
	}
	var kept []string
	for n, k := range n.unix {
		if k == string(name) {
			kept = append(kept, n)
		}
	}
	if len(kept) == 0 {
		return "autobind"
	}
	return lab.Text("@$" + slices.Min(kept)).String()
}

// hasText reports whether a step has the text as it is.
func (n *names) hasText(text lab.Text) bool {
	return slices.ContainsFunc(n.steps, func(s *question.Step) bool {
		return slices.Contains(s.Call.Args, lab.Arg(text)) ||
			slices.ContainsFunc(s.Want, func(w question.Want) bool { return w.Answer.Value == lab.Arg(text) })
	})
}

// addr returns the address in a step's call.
func (n *names) addr(s *question.Step) (netip.AddrPort, bool) {
	for _, a := range s.Call.Args {
		if a, ok := a.(lab.Addr); ok && a != lab.Unspec {
			return n.withPort(s.Addr, a), true
		}
	}
	return netip.AddrPort{}, false
}

// withPort gives an address the port that its $name stands for. An unknown one, which
// only an answer may have, stands for port 0.
func (n *names) withPort(at netip.AddrPort, a lab.Addr) netip.AddrPort {
	if a.Port.Var == "" {
		return at
	}
	kept, ok := n.ports[a.Port.Var]
	if !ok {
		return netip.AddrPortFrom(at.Addr(), 0)
	}
	return netip.AddrPortFrom(at.Addr(), kept+uint16(a.Port.Plus))
}

// match returns the answer that was got, of those which are wanted.
func (n *names) match(want question.Want, g got) (question.Want, bool) {
	for _, one := range want.Or {
		if n.matches(one, g) {
			return one, true
		}
	}
	return want, len(want.Or) == 0 && n.matches(want, g)
}

// matches reports whether the answer is a wanted one.
func (n *names) matches(want question.Want, g got) bool {
	a := want.Answer
	if a.Outcome == lab.Unasked {
		return true
	}
	if a.Outcome != g.Outcome || a.Errno != g.Errno || !n.isFrom(want, g) || !n.cameWith(want, g) {
		return false
	}
	switch v := a.Value.(type) {
	case nil: // just ok, whatever the value
		return true
	case lab.Addr:
		return n.matchesAddr(v, want.Addr, g.addr)
	case lab.Text:
		if variable := lab.KeptName(string(v)); variable != "" && g.unix {
			name := string(g.Value.(lab.Text))
			if kept, ok := n.unix[variable]; ok {
				return name == kept
			}
			return lab.IsAutobound(name)
		}
	case lab.Spec:
		return g.Value == lab.Arg(want.Spec)
	case lab.Outcomes:
		all, ok := g.Value.(lab.Outcomes)
		return ok && matchesAll(v, all)
	case lab.States:
		states, ok := g.Value.(lab.States)
		return ok && slices.Equal(v, states)
	case lab.Containing:
		states, ok := g.Value.(lab.States)
		return ok && contains(states, v)
	case lab.Between:
		i, ok := g.Value.(lab.Int)
		return ok && v.Low <= int64(i) && int64(i) <= v.High
	case lab.Texts:
		texts, ok := g.Value.(lab.Texts)
		return ok && slices.Equal(v, texts)
	case lab.Socks:
		socks, ok := g.Value.(lab.Socks)
		return ok && slices.Equal(v, socks)
	}
	return a.Value == g.Value
}

// contains reports whether all of some states, each as often as it is there, are among others.
func contains(states lab.States, some lab.Containing) bool {
	for _, s := range some {
		i := slices.Index(states, s)
		if i < 0 {
			return false
		}
		states = slices.Delete(slices.Clone(states), i, i+1)
	}
	return true
}

// matchesAddr reports whether an address is the one that the file writes as v, which stands for at.
func (n *names) matchesAddr(v lab.Addr, at, addr netip.AddrPort) bool {
	at = n.withPort(at, v)
	port := addr.Port()
	if !addr.IsValid() || v.Base() != "" && at.Addr() != addr.Addr() {
		return false
	}
	switch {
	case v.Port.To != 0:
		return v.Port.Number <= port && port <= v.Port.To
	case v.Port.Parity != "":
		return port != 0 && lab.Parities[(port+1)%2] == v.Port.Parity
	case at.Port() == 0 && v.Port.Var != "": // any port the kernel chose
		return port != 0
	case v.Port.Var == "":
		return port == v.Port.Number
	}
	return port == at.Port()
}

// isFrom reports whether the sender is the one wanted.
func (n *names) isFrom(want question.Want, g got) bool {
	switch v := want.Answer.From.(type) {
	case nil:
		return true
	case lab.Addr:
		from, ok := g.From.(lab.Addr)
		if v == lab.Unspec || from == lab.Unspec {
			return v == from
		}
		return ok && n.matchesAddr(v, want.Addr, addrPort(from))
	case lab.Signallers:
		from, ok := g.From.(lab.Signallers)
		return ok && v.Names == from.Names && (v.Users == "" || v.Users == from.Users)
	}
	return want.Answer.From == g.From
}

// cameWith reports whether a message came with what was wanted and nothing else. What a control
// message of the file leaves out, the NIC of pktinfo(y), may be any.
func (n *names) cameWith(want question.Want, g got) bool {
	inner := want.Inner
	return want.Answer.With == nil || slices.EqualFunc(want.Answer.With, g.With, func(w, g lab.Control) bool {
		if w.Name != g.Name || len(w.Args) > len(g.Args) {
			return false
		}
		for i, a := range w.Args {
			switch v := a.(type) {
			case lab.Bare:
				a, inner = lab.Bare{IP: inner[0]}, inner[1:]
			case lab.Addr:
				at := netip.AddrPortFrom(inner[0], v.Port.Number)
				inner = inner[1:]
				if came, ok := g.Args[i].(lab.Addr); ok && n.matchesAddr(v, at, addrPort(came)) {
					continue
				}
			}
			if a != g.Args[i] {
				return false
			}
		}
		return true
	})
}

// keepName stores the unix name that an answer's "@$name" stands for.
func (n *names) keepName(want question.Want, g got) {
	if text, ok := want.Answer.Value.(lab.Text); ok && g.unix {
		if variable := lab.KeptName(string(text)); variable != "" {
			n.unix[variable] = string(g.Value.(lab.Text))
		}
	}
}

// keep stores the port that an answer's $name stands for.
func (n *names) keep(want question.Want, g got) {
	if a, ok := want.Answer.Value.(lab.Addr); ok && a.Port.Var != "" {
		n.ports[a.Port.Var] = g.addr.Port() - uint16(a.Port.Plus)
	}
	if a, ok := want.Answer.From.(lab.Addr); ok && a.Port.Var != "" {
		n.ports[a.Port.Var] = g.From.(lab.Addr).Port.Number
	}
}

// unixNameIn returns the name of unix(7) that a call was made with, "" when it has none.
func (n *names) unixNameIn(call lab.Call) string {
	sig, ok := lab.SignatureOf(call.Name)
	if !ok { // a program
		return ""
	}
	for i, a := range call.Args {
		text, ok := a.(lab.Text)
		if kind := sig.Kind(i); !ok || !kind.NamesUnix() {
			continue
		}
		if kept, ok := n.unix[lab.KeptName(string(text))]; ok {
			return kept
		}
		return string(text)
	}
	return ""
}

// got is an answer, with the address that it carries when it is one.
type got struct {
	lab.Answer
	addr netip.AddrPort
	unix bool // its value is an address of unix(7)

	limit time.Duration // not 0: of a call that was given up sooner than its step says
	why   string        // that was done, or labrun made the call and knows the reason of its errno
}
