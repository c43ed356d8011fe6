package result_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// TestCellIsSmall: two reports of half a million of them are to be compared in less
// than 100 MB, and the collector lets twice as much pile up as is in use.
func TestCellIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(result.Cell{}); size > 32 {
		t.Errorf("a cell has %d bytes", size)
	}
}

// grid is a matrix of one experiment with two axes in two hosts.
func grid() result.Matrix {
	step := func(line int, call, want string) []result.RowStep {
		return []result.RowStep{{Line: line, Process: "main", Call: call, Want: want}}
	}
	m := result.Matrix{
		File: "lab.yaml", Name: "lab", Doc: "doc", Columns: result.OnHosts("alpha", "beta"),
		Rows: []result.Row{{
			Name: "two", Doc: "doc", Claim: lab.ClaimRef{Name: "SEED 1"}, Line: 3,
			Axes: []lab.Axis{{Name: "first", Values: []string{"x", "y"}}, {Name: "second", Values: []string{"x", "y", "any"}}},
			Slots: []result.RowSlot{
				{Variants: [][]result.RowStep{step(4, "a = socket(tcp)", "ok")}},
				{Axes: []int{0}, Variants: [][]result.RowStep{step(5, "bind(a, x:80)", "ok"), step(5, "bind(a, y:80)", "ok")}},
				{Axes: []int{1}, Shown: true, Variants: [][]result.RowStep{step(6, "bind(b, x:80)", "ok"), nil,
					step(6, "bind(b, any:80)", "EADDRINUSE")}},
			},
		}},
	}
	for h := range m.Columns {
		for c := range lab.Combo(6) {
			got := []string{"ok", "ok"}
			switch c % 3 {
			case 0:
				got = append(got, "ok")
			case 2:
				got = append(got, "EADDRINUSE")
			}
			m.Cells = append(m.Cells, result.Cell{Column: int32(h), Combo: c, Got: &got})
		}
	}
	return m
}

func TestStepsOf(t *testing.T) {
	m := grid()
	c := &m.Cells[5]
	c.Verdict, c.Got = result.Fail, &[]string{"ok", "EACCES"}
	want := []result.StepResult{
		{result.RowStep{Line: 4, Process: "main", Call: "a = socket(tcp)", Want: "ok"}, "ok", false},
		{result.RowStep{Line: 5, Process: "main", Call: "bind(a, y:80)", Want: "ok"}, "EACCES", true},
	}
	if diff := cmp.Diff(want, m.StepsOf(c)); diff != "" {
		t.Error(diff)
	}
	if got, want := m.NameOf(c), "two[first=y,second=any]"; got != want {
		t.Errorf("the cell is %s, want %s", got, want)
	}
}

// TestOpen: a step says whether the file leaves its answer open, and whether a report
// is to show it.
func TestOpen(t *testing.T) {
	value := lab.Want{{Answer: lab.Answer{Outcome: lab.OK, Value: lab.Text("x")}}}
	unasked := lab.Want{{Answer: lab.Answer{Outcome: lab.Unasked}}}
	errno := lab.Want{{Answer: lab.Answer{Outcome: lab.Failed, Errno: "EBADF"}}}
	for _, c := range []struct {
		call        string
		args        []lab.Arg
		want        lab.Want
		open, asked bool
	}{
		{"getsockname", nil, nil, true, true},
		{"getsockname", nil, value, false, false},
		{"getsockname", nil, errno, false, false},
		{"recv", nil, nil, true, true},
		{"who", nil, nil, true, true},
		{"send", nil, nil, true, false}, // nobody asks how many bytes they were
		{"send", nil, unasked, true, true},
		{"bind", nil, nil, false, false},
		{"bind", nil, unasked, true, true},
		{"sysctl", []lab.Arg{lab.Name("k")}, nil, true, true},
		{"sysctl", []lab.Arg{lab.Name("k"), lab.Text("1")}, nil, false, false},
	} {
		asks := lab.Step{Call: lab.Call{Name: c.call, Args: c.args}, Want: c.want}
		e := &lab.Experiment{Slots: []lab.Slot{{Variants: [][]lab.Step{{asks}}}}}
		row := result.NewRow(e, lab.Kernel{})
		s, ok := row.On("").Step(0, 0)
		if !ok || s.Open != c.open || s.Asked != c.asked {
			t.Errorf("%s = %s: open %v, asked %v", s.Call, s.Want, s.Open, s.Asked)
		}
	}
}

