package why

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/topology"
)

// TestLessonsHaveTheirCases: the lesson that a rule names has a step whose answer, as the file has it, is explained by
// that rule and no other.
func TestLessonsHaveTheirCases(t *testing.T) {
	wanted := map[string]map[*rule]bool{}
	for i := range rules {
		for lesson := range strings.SplitSeq(rules[i].lesson, ", ") {
			lesson, _, _ = strings.Cut(lesson, " of ")
			if lesson == "" {
				continue
			}
			if wanted[lesson] == nil {
				wanted[lesson] = map[*rule]bool{}
			}
			wanted[lesson][&rules[i]] = true
		}
	}
	for lesson, left := range wanted {
		file := filepath.Join("..", "..", "topologies", lesson+".yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		top, err := topology.Load(topology.Source{File: file, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []lab.KernelVersion{{99}, {6, 1}} { // some answers are of older kernels
			for i := range top.Experiments {
				lookIn(t, top, &top.Experiments[i], lab.Kernel{Version: version}, left)
			}
		}
		for r := range left {
			t.Errorf("%s: lesson %s has no step that it explains", r.nameOf(), lesson)
		}
	}
}

// lookIn removes the rules that explain a step of an experiment.
func lookIn(t *testing.T, top *lab.Topology, e *lab.Experiment, on lab.Kernel, left map[*rule]bool) {
	for _, h := range top.Hosts {
		if !e.RunsOn(h.Name) || len(left) == 0 {
			continue
		}
		q, err := question.Of(top, e, h.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range e.Combos {
			steps := q.StepsOf(c)
			p := newPlayer(q, steps)
			for _, s := range steps {
				all := s.On(on).Answer.All()
				got := all[0].String()
				for _, a := range all { // of several, and what is played is the first
					if m := p.moment(s, a.String()); m != nil {
						if r, _ := m.rule(); r != nil {
							delete(left, r)
						}
					}
				}
				p.play(s, got)
			}
		}
	}
}
