package syntax

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// parseAnswer reads what follows the call: = ANSWER [ANSWER on linux < 6.2].
func (p *stepParser) parseAnswer() {
	plain := lab.WantRule{Answer: lab.Answer{Outcome: lab.OK}}
	if len(p.tokens) == 0 {
		p.Want = lab.Want{plain}
		return
	}
	if first := p.peek(0); !first.is("=") {
		p.wrong(first.start, "after the call comes nothing or \" = ANSWER\", found %s%s", wording.Quote(first.text),
			p.afterCall())
		return
	}
	p.tokens = p.tokens[1:]
	end := p.conditionAt()
	at := p.peek(0).start
	plain.Answer = p.answer(p.tokens[:end], at)
	p.tokens = p.tokens[end:]
	for len(p.tokens) > 0 {
		first := p.peek(0)
		end := closing(p.tokens, 0)
		if !first.is("[") || end < 0 {
			p.wrong(first.start, "[ANSWER on linux < 6.2] is expected here, found %s", wording.Quote(p.raw(p.tokens)))
			return
		}
		rule, at := p.rule(first, p.tokens[1:end])
		p.Want, p.WantsAt = append(p.Want, rule), append(p.WantsAt, at)
		p.tokens = p.tokens[end+1:]
	}
	p.Want, p.WantsAt = append(p.Want, plain), append(p.WantsAt, at)
}

// conditionAt returns the index of the bracket behind the first answer; the
// answer itself may begin with one, [2001:db8::1]:80.
func (p *stepParser) conditionAt() int {
	i := 0
	if p.peek(0).is("[") && p.sig.Answers == lab.KindAddr {
		i = max(0, closing(p.tokens, 0))
	}
	for i < len(p.tokens) && (i == 0 || !p.tokens[i].is("[")) {
		i++
	}
	return i
}

// rule reads what stands in the brackets: ANSWER on linux OP VERSION ..., ANSWER
// on option NAME, ANSWER on no sysctl NAME, or both kinds of condition.
func (p *stepParser) rule(open token, tokens []token) (lab.WantRule, int) {
	clauses := cutAtOn(tokens)
	if len(clauses) < 2 || len(clauses[0]) == 0 {
		p.wrong(open.start,
			"a condition is written [ANSWER on linux < 6.2], [ANSWER on option NAME] or [ANSWER on no option NAME], and so with sysctl, socket and probe; found %s",
			wording.Quote("["+p.raw(tokens)+"]"))
		return lab.WantRule{}, open.start
	}
	at := clauses[0][0].start
	rule := lab.WantRule{Answer: p.answer(clauses[0], at)}
	for _, c := range clauses[1:] {
		if c[0].is("linux") {
			rule.On = append(rule.On, p.versions(c)...)
		} else {
			rule.Has = p.feature(c)
		}
	}
	return rule, at
}

// cutAtOn cuts tokens at every "on" that begins a condition.
func cutAtOn(tokens []token) [][]token {
	var clauses [][]token
	begin := 0
	for i, t := range tokens {
		if t.is("on") && i+1 < len(tokens) && (tokens[i+1].is("linux") || tokens[i+1].is("no") ||
			slices.ContainsFunc(lab.FeatureKinds, tokens[i+1].is)) {
			clauses = append(clauses, tokens[begin:i])
			begin = i + 1
		}
	}
	return append(clauses, tokens[begin:])
}

// versions reads linux OP VERSION ...
func (p *stepParser) versions(tokens []token) (on []lab.VersionBound) {
	bounds := tokens[1:]
	if len(bounds) == 0 {
		p.wrong(tokens[0].end, "on linux of which version? write < 6.2")
	}
	for ; len(bounds) > 0; bounds = bounds[min(2, len(bounds)):] {
		op := bounds[0]
		if op.str || !slices.Contains(lab.VersionOps, op.text) {
			p.wrong(op.start, "unknown comparison %s; allowed: %s", wording.Quote(op.text),
				strings.Join(lab.VersionOps, ", "))
			break
		}
		version := ""
		if len(bounds) > 1 {
			version = bounds[1].text
		}
		v, ok := parseVersion(version)
		if !ok {
			p.wrong(op.end, "%s is not a kernel's version such as 6.2 or 6.1.32", wording.Quote(version))
			break
		}
		on = append(on, lab.VersionBound{Op: op.text, Version: v})
	}
	return on
}

// feature reads [no] KIND NAME.
func (p *stepParser) feature(tokens []token) *lab.Feature {
	f := &lab.Feature{}
	if f.Not = tokens[0].is("no"); f.Not {
		tokens = tokens[1:]
	}
	if len(tokens) != 2 || !slices.ContainsFunc(lab.FeatureKinds, tokens[0].is) || !tokens[1].word() {
		at := len(p.Text)
		if len(tokens) > 0 {
			at = tokens[0].start
		}
		p.wrong(at, "a feature is %s and a name, found %s", strings.Join(lab.FeatureKinds, ", "), p.foundIn(tokens))
		return f
	}
	name := tokens[1:]
	f.Kind, f.Name = tokens[0].text, tokens[1].text
	switch at := tokens[1].start; f.Kind {
	case "sysctl":
		p.sysctl(name, at)
	case "option":
		p.oneOf(optionNoun, optionNames(), name, at)
	case "socket":
		p.oneOf("socket type", lab.SocketTypes, name, at)
	case "probe":
		p.name(ExperimentName, f.Name, at)
	}
	return f
}