func TestBlockedSaysAfterHowLong(t *testing.T) {
	for limit, want := range map[float64]string{0: "blocked", 2: "blocked (2 s)", 0.3: "blocked (300 ms)",
		1.5: "blocked (1.5 s)"} {
		s := result.RowStep{Limit: limit}
		if got := s.Words("blocked"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got := s.Words("EINVAL"); got != "EINVAL" {
			t.Errorf("%s for EINVAL", got)
		}
	}
}

// TestDigestLeavesOpen: what the file leaves open is not part of the outcome, unless it is red.
func TestDigestLeavesOpen(t *testing.T) {
	open := func() result.Matrix {
		m := grid()
		m.Rows[0].Slots[2].Variants[0][0].Open = true
		return m
	}
	digest := result.DigestOf([]result.Matrix{open()})
	m := open()
	m.Cells[0].Got = &[]string{"ok", "ok", "other"}
	if result.DigestOf([]result.Matrix{m}) != digest {
		t.Error("another answer that the file leaves open has another digest")
	}
	m.Rows[0].Slots[2].Variants[0][0].Limit = 7
	if result.DigestOf([]result.Matrix{m}) != digest {
		t.Error("another limit has another digest")
	}
	m.Cells[0].Verdict = result.Fail
	red := result.DigestOf([]result.Matrix{m})
	m.Cells[0].Got = &[]string{"ok", "ok", "yet another"}
	if result.DigestOf([]result.Matrix{m}) == red {
		t.Error("another red answer has the same digest")
	}
}

// TestDigestNamesTheOutcome changes one thing at a time.
func TestDigestNamesTheOutcome(t *testing.T) {
	digest := result.DigestOf([]result.Matrix{grid()})
	for name, change := range map[string]func(m *result.Matrix){
		"topology":   func(m *result.Matrix) { m.Name = "other" },
		"experiment": func(m *result.Matrix) { m.Rows[0].Name = "other" },
		"axis":       func(m *result.Matrix) { m.Rows[0].Axes[0].Name = "other" },
		"value":      func(m *result.Matrix) { m.Rows[0].Axes[1].Values[2] = "other" },
		"host":       func(m *result.Matrix) { m.Columns[1].Host = "other" },
		"process":    func(m *result.Matrix) { m.Rows[0].Slots[0].Variants[0][0].Process = "other" },
		"call":       func(m *result.Matrix) { m.Rows[0].Slots[1].Variants[1][0].Call = "other" },
		"want":       func(m *result.Matrix) { m.Rows[0].Slots[2].Variants[2][0].Want = "other" },
		"answer":     func(m *result.Matrix) { m.Cells[7].Got = &[]string{"ok", "other"} },
		"verdict":    func(m *result.Matrix) { m.Cells[3].Verdict = result.Skip },
		"cell":       func(m *result.Matrix) { m.Cells = m.Cells[:11] },
		"step": func(m *result.Matrix) {
			m.Rows[0].Slots[2].Variants[1] = []result.RowStep{{Line: 6, Process: "main", Call: "close(a)", Want: "ok"}}
			m.Cells[1].Got = &[]string{"ok", "ok", "ok"}
		},
		// The same words, cut elsewhere.
		"cut": func(m *result.Matrix) {
			s := &m.Rows[0].Slots[0].Variants[0][0]
			s.Process, s.Call = s.Process+s.Call[:1], s.Call[1:]
		},
	} {
		m := grid()
		if change(&m); result.DigestOf([]result.Matrix{m}) == digest {
			t.Errorf("%s: another outcome has the same digest", name)
		}
	}
	for name, change := range map[string]func(m *result.Matrix){
		"file":  func(m *result.Matrix) { m.File = "other" },
		"doc":   func(m *result.Matrix) { m.Doc, m.Rows[0].Doc = "other", "other" },
		"claim": func(m *result.Matrix) { m.Rows[0].Claim.Name = "other" },
		"line":  func(m *result.Matrix) { m.Rows[0].Line, m.Rows[0].Slots[0].Variants[0][0].Line = 7, 8 },
		"text":  func(m *result.Matrix) { m.Source = "other" },
		"included": func(m *result.Matrix) {
			m.Included, m.Rows[0].File = []lab.Included{{File: "other.yaml", Text: "other"}}, "other.yaml"
		},
		"lab":   func(m *result.Matrix) { m.Layout.Hosts = []lab.Host{{Name: "other"}} },
		"note":  func(m *result.Matrix) { m.Cells[0].Note = &result.Note{Reason: "other"} },
		"shown": func(m *result.Matrix) { m.Rows[0].Slots[2].Shown = false },
		// Steps that no cell has made are no part of the outcome.
		"not made": func(m *result.Matrix) {
			s := result.RowStep{Line: 7, Process: "main", Call: "close(a)", Want: "ok"}
			m.Rows[0].Slots = append(m.Rows[0].Slots, result.RowSlot{Variants: [][]result.RowStep{{s}}})
		},
		// Nor is a value of an axis that no cell has, though it makes other Combos.
		"value": func(m *result.Matrix) {
			r := &m.Rows[0]
			r.Axes[1].Values = append(r.Axes[1].Values, "lo")
			r.Slots[2].Variants = append(r.Slots[2].Variants, nil)
			for i := range m.Cells {
				c := &m.Cells[i]
				c.Combo = c.Combo/3*4 + c.Combo%3
			}
		},
		// Nor is which slot a step stands in.
		"slots": func(m *result.Matrix) {
			s := m.Rows[0].Slots
			for i, steps := range s[1].Variants {
				s[1].Variants[i] = append([]result.RowStep{s[0].Variants[0][0]}, steps...)
			}
			m.Rows[0].Slots = s[1:]
		},
	} {
		m := grid()
		if change(&m); result.DigestOf([]result.Matrix{m}) != digest {
			t.Errorf("%s: the same outcome has another digest", name)
		}
	}
}

// many is a matrix of 500 000 cells.
func many() result.Matrix {
	row := result.Row{Name: "many"}
	for i := range 5 {
		a := lab.Axis{Name: fmt.Sprintf("axis-%d", i)}
		for v := range 10 {
			a.Values = append(a.Values, fmt.Sprintf("value-%d", v))
		}
		row.Axes = append(row.Axes, a)
		slot := result.RowSlot{Axes: []int{i}}
		for v := range 10 {
			slot.Variants = append(slot.Variants, []result.RowStep{
				{Line: i, Process: "main", Call: fmt.Sprintf("setsockopt(a, SO_REUSEADDR, %d)", v), Want: "ok"},
				{Line: i, Process: "main", Call: "bind(a, any:44567)", Want: "EADDRINUSE"},
			})
		}
		row.Slots = append(row.Slots, slot)
	}
	m := result.Matrix{Name: "lab", Rows: []result.Row{row}}
	var got []string
	for range 5 {
		got = append(got, "ok", "EADDRINUSE")
	}
	for h := range int32(5) {
		m.Columns = append(m.Columns, result.Column{Host: fmt.Sprint("host-", h)})
		for c := range lab.Combo(100_000) {
			m.Cells = append(m.Cells, result.Cell{Column: h, Combo: c, Got: &got})
		}
	}
	return m
}

// TestDigestAllocatesNothingForACell, for there may be half a million.
func TestDigestAllocatesNothingForACell(t *testing.T) {
	m := many()
	m.Cells = m.Cells[:5000]
	matrices := []result.Matrix{m}
	if n := testing.AllocsPerRun(1, func() { result.DigestOf(matrices) }); n > 100 {
		t.Errorf("%v allocations for 5000 cells", n)
	}
}

func BenchmarkDigestOf(b *testing.B) {
	matrices := []result.Matrix{many()}
	b.ReportAllocs()
	for b.Loop() {
		result.DigestOf(matrices)
	}
}

func TestNewRowSharesSteps(t *testing.T) {
	bind := func(want string) lab.Step {
		s := lab.Step{Process: lab.Process{Name: "main"}, Pos: lab.Pos{Line: 7, Col: 9},
			Call: lab.Call{Name: "listen", Args: []lab.Arg{lab.Sock("a"), lab.Int(5)}}}
		s.Want = lab.Want{
			{Answer: lab.Answer{Outcome: lab.Failed, Errno: want},
				On: []lab.VersionBound{{Op: ">=", Version: lab.KernelVersion{6, 2}}}},
			{Answer: lab.Answer{Outcome: lab.OK}},
		}
		return s
	}
	e := lab.Experiment{
		Name: "one", Claim: lab.ClaimRef{Name: "SEED 1", Against: true}, Pos: lab.Pos{File: "shared.yaml", Line: 5},
		Axes: []lab.Axis{{Name: "x", Values: []string{"a", "b", "c", "d"}}},
		Slots: []lab.Slot{{Axes: []int{0}, Shown: true,
			Variants: [][]lab.Step{{bind("EINVAL")}, {bind("EACCES")}, nil, {bind("EINVAL")}}}},
	}
	got := result.NewRow(&e, lab.Kernel{Version: lab.KernelVersion{6, 1, 0}})
	ok := []result.RowStep{{Line: 7, Process: "main", Call: "listen(a, 5)", Want: "ok"}}
	want := result.Row{
		Name: "one", Claim: e.Claim, File: "shared.yaml", Line: 5, Axes: e.Axes,
		Slots: []result.RowSlot{{Axes: []int{0}, Shown: true, Variants: [][]result.RowStep{ok, ok, nil, ok}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = result.NewRow(&e, lab.Kernel{Version: lab.KernelVersion{6, 2, 0}})
	v := got.Slots[0].Variants
	if v[0][0].Want != "EINVAL" || v[1][0].Want != "EACCES" {
		t.Errorf("on linux 6.2: %v", v)
	}
}

// TestRowsOfKernels: a row has the answers that one kernel has to give, and of others those
// that differ.
func TestRowsOfKernels(t *testing.T) {
	listen := func(new string) []lab.Step {
		return []lab.Step{{Call: lab.Call{Name: "listen"}, Want: lab.Want{
			{Answer: lab.Answer{Outcome: lab.Failed, Errno: new},
				On: []lab.VersionBound{{Op: ">=", Version: lab.KernelVersion{6, 2}}}},
			{Answer: lab.Answer{Outcome: lab.Failed, Errno: "EINVAL"}},
		}}}
	}
	e := lab.Experiment{Name: "one", Axes: []lab.Axis{{Name: "x", Values: []string{"a", "b", "c"}}},
		Slots: []lab.Slot{
			{Variants: [][]lab.Step{listen("EINVAL")}},
			{Axes: []int{0}, Variants: [][]lab.Step{listen("EACCES"), listen("EINVAL"), listen("EPERM")}},
		}}
	var parts []result.Part
	for i, version := range []lab.KernelVersion{{6, 1, 0}, {6, 1, 9}, {6, 18, 0}} {
		part := result.Matrix{Rows: []result.Row{result.NewRow(&e, lab.Kernel{Version: version})},
			Columns: []result.Column{{Host: "alpha", Kernel: version.String()}}, Cells: make([]result.Cell, 3)}
		for c := range part.Cells {
			part.Cells[c] = result.Cell{Combo: lab.Combo(c), Verdict: result.Fail, Got: &[]string{"EINVAL", "ok"}}
		}
		env := result.Environment{Kernels: []result.KernelInfo{{Name: version.String()}}}
		parts = append(parts, result.Part{Name: string(rune('a' + i)), Report: result.NewReport(env, []result.Matrix{part})})
	}
	whole, err := result.Merge(parts...)
	if err != nil {
		t.Fatal(err)
	}
	// The parts of the newer two first, and then the oldest: the columns' order is another one, and so are
	// the steps that the row has itself.
	early, err := result.Merge(parts[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	again, err := result.Merge(parts[0], result.Part{Name: "d", Report: early})
	if err != nil || asJSON(t, again) != asJSON(t, whole) {
		t.Errorf("merged in two steps: %v, another report", err)
	}
	m := whole.Matrices[0]
	row := m.Rows[0]
	if n := len(row.Slots[0].Others); n != 0 {
		t.Errorf("the first step is kept for %d kernels more, and is the same on all", n)
	}
	if o := row.Slots[1].Others; len(o) != 1 || o[0].Kernel != "6.18.0" || !slices.Equal(o[0].Indices, []int{0, 2}) {
		t.Errorf("the second step has %+v", o)
	}
	for column, want := range []string{"EINVAL EINVAL EINVAL", "EINVAL EINVAL EINVAL", "EACCES EINVAL EPERM"} {
		var wants []string
		for combo := range lab.Combo(3) {
			steps := m.StepsOf(&m.Cells[3*column+int(combo)])
			wants = append(wants, steps[1].Want)
		}
		if got := strings.Join(wants, " "); got != want {
			t.Errorf("on %s the second step wants %s, not %s", m.Columns[column], got, want)
		}
	}
	digest := result.DigestOf([]result.Matrix{m})
	m.Rows[0].Slots[1].Others[0].Variants[1][0].Want = "another"
	if result.DigestOf([]result.Matrix{m}) == digest {
		t.Error("another wanted answer on one of the kernels has the same digest")
	}
}

// TestLimit: no call is given up before the kernel answers EHOSTUNREACH, after 3 s. One
// that should be blocked is given up sooner where no such answer can come.
func TestLimit(t *testing.T) {
	const unreachable = 3 * time.Second
	if lab.DefaultLimit <= unreachable {
		t.Errorf("DefaultLimit is %s", lab.DefaultLimit)
	}
	blocked := lab.Answer{Outcome: lab.Blocked}
	for _, c := range []struct {
		call  string
		want  lab.Answer
		limit time.Duration
		is    time.Duration
	}{
		{"accept", lab.Answer{Outcome: lab.OK}, 0, lab.DefaultLimit},
		{"accept", blocked, 0, lab.BlockedLimit},
		{"accept", blocked, 100 * time.Millisecond, 100 * time.Millisecond},
		{"close", blocked, 0, lab.BlockedLimit},
		{"connect", blocked, 0, lab.DefaultLimit},
		{"recv", blocked, 0, lab.DefaultLimit}, // of a UDP socket that has sent
		{"who", blocked, 0, lab.DefaultLimit},
	} {
		s := lab.Step{Call: lab.Call{Name: c.call}, Limit: c.limit, Want: lab.Want{{Answer: c.want}}}
		e := &lab.Experiment{Slots: []lab.Slot{{Variants: [][]lab.Step{{s}}}}}
		row := result.NewRow(e, lab.Kernel{})
		if shown, _ := row.On("").Step(0, 0); s.LimitFor(c.want) != c.is || shown.Limit != c.is.Seconds() {
			t.Errorf("%s = %s: limit %s, reported %gs, want %s", c.call, c.want, s.LimitFor(c.want), shown.Limit, c.is)
		}
	}
}
