package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// fake is a kernel that answers from a table, and ok where that says nothing.
type fake struct {
	answers map[string][]string // of "call" or "cell on host: call", in one run after the other
	skips   string              // the experiment that it cannot be asked
	has     []lab.Feature

	mu    sync.Mutex
	asked []string // the cells, in their order
}

func (f *fake) Has(_ context.Context, features []lab.Feature) (map[lab.Feature]bool, error) {
	has := map[lab.Feature]bool{}
	for _, feature := range features {
		has[feature] = slices.Contains(f.has, feature)
	}
	return has, nil
}

func (f *fake) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	for i, ok := r.Next(); ok; i, ok = r.Next() {
		combo := r.Combos[i]
		cell := r.CellName(combo) + " on " + r.Host
		f.mu.Lock()
		f.asked = append(f.asked, cell)
		f.mu.Unlock()
		var a kernel.Answer
		switch {
		case ctx.Err() != nil:
			a.Err = context.Cause(ctx)
		case r.Experiment == f.skips:
			a.Skip = "it has no such thing"
		default:
			a = f.answer(r, cell, combo)
		}
		if a.Red && r.Red != nil {
			r.Red(ctx, i, a, nil)
		}
		each(i, a)
	}
}

func (f *fake) answer(r kernel.Request, cell string, combo lab.Combo) (a kernel.Answer) {
	for _, s := range r.StepsOf(combo) {
		word := string(lab.OK)
		for _, key := range []string{s.Call.String(), cell + ": " + s.Call.String()} {
			if words := f.answers[key]; len(words) > 0 {
				word = words[min(max(r.Run-1, 0), len(words)-1)]
			}
		}
		if word == "error" {
			a.Err = errors.New("out of order")
			return a
		}
		a.Got = append(a.Got, word)
		if want := s.On(r.On).Answer; want.Outcome != lab.Unasked && want.String() != word {
			a.Red = true
			return a
		}
	}
	return a
}