var versionSyntax = once.Regexp(`^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){1,2}$`)

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

var errnoSyntax = once.Regexp(`^E[A-Z0-9]+$`)

// answer reads ok, an errno, blocked, ? or a value.
func (p *stepParser) answer(tokens []token, at int) lab.Answer {
	none := lab.Answer{Outcome: lab.OK}
	if len(tokens) == 0 {
		p.wrong(at, "an answer is missing: %s", p.answers())
		return none
	}
	if t := tokens[0]; len(tokens) == 1 && !t.str {
		switch {
		case t.is("ok"):
			return none
		case t.is("blocked"):
			return lab.Answer{Outcome: lab.Blocked}
		case t.is("?"):
			return lab.Answer{Outcome: lab.Unasked}
		}
		isState := p.sig.Answers == lab.KindStates && slices.Contains(lab.StateNames, t.text)
		name, known := lab.CanonicalErrno(t.text)
		switch {
		case isState:
		case known && p.sig.Answers == lab.KindValue && p.option.Value == lab.ValueErrno &&
			!slices.Contains(ofNoSocket, name):
			return lab.Answer{Outcome: lab.OK, Value: lab.Word(name)}
		case known:
			return lab.Answer{Outcome: lab.Failed, Errno: name}
		case p.sig.Answers != lab.KindStates && errnoSyntax().MatchString(t.text):
			near := ""
			if n := wording.Nearest(t.text, lab.ErrnoNames()); n != "" {
				near = fmt.Sprintf(", did you mean %q?", n)
			}
			p.wrong(at, "unknown errno %s%s", wording.Quote(t.text), near)
			return none
		}
	}
	switch p.sig.Answers {
	case "":
		ending := answerHint(p.raw(tokens))
		if p.sig.Makes && strings.Trim(p.raw(tokens), "0123456789") == "" {
			ending = ", write ok: the socket goes by its name"
		}
		p.wrong(at, "%s, found %s%s", p.answers(), wording.Quote(p.raw(tokens)), ending)
		return none
	}
	before := len(p.Mistakes)
	answer := lab.Answer{Outcome: lab.OK, Value: p.answerValue(tokens, at)}
	if raw := p.raw(tokens); len(p.Mistakes) > before && strings.HasPrefix(meantAnswer(raw), "E") {
		p.Mistakes = p.Mistakes[:before]
		p.wrong(at, "%s, found %s%s", p.answers(), wording.Quote(raw), answerHint(raw))
	}
	return answer
}

// answerValue reads the value that a call answers.
func (p *stepParser) answerValue(tokens []token, at int) lab.Arg {
	switch p.sig.Answers {
	case lab.KindStates:
		return p.states(tokens)
	case lab.KindSocks:
		return p.socks(tokens)
	case lab.KindAddr:
		return p.addrAnswer(tokens, at)
	}
	return p.value(p.sig.Answers, tokens, at)
}

// afterCall ends a complaint about what follows a call in the place of an answer.
func (p *stepParser) afterCall() string {
	first, rest := p.peek(0), p.raw(p.tokens)
	switch meant := meantAnswer(strings.Trim(rest, ":=-> ")); {
	case meant != "":
		return ", write = " + meant
	case p.peek(1).is("("), p.peek(1).is("="):
		return "; a step is one call, begin the next one on a line of its own with \"- \""
	case strings.HasPrefix(first.text, "//"), strings.HasPrefix(first.text, "--"):
		return "; a comment begins with \"#\" and a blank before it"
	}
	return ""
}

// ofNoSocket is what getsockopt itself answers where it has no socket to ask
// (sockfd_lookup_light); every other errno behind SO_ERROR is the pending error.
var ofNoSocket = []string{"EBADF", "ENOTSOCK"}

// answers says what the call may answer.
func (p *stepParser) answers() string {
	words := "ok, an errno, blocked or ?"
	if k := p.sig.Answers; k == lab.KindValue && p.option.Value != "" {
		words = string(p.option.Value) + ", " + words
	} else if k != "" {
		words = string(k) + ", " + words
	}
	return p.sig.Name + " answers " + words
}

// states reads what sockets() answers, and puts it into netstat's order.
func (p *stepParser) states(tokens []token) lab.Arg {
	states := lab.States{}
	if len(tokens) == 1 && tokens[0].is("none") {
		return states
	}
	for _, t := range tokens {
		if len(p.Mistakes) == maxMistakes {
			break
		}
		if t.is("none") {
			p.wrong(t.start, "\"none\" cannot be combined with states")
			continue
		}
		if t.is(",") || t.is("|") {
			p.wrong(t.start, "blanks separate states, found %s", wording.Quote(t.text))
			continue
		}
		if t.str || !slices.Contains(lab.StateNames, t.text) {
			allowed := append([]string{"none"}, lab.StateNames...)
			p.wrong(t.start, "unknown socket state %s%s", wording.Quote(t.text), wording.Hint(t.text, "allowed",
				allowed))
			continue
		}
		states = append(states, t.text)
	}
	slices.SortStableFunc(states, func(a, b string) int {
		return slices.Index(lab.StateNames, a) - slices.Index(lab.StateNames, b)
	})
	return states
}
