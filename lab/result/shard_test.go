package result_test

import (
	"fmt"
	"iter"
	"math/rand"
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

// shards cuts a report into parts as --shard does: all have all rows and columns, and cells at random.
func shards(w result.Report, n int, r *rand.Rand) []result.Part {
	all := split(w, n, false, byKey(r, n, cellKey))
	for i := range all {
		all[i].Report.Environment.Shard = &result.Shard{Index: i + 1, Of: n, Node: fmt.Sprint("node-", i%3), Cells: w.Counts.Sum()}
	}
	return all
}

// TestMergeShards merges the parts of a run, in the order in which a shell lists their names: the whole is the
// report of the run but for the environment, which has a line for each part.
func TestMergeShards(t *testing.T) {
	property := func(w whole, parts uint8, seed int64) bool {
		n := 1 + int(parts%13)
		all := shards(w.Report, n, rand.New(rand.NewSource(seed)))
		var want []result.Machine
		for _, p := range all {
			e := &p.Report.Environment
			m := result.Machine{Node: e.Shard.Node, Shard: e.Shard.Index, Of: n, Started: e.Started, Elapsed: e.Elapsed, Jobs: e.Jobs}
			m.Kernel = "6.18"
			if len(e.Kernels) > 1 {
				m.Kernel = "6.1, 6.18"
			}
			want = append(want, m)
		}
		slices.SortFunc(all, func(p, q result.Part) int { return strings.Compare(p.Name, q.Name) })
		got := streamed(t, all...)
		if e := got.Environment; e.Shard != nil || !slices.Equal(e.Machines, want) {
			t.Logf("shard %v, machines %v, want %v", e.Shard, e.Machines, want)
			return false
		}
		got.Environment.Machines = nil
		if asJSON(t, got) != asJSON(t, w.Report) {
			return false
		}
		// What is merged is a report like others, and its machines stay.
		again := got
		again.Environment.Machines = want
		return slices.Equal(streamed(t, result.Part{Name: "merged.json", Report: again}).Environment.Machines, want)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 100}); err != nil {
		t.Error(err.(*quick.CheckError).Count, err.(*quick.CheckError).In[1:])
	}
}

// TestMergeShardsRefuses merges what is not all of a run, or not of one. All that is wrong is said at once.
func TestMergeShardsRefuses(t *testing.T) {
	at := func(p []result.Part, i int) *result.Environment { return &p[i].Report.Environment }
	drop := func(p []result.Part, i ...int) []result.Part {
		var kept []result.Part
		for j := range p {
			if !slices.Contains(i, j) {
				kept = append(kept, p[j])
			}
		}
		return kept
	}
	for name, c := range map[string]struct {
		change func(p []result.Part) []result.Part
		want   string
	}{
		"none": {func(p []result.Part) []result.Part { return p }, ""},
		"one is missing": {func(p []result.Part) []result.Part { return drop(p, 2) },
			"part 3 of 8 is missing; --partial merges those that are there"},
		"several are missing": {func(p []result.Part) []result.Part { return drop(p, 0, 2, 3, 4, 6, 7) },
			"parts 1, 3-5, 7, 8 of 8 are missing; --partial merges those that are there"},
		"one is there twice": {func(p []result.Part) []result.Part {
			return append(p, result.Part{Name: "again.json", Report: p[4].Report})
		}, "part-4.json and again.json are both part 5 of 8"},
		"one is cut short": {func(p []result.Part) []result.Part {
			m := &p[3].Report.Matrices[0]
			at(p, 3).Shard.Lacks = 1
			m.Cells = m.Cells[:len(m.Cells)-1]
			return p
		}, "part-3.json lacks 1 of its 2 cells: labrun resume part-3.json runs it"},
		"one lost a cell": {func(p []result.Part) []result.Part {
			m := &p[3].Report.Matrices[0]
			m.Cells = m.Cells[1:]
			return p
		}, "the parts have 11 cells, and their run has 12: one of them was edited"},
		"another run": {func(p []result.Part) []result.Part {
			at(p, 0).Shard.Only = []string{"two*"}
			at(p, 1).Shard.Of = 9
			at(p, 2).Shard.Hosts = []string{"alpha"}
			at(p, 3).Shard.Cells = 20
			return p
		}, "part-0.json is not of the run of part-4.json: it ran with --only two*, and not without --only\n" +
			"part-1.json is not of the run of part-4.json: it is one of 9, and not one of 8\n" +
			"part-2.json is not of the run of part-4.json: it ran with --host alpha, and not without --host\n" +
			"part-3.json is not of the run of part-4.json: its run has 20 cells, and not 12\n" +
			"parts 1-4 of 8 are missing; --partial merges those that are there"},
		"another machine": {func(p []result.Part) []result.Part {
			at(p, 0).Kernels = slices.Clone(at(p, 0).Kernels)
			at(p, 0).Kernels[0].Machine = "aarch64"
			return p
		}, `part-1.json has machine "x86_64", and part-0.json "aarch64": a foreign kernel in the same column`},
		"other parameters": {func(p []result.Part) []result.Part {
			at(p, 7).Kernels = slices.Clone(at(p, 7).Kernels)
			at(p, 7).Kernels[0].Sysctls = map[string]string{"net.ipv4.ip_forward": "1"}
			return p
		}, `part-0.json and part-7.json have other kernel parameters: a foreign kernel in the same column`},
		"another labrun": {func(p []result.Part) []result.Part {
			at(p, 0).Labrun = "v2"
			return p
		}, `part-1.json has labrun "v1", and part-0.json "v2"`},
		"another text": {func(p []result.Part) []result.Part {
			p[5].Report.Matrices[0].Source = "# another"
			return p
		}, "part-0.json and part-5.json have other texts of lab.yaml"},
	} {
		w := result.NewReport(result.Environment{Labrun: "v1", Kernels: []result.KernelInfo{{Release: "6.18", Machine: "x86_64",
			User: "root"}}}, []result.Matrix{grid()})
		n := 0
		parts := c.change(shards(w, 8, rand.New(&counting{n: &n})))
		merged, err := merger(t, parts...).Merge(false)
		if err == nil {
			err = merged.Count()
		}
		if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, c.want)
		}
	}
}

