package result_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
)

// whole is a report of a run with everything that a merge puts together: several
// topologies, included files, hosts, kernels, axes, claims, notes, times.
type whole struct{ result.Report }

// Generate makes a report for testing/quick.
func (whole) Generate(r *rand.Rand, size int) reflect.Value {
	env := result.Environment{
		Labrun: "v1", Started: time.Date(2026, 11, 29, 12, 0, r.Intn(60), 0, time.UTC),
		Elapsed: float64(r.Intn(1000)) / 8, Jobs: 1 + r.Intn(8), Kernels: []result.KernelInfo{{Release: "6.18",
			Machine: "x86_64", User: "root", Sysctls: map[string]string{"net.ipv4.ip_forward": "0"}}},
	}
	if r.Intn(2) > 0 {
		for i, name := range []string{"6.1", "6.18"} {
			env.Kernels = append(env.Kernels[:i], result.KernelInfo{Name: name, Release: name + ".0", User: "root"})
		}
	}
	var matrices []result.Matrix
	for i := range r.Intn(4) {
		// The same one twice, sometimes.
		matrices = append(matrices, topology(r, fmt.Sprintf("%c.yaml", 'a'+r.Intn(i+1)), size))
		if i > 0 && matrices[i].File == matrices[0].File {
			matrices[i] = matrices[0]
		}
	}
	if r.Intn(3) > 0 {
		env.Seconds = [][]float32{}
		for _, m := range matrices {
			var seconds []float32
			for range m.Cells {
				seconds = append(seconds, float32(r.Intn(1000))/64)
			}
			env.Seconds = append(env.Seconds, seconds)
		}
		if len(matrices) == 0 {
			env.Seconds = nil
		}
	}
	return reflect.ValueOf(whole{result.NewReport(env, matrices)})
}

func topology(r *rand.Rand, file string, size int) result.Matrix {
	m := result.Matrix{File: file, Name: strings.TrimSuffix(file, ".yaml"), Source: "# text of " + file}
	for i := range r.Intn(3) {
		m.Included = append(m.Included, lab.Included{File: fmt.Sprintf("shared-%d.yaml", i), Text: "# shared"})
	}
	kernels := []string{""}
	if r.Intn(3) == 0 {
		kernels = []string{"6.1", "6.18"}
	}
	for i := range 1 + r.Intn(4) {
		address := lab.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24")}
		nic := lab.NIC{Name: "eth0", Addresses: []lab.Address{address}}
		h := lab.Host{Name: fmt.Sprintf("h%d", 9-i), NICs: []lab.NIC{nic}}
		m.Layout.Hosts = append(m.Layout.Hosts, h)
		if r.Intn(4) == 0 {
			continue // of a run with --host
		}
		for _, k := range kernels {
			m.Columns = append(m.Columns, result.Column{Host: h.Name, Kernel: k})
		}
	}
	for _, name := range []string{"D", "A", "C", "B"} {
		if r.Intn(3) > 0 {
			verdict := result.ClaimVerdict(r.Intn(2))
			m.Claims = append(m.Claims, result.ClaimResult{Name: name, Text: "claim " + name, Verdict: verdict})
		}
	}
	answers := []string{"ok", "EADDRINUSE", "blocked", "x:80"}
	for file := range len(m.Included) + 1 {
		for line := range r.Intn(3) {
			row := result.Row{Name: fmt.Sprintf("e%d-%d", 9-file, 9-line), Line: 10 * (line + 1)}
			if file < len(m.Included) {
				row.File = m.Included[file].File
			}
			if len(m.Claims) > 0 && r.Intn(2) == 0 {
				c := &m.Claims[r.Intn(len(m.Claims))]
				row.Claim = lab.ClaimRef{Name: c.Name, Against: r.Intn(2) == 0,
					When: []string{"", "it rains", "the sun shines"}[r.Intn(3)]}
				c.Verdict = result.NotRun
			}
			combos := 1
			for a := range r.Intn(3) {
				axis := lab.Axis{Name: fmt.Sprintf("a%d", a)}
				for v := range 1 + r.Intn(3) {
					axis.Values = append(axis.Values, fmt.Sprintf("v%d", v))
				}
				row.Axes, combos = append(row.Axes, axis), combos*len(axis.Values)
			}
			for s := range 1 + r.Intn(3) {
				step := result.RowStep{Line: row.Line + s, Process: "main", Call: fmt.Sprintf("call%d(a)", s),
					Want: "ok", Open: r.Intn(3) == 0}
				slot := result.RowSlot{Variants: [][]result.RowStep{{step}}}
				if k := kernels[len(kernels)-1]; k != "" && r.Intn(2) == 0 {
					step.Want = "EINVAL"
					slot.Others = []result.Other{{Kernel: k, Indices: []int{0}, Variants: [][]result.RowStep{{step}}}}
				}
				row.Slots = append(row.Slots, slot)
			}
			m.Rows = append(m.Rows, row)
			for column := range m.Columns {
				for combo := range combos {
					if r.Intn(5) == 0 {
						continue // left out by the file
					}
					c := result.Cell{Row: int32(len(m.Rows) - 1), Column: int32(column), Combo: lab.Combo(combo)}
					c.Verdict = []result.Verdict{result.Pass, result.Pass, result.Pass, result.Fail, result.Skip,
						result.Error}[r.Intn(6)]
					var got []string
					for range 1 + r.Intn(len(row.Slots)) {
						got = append(got, answers[r.Intn(len(answers))])
					}
					c.Got = &got
					switch {
					case c.Verdict == result.Skip || c.Verdict == result.Error:
						c.Note = &result.Note{Reason: "a reason"}
					case c.Verdict == result.Fail && r.Intn(2) == 0:
						c.Note = &result.Note{
							Flaky:    result.Tallies{{Answer: "ok", Times: 1 + r.Intn(9)}, {Answer: got[len(got)-1], Times: 1}},
							Evidence: []result.Snapshot{{Step: len(got) - 1, Why: []string{"a rule"}}}}
					}
					m.Cells = append(m.Cells, c)
				}
			}
		}
	}
	m.Settle()
	return m
}

