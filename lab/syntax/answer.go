package syntax

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// conditionAt returns the index of the bracket behind the first answer; the
// answer itself may begin with one, [2001:db8::1]:80.
func (r *reader) conditionAt(s span) int {
	i := 0
	for first := true; i < len(s.tokens) && (first || !s.tokens[i].is("[")); i++ {
		isAddr := r.Answers == lab.KindAddr || i > 0 && s.tokens[i-1].is("from")
		if s.tokens[i].is("(") || first && isAddr && s.tokens[i].is("[") {
			i = max(i, s.closing(i))
		}
		t := s.tokens[i]
		first = !t.str && strings.HasSuffix(t.text, "|") || t.is("from")
	}
	return min(i, len(s.tokens))
}

// rule reads an answer for some kernels only: [ANSWER on linux OP VERSION ...],
// [ANSWER on option NAME], [ANSWER on no sysctl NAME], or both kinds of condition.
func (r *reader) rule(s span) (rule lab.WantRule, at int, mistakes []Mistake) {
	clauses := s.part(1, len(s.tokens)-1).cutAtOn()
	if len(clauses) < 2 || len(clauses[0].tokens) == 0 {
		return rule, s.at, s.wrong(
			"a condition is written [ANSWER on linux < 6.2], [ANSWER on option NAME] or [ANSWER on no option NAME], "+
				"and so with sysctl, socket and probe; found %s", wording.Quote(s.text()))
	}
	rule.Answer, mistakes = r.answer(clauses[0])
	for _, c := range clauses[1:] {
		mistakes = append(mistakes, condition(&rule, c)...)
	}
	return rule, clauses[0].at, mistakes
}

// condition adds what a clause says to a rule.
func condition(rule *lab.WantRule, s span) []Mistake {
	var mistakes []Mistake
	if s.token(0).is("linux") {
		var on []lab.VersionBound
		on, mistakes = versions(s.from(1))
		rule.On = append(rule.On, on...)
	} else {
		rule.Has, mistakes = feature(s)
	}
	return mistakes
}

// cutAtOn cuts a span at every "on" that begins a condition. Others may be a socket's name.
func (s span) cutAtOn() []span {
	var clauses []span
	begin := 0
	for i, t := range s.tokens {
		if next := s.token(i + 1); t.is("on") && (next.is("linux") || next.is("no") ||
			slices.ContainsFunc(lab.FeatureKinds, next.is)) {
			clauses = append(clauses, s.part(begin, i))
			begin = i + 1
		}
	}
	return append(clauses, s.from(begin))
}

// versions reads OP VERSION ..., bounds that all hold.
func versions(s span) (on []lab.VersionBound, mistakes []Mistake) {
	if len(s.tokens) == 0 {
		return nil, s.wrong("on linux of which version? write < 6.2")
	}
	for i := 0; i < len(s.tokens); i += 2 {
		op, version := s.tokens[i], s.token(i+1).text
		if op.str || !slices.Contains(lab.VersionOps, op.text) {
			return on, wrong(op.start, "unknown comparison %s; allowed: %s", wording.Quote(op.text),
				strings.Join(lab.VersionOps, ", "))
		}
		v, ok := parseVersion(version)
		if !ok {
			return on, wrong(op.end, "%s is not a kernel's version such as 6.2 or 6.1.32", wording.Quote(version))
		}
		on = append(on, lab.VersionBound{Op: op.text, Version: v})
	}
	if !lab.SomeKernel(on) {
		return on, s.wrong("no kernel is %s at once", wording.Quote(s.text()))
	}
	return on, nil
}

// feature reads [no] KIND NAME: what a kernel has or lacks, which distributions add to old versions
// and leave out of new ones, so that the version alone does not tell.
func feature(s span) (*lab.Feature, []Mistake) {
	f := &lab.Feature{}
	if f.Not = s.token(0).is("no"); f.Not {
		s = s.from(1)
	}
	if len(s.tokens) != 2 || !slices.ContainsFunc(lab.FeatureKinds, s.tokens[0].is) || !s.tokens[1].word() {
		return f, s.wrong("a feature is one of %s, and a name; found %s", strings.Join(lab.FeatureKinds, ", "), s.found())
	}
	name := s.from(1)
	f.Kind, f.Name = s.tokens[0].text, s.tokens[1].text
	var mistakes []Mistake
	switch f.Kind {
	case "sysctl":
		_, mistakes = sysctl(name)
	case "option":
		_, mistakes = oneOf(optionNoun, optionNames(), name)
	case "socket":
		_, mistakes = oneOf("socket type", lab.SocketTypes, name)
	case "probe":
		mistakes = name.check(ExperimentName, f.Name)
	}
	return f, mistakes
}