// counting is no random numbers at all: eight parts have the cells in turn.
type counting struct{ n *int }

func (c *counting) Seed(int64) {}

func (c *counting) Int63() int64 {
	*c.n++
	return int64(*c.n) << 32 // Int31n of a power of two takes the bits from there
}

// TestMergePartial merges the parts of a run that there are: what is missing is what the caller makes of it, and
// what is there stays.
func TestMergePartial(t *testing.T) {
	property := func(w whole, parts uint8, seed int64) bool {
		r := rand.New(rand.NewSource(seed))
		n := 2 + int(parts%6)
		all := shards(w.Report, n, r)
		lost := r.Intn(n)
		there := slices.Delete(slices.Clone(all), lost, lost+1)
		m, err := merger(t, there...).Merge(true)
		if err != nil {
			t.Log(err)
			return false
		}
		reason := fmt.Sprintf("part %d of %d is missing", lost+1, n)
		if m.Lacks != reason {
			t.Logf("%q, want %q", m.Lacks, reason)
			return false
		}
		note := &result.Note{Reason: reason}
		skip := func(c result.Cell) result.Cell {
			return result.Cell{Row: c.Row, Column: c.Column, Combo: c.Combo, Verdict: result.Skip, Note: note}
		}
		m.Missing = func(matrix int) iter.Seq[result.Cell] {
			return func(yield func(result.Cell) bool) { // every cell, as a file says them
				for _, c := range w.Matrices[matrix].Cells {
					if !yield(skip(c)) {
						return
					}
				}
			}
		}
		if err := m.Count(); err != nil {
			t.Log(err)
			return false
		}
		got, err := m.Collect()
		if err != nil {
			t.Log(err)
			return false
		}
		want := w.Report
		want.Matrices = slices.Clone(want.Matrices)
		skips := 0
		for i := range want.Matrices {
			x := &want.Matrices[i]
			x.Cells, x.Claims = slices.Clone(x.Cells), slices.Clone(x.Claims)
			for _, c := range all[lost].Report.Matrices[i].Cells {
				at, _ := slices.BinarySearchFunc(x.Cells, c, func(a, b result.Cell) int { return a.Compare(&b) })
				x.Cells[at] = skip(c)
				skips++
				if want.Environment.Seconds != nil {
					want.Environment.Seconds[i] = slices.Clone(want.Environment.Seconds[i])
					want.Environment.Seconds[i][at] = 0
				}
			}
			x.Settle()
		}
		want = result.NewReport(want.Environment, want.Matrices)
		want.Environment.Machines, want.Environment.Started = got.Environment.Machines, got.Environment.Started
		want.Environment.Elapsed, want.Environment.Jobs = got.Environment.Elapsed, got.Environment.Jobs
		return asJSON(t, got) == asJSON(t, want) && m.Filled() == skips
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 100}); err != nil {
		t.Error(err.(*quick.CheckError).Count, err.(*quick.CheckError).In[1:])
	}
}

