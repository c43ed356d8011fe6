package syntax

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"labrun/lab"
	"labrun/lab/wording"
)

// reader reads the arguments and answers of one call, whose name its mistakes begin with. It
// knows what was read before: the kind of a value follows from the option that stands before
// it, and who() answers sockets that it was asked about.
type reader struct {
	lab.Signature
	option lab.Option // that setsockopt or getsockopt names
	args   []lab.Arg
	came   bool // it is a control message of an answer
	doubts []Mistake
}

// expected says which kind of value belongs here. Kinds and their names are the vocabulary's, so
// a complaint, the JSON Schema and "labrun help calls" call them alike.
func (r *reader) expected(what any, s span) []Mistake {
	return s.wrong("%s: %s is expected here, found %s", r.Name, what, s.found())
}

// takes says what the call takes: "bind takes 2 or 3 arguments: a socket, ...". A wrong number
// of arguments is one mistake, and none of them is read: which one is missing is not to be seen.
func (r *reader) takes() string {
	if len(r.Args) == 0 {
		return r.Name + " takes no arguments"
	}
	var kinds []string
	for i, k := range r.Args {
		s := string(k)
		if i >= len(r.Args)-r.Optional {
			s += " (optional)"
		}
		if r.Repeats && i == len(r.Args)-1 {
			s += " ..."
		}
		kinds = append(kinds, s)
	}
	number := wording.Count(len(kinds), "argument")
	named := kinds
	if last := len(kinds) - 1; r.Repeats && last > 0 && kinds[last] == kinds[last-1]+" ..." { // once is enough to say it
		named = slices.Delete(slices.Clone(kinds), last-1, last)
	}
	switch {
	case r.Repeats:
		number = fmt.Sprintf("at least %s", wording.Count(len(kinds)-r.Optional, "argument"))
	case r.Optional == 1:
		number = fmt.Sprintf("%d or %s", len(kinds)-1, number)
	case r.Optional > 1:
		number = fmt.Sprintf("%d to %s", len(kinds)-r.Optional, number)
	}
	return fmt.Sprintf("%s takes %s: %s", r.Name, number, strings.Join(named, ", "))
}

// answers says what the call may answer, as complaints and descriptions have it.
func (r *reader) answers() string {
	words := "ok, an errno, blocked or ?"
	if k := r.Answers; k == lab.KindValue && r.option.Value != "" {
		words = string(r.option.Value) + ", " + words
	} else if k != "" {
		words = string(k) + ", " + words
	}
	return r.Name + " answers " + words
}

// word reads a name that has a rule of its own.
func (r *reader) word(k lab.Kind, s span, rule NameRule) (string, []Mistake) {
	word, ok := s.word()
	if !ok {
		return "", r.expected(k, s)
	}
	return word, s.check(rule, word)
}

// optionNoun is what complaints call an option. There are too many of them to list all, unlike the
// words of every other kind.
const optionNoun = "socket option"

// oneOf reads one of a few words. One that is not among them is often right elsewhere, in
// another case or without its prefix, or misspelt: a complaint says what was meant.
func oneOf(noun string, words []string, s span) (lab.Arg, []Mistake) {
	found := s.text()
	if slices.Contains(words, found) {
		return lab.Word(found), nil
	}
	ending := wording.Hint(found, "allowed", words)
	if meant := meantWord(noun, found, words); meant != "" {
		ending = fmt.Sprintf(", write %s", meant)
	} else if noun == optionNoun && wording.Nearest(found, words) == "" {
		ending = otherOptions(found, words)
	}
	return nil, s.wrong("unknown %s %s%s", noun, wording.Quote(found), ending)
}

// otherOptions ends a complaint about an option that is like none: those that begin as it does, SO_ or
// TCP_, and how an option without a name is written.
func otherOptions(found string, names []string) string {
	const other = "any other is LEVEL:NUMBER, such as SOL_TCP:5"
	if level, number, ok := strings.Cut(found, ":"); ok {
		if n, problem := Decimal(level, math.MinInt32, math.MaxInt32); problem == "" {
			for name, of := range lab.OptionLevels {
				if int64(of) == n {
					return fmt.Sprintf(", write %s:%s", name, number)
				}
			}
			return fmt.Sprintf("; no level has the number %s; levels: %s", level,
				strings.Join(slices.Sorted(maps.Keys(lab.OptionLevels)), ", "))
		}
		return "; an option without a name is LEVEL:NUMBER, such as SOL_TCP:5" +
			wording.Hint(level, "levels", slices.Sorted(maps.Keys(lab.OptionLevels)))
	}
	prefix, _, ok := strings.Cut(found, "_")
	alike := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !ok || !strings.HasPrefix(n, prefix+"_") })
	if len(alike) == 0 {
		return fmt.Sprintf("; \"labrun help options\" lists %d, and %s", len(names), other)
	}
	const shown = 12
	return fmt.Sprintf("; allowed: %s and others, \"labrun help options\" lists all; %s",
		strings.Join(alike[:min(shown, len(alike))], ", "), other)
}

