package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// base has two topologies: one experiment without axes, and one with two of them.
func base() []result.Matrix {
	step := func(call, want string) []result.RowStep {
		return []result.RowStep{{Line: 3, Process: "main", Call: call, Want: want}}
	}
	slot := func(call, want string) result.RowSlot {
		return result.RowSlot{Variants: [][]result.RowStep{step(call, want)}}
	}
	return []result.Matrix{
		{
			Name: "plain", Columns: result.OnHosts("alpha", "beta"),
			Rows: []result.Row{
				{Name: "one", Line: 1, Slots: []result.RowSlot{slot("a = socket(tcp)", "ok"),
					slot("bind(a, x:80)", "ok")}},
				{Name: "two", Line: 9, Slots: []result.RowSlot{slot("b = socket(udp)", "ok")}},
			},
			Cells: []result.Cell{
				{Row: 0, Column: 0, Got: &[]string{"ok", "ok"}}, {Row: 0, Column: 1, Got: &[]string{"ok", "ok"}},
				{Row: 1, Column: 0, Got: &[]string{"ok"}}, {Row: 1, Column: 1, Got: &[]string{"ok"}},
			},
			Claims: []result.ClaimResult{{Name: "SEED 1", Verdict: result.Holds}},
		},
		{
			Name: "axes", Columns: result.OnHosts("alpha"),
			Rows: []result.Row{{
				Name: "many", Axes: []lab.Axis{{Name: "first", Values: []string{"x", "y"}},
					{Name: "second", Values: []string{"x", "any"}}},
				Slots: []result.RowSlot{slot("a = socket(tcp)", "ok"),
					{Axes: []int{1}, Variants: [][]result.RowStep{step("bind(a, x:80)", "ok"),
						step("bind(a, any:80)", "ok")}}},
			}},
			Cells: []result.Cell{{Combo: 0, Got: &[]string{"ok", "ok"}}, {Combo: 1, Got: &[]string{"ok", "ok"}},
				{Combo: 3, Got: &[]string{"ok", "ok"}}},
		},
	}
}

// words says what a difference holds, so that it can be compared.
func words(d Difference) []string {
	var all []string
	name := func(r *result.Report, p Place) string {
		m, c := p.In(r)
		return m.Name + " " + m.NameOf(c) + " on " + m.ColumnOf(c)
	}
	for _, p := range d.Changed {
		s := "changed " + name(&d.Before, p.Before)
		if after := name(&d.After, p.After); "changed "+after != s {
			s += " is " + after
		}
		side := func(r *result.StepResult) string {
			if r == nil {
				return "not made"
			}
			return fmt.Sprintf("%s = %s want %s", r.Call, r.Got, r.Want)
		}
		for _, pair := range d.Steps(p) {
			s += fmt.Sprintf("; %s, %s", side(pair.Before), side(pair.After))
		}
		all = append(all, s)
	}
	for _, p := range d.Appeared {
		all = append(all, "appeared "+name(&d.After, p))
	}
	for _, p := range d.Vanished {
		all = append(all, "vanished "+name(&d.Before, p))
	}
	for _, p := range d.Open {
		s := "open " + name(&d.After, p.After)
		for _, pair := range d.OpenSteps(p) {
			s += fmt.Sprintf("; %s = %s, %s", pair.Before.Call, pair.Before.Got, pair.After.Got)
		}
		all = append(all, s)
	}
	for _, c := range d.Claims {
		all = append(all, fmt.Sprintf("claim %s %s: %s, %s", c.Topology, c.Name, c.Before, c.After))
	}
	return append(all, fmt.Sprint("same ", d.Same))
}

