package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"labrun/lab"
)

// StepError is what is wrong with the text of a step.
type StepError struct {
	Col int // in characters, from 1
	Msg string
}

func (e StepError) Error() string { return fmt.Sprintf("%d: %s", e.Col, e.Msg) }

// StepErrors is everything that is wrong with a step. It is never empty.
type StepErrors []StepError

func (es StepErrors) Error() string {
	var lines []string
	for _, e := range es {
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

// ParseStep reads a step as a file writes it,
//
//	[name =] call(arguments) [= ANSWER [ANSWER on linux < 6.2]]
//
// and is the reverse of Call.String and Want.String with " = " between them.
// When the text is wrong, the error is StepErrors.
func ParseStep(text string) (lab.Call, lab.Want, error) {
	p := Parse(text)
	if err := p.err(); err != nil {
		return lab.Call{}, nil, err
	}
	return p.Call, p.Want, nil
}

// err returns the mistakes as an error, nil when there are none.
func (p *Step) err() error {
	if len(p.Mistakes) == 0 {
		return nil
	}
	var errs StepErrors
	for _, m := range p.Mistakes {
		errs = append(errs, StepError{1 + utf8.RuneCountInString(p.Text[:m.At]), m.Msg})
	}
	return errs
}

// ParseCall reads a call without an answer. It is the reverse of Call.String.
func ParseCall(text string) (lab.Call, error) {
	call, _, err := ParseStep(text + " = ?")
	return call, err
}

// ParseAnswer reads what a call may answer, the reverse of Answer.String.
func ParseAnswer(call lab.Call, text string) (lab.Answer, error) {
	_, want, err := ParseStep(call.String() + " = " + text)
	switch {
	case err != nil:
		return lab.Answer{}, err
	case len(want) > 1:
		return lab.Answer{}, fmt.Errorf("%q is more than one answer", text)
	}
	return want[0].Answer, nil
}

// ParseCondition reads what stands behind "on" in an answer for some kernels only,
//
//	linux >= 6.1 < 6.8
//	no option SO_REUSEPORT
//
// and returns a rule without an answer.
func ParseCondition(text string) (rule lab.WantRule, mistakes []Mistake) {
	tokens, mistakes := lex(text)
	switch {
	case mistakes != nil:
	case len(tokens) == 0:
		mistakes = wrong(0, "a condition is missing: linux < 6.2, or option NAME")
	default:
		mistakes = condition(&rule, span{step: text, tokens: tokens, at: tokens[0].start, end: len(text)})
	}
	return rule, mistakes
}
