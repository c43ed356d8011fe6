package syntax

import (
	"fmt"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// Parse reads a step with all its mistakes and where each of its parts stands.
func Parse(text string) *Step {
	step := &Step{Text: text}
	if len(text) > maxStep {
		step.Text = ""
		step.wrong(0, "the step has %d bytes, the limit is %d", len(text), maxStep)
		return step
	}
	tokens, m := lex(text)
	if m != nil {
		step.Mistakes = append(step.Mistakes, *m)
		return step
	}
	p := &stepParser{Step: step, tokens: tokens}
	p.parse()
	return step
}

// ParseForeign is parseStep for what a file says: a step in another notation than ours is one
// mistake, and else what it would be here.
func ParseForeign(text string) *Step {
	step := Parse(text)
	if len(step.Mistakes) == 0 {
		return step
	}
	written := fromC(text)
	meant := Parse(written)
	if written == "" || len(meant.Mistakes) > 0 {
		return step
	}
	meant.Text, meant.Foreign, meant.CallAt = text, true, 0
	meant.ArgsAt, meant.WantsAt = make([]int, len(meant.ArgsAt)), make([]int, len(meant.WantsAt))
	meant.wrong(0, "this is not how a call is written here; write %s", written)
	return meant
}

func (p *stepParser) parse() {
	if p.peek(0).word() && p.peek(1).is("=") && p.peek(2).word() && p.peek(3).is("(") {
		name := p.peek(0)
		if problem := socketName.Check(name.text); problem != "" {
			p.wrong(name.start, "%s", problem)
		}
		p.Call.Makes = name.text
		p.tokens = p.tokens[2:]
	}
	name := p.peek(0)
	p.CallAt = name.start
	if !name.word() || !p.peek(1).is("(") {
		p.wrong(name.start, "%s is not a call such as bind(a, x:80)%s", wording.Quote(p.Text), notCall(p.Text))
		return
	}
	p.Call.Name = name.text
	p.sig, p.Known = lab.SignatureOf(name.text)
	p.Makes = p.sig.Makes
	if !p.Known {
		p.wrong(name.start, "unknown call %s%s", wording.Quote(name.text), callHint(name.text))
	}
	end := closing(p.tokens, 1)
	if end < 0 {
		p.Open = true
		p.wrong(p.peek(1).start, "this parenthesis is not closed")
		return
	}
	args := p.tokens[2:end]
	p.tokens = p.tokens[end+1:]
	if p.Known {
		p.parseArgs(name, args)
		p.parseAnswer()
	}
}

func (p *stepParser) parseArgs(name token, tokens []token) {
	if p.sig.Makes && p.Call.Makes == "" {
		p.wrong(name.start, "%s returns a socket, which needs a name: a = %s(...)", p.sig.Name, p.sig.Name)
	}
	if !p.sig.Makes && p.Call.Makes != "" {
		how := "write the expected answer after the call: " + p.sig.Name + "(...) = ok"
		if p.sig.Name == "fork" {
			how = "the child's name is its argument: fork(" + wording.Clip(p.Call.Makes) + ")"
		}
		p.wrong(name.start, "%s does not return a socket; %s", p.sig.Name, how)
	}
	groups := split(tokens)
	if len(groups) < len(p.sig.Args)-p.sig.Optional || len(groups) > len(p.sig.Args) && !p.sig.Repeats {
		p.wrong(name.start, "%s; found %d", p.takes(), len(groups))
		return
	}
	for i, g := range groups {
		at := p.endOf(tokens, groups, i)
		if len(g) > 0 {
			at = g[0].start
		}
		p.ArgsAt = append(p.ArgsAt, at)
		p.Call.Args = append(p.Call.Args, p.arg(p.sig.Args[min(i, len(p.sig.Args)-1)], g, at))
	}
}

// endOf returns the offset of the empty i-th argument.
func (p *stepParser) endOf(tokens []token, groups [][]token, i int) int {
	if i > 0 && len(groups[i-1]) > 0 {
		before := groups[i-1]
		return before[len(before)-1].end
	}
	return tokens[0].start
}

// takes says what the call takes: "bind takes 2 or 3 arguments: a socket, ...".
func (p *stepParser) takes() string {
	if len(p.sig.Args) == 0 {
		return p.sig.Name + " takes no arguments"
	}
	var kinds []string
	for i, k := range p.sig.Args {
		s := string(k)
		if i >= len(p.sig.Args)-p.sig.Optional {
			s += " (optional)"
		}
		if p.sig.Repeats && i == len(p.sig.Args)-1 {
			s += " ..."
		}
		kinds = append(kinds, s)
	}
	number := wording.Count(len(kinds), "argument")
	switch {
	case p.sig.Repeats:
		number = fmt.Sprintf("at least %s", wording.Count(len(kinds)-p.sig.Optional, "argument"))
	case p.sig.Optional == 1:
		number = fmt.Sprintf("%d or %s", len(kinds)-1, number)
	case p.sig.Optional > 1:
		number = fmt.Sprintf("%d to %s", len(kinds)-p.sig.Optional, number)
	}
	return fmt.Sprintf("%s takes %s: %s", p.sig.Name, number, strings.Join(kinds, ", "))
}

func CallNames() []string {
	var names []string
	for _, s := range lab.Signatures {
		names = append(names, s.Name)
	}
	return wording.Sorted(names...)
}