// flags reads words joined by '|'. They are printed as they were written, in no other order.
func flags(noun string, words []string, s span) (lab.Arg, []Mistake) {
	if len(s.tokens) != 1 || s.tokens[0].str {
		several := strings.Fields(s.text())
		if len(several) > 1 && !slices.ContainsFunc(several, func(w string) bool { return !slices.Contains(words, w) }) {
			return nil, s.wrong("%s are joined by |: %s", noun, strings.Join(several, "|"))
		}
		return oneOf(noun, words, s)
	}
	for w := range strings.SplitSeq(s.text(), "|") {
		if !slices.Contains(words, w) {
			return nil, s.wrong("unknown %s %s%s", noun, wording.Quote(w), wording.Hint(w, "allowed", words))
		}
	}
	return lab.Word(s.text()), nil
}

// number reads a number of an argument or an answer.
func (r *reader) number(s span, low, high int64) (lab.Arg, []Mistake) {
	n, problem := Decimal(s.text(), low, high)
	if problem != "" {
		return nil, s.wrong("%s: %s", r.Name, problem)
	}
	return lab.Int(n), nil
}

// text reads a string. It has quotes always, so that a word is never taken for one: send(a, b)
// would send the letter b where a socket was meant.
func (r *reader) text(what string, s span) (lab.Text, []Mistake) {
	if len(s.tokens) == 1 && s.tokens[0].str {
		return lab.Text(s.tokens[0].text), nil
	}
	ending := "; found " + s.found()
	isMark := func(t token) bool { return !t.word() }
	if raw := s.text(); raw != "" && len(raw) < 60 && !slices.ContainsFunc(s.tokens, isMark) {
		ending = `: "` + wording.Clip(raw) + `"`
	}
	return "", s.wrong("%s: %s is expected here, in double quotes%s", r.Name, what, ending)
}

// path reads the name of a unix socket, a path of the lab's or an abstract one, "@name".
func (r *reader) path(s span) (lab.Arg, []Mistake) {
	text, mistakes := r.text(string(lab.KindPath), s)
	if problem := lab.PathProblem(string(text)); problem != "" && mistakes == nil {
		mistakes = s.wrong("path %s %s", wording.Quote(string(text)), problem)
	}
	return text, mistakes
}

// device reads the name of a NIC, bare or in quotes; "" stands for none. The text that
// SO_BINDTODEVICE gets in quotes may be any: the kernel looks for the device, and what it
// answers to a name that no NIC can have is a fair question (sock_setbindtodevice).
func (r *reader) device(s span) (name string, mistakes []Mistake) {
	name, ok := s.word()
	if !ok {
		text, mistakes := r.text(string(lab.ValueDevice), s)
		if name = string(text); mistakes != nil || r.option.Value == lab.ValueDevice && len(name) <= maxText {
			return name, mistakes
		}
	}
	if name == "" || name == "lo" {
		return name, nil
	}
	return name, s.check(NicName, name)
}

// nic reads the name of a link, bare or in quotes. Only link_master's second one may be "",
// which takes the link out of its bridge.
func (r *reader) nic(s span) (lab.Arg, []Mistake) {
	name, mistakes := r.device(s)
	if mistakes == nil && name == "" && (r.Name != "link_master" || len(r.args) == 0) {
		mistakes = s.wrong("%s: the name of a link is empty", r.Name)
	}
	return lab.Name(name), mistakes
}

// sysctl reads the name of a kernel parameter of a network namespace. As in
// sysctl(8), a '/' stands for a dot in a NIC's name.
func sysctl(s span) (lab.Arg, []Mistake) {
	name := s.text()
	problem := SysctlProblem(name)
	if problem == "" && len(s.tokens) != 1 {
		problem = notParameter(name)
	}
	if problem != "" {
		return nil, s.wrong("%s", problem)
	}
	return lab.Name(name), nil
}

// duration reads how long sleep() sleeps.
func (r *reader) duration(s span) (lab.Arg, []Mistake) {
	d, problem := Duration(s.text())
	if problem != "" {
		return nil, s.wrong("%s: %s", r.Name, problem)
	}
	return lab.Duration(d), nil
}

// Duration reads a time that a step may take, or says what is wrong.
func Duration(text string) (time.Duration, string) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		problem := wording.Quote(text) + " is not a duration such as 100ms or 1.5s"
		if _, err := time.ParseDuration(text + "s"); err == nil {
			problem += "; a number needs its unit, s or ms"
		}
		return 0, problem
	case d <= 0 || d > MaxWait:
		return 0, number(text) + " is out of range, it must be above 0s and at most " +
			strconv.Itoa(int(MaxWait.Seconds())) + "s"
	}
	return d, ""
}

// prefix reads what addr_add() and addr_del() take, which always has its length: ip-address(8)
// takes an address without one as a /32, which is seldom meant.
func prefix(s span) (lab.Arg, []Mistake) {
	p, err := netip.ParsePrefix(s.text())
	if err != nil || p.Addr().Is4In6() {
		return nil, s.wrong("%s is not an address with a length such as 192.0.2.77/24", s.found())
	}
	return lab.Prefix(p), nil
}

