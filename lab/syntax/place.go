package syntax

import "labrun/lab"

// Places are where the answers of a step stand in its text, in bytes.
type Places struct {
	Call    int      // behind the call
	Answers [][2]int // from and to, in the order of a Want: last the one for all kernels; nil where none is written
	Tilde   bool     // "~ STATES" stands there, without "="
}

// PlacesOf returns where the answers of a step stand, false where that cannot be told: the text is not a call as it is
// written here. Placeholders such as ${want} may stand for anything but the parentheses of the call.
func PlacesOf(text string) (p Places, ok bool) {
	tokens, mistakes := lex(text)
	if mistakes != nil {
		return p, false
	}
	all := span{step: text, tokens: tokens, end: len(text)}
	if all.token(0).word() && all.token(1).is("=") {
		all = all.from(2)
	}
	end := all.closing(1)
	if !all.token(0).word() || !all.token(1).is("(") || end < 0 {
		return p, false
	}
	r := &reader{}
	r.Signature, _ = lab.SignatureOf(all.token(0).text)
	p.Call = all.token(end).end
	if all = all.from(end + 1); len(all.tokens) == 0 {
		return p, true
	}
	switch first := all.token(0); {
	case first.is("="):
		all = all.from(1)
	case first.is("~"):
		p.Tilde = true
	default:
		return p, false
	}
	end = r.conditionAt(all)
	plain := all.part(0, end)
	for rest := all.from(end); len(rest.tokens) > 0; {
		end := rest.closing(0)
		if !rest.token(0).is("[") || end < 0 {
			return p, false
		}
		p.Answers = append(p.Answers, rest.part(1, end).cutAtOn()[0].place())
		rest = rest.from(end + 1)
	}
	p.Answers = append(p.Answers, plain.place())
	return p, true
}

// place returns where the tokens of a span begin and end.
func (s span) place() [2]int {
	if len(s.tokens) == 0 {
		return [2]int{s.at, s.at}
	}
	return [2]int{s.tokens[0].start, s.tokens[len(s.tokens)-1].end}
}