func TestReports(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m []result.Matrix) []result.Matrix
		want   []string
	}{
		{"nothing", func(m []result.Matrix) []result.Matrix { return m }, []string{"same 7"}},
		{"lines, docs and evidence", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[0].Line, m[0].Rows[0].Doc, m[0].File = 77, "new", "new.yaml"
			m[0].Rows[0].Slots[0].Variants[0][0].Line = 78
			m[0].Cells[0].Note = &result.Note{Evidence: []result.Snapshot{{Sockets: []result.SocketInfo{{Host: "alpha"}}}}}
			return m
		}, []string{"same 7"}},
		{"an answer and the steps after it", func(m []result.Matrix) []result.Matrix {
			m[0].Cells[1].Verdict, m[0].Cells[1].Got = result.Fail, &[]string{"EMFILE"}
			return m
		}, []string{"changed plain one on beta; a = socket(tcp) = ok want ok, a = socket(tcp) = EMFILE want ok",
			"same 6"}},
		{"a verdict", func(m []result.Matrix) []result.Matrix {
			m[0].Cells[0].Verdict, m[0].Cells[0].Got = result.Error, &[]string{"ok"}
			return m
		}, []string{"changed plain one on alpha; bind(a, x:80) = ok want ok, not made", "same 6"}},
		{"a call", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[0].Slots[0].Variants[0][0].Call = "a = socket(udp)"
			return m
		}, []string{
			"changed plain one on alpha; a = socket(tcp) = ok want ok, a = socket(udp) = ok want ok",
			"changed plain one on beta; a = socket(tcp) = ok want ok, a = socket(udp) = ok want ok", "same 5",
		}},
		{"a call, and the answer to a later one", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[0].Slots[0].Variants[0][0].Call = "a = socket(udp)"
			m[0].Cells[0].Got = &[]string{"ok", "EINVAL"}
			m[0].Cells = slices.Delete(m[0].Cells, 1, 2)
			return m
		}, []string{
			"changed plain one on alpha; a = socket(tcp) = ok want ok, a = socket(udp) = ok want ok; bind(a, x:80) " +
				"= ok want ok, bind(a, x:80) = EINVAL want ok",
			"vanished plain one on beta", "same 5",
		}},
		{"what is wanted", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[1].Slots[0].Variants[0][0].Want = "?"
			m[0].Cells = m[0].Cells[:3]
			return m
		}, []string{
			"changed plain two on alpha; b = socket(udp) = ok want ok, b = socket(udp) = ok want ?",
			"vanished plain two on beta", "same 5",
		}},
		{"the order of everything", func(m []result.Matrix) []result.Matrix {
			slices.Reverse(m)
			slices.Reverse(m[1].Rows)
			slices.Reverse(m[1].Columns)
			slices.Reverse(m[1].Cells)
			for i := range m[1].Cells {
				m[1].Cells[i].Row, m[1].Cells[i].Column = 1-m[1].Cells[i].Row, 1-m[1].Cells[i].Column
			}
			return m
		}, []string{"same 7"}},
		{"a value more, in front", func(m []result.Matrix) []result.Matrix {
			r := &m[1].Rows[0]
			r.Axes[1].Values = []string{"new", "x", "any"}
			v := r.Slots[1].Variants
			r.Slots[1].Variants = [][]result.RowStep{v[0], v[0], v[1]}
			got := m[1].Cells[0].Got
			m[1].Cells = []result.Cell{{Combo: 0, Got: got}, {Combo: 1, Got: got},
				{Combo: 2, Got: &[]string{"ok", "EINVAL"}, Verdict: result.Fail}, {Combo: 5, Got: got}}
			return m
		}, []string{
			"changed axes many[first=x,second=any] on alpha; bind(a, any:80) = ok want ok, bind(a, any:80) = " +
				"EINVAL want ok",
			"appeared axes many[first=x,second=new] on alpha", "same 6",
		}},
		{"a value less", func(m []result.Matrix) []result.Matrix {
			r := &m[1].Rows[0]
			r.Axes[0].Values = []string{"y"}
			m[1].Cells = []result.Cell{{Combo: 1, Got: m[1].Cells[0].Got}}
			return m
		}, []string{"vanished axes many[first=x,second=x] on alpha", "vanished axes many[first=x,second=any] on alpha",
			"same 5"}},
		{"the name of an axis", func(m []result.Matrix) []result.Matrix {
			m[1].Rows[0].Axes[0].Name = "other"
			m[1].Cells = m[1].Cells[:1]
			return m
		}, []string{
			"appeared axes many[other=x,second=x] on alpha", "vanished axes many[first=x,second=x] on alpha",
			"vanished axes many[first=x,second=any] on alpha", "vanished axes many[first=y,second=any] on alpha",
			"same 4",
		}},
		{"a host and an experiment", func(m []result.Matrix) []result.Matrix {
			m[0].Columns[1].Host, m[1].Rows[0].Name = "gamma", "few"
			m[0].Cells, m[1].Cells = m[0].Cells[:2], m[1].Cells[:1]
			return m
		}, []string{
			"appeared plain one on gamma", "appeared axes few[first=x,second=x] on alpha",
			"vanished plain one on beta", "vanished plain two on alpha", "vanished plain two on beta",
			"vanished axes many[first=x,second=x] on alpha", "vanished axes many[first=x,second=any] on alpha",
			"vanished axes many[first=y,second=any] on alpha", "same 1",
		}},
		{"a topology twice", func(m []result.Matrix) []result.Matrix { return append(m, m[1]) }, []string{
			"appeared axes many[first=x,second=x] on alpha", "appeared axes many[first=x,second=any] on alpha",
			"appeared axes many[first=y,second=any] on alpha", "same 7",
		}},
		{"answers that the file leaves open", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[0].Slots[1].Variants[0][0].Open = true
			m[0].Cells[0].Got = &[]string{"ok", "EINVAL"}
			return m
		}, []string{"open plain one on alpha; bind(a, x:80) = ok, EINVAL", "same 7"}},
		{"one of them, and a change", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[0].Slots[0].Variants[0][0].Open = true
			m[0].Cells[0].Verdict, m[0].Cells[0].Got = result.Fail, &[]string{"other", "EINVAL"}
			return m
		}, []string{
			"changed plain one on alpha; bind(a, x:80) = ok want ok, bind(a, x:80) = EINVAL want ok",
			"open plain one on alpha; a = socket(tcp) = ok, other", "same 6",
		}},
		{"a red one of them", func(m []result.Matrix) []result.Matrix {
			m[0].Rows[0].Slots[1].Variants[0][0].Open = true
			m[0].Cells[0].Verdict, m[0].Cells[0].Got = result.Fail, &[]string{"ok", "EINVAL"}
			return m
		}, []string{"changed plain one on alpha; bind(a, x:80) = ok want ok, bind(a, x:80) = EINVAL want ok",
			"same 6"}},
		{"a claim, with the same cells", func(m []result.Matrix) []result.Matrix {
			m[0].Claims = []result.ClaimResult{{Name: "new", Verdict: result.Holds},
				{Name: "SEED 1", Verdict: result.Refuted}}
			return m
		}, []string{"claim plain SEED 1: holds, does not hold", "same 7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := result.NewReport(result.Environment{}, base()),
				result.NewReport(result.Environment{}, c.change(base()))
			d := Reports(before, after)
			if diff := cmp.Diff(c.want, words(d)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if want := slices.ContainsFunc(c.want,
				func(s string) bool {
					return !strings.HasPrefix(s, "open") &&
						!strings.HasPrefix(s, "same")
				}); d.Outcome() != want {
				t.Errorf("Outcome() = %v, want %v", d.Outcome(), want)
			}
			before.Digest, after.Digest = "", "" // nothing is answered at once
			if diff := cmp.Diff(c.want, words(Reports(before, after))); diff != "" {
				t.Errorf("without digests: want (-), got (+):\n%s", diff)
			}
			back := Reports(after, before)
			if len(back.Changed) != len(d.Changed) || len(back.Appeared) != len(d.Vanished) ||
				len(back.Vanished) != len(d.Appeared) || back.Same != d.Same {
				t.Errorf("the other way round: %q", words(back))
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	a := result.Environment{Labrun: "v1", Jobs: 1, Elapsed: 1, Kernels: []result.KernelInfo{{Release: "6.1.0",
		Machine: "x86_64", User: "root", Sysctls: map[string]string{"same": "1", "gone": "1", "other": "1"}}}}
	b := result.Environment{Labrun: "v2", Jobs: 2, Elapsed: 2, Started: time.Unix(1, 0),
		Kernels: []result.KernelInfo{{Release: "6.18.44", Machine: "aarch64", User: "user namespace",
			Sysctls: map[string]string{"same": "1", "other": "2", "came": "1"}}}}
	d := Reports(result.NewReport(a, base()), result.NewReport(b, base()))
	want := []Setting{
		{"labrun", "v1", "v2"}, {"kernel", "6.1.0", "6.18.44"}, {"machine", "x86_64", "aarch64"},
		{"user", "root", "user namespace"},
		{"came", "", "1"}, {"gone", "1", ""}, {"other", "1", "2"},
	}
	if diff := cmp.Diff(want, d.Environment); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	b.Kernels[0].Name = "6.18" // of a report about several
	point := b.Kernels[0]
	point.Release = "6.18.45"
	later := result.Environment{Labrun: "v2", Kernels: []result.KernelInfo{{Name: "7.3", Release: "7.3.4"}, point}}
	several := Reports(result.NewReport(b, base()), result.NewReport(later, base()))
	want = []Setting{{"kernel (6.18)", "6.18.44", "6.18.45"}, {"kernel (7.3)", "", "7.3.4"}}
	if diff := cmp.Diff(want, several.Environment); diff != "" {
		t.Errorf("several kernels: want (-), got (+):\n%s", diff)
	}
	if d.Outcome() {
		t.Error("the environment counts as an outcome")
	}
}

// huge has half a million cells in five hosts. When other, its axis has another
// value in front, so that no combination keeps its number.
func huge(other bool) result.Report {
	const combos = 100_000
	var a lab.Axis
	a.Name = "n"
	if other {
		a.Values = []string{"more"}
	}
	shift := len(a.Values)
	for i := range combos {
		a.Values = append(a.Values, fmt.Sprint(i))
	}
	var slots []result.RowSlot
	for _, call := range []string{"a = socket(tcp)", "bind(a, x:80)", "listen(a, 5)"} {
		slots = append(slots, result.RowSlot{Variants: [][]result.RowStep{{{Process: "main", Call: call, Want: "ok"}}}})
	}
	m := result.Matrix{Name: "huge", Rows: []result.Row{{Name: "row", Axes: []lab.Axis{a}, Slots: slots}}}
	got := &[]string{"ok", "ok", "ok"}
	for h := range int32(5) {
		m.Columns = append(m.Columns, result.Column{Host: fmt.Sprint("host", h)})
		for c := range combos {
			m.Cells = append(m.Cells, result.Cell{Column: h, Combo: lab.Combo(c + shift), Got: got})
		}
	}
	return result.NewReport(result.Environment{}, []result.Matrix{m})
}

func BenchmarkReports(b *testing.B) {
	one, other, edited := huge(false), huge(true), huge(false)
	edited.Matrices[0].Cells[77].Verdict = result.Fail
	edited.Digest, other.Digest = "", "" // to be looked at
	for _, c := range []struct {
		name string
		with result.Report
	}{{"equal", one}, {"one-cell", edited}, {"other-axis", other}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if d := Reports(one, c.with); d.Same+len(d.Changed) != 500_000 {
					b.Fatalf("%d the same, %d changed", d.Same, len(d.Changed))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500_000, "ns/cell")
		})
	}
}

// onKernels is a report of one cell on kernels that answered so. A report about one kernel does not name it.
func onKernels(version string, answers ...string) result.Report {
	m := result.Matrix{Name: "lab", Rows: []result.Row{{Name: "one", Slots: []result.RowSlot{{
		Variants: [][]result.RowStep{{{Line: 3, Process: "main", Call: "listen(a, 5)", Want: "ok"}}}}}}}}
	env := result.Environment{Labrun: "v1"}
	versions := strings.Fields(version)
	for i, v := range versions {
		info := result.KernelInfo{Release: v + "-cloud", Version: v, Machine: "x86_64"}
		if len(versions) > 1 {
			info.Name = v
		}
		env.Kernels = append(env.Kernels, info)
		m.Columns = append(m.Columns, result.Column{Host: "alpha", Kernel: info.Name})
		c := result.Cell{Column: int32(i), Got: &[]string{answers[i]}}
		if answers[i] != "ok" {
			c.Verdict = result.Fail
		}
		m.Cells = append(m.Cells, c)
	}
	return result.NewReport(env, []result.Matrix{m})
}

func TestKernelByKernel(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after result.Report
		want          []string
		kernels       Kernels
		differs       bool
	}{
		{"one each, not the same", onKernels("6.1.10", "ok"), onKernels("6.18.44", "ok"), []string{"same 1"}, Kernels{}, false},
		{"the same, in another order", onKernels("6.1.10 6.18.44", "ok", "EINVAL"), onKernels("6.18.44 6.1.10", "EINVAL", "ok"),
			[]string{"same 2"}, Kernels{Both: []string{"6.1.10", "6.18.44"}}, false},
		{"a change on one", onKernels("6.1.10 6.18.44", "ok", "ok"), onKernels("6.1.10 6.18.44", "ok", "EINVAL"),
			[]string{"changed lab one on alpha, linux 6.18.44; listen(a, 5) = ok want ok, listen(a, 5) = EINVAL want ok", "same 1"},
			Kernels{Both: []string{"6.1.10", "6.18.44"}}, true},
		{"others are left out", onKernels("5.10.218 6.1.10 6.18.44", "EINVAL", "ok", "ok"),
			onKernels("6.1.10 6.18.44 7.2.13", "ok", "ok", "EINVAL"), []string{"same 2"},
			Kernels{Both: []string{"6.1.10", "6.18.44"}, Before: []string{"5.10.218"}, After: []string{"7.2.13"}}, false},
		{"one of several", onKernels("5.10.218 6.1.10", "ok", "EINVAL"), onKernels("6.1.10", "ok"),
			[]string{"changed lab one on alpha; listen(a, 5) = EINVAL want ok, listen(a, 5) = ok want ok", "same 0"},
			Kernels{Both: []string{"6.1.10"}, Before: []string{"5.10.218"}}, true},
		{"none of several", onKernels("5.10.218 6.1.10", "ok", "ok"), onKernels("6.18.44", "ok"), []string{"same 0"},
			Kernels{Before: []string{"5.10.218", "6.1.10"}, After: []string{"6.18.44"}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Reports(c.before, c.after)
			if diff := cmp.Diff(c.want, words(d)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if diff := cmp.Diff(c.kernels, d.Kernels); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if d.Outcome() != c.differs {
				t.Errorf("it differs: %v", d.Outcome())
			}
			for _, k := range d.ByKernel() {
				if k.Changed+k.Same != 1 {
					t.Errorf("%+v, of one cell", k)
				}
			}
		})
	}
}
