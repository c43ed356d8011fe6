package result

import (
	"slices"
	"strings"
	"testing"

	"labrun/lab"
)

// cellOf returns the answers of a cell that has what a sign asks for and nothing else, and what the older kernel
// answered last.
func (s *sign) cellOf() (steps []StepResult, was string) {
	first := func(words, otherwise string) string {
		word, _, _ := strings.Cut(words, "|")
		if word == "" {
			return otherwise
		}
		return word
	}
	cell := slices.Clone(s.cell)
	if s.v6only {
		cell = append(cell, "setsockopt(s, IPV6_V6ONLY, 1)", "bind(s, any6:80)")
	}
	for _, words := range cell {
		steps = append(steps, StepResult{RowStep: RowStep{Call: first(words, "")}})
	}
	steps = append(steps, StepResult{
		RowStep: RowStep{Call: first(s.call, "call") + "(" + first(s.arg, "") + ")"}, Got: first(s.is, "another")})
	return steps, first(s.was, "one")
}

// TestEveryKnownChangeExplains: each sign of each row, on the kernels before and after each place where the change
// came in, is explained by that row. It would not be if a row above it took all of its cells.
func TestEveryKnownChangeExplains(t *testing.T) {
	for i := range knownChanges {
		k := &knownChanges[i]
		for _, l := range k.in {
			if l == never {
				continue
			}
			older := l.lacks
			for _, own := range k.in { // updates of that line took it too
				if slices.Equal(own.has[:2], older[:2]) {
					older = own.lacks
				}
			}
			for _, s := range k.shows {
				steps, was := s.cellOf()
				if got, lacking := explain(older, l.has, steps, was); got != k.reported || lacking {
					t.Errorf("%s, %+v from %v to %v: explained by %q, lacking %v", k.reported, s, older, l.has, got, lacking)
				}
			}
		}
	}
}

// TestKnownChangesAreWhole: a row that asks for nothing would explain every answer, and one whose words are written
// wrongly none.
func TestKnownChangesAreWhole(t *testing.T) {
	for i := range knownChanges {
		k := &knownChanges[i]
		if k.says == "" || k.function == "" || k.reported.Versions == "" || len(k.in) == 0 || len(k.shows) == 0 {
			t.Errorf("row %d is not whole: %+v", i, k)
		}
		for _, l := range slices.Concat(k.in, k.mended) {
			if l.lacks.Compare(l.has) >= 0 {
				t.Errorf("%s: %v has it and %v lacks it", k.reported, l.has, l.lacks)
			}
		}
		for _, s := range k.shows {
			if s.call+s.arg+s.was+s.is == "" && len(s.cell) == 0 {
				t.Errorf("%s: a sign that every answer has", k.reported)
			}
			for name := range strings.SplitSeq(s.call, "|") {
				if _, ok := lab.SignatureOf(name); !ok && name != "" {
					t.Errorf("%s: no call is named %q", k.reported, name)
				}
			}
			for answer := range strings.SplitSeq(s.was+"|"+s.is, "|") {
				if _, ok := lab.CanonicalErrno(answer); !ok && answer != "" && answer != "ok" {
					t.Errorf("%s: no errno is named %q", k.reported, answer)
				}
			}
		}
	}
}