// placing says which parts a cell goes to.
type placing func(matrix int, m *result.Matrix, c *result.Cell) []int

// split makes parts of a report. in says which of them a cell goes to; bare drops from a
// part the rows and columns that have no cell there and have one elsewhere; which of a
// host's kernels comes first is for the parts to say, so those stay.
func split(r result.Report, parts int, bare bool, in placing) []result.Part {
	var all []result.Part
	for p := range parts {
		env := r.Environment
		env.Seconds = nil
		if p > 0 { // the first began first, and took longest
			env.Started, env.Elapsed, env.Jobs = env.Started.Add(time.Duration(p)*time.Second), env.Elapsed/2, 1
		}
		var matrices []result.Matrix
		for i := range r.Matrices {
			m := r.Matrices[i]
			m.Rows, m.Columns, m.Claims = slices.Clone(m.Rows), slices.Clone(m.Columns), slices.Clone(m.Claims)
			var cells []result.Cell
			var seconds []float32
			for j, c := range m.Cells {
				if slices.Contains(in(i, &r.Matrices[i], &r.Matrices[i].Cells[j]), p) {
					cells = append(cells, c)
					if r.Environment.Seconds != nil {
						seconds = append(seconds, r.Environment.Seconds[i][j])
					}
				}
			}
			if bare {
				m.Rows = drop(m.Rows, m.Cells, cells, func(c *result.Cell) *int32 { return &c.Row })
			}
			named := func(c result.Column) bool { return c.Kernel != "" }
			if bare && !slices.ContainsFunc(m.Columns, named) {
				m.Columns = drop(m.Columns, m.Cells, cells, func(c *result.Cell) *int32 { return &c.Column })
			}
			m.Cells = cells
			m.Settle()
			matrices = append(matrices, m)
			if r.Environment.Seconds != nil {
				env.Seconds = append(env.Seconds, seconds)
			}
		}
		all = append(all, result.Part{Name: fmt.Sprintf("part-%d.json", p), Report: result.NewReport(env, matrices)})
	}
	return all
}

