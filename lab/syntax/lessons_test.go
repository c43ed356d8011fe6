package syntax_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/topology"
)

// TestPrintedIsRead: every call of every lesson, every answer and every condition is printed
// as what reads as the same value again. A question is sent to a kernel that way.
func TestPrintedIsRead(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d lessons, %v", len(files), err)
	}
	more, err := filepath.Glob("../topology/testdata/ok/*.yaml")
	if err != nil || len(more) == 0 {
		t.Fatalf("%d files, %v", len(more), err)
	}
	calls := map[string]bool{}
	for _, file := range append(files, more...) {
		top, err := topology.Load(topology.Source{File: file})
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range [][]lab.Experiment{top.Probes, top.Experiments} {
			for i := range list {
				for s := range list[i].Steps() {
					if s.Run == nil {
						calls[s.Call.Name] = true
						checkPrinted(t, s)
					}
				}
			}
		}
	}
	for _, sig := range lab.Signatures {
		if !calls[sig.Name] {
			t.Errorf("no lesson has the call %s", sig.Name)
		}
	}
}

func checkPrinted(t *testing.T, s *lab.Step) {
	t.Helper()
	call, err := syntax.ParseCall(s.Call.String())
	if err != nil || !reflect.DeepEqual(call, s.Call) {
		t.Errorf("%s reads as %#v, %v; want %#v", s.Call, call, err, s.Call)
	}
	for _, rule := range s.Want {
		answer, err := syntax.ParseAnswer(s.Call, rule.Answer.String())
		if err != nil || !reflect.DeepEqual(answer, rule.Answer) {
			t.Errorf("%s = %s reads as %#v, %v", s.Call, rule.Answer, answer, err)
		}
		if rule.Has != nil {
			has, mistakes := syntax.ParseCondition(rule.Has.String())
			if len(mistakes) > 0 || !reflect.DeepEqual(has.Has, rule.Has) {
				t.Errorf("%s reads as %#v, %v", rule.Has, has.Has, mistakes)
			}
		}
		for _, bound := range rule.On {
			on, mistakes := syntax.ParseCondition("linux " + bound.String())
			if len(mistakes) > 0 || !reflect.DeepEqual(on.On, []lab.VersionBound{bound}) {
				t.Errorf("%s reads as %#v, %v", bound, on.On, mistakes)
			}
		}
	}
}

// TestExamplesAreRead: what the schema and complaints show of every call is a call, and prints
// as such.
func TestExamplesAreRead(t *testing.T) {
	for _, sig := range lab.Signatures {
		examples := []string{syntax.ExampleOf(sig)}
		if !slices.Contains(sig.Args, lab.KindOption) { // else there is one for every option
			examples = append(examples, syntax.CallExamples(sig)...)
		}
		for _, text := range examples {
			call, err := syntax.ParseCall(text)
			if err != nil || call.String() != text {
				t.Errorf("%s reads as %s, %v", text, call, err)
			}
		}
	}
}