var versionSyntax = once.Regexp(`^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){1,2}$`)

// parseVersion reads 6, 6.2 or 6.1.32. What distributions add to it (6.1.0-13-amd64) says
// nothing about the code, and is not a version here.
func parseVersion(text string) (lab.KernelVersion, bool) {
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	if !versionSyntax().MatchString(text) {
		return lab.KernelVersion{}, false
	}
	v, err := lab.ParseKernelVersion(text)
	return v, err == nil
}

// errnoSyntax is what looks like an errno. Only one that lab knows is one, so that a misspelt errno is
// never taken for a value.
var errnoSyntax = once.Regexp(`^E[A-Z0-9]+$`)

// ofNoSocket is what getsockopt itself answers where it has no socket to ask
// (sockfd_lookup_light); every other errno behind SO_ERROR is the pending error.
var ofNoSocket = []string{"EBADF", "ENOTSOCK"}

// answer reads one answer, or several with bars between them.
func (r *reader) answer(s span) (lab.Answer, []Mistake) {
	parts := s.alternatives()
	if maskWords[r.Answers] != nil {
		parts = s.atBars() // POLLIN|POLLOUT is one answer, and POLLIN | POLLOUT are two
	}
	if len(parts) == 1 {
		return r.oneAnswer(s)
	}
	if words := maskWords[r.Answers]; words != nil && !slices.ContainsFunc(parts, func(part span) bool {
		return !slices.Contains(words, part.text())
	}) {
		r.doubts = append(r.doubts, wrong(s.at, "%s is one of these alone; all of them at once are written without blanks: %s",
			wording.Quote(s.text()), strings.Join(strings.Fields(s.text()), ""))...)
	}
	var all lab.OneOf
	var mistakes []Mistake
	for _, part := range parts {
		a, wrong := r.oneAnswer(part)
		if a.Outcome == lab.Unasked {
			wrong = part.wrong("? takes any answer; it cannot be one of several")
		}
		all = append(all, a)
		mistakes = append(mistakes, wrong...)
	}
	return lab.Answer{Outcome: lab.Either, Value: all}, mistakes
}

// oneAnswer reads a plain answer, and what it may say beside it: from ADDR, with ttl(64).
func (r *reader) oneAnswer(s span) (lab.Answer, []Mistake) {
	value, from, with := s.clauses()
	a, mistakes := r.plain(value)
	var more []Mistake
	if len(from.tokens) > 0 {
		a.From, more = r.sender(from)
		mistakes = append(mistakes, more...)
	}
	if len(with.tokens) > 0 {
		a.With, more = r.with(with)
		mistakes = append(mistakes, more...)
	}
	if mistakes == nil && a.Value == lab.Arg(lab.Word("none")) && a.From != nil {
		mistakes = from.wrong("no signal has a sender; write none alone")
	}
	if mistakes == nil && a.Outcome != lab.OK && (a.From != nil || a.With != nil) {
		mistakes = s.wrong("%s: only what was received has a sender, or something that came along; found %s", r.Name,
			s.found())
	}
	return a, mistakes
}

