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
	if len(p.Mistakes) == 0 {
		return p.Call, p.Want, nil
	}
	var errs StepErrors
	for _, m := range p.Mistakes {
		errs = append(errs, StepError{1 + utf8.RuneCountInString(text[:m.At]), m.Msg})
	}
	return lab.Call{}, nil, errs
}