// drop leaves out the things that cells elsewhere have, and those here have not.
func drop[T any](things []T, everywhere, here []result.Cell, of func(*result.Cell) *int32) []T {
	is := func(cells []result.Cell, i int) bool {
		return slices.ContainsFunc(cells, func(c result.Cell) bool { return *of(&c) == int32(i) })
	}
	var kept []T
	for i := range things {
		if is(everywhere, i) && !is(here, i) {
			continue
		}
		for j := range here {
			if *of(&here[j]) == int32(i) {
				*of(&here[j]) = int32(len(kept))
			}
		}
		kept = append(kept, things[i])
	}
	return kept
}

func asJSON(t *testing.T, r result.Report) string {
	t.Helper()
	var b strings.Builder
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// splits are the ways to split a report. Each says which parts a cell goes to.
var splits = map[string]func(r *rand.Rand, parts int) placing{
	"by cells": func(r *rand.Rand, parts int) placing {
		return byKey(r, parts, cellKey)
	},
	"by experiments": func(r *rand.Rand, parts int) placing {
		return byKey(r, parts, func(i int, m *result.Matrix, c *result.Cell) string { return fmt.Sprint(i, c.Row) })
	},
	"by columns": func(r *rand.Rand, parts int) placing {
		return byKey(r, parts, func(i int, m *result.Matrix, c *result.Cell) string { return fmt.Sprint(i, c.Column) })
	},
	"by topologies": func(r *rand.Rand, parts int) placing {
		return byKey(r, parts, func(i int, m *result.Matrix, c *result.Cell) string { return fmt.Sprint(i) })
	},
	"with cells in several": func(r *rand.Rand, parts int) placing {
		one := byKey(r, parts, cellKey)
		other := byKey(r, parts, func(i int, m *result.Matrix, c *result.Cell) string { return fmt.Sprint(i, c.Combo) })
		return func(i int, m *result.Matrix, c *result.Cell) []int { return append(one(i, m, c), other(i, m, c)...) }
	},
}

func cellKey(i int, _ *result.Matrix, c *result.Cell) string {
	return fmt.Sprint(i, c.Row, c.Column, c.Combo)
}

// byKey sends all cells of a key to one part.
func byKey(r *rand.Rand, parts int, key func(int, *result.Matrix, *result.Cell) string) placing {
	at := map[string]int{}
	return func(i int, m *result.Matrix, c *result.Cell) []int {
		k := key(i, m, c)
		if _, ok := at[k]; !ok {
			at[k] = r.Intn(parts)
		}
		return []int{at[k]}
	}
}

// TestMergeIsTheWhole splits reports at random: the merge of the parts, in any order, is
// the report, byte for byte.
func TestMergeIsTheWhole(t *testing.T) {
	for name, by := range splits {
		t.Run(name, func(t *testing.T) {
			property := func(w whole, parts uint8, bare bool, seed int64) bool {
				r, n := rand.New(rand.NewSource(seed)), 1+int(parts%6)
				all := split(w.Report, n, bare, by(r, n))
				before := make([]string, n)
				r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
				for i := range all {
					before[i] = asJSON(t, all[i].Report)
				}
				merged, err := result.Merge(all...)
				if err != nil {
					t.Log(err)
					return false
				}
				for i := range all {
					if asJSON(t, all[i].Report) != before[i] {
						t.Log("a part is another one after the merge")
						return false
					}
				}
				if asJSON(t, streamed(t, all...)) != asJSON(t, w.Report) {
					t.Log("another report where it is not in memory")
					return false
				}
				return asJSON(t, merged) == asJSON(t, w.Report)
			}
			if err := quick.Check(property, &quick.Config{MaxCount: 400}); err != nil {
				t.Error(err.(*quick.CheckError).Count, "splits, and then:", err.(*quick.CheckError).In[1:])
			}
		})
	}
}

// memory is a spool in memory.
type memory struct{ bytes.Buffer }

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.Bytes()).ReadAt(p, at)
}

