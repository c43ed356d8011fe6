package syntax

import (
	"strings"

	"labrun/lab/wording"
)

// span is a part of a step: an argument, an answer, a condition. It has a place even when
// nothing is written in it, so that a complaint can point at what is missing.
type span struct {
	step    string // the whole text
	tokens  []token
	at, end int // where it begins, and where what follows it does
}

// text returns the span as it is written.
func (s span) text() string { return strings.TrimSpace(s.step[s.at:s.end]) }

// token returns the i-th token, behind the last one an empty one.
func (s span) token(i int) token {
	if i < len(s.tokens) {
		return s.tokens[i]
	}
	return token{start: s.end, end: s.end}
}

// part returns the tokens from one index up to another.
func (s span) part(from, to int) span {
	return span{s.step, s.tokens[from:to], s.token(from).start, s.token(to).start}
}

// from returns the tokens from an index on.
func (s span) from(i int) span { return s.part(i, len(s.tokens)) }

// word returns the name or number that the span consists of.
func (s span) word() (word string, ok bool) {
	return s.token(0).text, len(s.tokens) == 1 && s.tokens[0].word()
}

// found says what is written where something else should be.
func (s span) found() string {
	if len(s.tokens) == 0 {
		return "nothing"
	}
	return wording.Quote(s.text())
}

func (s span) wrong(format string, args ...any) []Mistake { return wrong(s.at, format, args...) }

// check returns what is wrong with a name that is written in the span.
func (s span) check(r NameRule, name string) []Mistake {
	if problem := r.Check(name); problem != "" {
		return s.wrong("%s", problem)
	}
	return nil
}

// closing returns the index of the mark that closes the one at i, or -1.
func (s span) closing(i int) int {
	var open []string
	for ; i < len(s.tokens); i++ {
		switch t := s.tokens[i]; {
		case t.is("("):
			open = append(open, ")")
		case t.is("["):
			open = append(open, "]")
		case t.is("{"):
			open = append(open, "}")
		case t.is(")"), t.is("]"), t.is("}"):
			if len(open) == 0 || !t.is(open[len(open)-1]) {
				return -1
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return i
			}
		}
	}
	return -1
}

// alternatives cuts the span at every bar, of which a word may have some inside: A|B.
func (s span) alternatives() []span {
	var tokens []token
	for _, t := range s.tokens {
		for at := strings.IndexByte(t.text, '|'); at >= 0 && !t.str && len(t.text) > 1; at = strings.IndexByte(t.text, '|') {
			if at > 0 {
				tokens = append(tokens, token{text: t.text[:at], start: t.start, end: t.start + at})
			}
			tokens = append(tokens, token{text: "|", start: t.start + at, end: t.start + at + 1})
			t.text, t.start = t.text[at+1:], t.start+at+1
		}
		if t.text != "" || t.str {
			tokens = append(tokens, t)
		}
	}
	whole := span{s.step, tokens, s.at, s.end}
	parts := whole.atBars()
	if len(parts) == 1 {
		return []span{s}
	}
	return parts
}

// atBars cuts a span at every bar that stands alone.
func (s span) atBars() []span {
	var parts []span
	begin := 0
	for i, t := range s.tokens {
		if t.is("|") {
			parts = append(parts, s.part(begin, i))
			begin = i + 1
		}
	}
	if parts == nil {
		return []span{s}
	}
	return append(parts, s.from(begin))
}

// split cuts the span at the commas outside of any brackets: f() has no arguments, f(a,) has
// two, of which the second is missing.
func (s span) split() []span {
	if len(s.tokens) == 0 {
		return nil
	}
	var parts []span
	begin, depth := 0, 0
	cut := func(to int) {
		p := s.part(begin, to)
		if begin == to { // of nothing, the comma before it is shown, or the one behind it
			p.at = s.token(max(begin-1, 0)).start
			p.end = p.at
		}
		parts, begin = append(parts, p), to+1
	}
	for i, t := range s.tokens {
		switch {
		case t.is("("), t.is("["), t.is("{"):
			depth++
		case t.is(")"), t.is("]"), t.is("}"):
			depth--
		case t.is(",") && depth == 0:
			cut(i)
		}
	}
	cut(len(s.tokens))
	return parts
}

// fields returns the two values of a structure {1, 0}.
func (s span) fields() (first, second span, ok bool) {
	if !s.token(0).is("{") || s.closing(0) != len(s.tokens)-1 {
		return s, s, false
	}
	list := s.part(1, len(s.tokens)-1).split()
	if len(list) != 2 {
		return s, s, false
	}
	return list[0], list[1], true
}