// plain reads ok, an errno, blocked, ? or a value. A bare word that is an errno is one whatever
// the call answers, but for two calls: behind sockets() it may be the name of a state, and behind
// getsockopt(a, SO_ERROR) it is the value, an error that waited at the socket.
func (r *reader) plain(s span) (lab.Answer, []Mistake) {
	ok := lab.Answer{Outcome: lab.OK}
	if len(s.tokens) == 0 {
		return ok, s.wrong("an answer is missing: %s", r.answers())
	}
	if t := s.tokens[0]; len(s.tokens) == 1 && !t.str {
		isState := r.Answers == lab.KindStates && slices.Contains(lab.StateNames, t.text)
		errno, known := lab.CanonicalErrno(t.text)
		switch {
		case t.is("ok"):
			return ok, nil
		case t.is("blocked"):
			return lab.Answer{Outcome: lab.Blocked}, nil
		case t.is("?"):
			return lab.Answer{Outcome: lab.Unasked}, nil
		case isState:
		case known && r.Answers == lab.KindValue && r.option.Value == lab.ValueErrno && !slices.Contains(ofNoSocket, errno):
			return lab.Answer{Outcome: lab.OK, Value: lab.Word(errno)}, nil
		case known:
			return lab.Answer{Outcome: lab.Failed, Errno: errno}, nil
		case r.Answers == lab.KindValue && r.option.Value == lab.ValueInfo:
		case r.Answers != lab.KindStates && errnoSyntax().MatchString(t.text):
			near := ""
			if n := strings.TrimPrefix(t.text, "E"); strings.HasPrefix(n, "POLL") { // a name of epoll's for a bit of poll's
				near = fmt.Sprintf(", did you mean %q?", n)
			} else if n := wording.Nearest(t.text, lab.ErrnoNames()); n != "" {
				near = fmt.Sprintf(", did you mean %q?", n)
			}
			return ok, s.wrong("unknown errno %s%s", wording.Quote(t.text), near)
		}
	}
	raw := s.text()
	if r.Answers == "" {
		ending := answerHint(raw)
		if r.Makes && strings.Trim(raw, "0123456789") == "" {
			ending = ", write ok: the socket goes by its name"
		}
		return ok, s.wrong("%s, found %s%s", r.answers(), wording.Quote(raw), ending)
	}
	value, mistakes := r.answerValue(s)
	switch {
	case mistakes == nil:
		ok.Value = value
	// An errno in other words, "connection refused": that it is also not an address or not a
	// number says less.
	case strings.HasPrefix(meantAnswer(raw), "E"):
		mistakes = s.wrong("%s, found %s%s", r.answers(), wording.Quote(raw), answerHint(raw))
	}
	return ok, mistakes
}

// answerValue reads the value that a call answers.
func (r *reader) answerValue(s span) (lab.Arg, []Mistake) {
	switch r.Answers {
	case lab.KindStates:
		if !s.token(0).is("~") {
			return states(s)
		}
		all, mistakes := states(s.from(1))
		among, _ := all.(lab.States)
		if len(among) == 0 && mistakes == nil {
			mistakes = s.from(1).wrong("~ is followed by the states that have to be there; no state at all is = none")
		}
		return lab.Containing(among), mistakes
	case lab.KindSocks:
		return r.socks(s)
	case lab.KindTexts:
		return r.texts(s)
	case lab.KindEvents, lab.KindFDFlags, lab.KindCaught:
		return mask(r.Answers, s)
	case lab.KindAnswer:
		return r.late(s)
	case lab.KindOutcomes:
		return r.outcomes(s)
	}
	if low, high, ok := strings.Cut(s.text(), ".."); ok && r.isNumber() {
		return between(s, low, high)
	}
	value, mistakes := r.value(r.Answers, s)
	if a, ok := value.(lab.Addr); ok && a.Family != "" {
		mistakes = s.wrong("%s answers what the kernel says, family() is for what it is told", r.Name)
	}
	return value, mistakes
}

// isNumber reports whether the call answers a number.
func (r *reader) isNumber() bool {
	return r.Answers == lab.KindInt || r.Answers == lab.KindSetting ||
		r.Answers == lab.KindValue && r.option.Value == lab.ValueInt
}

// between reads LOW..HIGH, for numbers of which a kernel may answer several: how much a buffer holds.
func between(s span, low, high string) (lab.Arg, []Mistake) {
	from, problem := Decimal(low, math.MinInt32, math.MaxInt32)
	to, more := Decimal(high, math.MinInt32, math.MaxInt32)
	switch problem = cmp.Or(problem, more); {
	case problem != "":
		return nil, s.wrong("a range of numbers is written 1..10: %s", problem)
	case from >= to:
		return nil, s.wrong("%s is not a range of numbers such as 1..10", wording.Quote(s.text()))
	}
	return lab.Between{Low: from, High: to}, nil
}

