package syntax

import (
	"fmt"

	"labrun/lab"
)

// Step is a step as it was read: what it says, and where. Offsets are bytes of Text.
type Step struct {
	Text     string
	Call     lab.Call
	Want     lab.Want
	ArgsAt   []int // where each argument begins
	WantsAt  []int // where each answer begins
	Mistakes []Mistake
	CallAt   int
	Known    bool // the call is one that there is
	Makes    bool // and one that makes a socket
	Open     bool // a parenthesis is not closed
	Foreign  bool // it is in another notation, and read as what it would be here
}

// stepParser walks over the tokens of a step.
type stepParser struct {
	*Step
	tokens []token
	sig    lab.Signature
	option lab.Option // of setsockopt and getsockopt, once it was read
}

func (p *Step) wrong(at int, format string, args ...any) {
	if len(p.Mistakes) == maxMistakes {
		return
	}
	p.Mistakes = append(p.Mistakes, Mistake{at, fmt.Sprintf(format, args...)})
}

// peek returns the token that is n ahead, a zero one behind the end.
func (p *stepParser) peek(n int) token {
	if n < len(p.tokens) {
		return p.tokens[n]
	}
	return token{start: len(p.Text), end: len(p.Text)}
}

// closing returns the index of the mark that closes the one at i, or -1.
func closing(tokens []token, i int) int {
	var open []string
	for ; i < len(tokens); i++ {
		switch t := tokens[i]; {
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

// split cuts tokens at the commas outside of any brackets.
func split(tokens []token) [][]token {
	if len(tokens) == 0 {
		return nil
	}
	var groups [][]token
	begin, depth := 0, 0
	for i, t := range tokens {
		switch {
		case t.is("("), t.is("["), t.is("{"):
			depth++
		case t.is(")"), t.is("]"), t.is("}"):
			depth--
		case t.is(",") && depth == 0:
			groups = append(groups, tokens[begin:i])
			begin = i + 1
		}
	}
	return append(groups, tokens[begin:])
}
