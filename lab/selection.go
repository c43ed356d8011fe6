package lab

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Selection chooses cells by their names: a pattern for names of experiments, and for values
// of some axes.
//
//	two-binders   claim-*   two-binders[first=x]   two-binders[first=x,second=any*]
type Selection struct {
	Text   string            // as it was written
	Name   string            // the pattern for experiments
	values map[string]string // by axis
}

// ParseSelection reads a pattern. What is in brackets at its end and has an '='
// is about axes; other brackets are those of path.Match.
func ParseSelection(text string) (Selection, error) {
	s := Selection{Text: text, Name: text}
	if at := strings.LastIndexByte(text, '['); at >= 0 && strings.HasSuffix(text, "]") &&
		strings.Contains(text[at:], "=") {
		s.Name, s.values = text[:at], map[string]string{}
		begin := at + 1 // of the part
		for _, part := range strings.Split(text[at+1:len(text)-1], ",") {
			axis, value, ok := strings.Cut(part, "=")
			if !ok {
				return s, mistaken(text, begin, fmt.Sprintf("%q without \"=VALUE\"", part))
			}
			s.values[axis] = value
			if err := checkPattern(text, begin+len(axis)+1, value); err != nil {
				return s, err
			}
			begin += len(part) + 1
		}
	}
	return s, checkPattern(text, 0, s.Name)
}

// checkPattern says what path.Match does not take of a pattern that begins at a byte of the
// text. The library's error says neither what nor where, and a bracket may be meant for either
// of two things here. Match reads patterns from left to right, so the mistake begins behind the
// longest part that is good by itself.
func checkPattern(text string, begin int, pattern string) error {
	good := len(pattern)
	for ; good > 0; good-- {
		if _, err := path.Match(pattern[:good], ""); err == nil {
			break
		}
	}
	switch rest := pattern[good:]; {
	case rest == "":
		return nil
	case rest[0] == '\\':
		return mistaken(text, begin+good, `"\" without a character behind it`)
	case !strings.Contains(rest, "]"):
		return mistaken(text, begin+good, `"[" without "]"`)
	default:
		return mistaken(text, begin+good, fmt.Sprintf("%q is not a set of characters", rest))
	}
}

// mistaken is the error of a selection that is wrong from one of its bytes on. Its column
// counts characters, as those of a file do.
func mistaken(text string, at int, what string) error {
	return fmt.Errorf("column %d: %s: write NAME or NAME[AXIS=VALUE,...], with *, ? and [a-z] in a NAME or VALUE",
		utf8.RuneCountInString(text[:at])+1, what)
}

// MatchesName reports whether the experiment is one that the pattern is about.
func (s Selection) MatchesName(e *Experiment) bool {
	ok, _ := path.Match(s.Name, e.Name) // parse has seen the pattern
	return ok && !slices.ContainsFunc(s.Axes(), func(axis string) bool {
		return !slices.ContainsFunc(e.Axes, func(a Axis) bool { return a.Name == axis })
	})
}

// Axes returns the axes that the selection names.
func (s Selection) Axes() []string {
	var names []string
	for axis := range s.values {
		names = append(names, axis)
	}
	return names
}

// Matches reports whether the pattern chooses the combination.
func (s Selection) Matches(e *Experiment, c Combo) bool {
	if !s.MatchesName(e) {
		return false
	}
	for i, v := range ShapeOf(e.Axes).Values(c) {
		if want, ok := s.values[e.Axes[i].Name]; ok {
			if ok, _ := path.Match(want, e.Axes[i].Values[v]); !ok {
				return false
			}
		}
	}
	return true
}

// Value returns the pattern for the values of an axis.
func (s Selection) Value(axis string) string { return s.values[axis] }