// socks reads what who() answers. poll(2) has no order among its sockets, so the answer is in
// the order of the call's arguments.
func (r *reader) socks(s span) (lab.Arg, []Mistake) {
	var socks lab.Socks
	for _, t := range s.tokens {
		if t.str || r.Name == "who" && !slices.Contains(r.args, lab.Arg(lab.Sock(t.text))) {
			return nil, wrong(t.start, "%s is not one of the sockets that the call names", wording.Quote(t.text))
		}
		socks = append(socks, lab.Sock(t.text))
	}
	if r.Name != "who" { // epoll has an order, that in which they became ready, which is no promise of a host's
		slices.Sort(socks)
		return socks, nil
	}
	slices.SortStableFunc(socks, func(a, b lab.Sock) int {
		return slices.Index(r.args, lab.Arg(a)) - slices.Index(r.args, lab.Arg(b))
	})
	return socks, nil
}

// late reads what a call in the background answers. Which call that is another step says; a world looks
// whether it can answer so.
func (r *reader) late(s span) (lab.Arg, []Mistake) {
	word, ok := s.word()
	switch {
	case s.tokens[0].str:
		return r.value(lab.KindText, s)
	case ok && strings.Trim(word, "0123456789") == "":
		return r.value(lab.KindInt, s)
	}
	var socks lab.Socks
	for _, t := range s.tokens {
		if !t.word() {
			return nil, r.expected(r.Answers, s)
		}
		if mistakes := s.check(SocketName, t.text); mistakes != nil {
			return nil, mistakes
		}
		socks = append(socks, lab.Sock(t.text))
	}
	return socks, nil
}

// outcomes reads what calls made at the same instant answer: {ok, EADDRINUSE}, one for each, in any order.
func (r *reader) outcomes(s span) (lab.Arg, []Mistake) {
	if !s.token(0).is("{") || s.closing(0) != len(s.tokens)-1 {
		return nil, s.wrong("%s: what each of the calls answers is written {ok, EADDRINUSE}, in any order; found %s", r.Name,
			s.found())
	}
	var all lab.Outcomes
	var mistakes []Mistake
	of := &reader{Signature: lab.Signature{Name: r.Name, Answers: lab.KindAnswer}}
	for _, one := range s.part(1, len(s.tokens)-1).split() {
		a, wrong := of.plain(one)
		if a.Outcome == lab.Unasked {
			wrong = one.wrong("? takes any answer; it cannot be one of several")
		}
		all, mistakes = append(all, a), append(mistakes, wrong...)
	}
	// Without r.args their number was wrong, and the call has that mistake already.
	if mistakes == nil && len(r.args) > 0 && len(all) != len(r.args) {
		mistakes = s.wrong("%s: %s for %s", r.Name, wording.Count(len(all), "answer"), wording.Count(len(r.args), "call"))
	}
	slices.SortStableFunc(all, func(a, b lab.Answer) int { return cmp.Compare(a.String(), b.String()) })
	return all, mistakes
}

// afterCall ends a complaint about what follows a call in the place of an answer.
func afterCall(rest span) string {
	first := rest.token(0)
	switch meant := meantAnswer(strings.Trim(rest.text(), ":=-> ")); {
	case meant != "":
		return ", write = " + meant
	case rest.token(1).is("("), rest.token(1).is("="):
		return "; a step is one call, begin the next one on a line of its own with \"- \""
	case strings.HasPrefix(first.text, "//"), strings.HasPrefix(first.text, "--"):
		return "; a comment begins with \"#\" and a blank before it"
	}
	return ""
}

// states reads what sockets() answers, and puts it into netstat's order: which socket came
// first the kernel does not say.
func states(s span) (lab.Arg, []Mistake) {
	all := lab.States{}
	if len(s.tokens) == 1 && s.tokens[0].is("none") {
		return all, nil
	}
	var mistakes []Mistake
	for _, t := range s.tokens {
		switch {
		case len(mistakes) == maxMistakes:
			return nil, mistakes
		case t.is("none"):
			mistakes = append(mistakes, Mistake{t.start, "\"none\" cannot be combined with states"})
		case t.is(","):
			mistakes = append(mistakes, Mistake{t.start, "blanks separate states, found " + wording.Quote(t.text)})
		case t.str || !slices.Contains(lab.StateNames, t.text):
			allowed := append([]string{"none"}, lab.StateNames...)
			mistakes = append(mistakes, wrong(t.start, "unknown socket state %s%s", wording.Quote(t.text),
				wording.Hint(t.text, "allowed", allowed))...)
		}
		all = append(all, t.text)
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return slices.Index(lab.StateNames, a) - slices.Index(lab.StateNames, b)
	})
	return all, mistakes
}
