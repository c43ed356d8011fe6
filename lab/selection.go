package lab

import (
	"fmt"
	"path"
	"slices"
	"strings"
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
		for _, part := range strings.Split(text[at+1:len(text)-1], ",") {
			axis, value, ok := strings.Cut(part, "=")
			if !ok {
				return s, fmt.Errorf("%q is not AXIS=VALUE", part)
			}
			s.values[axis] = value
			if _, err := path.Match(value, ""); err != nil {
				return s, err
			}
		}
	}
	_, err := path.Match(s.Name, "")
	return s, err
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