// linger reads {l_onoff=1, l_linger=0}, as strace prints it, or {1, 0}. Either may be
// negative: what the kernel makes of that is a fair question.
func (r *reader) linger(s span) (lab.Arg, []Mistake) {
	on, seconds, ok := s.fields()
	if !ok {
		return nil, r.expected(lab.ValueLinger+" or {1, 0}", s)
	}
	var values [2]int32
	for i, f := range []span{on, seconds} {
		name := [...]string{"l_onoff", "l_linger"}[i]
		if len(f.tokens) == 3 && f.tokens[0].is(name) && f.tokens[1].is("=") {
			f = f.from(2)
		}
		word, ok := f.word()
		if !ok {
			return nil, r.expected(lab.ValueLinger+" or {1, 0}", s)
		}
		n, problem := Decimal(word, math.MinInt32, math.MaxInt32)
		if problem != "" {
			return nil, f.wrong("%s: %s: %s", r.Name, name, problem)
		}
		values[i] = int32(n)
	}
	return lab.Linger{On: values[0], Seconds: values[1]}, nil
}

// portRange reads the value of IP_LOCAL_PORT_RANGE. A wrong order is the
// kernel's to refuse.
func (r *reader) portRange(s span) (lab.Arg, []Mistake) {
	low, high, ok := strings.Cut(s.text(), "-")
	l, problem := Decimal(low, 0, math.MaxUint16)
	h, problem2 := Decimal(high, 0, math.MaxUint16)
	if !ok || problem != "" || problem2 != "" {
		return nil, r.expected(lab.ValueRange, s)
	}
	return lab.Range{Low: uint16(l), High: uint16(h)}, nil
}

// membership reads {233.252.0.1, eth0}, the NIC may be "": the kernel finds one by its routes then
// (ip_mc_find_dev). A group that is not multicast is the kernel's to refuse.
func (r *reader) membership(s span) (lab.Arg, []Mistake) {
	group, nic, ok := s.fields()
	if !ok || len(nic.tokens) == 0 {
		return nil, r.expected(lab.ValueMembership, s)
	}
	name, mistakes := r.device(nic)
	ip, err := netip.ParseAddr(strings.Trim(group.text(), "[]"))
	if err != nil || mistakes != nil {
		mistakes = append(mistakes, r.expected(lab.ValueMembership, s)...)
	}
	return lab.Membership{Group: ip, NIC: name}, mistakes
}

// pending reads the value of SO_ERROR. setsockopt refuses it, whatever number it is
// (sk_setsockopt: ENOPROTOOPT); getsockopt answers 0 or the name of an errno.
func (r *reader) pending(s span) (lab.Arg, []Mistake) {
	switch {
	case r.Answers == "":
		return r.number(s, math.MinInt32, math.MaxInt32)
	case s.text() != "0":
		return nil, r.expected(lab.ValueErrno, s)
	}
	return lab.Int(0), nil
}

// selector reads how a program picks a socket of a reuseport group: cpu, numa, index(1), mod(2).
func (r *reader) selector(s span) (lab.Arg, []Mistake) {
	op := s.token(0)
	if len(s.tokens) == 1 && (op.is("cpu") || op.is("numa")) {
		if op.is("numa") && r.option.Name == "SO_ATTACH_REUSEPORT_CBPF" {
			return nil, s.wrong("%s: a classic BPF program does not learn the NUMA node; use SO_ATTACH_REUSEPORT_EBPF", r.Name)
		}
		return lab.Selector{Op: op.text}, nil
	}
	if (op.is("index") || op.is("mod")) && len(s.tokens) == 4 && s.tokens[1].is("(") && s.tokens[3].is(")") {
		low := int64(0)
		if op.is("mod") {
			low = 1
		}
		n, problem := Decimal(s.tokens[2].text, low, math.MaxInt32)
		if problem != "" {
			return nil, wrong(s.tokens[2].start, "%s: %s", op.text, problem)
		}
		return lab.Selector{Op: op.text, N: uint32(n)}, nil
	}
	return nil, r.expected(lab.ValueSelector, s)
}

// SysctlProblem says why a name is none of a kernel parameter of a network namespace. Others
// are the machine's, and no step may change those. Dots become slashes below /proc/sys, so a
// part of dots or of nothing would lead elsewhere.
func SysctlProblem(name string) string {
	dots := func(part string) bool { return strings.Trim(part, "/") == "" }
	switch {
	case !strings.HasPrefix(name, "net."):
		return "parameter " + wording.Quote(name) + " is not one of a network namespace, whose names begin with \"net.\""
	case !SysctlSyntax().MatchString(name) || slices.ContainsFunc(strings.Split(name, "."), dots):
		return notParameter(name)
	}
	return ""
}

func notParameter(name string) string {
	return wording.Quote(name) + " is not the name of a kernel parameter such as net.ipv4.tcp_tw_reuse"
}
