package syntax

import (
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// Step is a step as it was read: what it says, and where. Offsets are bytes of Text. What a
// step with mistakes does say is in it all the same, so that a check of several steps knows,
// say, that a socket was to be made: ArgsAt has a place for each of Call.Args, and an argument
// that could not be read is nil.
type Step struct {
	Text     string
	Call     lab.Call
	Want     lab.Want
	ArgsAt   []int // where each argument begins
	WantsAt  []int // where each answer begins
	Mistakes []Mistake
	CallAt   int
	Known    bool      // the call is one that there is
	Makes    bool      // and one that makes a socket
	Open     bool      // a parenthesis is not closed
	Doubts   []Mistake // it says what it says, and another thing may be meant
	Foreign  bool      // it is in another notation, and read as what it would be here
	Acts     []*Step   // the calls of together(), with offsets in this text
}

// Parse reads a step with all its mistakes and where each of its parts stands.
func Parse(text string) *Step {
	if len(text) > maxStep {
		return &Step{Mistakes: wrong(0, "the step has %d bytes, the limit is %d", len(text), maxStep)}
	}
	s := &Step{Text: text}
	tokens, mistakes := lex(text)
	if s.add(mistakes); mistakes == nil {
		s.parse(span{step: text, tokens: tokens, end: len(text)})
	}
	return s
}

// ParseForeign is Parse for what a file says. What strace(1) prints is read as it is, where all of
// it can be said here. Of other lines of strace, and of C and Python, a dozen complaints about their
// marks would not tell how the call is written here: such a step is one mistake, and else what it
// would be here. So is a line of strace that is not a call.
func ParseForeign(text string) *Step {
	step := Parse(text)
	if len(step.Mistakes) == 0 {
		return step
	}
	if other := straceOther(text); other != "" {
		return &Step{Text: text, Mistakes: wrong(0, "%s", other)}
	}
	written := fromC(text)
	meant := Parse(written)
	if written == "" || len(meant.Mistakes) > 0 {
		return step
	}
	exact := isStrace(text)
	meant.Text, meant.Foreign, meant.CallAt = text, !exact, 0
	meant.ArgsAt, meant.WantsAt = make([]int, len(meant.ArgsAt)), make([]int, len(meant.WantsAt))
	if !exact {
		meant.add(wrong(0, "this is not how a call is written here; write %s", written))
	}
	return meant
}

// add keeps mistakes up to the limit: a hostile step of 300 kB could have a hundred thousand.
func (s *Step) add(mistakes []Mistake) {
	s.Mistakes = append(s.Mistakes, mistakes[:min(len(mistakes), maxMistakes-len(s.Mistakes))]...)
}

func (s *Step) wrong(at int, format string, args ...any) { s.add(wrong(at, format, args...)) }

// parse reads all tokens of the step. What comes behind an unknown call is not read, since what
// a call takes is what says how to; behind a parenthesis that is open there is nothing to read.
func (s *Step) parse(all span) {
	if all.token(0).word() && all.token(1).is("=") && all.token(2).word() && all.token(3).is("(") {
		name := all.part(0, 1)
		s.add(name.check(SocketName, name.text()))
		s.Call.Makes = name.text()
		all = all.from(2)
	}
	name := all.token(0)
	s.CallAt = name.start
	if !name.word() || !all.token(1).is("(") {
		s.wrong(name.start, "%s is not a call such as bind(a, x:80)%s", wording.Quote(s.Text), notCall(s.Text))
		return
	}
	r := &reader{}
	s.Call.Name = name.text
	r.Signature, s.Known = lab.SignatureOf(name.text)
	s.Makes = r.Makes
	if r.Unnamed && s.Call.Makes != "" {
		r.Answers = "" // what it was asked for is the socket
	}
	if !s.Known {
		s.wrong(name.start, "unknown call %s%s", wording.Quote(name.text), callHint(name.text))
	}
	end := all.closing(1)
	switch {
	case end < 0:
		s.Open = true
		s.wrong(all.token(1).start, "this parenthesis is not closed")
	case s.Known:
		s.parseArgs(r, all.part(2, end))
		s.parseAnswer(r, all.from(end+1))
		s.Doubts = r.doubts
	}
}

// parseArgs reads what stands between the parentheses, each argument by the kind that the signature
// says; one that repeats is of the last kind.
func (s *Step) parseArgs(r *reader, all span) {
	if r.Makes && !r.Unnamed && s.Call.Makes == "" {
		s.wrong(s.CallAt, "%s returns a socket, which needs a name: a = %[1]s(...)", r.Name)
	}
	if !r.Makes && s.Call.Makes != "" {
		how := "write the expected answer after the call: " + r.Name + "(...) = ok"
		if r.Name == "fork" {
			how = "the child's name is its argument: fork(" + wording.Clip(s.Call.Makes) + ")"
		}
		s.wrong(s.CallAt, "%s does not return a socket; %s", r.Name, how)
	}
	list := all.split()
	r.Signature = r.For(len(list))
	if len(list) < len(r.Args)-r.Optional || len(list) > len(r.Args) && !r.Repeats {
		s.wrong(s.CallAt, "%s; found %d", r.takes(), len(list))
		return
	}
	for i, one := range list {
		if r.Kind(i) == lab.KindAct {
			act, mistakes := s.act(one)
			r.args, s.ArgsAt = append(r.args, act), append(s.ArgsAt, one.at)
			s.add(mistakes)
			continue
		}
		value, mistakes := r.pointer(i, one)
		if value == nil {
			value, mistakes = r.arg(r.Kind(i), one)
		}
		if mistakes != nil {
			value = nil
		}
		r.args = append(r.args, value)
		s.ArgsAt = append(s.ArgsAt, one.at)
		s.add(mistakes)
	}
	s.Call.Args = r.args
}

// act reads a call within together(), which may have the name of its process before it.
func (s *Step) act(one span) (act lab.Act, mistakes []Mistake) {
	if first := one.token(0); first.word() && one.token(1).is(":") {
		host, name, ok := strings.Cut(first.text, "/")
		if !ok {
			host, name = "", host
		}
		act.Process = lab.Process{Host: host, Name: name}
		if mistakes = one.check(ProcessName, name); mistakes == nil && host != "" && host != "peer" {
			mistakes = one.check(HostName, host)
		}
		one = one.from(2)
	}
	inner := &Step{Text: s.Text}
	inner.parse(one)
	sig, _ := lab.SignatureOf(inner.Call.Name)
	switch {
	case mistakes != nil:
	case len(inner.Mistakes) > 0:
		mistakes = inner.Mistakes
	case !sig.MayRace():
		mistakes = wrong(inner.CallAt, "%s cannot be made at the same instant as others", inner.Call.Name)
	case len(inner.WantsAt) > 0:
		mistakes = wrong(inner.WantsAt[0], "what calls made at the same instant answer is written behind together(...): "+
			"= {ok, EADDRINUSE}")
	}
	act.Call = inner.Call
	s.Acts = append(s.Acts, inner)
	return act, mistakes
}

// parseAnswer reads what follows the call: = ANSWER [ANSWER on linux < 6.2]. In a Want the
// answer for all kernels comes last, so that the first rule which holds is the one that counts.
func (s *Step) parseAnswer(r *reader, all span) {
	plain := lab.WantRule{Answer: lab.Answer{Outcome: lab.OK}}
	if len(all.tokens) == 0 {
		if r.Answers == lab.KindOutcomes {
			plain.Answer.Value = lab.Outcomes(slices.Repeat([]lab.Answer{{Outcome: lab.OK}}, len(r.args)))
			s.WantsAt = []int{s.CallAt}
		}
		s.Want = lab.Want{plain}
		return
	}
	first := all.token(0)
	if among := r.Answers == lab.KindStates && first.is("~"); !first.is("=") && !among {
		s.wrong(first.start, "after the call comes nothing or \" = ANSWER\", found %s%s", wording.Quote(first.text),
			afterCall(all))
		return
	}
	if first.is("=") {
		all = all.from(1)
	}
	end := r.conditionAt(all)
	one := all.part(0, end)
	var mistakes []Mistake
	plain.Answer, mistakes = r.answer(one)
	s.add(mistakes)
	for rest := all.from(end); len(rest.tokens) > 0; {
		end := rest.closing(0)
		if !rest.token(0).is("[") || end < 0 {
			s.wrong(rest.at, "[ANSWER on linux < 6.2] is expected here, found %s", wording.Quote(rest.text()))
			return
		}
		rule, at, mistakes := r.rule(rest.part(0, end+1))
		s.add(mistakes)
		s.Want, s.WantsAt = append(s.Want, rule), append(s.WantsAt, at)
		rest = rest.from(end + 1)
	}
	s.Want, s.WantsAt = append(s.Want, plain), append(s.WantsAt, one.at)
	if r.Answers != lab.KindOutcomes || len(s.Mistakes) > 0 {
		return
	}
	for i, rule := range s.Want {
		for _, a := range rule.Answer.All() {
			if a.Value == nil && a.Outcome != lab.Unasked {
				s.wrong(s.WantsAt[i], "%s: what each of the calls answers is written {ok, EADDRINUSE}, in any order; found %s",
					r.Name, wording.Quote(a.String()))
			}
		}
	}
}

// notCall ends a complaint about a text that is not a call at all: a call with a word before it,
// one without parentheses, or a command, which is a step of another form.
func notCall(text string) string {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return ""
	}
	if _, step, ok := strings.Cut(text, " "); ok && strings.Contains(step, "(") && len(Parse(step).Mistakes) == 0 {
		return "; write " + wording.Clip(step) // let a = socket(tcp)
	}
	switch first := strings.TrimSuffix(fields[0], ";"); {
	case slices.Contains(CallNames(), first) && (len(fields) == 1 || !strings.Contains(text, "=")):
		sig, _ := lab.SignatureOf(first)
		return "; the arguments are in parentheses: " + ExampleOf(sig)
	case len(fields) > 1 && !strings.ContainsAny(text, "(=") || first == "sysctl":
		return "; a program is {run: " + wording.YAML(wording.Clip(text)) + "}"
	}
	return ""
}
