package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// TestRepeated puts runs of one cell together.
func TestRepeated(t *testing.T) {
	evidence := []lab.Snapshot{{Step: 1, Sockets: []lab.Holder{{Host: "alpha"}}}}
	pass := lab.Cell{Got: &[]string{"ok", "ok", "x:80"}}
	other := lab.Cell{Got: &[]string{"ok", "ok", "x:81"}} // where the file expects nothing
	fail := lab.Cell{Verdict: lab.Fail, Got: &[]string{"ok", "EADDRINUSE"}, Note: &lab.Note{Evidence: evidence}}
	late := lab.Cell{Verdict: lab.Fail, Got: &[]string{"ok", "ok", "EIO"}, Note: &lab.Note{}}
	skip := lab.Cell{Verdict: lab.Skip, Got: &[]string{"ok"}, Note: &lab.Note{Reason: "no sctp"}}
	kept, caught := pass, fail
	kept.Note = &lab.Note{Captures: []string{"run-1"}}
	caught.Note = &lab.Note{Evidence: evidence, Captures: []string{"run-3"}}
	both := lab.Cell{Verdict: lab.Fail, Got: fail.Got, Note: &lab.Note{
		Reason: "flaky: ok 3 times, EADDRINUSE once", Evidence: evidence, Captures: []string{"run-1", "run-3"}}}
	broken := lab.Cell{Verdict: lab.Error, Note: &lab.Note{Reason: "died"}}
	cut := lab.Cell{Verdict: lab.Skip, Note: notRun}
	flaky := func(reason string, evidence []lab.Snapshot, got ...string) lab.Cell {
		return lab.Cell{Verdict: lab.Fail, Got: &got, Note: &lab.Note{Reason: reason, Evidence: evidence}}
	}
	for _, test := range []struct {
		name string
		runs []lab.Cell
		want lab.Cell
	}{
		{"steady", []lab.Cell{pass, pass, pass}, pass},
		{"steadily red", []lab.Cell{fail, fail}, fail},
		{"once red", []lab.Cell{pass, pass, fail, pass, pass}, flaky("flaky: ok 4 times, EADDRINUSE once", evidence, "ok", "EADDRINUSE")},
		{"mostly red", []lab.Cell{fail, pass, fail, pass, fail}, flaky("flaky: EADDRINUSE 3 times, ok twice", evidence, "ok", "EADDRINUSE")},
		{"red in two places", []lab.Cell{late, fail, late, pass}, flaky("flaky: ok 3 times, EADDRINUSE once", evidence, "ok", "EADDRINUSE")},
		{"another value", []lab.Cell{pass, other, pass}, flaky("flaky: x:80 twice, x:81 once", nil, "ok", "ok", "x:80")},
		{"sometimes a skip", []lab.Cell{skip, pass, pass}, flaky("flaky: ok twice, skip (no sctp) once", nil, "ok", "ok")},
		{"an error", []lab.Cell{pass, fail, broken}, broken},
		{"captured", []lab.Cell{kept, pass, caught, pass}, both},
		{"cut short", []lab.Cell{pass, cut}, pass},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r repeated
			for _, c := range test.runs {
				r.add([]lab.Matrix{{Cells: []lab.Cell{pass, c}}})
			}
			got := r.result()[0].Cells
			if diff := cmp.Diff([]lab.Cell{pass, test.want}, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}