// TestMergeCutAnywhere cuts a part at every byte: that is a mistake with its place, and never the end of labrun.
func TestMergeCutAnywhere(t *testing.T) {
	w := result.NewReport(result.Environment{Labrun: "v1", Kernels: []result.KernelInfo{{Release: "6.18"}}},
		[]result.Matrix{grid(), grid()})
	text := strings.TrimSuffix(asJSON(t, w), "\n")
	for i := range len(text) {
		err := report.NewMerger(&memory{}).Read("part-1.json", strings.NewReader(text[:i]))
		lines := strings.Split(text[:i], "\n")
		want := fmt.Sprintf("part-1.json:%d:", len(lines))
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "; copy the file again, ") {
			t.Fatalf("cut at %d: %v, want %s", i, err, want)
		}
	}
}

// TestMergeClockSkew merges parts of machines whose clocks differ by years, and stand still: the run began when
// the first of them says, and took as long as the longest.
func TestMergeClockSkew(t *testing.T) {
	w := result.NewReport(result.Environment{Labrun: "v1", Kernels: []result.KernelInfo{{Release: "6.18"}}},
		[]result.Matrix{grid()})
	all := shards(w, 4, rand.New(rand.NewSource(1)))
	for i, year := range []int{2026, 1970, 9999, 1} {
		e := &all[i].Report.Environment
		e.Started, e.Elapsed = time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC), 0
	}
	all[1].Report.Environment.Elapsed = 7
	got := streamed(t, all...)
	e := got.Environment
	if e.Started.Year() != 1 || e.Elapsed != 7 || len(e.Machines) != 4 || e.Machines[2].Started.Year() != 9999 {
		t.Errorf("started %v, %v s, machines %v", e.Started, e.Elapsed, e.Machines)
	}
	if got.Digest != w.Digest || got.Counts != w.Counts {
		t.Error("another outcome")
	}
}

// TestMergeShardsByKernel merges parts that have some kernels each, neighbours of the run. A part of one kernel
// does not name it. The whole has its columns in the order of the run, and so its digest.
func TestMergeShardsByKernel(t *testing.T) {
	env, matrices := gridOn(4, 5)
	matrices[0].Layout.Hosts = []lab.Host{{Name: "alpha"}, {Name: "beta"}} // which say the order of columns
	for i := range env.Kernels {
		env.Kernels[i].Release = env.Kernels[i].Name + "-amd64"
	}
	want := result.NewReport(env, matrices)
	for n := 1; n <= 5; n++ {
		var parts []result.Part
		for i := n - 1; i >= 0; i-- {
			var names []string
			for k := range env.Kernels {
				if k*n/5 == i {
					names = append(names, env.Kernels[k].Name)
				}
			}
			r := want.Only(names)
			if len(names) == 1 {
				r = want.On(names[0])
			}
			r.Environment.Shard = &result.Shard{Index: i + 1, Of: n, By: result.ByKernel, Cells: r.Counts.Sum()}
			parts = append(parts, result.Part{Name: fmt.Sprintf("part-%d.json", i+1), Report: r})
		}
		got := streamed(t, parts...)
		got.Environment = want.Environment
		if asJSON(t, got) != asJSON(t, want) {
			t.Errorf("%d shards: another report:\n%s", n, cmp.Diff(asJSON(t, want), asJSON(t, got)))
		}
	}
}

// The words that stand behind what lacks agree with it in number.
func TestLacks(t *testing.T) {
	for _, c := range []struct {
		lacks, cells int
		text, them   string
	}{
		{1, 1, "p.json lacks its only cell", "it"},
		{1, 3, "p.json lacks 1 of its 3 cells", "it"},
		{3, 3, "p.json lacks 3 of its 3 cells", "them"},
	} {
		if text, them := result.Lacks("p.json", c.lacks, c.cells); text != c.text || them != c.them {
			t.Errorf("of %d cells: %q, %q, want %q, %q", c.cells, text, them, c.text, c.them)
		}
	}
}
