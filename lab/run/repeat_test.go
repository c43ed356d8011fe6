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
	other := lab.Cell{Got: &[]string{"ok", "ok", "x:81"}}
	slow := lab.Cell{Verdict: lab.Fail, Got: &[]string{"ok", "blocked"}, Note: &lab.Note{}}
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
		{"once blocked", []lab.Cell{pass, slow, pass}, flaky("flaky: ok twice, blocked (2 s) once", nil, "ok", "blocked")},
		{"another value", []lab.Cell{pass, other, pass}, flaky("flaky: x:80 twice, x:81 once", nil, "ok", "ok", "x:80")},
		{"sometimes a skip", []lab.Cell{skip, pass, pass}, flaky("flaky: ok twice, skip (no sctp) once", nil, "ok", "ok")},
		{"an error", []lab.Cell{pass, fail, broken}, broken},
		{"captured", []lab.Cell{kept, pass, caught, pass}, both},
		{"cut short", []lab.Cell{pass, cut}, pass},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r repeated
			for _, c := range test.runs {
				r.add([]lab.Matrix{{Rows: []lab.Row{threeSteps(false)}, Cells: []lab.Cell{pass, c}}})
			}
			got := r.result()[0].Cells
			if diff := cmp.Diff([]lab.Cell{pass, test.want}, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// threeSteps is a row of three steps; the file leaves the answer of the last one open
// or not.
func threeSteps(open bool) lab.Row {
	return lab.Row{Name: "row", Slots: []lab.RowSlot{{Variants: [][]lab.RowStep{{
		{Call: "a = socket(tcp)", Want: "ok"}, {Call: "connect(a, x:80)", Want: "ok", Limit: 2}, {Call: "getsockname(a)", Want: "ok", Open: open},
	}}}}}
}

// TestRepeatedOpen: an answer that the file leaves open may be another one every time, unless it is red.
func TestRepeatedOpen(t *testing.T) {
	one, other := lab.Cell{Got: &[]string{"ok", "ok", "x:80"}}, lab.Cell{Got: &[]string{"ok", "ok", "x:81"}}
	red := lab.Cell{Verdict: lab.Fail, Got: &[]string{"ok", "ok", "EBADF"}, Note: &lab.Note{}}
	for name, test := range map[string]struct {
		runs []lab.Cell
		want lab.Cell
	}{
		"other values": {[]lab.Cell{one, other, one}, one},
		"once red": {[]lab.Cell{one, other, red}, lab.Cell{Verdict: lab.Fail, Got: red.Got,
			Note: &lab.Note{Reason: "flaky: ok twice, EBADF once"}}},
	} {
		var r repeated
		for _, c := range test.runs {
			r.add([]lab.Matrix{{Rows: []lab.Row{threeSteps(true)}, Cells: []lab.Cell{c}}})
		}
		if diff := cmp.Diff(test.want, r.result()[0].Cells[0]); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", name, diff)
		}
	}
}