// mustParse reads a file with the hosts alpha and beta and these experiments.
func mustParse(t testing.TB, experiments string) *lab.Topology {
	t.Helper()
	top, err := topology.Load(topology.Source{File: "trial.yaml", Text: []byte(`
name: trial
networks: {red: 192.0.2.0/24, blue: 198.51.100.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
  beta:  {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
` + experiments)})
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// mustRun asks the kernel for one topology.
func mustRun(t testing.TB, k *fake, top *lab.Topology, o Options) result.Matrix {
	t.Helper()
	m, err := Run(t.Context(), k, lab.KernelVersion{6, 18, 0}, []*lab.Topology{top}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m[0]
}

// outcomes lists the cells of a matrix with their verdicts and last answers.
func outcomes(m result.Matrix) []string {
	var lines []string
	for i := range m.Cells {
		c := &m.Cells[i]
		line := fmt.Sprintf("%s on %s: %s", m.NameOf(c), m.ColumnOf(c), c.Verdict)
		if got := c.Answers(); len(got) > 0 {
			line += " " + got[len(got)-1]
		}
		if c.Note != nil && c.Note.Reason != "" {
			line += ", " + c.Note.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

const three = `
experiments:
  first: {steps: [a = socket(tcp), "bind(a, x:80)"]}
  second:
    axes: {at: [x, y, any]}
    steps: [a = socket(tcp), "bind(a, ${at}:81)"]
  third: {hosts: [beta], steps: [a = socket(tcp), "bind(a, x:82) = EADDRINUSE [ok on linux < 6.2]"]}
`

// TestJudge makes cells of answers, whatever the number of workers.
func TestJudge(t *testing.T) {
	want := []string{
		"first on alpha: skip, it has no such thing", "first on beta: skip, it has no such thing",
		"second[at=x] on alpha: pass ok", "second[at=y] on alpha: fail EPERM", "second[at=any] on alpha: pass ok",
		"second[at=x] on beta: error ok, out of order", "second[at=y] on beta: fail EPERM", "second[at=any] on beta: pass ok",
		"third on beta: pass EADDRINUSE",
	}
	for jobs := range 4 {
		k := &fake{skips: "first", answers: map[string][]string{
			"bind(a, y:81)": {"EPERM"}, "second[at=x] on beta: bind(a, x:81)": {"error"}, "bind(a, x:82)": {"EADDRINUSE"},
		}}
		m := mustRun(t, k, mustParse(t, three), Options{Jobs: jobs})
		if diff := cmp.Diff(want, outcomes(m)); diff != "" {
			t.Errorf("%d jobs: %s", jobs, diff)
		}
	}
}

// TestFailFast ends at the same cell with any number of workers.
func TestFailFast(t *testing.T) {
	top := mustParse(t, three)
	for last, red := range map[string]string{
		"first on beta": "first on beta: bind(a, x:80)", "second[at=y] on alpha": "second[at=y] on alpha: bind(a, y:81)",
		"third on beta": "bind(a, x:82)", "first on alpha": "a = socket(tcp)",
	} {
		for jobs := range 6 {
			k := &fake{answers: map[string][]string{red: {"EIO"}}}
			m := mustRun(t, k, top, Options{Jobs: jobs + 1, FailFast: true})
			over := false
			for i := range m.Cells {
				c := &m.Cells[i]
				name := m.NameOf(c) + " on " + m.ColumnOf(c)
				switch {
				case over && (c.Verdict != result.Skip || c.Reason() != "not run, --fail-fast"), !over && name != last && c.Verdict != result.Pass,
					name == last && c.Verdict != result.Fail:
					t.Errorf("%d jobs, red at %s: %s is a %s", jobs+1, last, name, c.Verdict)
				}
				over = over || name == last
			}
			if !over {
				t.Errorf("%d jobs: no cell %s in %v", jobs+1, last, outcomes(m))
			}
		}
	}
}

// TestRuns repeats the cells, tells of progress through all the runs, and fails a cell
// that answers differently.
func TestRuns(t *testing.T) {
	most := 0
	k := &fake{answers: map[string][]string{"first on beta: bind(a, x:80)": {"ok", "EIO", "ok"}, "bind(a, x:82)": {"EADDRINUSE"}}}
	m := mustRun(t, k, mustParse(t, three), Options{Jobs: 3, Runs: 3, Progress: func(done, total int) {
		if done < most || total != 27 {
			t.Errorf("%d of %d after %d, want 27 in all", done, total, most)
		}
		most = done
	}})
	if most != 27 {
		t.Errorf("%d done, want 27", most)
	}
	for i := range m.Cells {
		c := &m.Cells[i]
		name := m.NameOf(c) + " on " + m.ColumnOf(c)
		if flaky := name == "first on beta"; flaky != (c.Reason() == "flaky: ok twice, EIO once") || flaky != (c.Verdict == result.Fail) {
			t.Errorf("%s: %s, %s", name, c.Verdict, c.Reason())
		}
	}
}

// TestPause shows the first red cell, once.
func TestPause(t *testing.T) {
	k := &fake{answers: map[string][]string{"bind(a, y:81)": {"EIO"}, "bind(a, x:82)": {"EIO"}}}
	var names []string
	reds := 0
	mustRun(t, k, mustParse(t, three), Options{Jobs: 1, Red: func(*result.Matrix, *result.Cell) { reds++ },
		Pause: func(_ context.Context, m *result.Matrix, _ kernel.Kept) {
			names = append(names, m.NameOf(&m.Cells[0])+" on "+m.Columns[0].Host)
		}})
	if !slices.Equal(names, []string{"second[at=y] on alpha"}) || reds != 3 {
		t.Errorf("paused at %q, %d red cells", names, reds)
	}
}

// TestProbes has answers depend on what was found out before: by a probe, and by trying.
func TestProbes(t *testing.T) {
	top := mustParse(t, `
probes:
  binds: {steps: [a = socket(tcp), "bind(a, x:80)"]}
experiments:
  e: {hosts: [alpha], steps: [a = socket(tcp), "bind(a, x:81) = EIO [EPERM on no probe binds] [ok on socket mptcp]"]}
`)
	mptcp := lab.Feature{Kind: "socket", Name: "mptcp"}
	for _, c := range []struct {
		probe string
		has   []lab.Feature
		want  string
	}{
		{"ok", []lab.Feature{mptcp}, "ok"}, {"ok", nil, "EIO"}, {"EACCES", []lab.Feature{mptcp}, "EPERM"}, {"EACCES", nil, "EPERM"},
	} {
		k := &fake{has: c.has, answers: map[string][]string{"bind(a, x:80)": {c.probe}, "bind(a, x:81)": {c.want}}}
		if m := mustRun(t, k, top, Options{}); m.Cells[0].Verdict != result.Pass {
			t.Errorf("probe %s, has %v: %v", c.probe, c.has, outcomes(m))
		}
	}
	k := &fake{answers: map[string][]string{"bind(a, x:80)": {"error"}}}
	if _, err := Run(t.Context(), k, lab.KernelVersion{6, 18, 0}, []*lab.Topology{top}, Options{}); err == nil || !strings.Contains(err.Error(), "probe binds: out of order") {
		t.Errorf("a probe that could not be asked: %v", err)
	}
}

// TestCancelled reports every cell of a run that never began.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the reason"))
	done := 0
	top := mustParse(t, `experiments: {e: {steps: [a = socket(tcp)]}}`)
	m, err := Run(ctx, &fake{}, lab.KernelVersion{6, 18, 0}, []*lab.Topology{top}, Options{Jobs: 3, Progress: func(n, total int) {
		done = n
		if total != 2 {
			t.Errorf("%d cells, want 2", total)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	note := &result.Note{Reason: "the reason"}
	want := []result.Cell{{Column: 0, Verdict: result.Error, Note: note}, {Column: 1, Verdict: result.Error, Note: note}}
	if diff := cmp.Diff(want, m[0].Cells, cmpopts.EquateEmpty()); diff != "" || done != 2 {
		t.Errorf("%d cells done, %s", done, diff)
	}
}

// TestSelection asks only the cells that were chosen, in the order of the file.
func TestSelection(t *testing.T) {
	for _, c := range []struct {
		options Options
		want    []string
	}{
		{Options{Hosts: []string{"alpha"}, Only: func(e *lab.Experiment, _ lab.Combo) bool { return e.Name != "second" }}, []string{"first on alpha"}},
		{Options{Only: func(e *lab.Experiment, _ lab.Combo) bool { return e.Name == "third" }}, []string{"third on beta"}},
		{Options{Hosts: []string{"beta"}, Only: func(e *lab.Experiment, c lab.Combo) bool { return e.Name == "second" && c != 1 }},
			[]string{"second[at=x] on beta", "second[at=any] on beta"}},
	} {
		k := &fake{}
		mustRun(t, k, mustParse(t, three), c.options)
		if diff := cmp.Diff(c.want, k.asked); diff != "" {
			t.Error(diff)
		}
	}
}

// waiting is a kernel that answers no cell before it has been asked as many at once.
type waiting struct {
	fake
	all sync.WaitGroup
}

func (w *waiting) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	for i, ok := r.Next(); ok; i, ok = r.Next() {
		r.Waits(func() {
			w.all.Done()
			w.all.Wait()
		})
		each(i, w.answer(r, "", r.Combos[i]))
	}
}

// TestBeside has cells of one job and of others wait at the same time, with one worker.
func TestBeside(t *testing.T) {
	top := mustParse(t, `
experiments:
  one: {hosts: [alpha], axes: {port: [80, 81, 82]}, steps: [a = socket(tcp), "bind(a, x:${port})"]}
  other: {steps: [a = socket(tcp)]}
`)
	w := &waiting{}
	w.all.Add(5)
	m, err := Run(t.Context(), w, lab.KernelVersion{6, 18, 0}, []*lab.Topology{top}, Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(m[0]); len(got) != 5 || strings.Contains(strings.Join(got, " "), "fail") {
		t.Error(got)
	}
}