// merger returns a merger that has read the parts.
func merger(t *testing.T, parts ...result.Part) *report.Merger {
	t.Helper()
	m := report.NewMerger(&memory{})
	for _, p := range parts {
		if err := m.Read(p.Name, strings.NewReader(asJSON(t, p.Report))); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// streamed merges parts as reports that do not fit into memory are merged. What it writes cell by cell is what it
// collects.
func streamed(t *testing.T, parts ...result.Part) result.Report {
	t.Helper()
	w, err := merger(t, parts...).Merge(false)
	if err == nil {
		err = w.Count()
	}
	if err != nil {
		t.Fatal(err)
	}
	collected, err := w.Collect()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := w.JSON(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != asJSON(t, collected) {
		t.Errorf("what is written is not what is collected:\n%s", cmp.Diff(asJSON(t, collected), b.String()))
	}
	return collected
}

// TestMergeTopologies merges reports that have some of the topologies each, in their order.
func TestMergeTopologies(t *testing.T) {
	property := func(w whole, cuts []uint8) bool {
		var all []result.Part
		rest := w.Report
		for i := 0; i <= len(cuts); i++ {
			n := len(rest.Matrices)
			if i < len(cuts) && n > 0 {
				n = int(cuts[i]) % (n + 1)
			}
			env := rest.Environment
			if env.Seconds != nil {
				env.Seconds = rest.Environment.Seconds[:n]
				rest.Environment.Seconds = rest.Environment.Seconds[n:]
			}
			all = append(all, result.Part{Report: result.NewReport(env, rest.Matrices[:n])})
			rest.Matrices = rest.Matrices[n:]
		}
		merged, err := result.Merge(all...)
		return err == nil && asJSON(t, merged) == asJSON(t, w.Report)
	}
	twice := func(m []result.Matrix) bool { // such parts do not say that it is there twice
		files := map[string]bool{}
		for i := range m {
			files[m[i].File] = true
		}
		return len(files) < len(m)
	}
	once := func(w whole, cuts []uint8) bool { return twice(w.Matrices) || property(w, cuts) }
	err := quick.Check(once, &quick.Config{MaxCount: 400})
	if err != nil {
		t.Error(err)
	}
}

// TestMergeReal merges what a real run wrote, with a flaky cell and every verdict on a claim.
func TestMergeReal(t *testing.T) {
	f, err := os.Open("../report/testdata/version1.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := report.ReadJSON(f.Name(), f)
	if err != nil {
		t.Fatal(err)
	}
	for name, by := range splits {
		for n := 1; n < 8; n++ {
			parts := split(r, n, n%2 == 0, by(rand.New(rand.NewSource(int64(n))), n))
			merged, err := result.Merge(parts...)
			if err != nil {
				t.Fatal(err)
			}
			if asJSON(t, merged) != asJSON(t, r) {
				t.Errorf("%s, %d parts: another report", name, n)
			}
		}
	}
}

// TestMergeKernels merges reports of several kernels each, one of which is in both.
func TestMergeKernels(t *testing.T) {
	var parts []result.Part
	for _, names := range [][]string{{"6.1", "6.18"}, {"6.18", "7.3"}} {
		m := grid()
		m.Columns = []result.Column{{Host: "alpha", Kernel: names[0]}, {Host: "alpha", Kernel: names[1]}}
		env := result.Environment{Labrun: "v1"}
		for _, name := range names {
			env.Kernels = append(env.Kernels, result.KernelInfo{Name: name, Release: name + ".0", User: "root"})
		}
		parts = append(parts, result.Part{Name: names[0], Report: result.NewReport(env, []result.Matrix{m})})
	}
	merged, err := result.Merge(parts...)
	if err != nil {
		t.Fatal(err)
	}
	const want = "linux 6.1.0, linux 6.18.0, linux 7.3.0, labrun v1, root"
	if got := merged.Environment.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if merged.Matrices[0].ColumnOf(&merged.Matrices[0].Cells[0]) != "alpha, linux 6.1" {
		t.Errorf("columns are %v", merged.Matrices[0].Columns)
	}
	parts[1].Report.Environment.Kernels[0].Machine = "s390x"
	_, err = result.Merge(parts...)
	if want := `6.1 has machine (6.18) "", and 6.18 "s390x"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// kernel is the only one of a report.
func kernel(r *result.Report) *result.KernelInfo { return &r.Environment.Kernels[0] }

// TestMergeRefuses merges what is not of one run. The message names both parts.
func TestMergeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *result.Report, m *result.Matrix)
		want   string
	}{
		"another kernel": {func(r *result.Report, _ *result.Matrix) { kernel(r).Release = "6.1" },
			`a.json has kernel "6.18", and b.json "6.1"`},
		"another labrun": {func(r *result.Report, _ *result.Matrix) { r.Environment.Labrun = "v2" },
			`a.json has labrun "v1", and b.json "v2"`},
		"another user": {func(r *result.Report, _ *result.Matrix) { kernel(r).User = "user namespace" },
			`a.json has user "root", and b.json "user namespace"`},
		"other parameters": {func(r *result.Report, _ *result.Matrix) { kernel(r).Sysctls = nil },
			"a.json and b.json have other kernel parameters"},
		"another text": {func(_ *result.Report, m *result.Matrix) { m.Source += "\n" },
			"a.json and b.json have other texts of lab.yaml"},
		"another topology": {func(_ *result.Report, m *result.Matrix) { m.Name = "other" },
			"a.json and b.json have other texts of lab.yaml"},
		"another include": {func(_ *result.Report, m *result.Matrix) { m.Included = []lab.Included{{File: "x"}} },
			"a.json and b.json have other texts of lab.yaml"},
		"another lab": {func(_ *result.Report, m *result.Matrix) { m.Layout.Hosts = []lab.Host{{Name: "x"}} },
			"a.json and b.json have other texts of lab.yaml"},
		"another call": {func(_ *result.Report, m *result.Matrix) { m.Rows[0].Slots[0].Variants[0][0].Call = "x" },
			"a.json and b.json ask something else in two of lab.yaml"},
		"another wanted answer": {func(_ *result.Report, m *result.Matrix) { m.Rows[0].Slots[0].Variants[0][0].Want = "x" },
			"a.json and b.json want something else in two of lab.yaml"},
		"another answer": {func(_ *result.Report, m *result.Matrix) { m.Cells[3].Got = &[]string{"ok"} },
			"a.json and b.json differ in two[first=y,second=x] on alpha of lab.yaml"},
		"another verdict": {func(_ *result.Report, m *result.Matrix) { m.Cells[11].Verdict = result.Skip },
			"a.json and b.json differ in two[first=y,second=any] on beta of lab.yaml"},
		"another note": {func(_ *result.Report, m *result.Matrix) { m.Cells[0].Note = &result.Note{Reason: "x"} },
			"a.json and b.json differ in two[first=x,second=x] on alpha of lab.yaml"},
		"the order of rows": {func(_ *result.Report, m *result.Matrix) { slices.Reverse(m.Columns) },
			"a.json, b.json: the experiments, hosts or claims of lab.yaml stand in another order in each"},
	} {
		parts := make([]result.Part, 2)
		for i := range parts {
			parts[i].Name = []string{"a.json", "b.json"}[i]
			parts[i].Report = result.NewReport(result.Environment{Labrun: "v1", Kernels: []result.KernelInfo{
				{Release: "6.18", User: "root", Sysctls: map[string]string{"a": "1"}}}}, []result.Matrix{grid()})
		}
		if whole, err := result.Merge(parts...); err != nil || asJSON(t, whole) != asJSON(t, parts[0].Report) {
			t.Fatalf("a report with itself: %v", err)
		}
		c.change(&parts[1].Report, &parts[1].Report.Matrices[0])
		if _, err := result.Merge(parts...); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if name == "another kernel" {
			continue // of which merge makes a column
		}
		w, err := merger(t, parts...).Merge(false)
		if err == nil {
			err = w.Count()
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("streamed, %s: %v, want %s", name, err, c.want)
		}
	}
	if r, err := result.Merge(); err != nil || r.Counts.Sum() != 0 || r.Digest != result.DigestOf(nil) {
		t.Errorf("nothing: %+v, %v", r, err)
	}
}

// BenchmarkMerge puts half a million cells together from eight parts.
func BenchmarkMerge(b *testing.B) {
	w := result.NewReport(result.Environment{}, []result.Matrix{many()})
	parts := split(w, 8, false, func(_ int, _ *result.Matrix, c *result.Cell) []int { return []int{int(c.Combo) % 8} })
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := result.Merge(parts...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(w.Counts.Sum())*float64(b.N)/b.Elapsed().Seconds(), "cells/s")
}
