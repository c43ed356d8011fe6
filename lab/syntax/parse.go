package syntax

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"labrun/lab"
)

// ParseStep reads a step as a file writes it,
//
//	[name =] call(arguments) [= ANSWER [ANSWER on linux < 6.2]]
//
// and is the reverse of Call.String and Want.String with " = " between them. An error has a line
// for each mistake, with its column in characters from 1.
func ParseStep(text string) (lab.Call, lab.Want, error) {
	s := Parse(text)
	if len(s.Mistakes) > 0 {
		var all []error
		for _, m := range s.Mistakes {
			all = append(all, fmt.Errorf("%d: %s", 1+utf8.RuneCountInString(s.Text[:m.At]), m.Msg))
		}
		return lab.Call{}, nil, errors.Join(all...)
	}
	return s.Call, s.Want, nil
}

// ParseCall reads a call without an answer, the reverse of Call.String. A question that was sent
// as JSON has its calls as they are printed (lab/question), so none may read as another one.
func ParseCall(text string) (lab.Call, error) {
	call, _, err := ParseStep(text + " = ?")
	return call, err
}

// ParseAnswer reads what a call may answer, the reverse of Answer.String. It needs the call: 5 is
// a number of bytes behind send and a port's mistake behind getsockname.
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
