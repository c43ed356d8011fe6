package local

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/result"
	"labrun/lab/run"
)

// redAmong has cells that run in batches, in shared labs and alone, with red ones
// in the middle.
const redAmong = `
experiments:
  first: {steps: [a = socket(tcp), "bind(a, x:80)"]}
  batch:
    axes: {first: [x, any], second: [x, any, lo], third: [x, any, lo]}
    want: [{first: any, second: lo, third: lo, answer: EIO}, {else: "?"}]
    steps: [a = socket(tcp), "bind(a, ${first}:80)", b = socket(tcp), "bind(b, ${second}:81)", c = socket(tcp), "bind(c, ${third}:80) = ${want}"]
  shared:
    axes: {first: [x, any], second: [x, y]}
    steps: [{web: [a = socket(tcp), "bind(a, ${first}:80)"]}, b = socket(tcp), "bind(b, ${second}:80)"]
  alone: {steps: [a = socket(tcp), "bind(a, x:80)", b = socket(tcp), "bind(b, x:80)"]}
  last: {steps: [a = socket(tcp), "bind(a, x:80)"]}
`

// TestFailFast ends at the same cell with any number of workers, at each of the
// kinds of jobs.
func TestFailFast(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, redAmong)
	for _, only := range []string{"first batch shared alone last", "first shared alone last", "first alone last", "last"} {
		o := run.Options{FailFast: true, Evidence: -1, Only: func(e *lab.Experiment, _ lab.Combo) bool {
			return strings.Contains(only, e.Name)
		}}
		var want result.Matrix
		for jobs := range 6 {
			o.Jobs = jobs + 1
			got := mustRun(t, running, top, o)
			if jobs == 0 {
				want = got
				red := 0
				for i, c := range got.Cells {
					switch {
					case c.Verdict == result.Fail:
						red++
					case red > 0 && c.Reason() != "not run, --fail-fast", red == 0 && c.Verdict != result.Pass:
						t.Errorf("%s: cell %d of %d is a %s after %d red ones: %s", only, i, len(got.Cells), c.Verdict, red, c.Reason())
					}
				}
				if wanted := min(1, strings.Count(only, " ")); red != wanted {
					t.Errorf("%s: %d red cells, want %d", only, red, wanted)
				}
			}
			if diff := cmp.Diff(outcomes(want), outcomes(got)); diff != "" {
				t.Errorf("%s: one worker (-), and %d (+):\n%s", only, o.Jobs, diff)
			}
		}
	}
}

// TestPause shows the first failed cell once, with its sockets, and goes on.
func TestPause(t *testing.T) {
	needNetNS(t)
	top := mustParse(t, redAmong)
	for _, only := range []string{"batch", "shared", "alone"} {
		var names []string
		var red int
		m := mustRun(t, running, top, run.Options{Evidence: -1,
			Jobs: 3, Hosts: []string{"alpha"},
			Only: func(e *lab.Experiment, _ lab.Combo) bool { return e.Name == only },
			Red:  func(*result.Matrix, *result.Cell) { red++ },
			Pause: func(ctx context.Context, m *result.Matrix, k kernel.Kept) {
				names = append(names, m.NameOf(&m.Cells[0]))
				sockets, err := k.Sockets(ctx)
				if err != nil || len(sockets) == 0 || len(sockets[0].Owners) == 0 {
					t.Errorf("%s: sockets %v, error %v", only, sockets, err)
				}
				if k.(*Kept).Host("alpha") == nil {
					t.Errorf("%s: no host to stand in", only)
				}
			},
		})
		failed := 0
		for _, c := range m.Cells {
			if c.Verdict == result.Fail {
				failed++
			} else if c.Verdict != result.Pass {
				t.Errorf("%s: %s: %s", only, m.NameOf(&c), c.Reason())
			}
		}
		if len(names) != 1 || !strings.HasPrefix(names[0], only) || red != failed || failed == 0 {
			t.Errorf("paused at %v, told of %d red cells, %d have failed", names, red, failed)
		}
	}
}

// TestRuns tells of progress through all the runs.
func TestRuns(t *testing.T) {
	needNetNS(t)
	most := 0
	m := mustRun(t, running, mustParse(t, redAmong), run.Options{Jobs: 2, Runs: 3, Evidence: -1, Progress: func(done, total int) {
		if done < most || total%3 != 0 {
			t.Errorf("%d of %d after %d", done, total, most)
		}
		most = done
	}})
	if want := 3 * len(m.Cells); most != want {
		t.Errorf("%d done, want %d", most, want)
	}
	for i := range m.Cells {
		if c := &m.Cells[i]; c.Note != nil && len(c.Note.Flaky) > 0 {
			t.Errorf("%s: %s", m.NameOf(c), c.Reason())
		}
	}
}

// TestCallsHaveRows holds the calls of the vocabulary to those that labrun makes.
func TestCallsHaveRows(t *testing.T) {
	for _, s := range lab.Signatures {
		if _, ok := performers[s.Name]; ok != (s.By != lab.ByProcess) {
			t.Errorf("%s has a row: %t", s.Name, ok)
		}
	}
}
