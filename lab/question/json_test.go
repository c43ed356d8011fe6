package question

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/plan"
	"labrun/lab/topology"
)

var update = flag.Bool("update", false, "write the golden files")

// lessons are of every kind: a TIME_WAIT, kernels and what they have, axes, users, programs.
var lessons = []string{"bind-timewait", "tcp-port-share", "bind-wildcard", "privileged", "real-servers"}

func TestPrint(t *testing.T) {
	for _, name := range lessons {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := Print(&b, mustLoad(t, filepath.Join("..", "..", "topologies", name+".yaml"))); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPrintedIsRead: the questions of every lesson are printed as what reads as the same, but
// for what Read says, and prints as the same bytes.
func TestPrintedIsRead(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d lessons, %v", len(files), err)
	}
	for _, file := range files {
		var first, again strings.Builder
		top := mustLoad(t, file)
		for i := range top.Experiments {
			for s := range top.Experiments[i].Steps() {
				s.Sender = s.Call.Name == "recvfrom" // as a session has it, and no file
			}
		}
		if err := Print(&first, top); err != nil {
			t.Fatal(err)
		}
		asked, err := Read(strings.NewReader(first.String()))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if err := asked.Print(&again); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(strings.Split(first.String(), "\n"), strings.Split(again.String(), "\n")); diff != "" {
			t.Errorf("%s: -printed +printed again:\n%s", file, diff)
		}
		for i, q := range asked.Questions {
			e := &top.Experiments[slices.IndexFunc(top.Experiments,
				func(e lab.Experiment) bool { return e.Name == q.Experiment })]
			want, err := Of(top, e, q.Host)
			if err != nil {
				t.Fatal(err)
			}
			a, b := reflect.ValueOf(*bare(want)), reflect.ValueOf(*bare(q))
			for f := range a.NumField() {
				if !reflect.DeepEqual(a.Field(f).Interface(), b.Field(f).Interface()) {
					t.Errorf("%s: %s of question %d is %+v, want %+v", file, a.Type().Field(f).Name, i, b.Field(f),
						a.Field(f))
				}
			}
		}
	}
}

// bare leaves out the line of an answer's rule, which only the asker prints, and what is the same
// in all of a topology.
func bare(q *Question) *Question {
	b := *q
	b.Layout, b.Plan = nil, plan.Plan{Name: q.Plan.Name, Ops: q.Plan.Ops}
	if len(b.Kept) == 0 {
		b.Kept = nil
	}
	if len(b.Processes) == 0 {
		b.Processes = nil
	}
	b.Slots = slices.Clone(q.Slots)
	for i := range b.Slots {
		b.Slots[i].Variants = slices.Clone(b.Slots[i].Variants)
		for v, steps := range b.Slots[i].Variants {
			steps = slices.Clone(steps)
			for n := range steps {
				steps[n].Want = slices.Clone(steps[n].Want)
				for w := range steps[n].Want {
					steps[n].Want[w].Line = 0
				}
			}
			b.Slots[i].Variants[v] = steps
		}
	}
	return &b
}

func mustLoad(t *testing.T, file string) *lab.Topology {
	t.Helper()
	top, err := topology.Load(topology.Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// TestLessons resolves every name of every lesson, in every host.
func TestLessons(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d lessons, %v", len(files), err)
	}
	for _, file := range files {
		top := mustLoad(t, file)
		for i := range top.Experiments {
			e := &top.Experiments[i]
			for _, h := range top.Hosts {
				if !e.RunsOn(h.Name) {
					continue
				}
				q, err := Of(top, e, h.Name)
				if err != nil {
					t.Errorf("%s: %v", file, err)
					continue
				}
				check(t, e, q)
			}
		}
	}
}

// check holds a question to its experiment: the same steps in every combination, each of
// a process that is listed, on a host that is built.
func check(t *testing.T, e *lab.Experiment, q *Question) {
	t.Helper()
	built := map[string]bool{}
	for _, h := range q.Hosts {
		built[h] = true
	}
	listed := map[lab.Process]bool{}
	for _, p := range q.Processes {
		listed[p.Process] = true
	}
	for _, c := range q.Combos[:min(len(q.Combos), 100)] {
		want, got := e.StepsOf(c), q.StepsOf(c)
		if len(want) != len(got) {
			t.Fatalf("%s: %d steps, want %d", q.CellName(c), len(got), len(want))
		}
		for i, s := range got {
			if s.Call.String() != want[i].Call.String() || s.Process.Name != want[i].Process.Name {
				t.Errorf("%s: step %d is %s: %s, want %s: %s", q.CellName(c), i, s.Process, s.Call, want[i].Process,
					want[i].Call)
			}
			if !built[s.Process.Host] || (s.ByProcess() || s.Run != nil) && !listed[s.Process] {
				t.Errorf("%s: %s of %s is not listed, or its host is not built", q.CellName(c), s.Process, s.Call)
			}
			for _, a := range s.Call.Args {
				if a, ok := a.(lab.Addr); ok && (a != lab.Unspec) != s.Addr.IsValid() {
					t.Errorf("%s: the address of %s is %s", q.CellName(c), s.Call, s.Addr)
				}
			}
		}
	}
}
