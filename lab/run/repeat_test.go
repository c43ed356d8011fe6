package run

import (
	"testing"

	"labrun/lab/result"

	"github.com/google/go-cmp/cmp"
)

// TestRepeated puts runs of one cell together.
func TestRepeated(t *testing.T) {
	evidence := []result.Snapshot{{Step: 1, Sockets: []result.SocketInfo{{Host: "alpha"}}}}
	pass := result.Cell{Got: &[]string{"ok", "ok", "x:80"}}
	other := result.Cell{Got: &[]string{"ok", "ok", "x:81"}}
	slow := result.Cell{Verdict: result.Fail, Got: &[]string{"ok", "blocked"}, Note: &result.Note{}}
	fail := result.Cell{Verdict: result.Fail, Got: &[]string{"ok", "EADDRINUSE"}, Note: &result.Note{Evidence: evidence}}
	late := result.Cell{Verdict: result.Fail, Got: &[]string{"ok", "ok", "EIO"}, Note: &result.Note{}}
	skip := result.Cell{Verdict: result.Skip, Got: &[]string{"ok"}, Note: &result.Note{Reason: "no sctp"}}
	kept, caught := pass, fail
	kept.Note = &result.Note{Captures: []string{"run-1"}}
	caught.Note = &result.Note{Evidence: evidence, Captures: []string{"run-3"}}
	both := result.Cell{Verdict: result.Fail, Got: fail.Got, Note: &result.Note{
		Flaky: tallies("ok", 3, "EADDRINUSE", 1), Evidence: evidence, Captures: []string{"run-1", "run-3"}}}
	broken := result.Cell{Verdict: result.Error, Note: &result.Note{Reason: "died"}}
	cut := result.Cell{Verdict: result.Skip, Note: notRun}
	flaky := func(tally result.Tallies, evidence []result.Snapshot, got ...string) result.Cell {
		return result.Cell{Verdict: result.Fail, Got: &got, Note: &result.Note{Flaky: tally, Evidence: evidence}}
	}
	for _, test := range []struct {
		name string
		runs []result.Cell
		want result.Cell
	}{
		{"steady", []result.Cell{pass, pass, pass}, pass},
		{"steadily red", []result.Cell{fail, fail}, fail},
		{"once red", []result.Cell{pass, pass, fail, pass, pass}, flaky(tallies("ok", 4, "EADDRINUSE", 1), evidence, "ok", "EADDRINUSE")},
		{"mostly red", []result.Cell{fail, pass, fail, pass, fail}, flaky(tallies("EADDRINUSE", 3, "ok", 2), evidence, "ok", "EADDRINUSE")},
		{"red in two places", []result.Cell{late, fail, late, pass}, flaky(tallies("ok", 3, "EADDRINUSE", 1), evidence, "ok", "EADDRINUSE")},
		{"once blocked", []result.Cell{pass, slow, pass}, flaky(tallies("ok", 2, "blocked (2 s)", 1), nil, "ok", "blocked")},
		{"another value", []result.Cell{pass, other, pass}, flaky(tallies("x:80", 2, "x:81", 1), nil, "ok", "ok", "x:80")},
		{"sometimes a skip", []result.Cell{skip, pass, pass}, flaky(tallies("ok", 2, "skip (no sctp)", 1), nil, "ok", "ok")},
		{"an error", []result.Cell{pass, fail, broken}, broken},
		{"captured", []result.Cell{kept, pass, caught, pass}, both},
		{"cut short", []result.Cell{pass, cut}, pass},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r repeated
			for _, c := range test.runs {
				r.add([]result.Matrix{{Columns: result.OnHosts("alpha"), Rows: []result.Row{threeSteps(false)}, Cells: []result.Cell{pass, c}}})
			}
			got := r.result()[0].Cells
			if diff := cmp.Diff([]result.Cell{pass, test.want}, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// threeSteps is a row of three steps; the file leaves the answer of the last one open
// or not.
func threeSteps(open bool) result.Row {
	return result.Row{Name: "row", Slots: []result.RowSlot{{Variants: [][]result.RowStep{{
		{Call: "a = socket(tcp)", Want: "ok"}, {Call: "connect(a, x:80)", Want: "ok", Limit: 2}, {Call: "getsockname(a)", Want: "ok", Open: open},
	}}}}}
}

// TestRepeatedOpen: an answer that the file leaves open may be another one every time, unless it is red.
func TestRepeatedOpen(t *testing.T) {
	one, other := result.Cell{Got: &[]string{"ok", "ok", "x:80"}}, result.Cell{Got: &[]string{"ok", "ok", "x:81"}}
	red := result.Cell{Verdict: result.Fail, Got: &[]string{"ok", "ok", "EBADF"}, Note: &result.Note{}}
	for name, test := range map[string]struct {
		runs []result.Cell
		want result.Cell
	}{
		"other values": {[]result.Cell{one, other, one}, result.Cell{Got: one.Got, Note: &result.Note{Varies: []int{2}}}},
		"once red": {[]result.Cell{one, other, red}, result.Cell{Verdict: result.Fail, Got: red.Got,
			Note: &result.Note{Flaky: tallies("ok", 2, "EBADF", 1)}}},
	} {
		var r repeated
		for _, c := range test.runs {
			r.add([]result.Matrix{{Columns: result.OnHosts("alpha"), Rows: []result.Row{threeSteps(true)}, Cells: []result.Cell{c}}})
		}
		if diff := cmp.Diff(test.want, r.result()[0].Cells[0]); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", name, diff)
		}
	}
}

// tallies are answers and how often each was given, in turn.
func tallies(all ...any) result.Tallies {
	var t result.Tallies
	for i := 0; i < len(all); i += 2 {
		t = append(t, result.Tally{Answer: all[i].(string), Times: all[i+1].(int)})
	}
	return t
}
