package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/shard"
	"labrun/lab/topology"
)

// groupsIn returns the groups of a topology for a number of shards.
func groupsIn(t *testing.T, top *lab.Topology, shards int) []*group {
	t.Helper()
	m := &matrix{Matrix: &result.Matrix{}}
	groups, err := m.prepare(top, Options{Share: shard.Share{Index: 1, Of: shards}})
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestSharesOfLessons: whatever the number of shards, every cell of every lesson is in one of them, and they are
// about equally long: they differ by the cost of one group at most.
func TestSharesOfLessons(t *testing.T) {
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		top, err := topology.Load(topology.Source{File: file})
		if err != nil {
			t.Fatal(err)
		}
		var whole []string
		for _, g := range groupsIn(t, top, 1) {
			whole = append(whole, cellsOf(g)...)
		}
		for _, n := range []int{2, 3, 8, 100} {
			groups := groupsIn(t, top, n)
			index, most := map[*group]int{}, int64(0)
			for i, g := range groups {
				index[g], most = i, max(most, g.cost)
			}
			loads, cells := make([]int64, n), make([][]string, len(groups))
			for i := range n {
				last := -1
				for _, g := range shareOf([][]*group{groups}, shard.Share{Index: i + 1, Of: n})[0] {
					if index[g] <= last {
						t.Errorf("%s: share %d/%d is not in the order of the file", file, i+1, n)
					}
					last = index[g]
					if cells[last] != nil {
						t.Errorf("%s: share %d/%d has what another one has: %v", file, i+1, n, cellsOf(g))
					}
					cells[last] = cellsOf(g)
					loads[i] += g.cost
				}
			}
			if got := slices.Concat(cells...); !slices.Equal(got, whole) {
				t.Errorf("%s in %d shares: %s", file, n, cmp.Diff(whole, got))
			}
			if unequal := slices.Max(loads) - slices.Min(loads); unequal > most {
				t.Errorf("%s in %d shares: %v differ by more than the largest group, %d", file, n, loads, most)
			}
		}
	}
}

func cellsOf(g *group) []string {
	var names []string
	for _, c := range g.combos {
		names = append(names, fmt.Sprintf("%s on %s", g.experiment.CellName(c), g.Columns[g.column]))
	}
	return names
}

// TestCosts holds what groups cost and whose they are: parts of one run may come from machines of any architecture.
// A lab of one host costs 13.5 ms with 2.2 for its process, a wait a sixteenth of itself.
func TestCosts(t *testing.T) {
	top := mustParse(t, `
experiments:
  plain: {steps: [a = socket(tcp), "bind(a, x:80)"]}
  waits:
    hosts: [alpha]
    steps: [a = socket(udp), "bind(a, x:80)", {main: recv(a) = blocked, limit: 1600ms}, sleep(160ms)]
  program: {hosts: [beta], steps: [{run: "true"}]}
  shared:
    axes: {first: [x, y, any], second: [x, y, any], third: [x, y, any]}
    steps: [a = socket(tcp), "bind(a, ${first}:80)", b = socket(tcp), "bind(b, ${second}:80) = ?", c = socket(udp),
      "bind(c, ${third}:80)", {main: recv(c) = blocked, limit: 16ms}]
  silent: {hosts: [alpha], steps: [a = socket(tcp), "connect(a, 192.0.2.99:80) = EHOSTUNREACH"]}
  quick: # neither waits: the one is a value, and the other in the background
    hosts: [beta]
    steps:
      - main: [a = socket(udp), "setsockopt(a, SO_RCVTIMEO, 50s)", "bind(a, x:80)"]
      - {main: recv(a), as: r, background: true}
`)
	var got []string
	groups := groupsIn(t, top, 3)
	for i := range 3 {
		for _, g := range shareOf([][]*group{groups}, shard.Share{Index: i + 1, Of: 3})[0] {
			got = append(got, fmt.Sprintf("%d: %s on %s, %d cells, %d us", i+1, g.experiment.Name, g.Columns[g.column].Host,
				len(g.combos), g.cost))
		}
	}
	const plain, room = 10_000 + 3_500 + 2_200 + 2*150, 10_000 + 3_500 + 2_200
	const each = 600 + 7*150 + 16_000/16
	want := []string{
		fmt.Sprintf("1: plain on beta, 1 cells, %d us", plain),
		fmt.Sprintf("1: silent on alpha, 1 cells, %d us", plain+3_000_000/16),
		// These are the last: share 2 has 184 400 by then, 3 has 224 950, and with quick and one of them 2 has more
		// than 1.
		fmt.Sprintf("2: plain on alpha, 1 cells, %d us", plain),
		fmt.Sprintf("2: waits on alpha, 1 cells, %d us", plain+2*150+(1_600_000+160_000)/16),
		fmt.Sprintf("2: shared on beta, 16 cells, %d us", room+16*each),
		fmt.Sprintf("2: quick on beta, 1 cells, %d us", plain+2*150),
		fmt.Sprintf("3: program on beta, 1 cells, %d us", 10_000+2*3_500+60_000+150), // any host may be dialled
		fmt.Sprintf("3: shared on alpha, 16 cells, %d us", room+16*each),
		fmt.Sprintf("3: shared on alpha, 11 cells, %d us", room+11*each),
		fmt.Sprintf("3: shared on beta, 11 cells, %d us", room+11*each),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBatchesAreCut: a batch of many cells is one group for one machine, and many for many. No group is so small
// that its lab costs more than its cells.
func TestBatchesAreCut(t *testing.T) {
	ports := make([]string, 50)
	for i := range ports {
		ports[i] = fmt.Sprint(1000 + i)
	}
	top := mustParse(t, fmt.Sprintf(`
experiments:
  many:
    hosts: [alpha]
    axes: {first: [%s], second: [%[1]s]}
    steps: [a = socket(tcp), "bind(a, x:${first})", b = socket(tcp), "bind(b, any:${second}) = ?"]
`, strings.Join(ports, ", ")))
	for shards, want := range map[int]int{1: 1, 2: 8, 8: 10, 100: 10} { // of 313 cells, then of 256
		if got := len(groupsIn(t, top, shards)); got != want {
			t.Errorf("%d shards: %d groups, want %d", shards, got, want)
		}
	}
}

const shared = `
claims: {taken: A port has one owner., untested: Nobody asks.}
experiments:
  zebra:
    claim: taken
    axes: {first: [x, y, any], second: [x, y, any]}
    steps: [a = socket(tcp), "bind(a, ${first}:80)", b = socket(tcp), "bind(b, ${second}:80) = EADDRINUSE"]
  ape: {claim: not taken, hosts: [beta], steps: [a = socket(tcp), "bind(a, x:80) = ok"]}
  newt: {steps: [a = socket(tcp), "bind(a, y:80) = ok"]}
  crab: {steps: [a = socket(udp), "bind(a, x:81)"]}
  dove: {axes: {at: [x, y]}, steps: [a = socket(udp), "bind(a, ${at}:82) = ?"]}
`

// newSharedKernel answers some of shared's cells otherwise in each run.
func newSharedKernel() *fake {
	return &fake{skips: "crab", answers: map[string][]string{
		"bind(b, x:80)": {"EADDRINUSE"}, "bind(b, y:80)": {"EADDRINUSE", "ok", "EADDRINUSE"},
		"bind(b, any:80)": {"EADDRINUSE"},
	}}
}

var v618 = lab.KernelVersion{6, 18, 0}

func reportOf(m []result.Matrix) result.Report {
	return result.NewReport(result.Environment{Kernels: []result.KernelInfo{{Release: "6.18"}}}, m)
}

// readBack returns a part as a file has it.
func readBack(t *testing.T, p Part) *Part {
	t.Helper()
	r, err := report.ReadJSON("part.json", strings.NewReader(written(t, reportOf(p.Matrices))))
	if err != nil {
		t.Fatal(err)
	}
	p.Matrices = r.Matrices
	return &p
}

// TestSharesAddUp: the parts of any number of shares merge to the report of the whole, byte for byte, and each has
// all rows and columns, also where it has no cell.
func TestSharesAddUp(t *testing.T) {
	top := mustParse(t, shared)
	ask := func(s shard.Share) result.Report {
		var seconds [][]float32
		o := Options{Jobs: 2, Runs: 3, Share: s, Seconds: &seconds}
		m, err := Run(t.Context(), newSharedKernel(), v618, []*lab.Topology{top}, o)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Cells([]*lab.Topology{top}, o); n != len(m[0].Cells) || err != nil {
			t.Errorf("share %v has %d cells, and should have %d, %v", s, len(m[0].Cells), n, err)
		}
		if len(seconds[0]) != len(m[0].Cells) || len(m[0].Rows) != 5 || len(m[0].Columns) != 2 {
			t.Errorf("share %v: %d times of %d cells, %d rows, %d columns", s, len(seconds[0]), len(m[0].Cells), len(m[0].Rows),
				len(m[0].Columns))
		}
		return reportOf(m)
	}
	whole := written(t, ask(shard.Share{}))
	if !strings.Contains(whole, `"flaky"`) {
		t.Fatalf("no cell is flaky:\n%s", whole)
	}
	for _, n := range []int{1, 2, 3, 8, 100} {
		var parts []result.Part
		for i := range n {
			parts = append(parts, result.Part{Name: fmt.Sprint(i), Report: ask(shard.Share{Index: i + 1, Of: n})})
		}
		merged, err := result.Merge(parts...)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, merged); got != whole {
			t.Errorf("%d shares: %s", n, cmp.Diff(whole, got))
		}
	}
}

// stopping is a kernel that stops the run before it answers some cell.
type stopping struct {
	*fake
	after  atomic.Int64
	cancel context.CancelCauseFunc
}

func (s *stopping) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	next := r.Next
	r.Next = func() (int, bool) {
		if s.after.Add(-1) < 0 {
			s.cancel(errors.New("stopped"))
		}
		return next()
	}
	s.fake.Answer(ctx, r, each)
}

// TestResume stops the run of a share after each of its cells in turn, and lets another run go on from what a file
// has of it: that one asks what lacks, and nothing else, and the whole is the same.
func TestResume(t *testing.T) {
	top := mustParse(t, shared)
	share := shard.Share{Index: 2, Of: 2}
	for _, runs := range []int{1, 3} {
		m, err := Run(t.Context(), newSharedKernel(), v618, []*lab.Topology{top}, Options{Jobs: 1, Runs: runs, Share: share})
		if err != nil {
			t.Fatal(err)
		}
		whole, cells := written(t, reportOf(m)), len(m[0].Cells)
		cut := 0
		for after := range cells * runs {
			ctx, cancel := context.WithCancelCause(t.Context())
			k := &stopping{fake: newSharedKernel(), cancel: cancel}
			k.after.Store(int64(after))
			var part Part
			o := Options{Jobs: 1, Runs: runs, Share: share, Seconds: &part.Seconds}
			if part.Matrices, err = Run(ctx, k, v618, []*lab.Topology{top}, o); err != nil {
				t.Fatal(err)
			}
			cancel(nil)
			lacks := cells - len(part.Matrices[0].Cells)
			if lacks > 0 {
				cut++
			}
			again := newSharedKernel()
			if part.Matrices, err = Run(t.Context(), again, v618, []*lab.Topology{top},
				Options{Jobs: 1, Runs: runs, Share: share, Had: readBack(t, part)}); err != nil {
				t.Fatal(err)
			}
			if len(again.asked) != lacks*runs {
				t.Errorf("%d runs, stopped after %d cells: %d lacked, and %v were asked", runs, after, lacks, again.asked)
			}
			if got := written(t, reportOf(part.Matrices)); got != whole {
				t.Errorf("%d runs, stopped after %d cells: %s", runs, after, cmp.Diff(whole, got))
			}
		}
		if cut == 0 {
			t.Error("no run was cut short")
		}
	}
}

// TestResumeAsksErrorsAgain: an error is no answer, though the run went on.
func TestResumeAsksErrorsAgain(t *testing.T) {
	top := mustParse(t, three)
	k := &fake{answers: map[string][]string{"second[at=y] on beta: bind(a, y:81)": {"error"}}}
	share := shard.Share{Index: 1, Of: 1}
	m, err := Run(t.Context(), k, v618, []*lab.Topology{top}, Options{Share: share})
	if err != nil {
		t.Fatal(err)
	}
	again := &fake{}
	m, err = Run(t.Context(), again, v618, []*lab.Topology{top},
		Options{Share: share, Had: readBack(t, Part{Matrices: m})})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"second[at=y] on beta"}, again.asked); diff != "" {
		t.Error(diff)
	}
	if c := result.CountsOf(m[0].Cells); c.Errors != 0 || c.Sum() != 9 {
		t.Error(c)
	}
}

// TestResumeOfSomethingElse: a part of other experiments, or that wanted another answer, is refused.
func TestResumeOfSomethingElse(t *testing.T) {
	top := mustParse(t, three)
	share := shard.Share{Index: 1, Of: 1}
	m, err := Run(t.Context(), &fake{}, v618, []*lab.Topology{top}, Options{Share: share})
	if err != nil {
		t.Fatal(err)
	}
	part := readBack(t, Part{Matrices: m})
	// On an older kernel the third experiment wants another answer.
	_, err = Run(t.Context(), &fake{}, lab.KernelVersion{6, 1, 0}, []*lab.Topology{top}, Options{Share: share, Had: part})
	if err == nil || !strings.Contains(err.Error(), "trial.yaml: the part has other experiments or answers for third") {
		t.Error(err)
	}
	_, err = Run(t.Context(), &fake{}, v618, []*lab.Topology{top},
		Options{Share: share, Had: part, Hosts: []string{"alpha"}})
	if err == nil {
		t.Error("a part of two hosts goes for one of one")
	}
}

// slow is a kernel that takes its time over every cell.
type slow struct {
	*fake
	takes time.Duration
}

func (s slow) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	s.fake.Answer(ctx, r, func(i int, a kernel.Answer) {
		time.Sleep(s.takes) // in a bubble of synctest
		each(i, a)
	})
}

// TestCheckpoints: what a run has is saved soon, then seldom, and nothing is saved twice. From any checkpoint
// another run comes to the same.
func TestCheckpoints(t *testing.T) {
	top := mustParse(t, three)
	var whole string
	var parts []Part
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		save := func(p Part) {
			at, parts = append(at, time.Since(began)), append(parts, p)
			if len(at) == 3 {
				time.Sleep(2 * time.Second) // a slow disk
			}
		}
		m, err := Run(t.Context(), slow{&fake{}, 8 * time.Second}, v618, []*lab.Topology{top},
			Options{Jobs: 1, Share: shard.Share{Index: 1, Of: 1}, Checkpoint: save})
		if err != nil {
			t.Fatal(err)
		}
		whole = written(t, reportOf(m))
		// The first comes after a second, with nothing; then after 2, 4, 8 and 10 more, unless there is nothing
		// new, and 38 s after one that took 2.
		want := []time.Duration{1 * time.Second, 15 * time.Second, 25 * time.Second, 65 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
	})
	for _, p := range parts {
		if p.Lacks == 0 || p.Lacks+len(p.Matrices[0].Cells) != 9 {
			t.Errorf("%d cells, and %d lack", len(p.Matrices[0].Cells), p.Lacks)
		}
		m, err := Run(t.Context(), &fake{}, v618, []*lab.Topology{top},
			Options{Share: shard.Share{Index: 1, Of: 1}, Had: readBack(t, p)})
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, reportOf(m)); got != whole {
			t.Error(cmp.Diff(whole, got))
		}
	}
}

// TestCheckpointsOfRuns: before the last of several runs a cell has no answer, and then it has that of all of them.
func TestCheckpointsOfRuns(t *testing.T) {
	top := mustParse(t, `
experiments:
  flaky: {hosts: [alpha], steps: [a = socket(tcp), "bind(a, x:80)"]}
  sound: {hosts: [alpha], steps: [a = socket(tcp), "bind(a, x:81)"]}
`)
	synctest.Test(t, func(t *testing.T) {
		k := &fake{answers: map[string][]string{"bind(a, x:80)": {"EACCES", "ok"}}}
		var saved [][]string
		_, err := Run(t.Context(), slow{k, 8 * time.Second}, v618, []*lab.Topology{top}, Options{Jobs: 1, Runs: 2,
			Share: shard.Share{Index: 1, Of: 1}, Checkpoint: func(p Part) { saved = append(saved, outcomes(p.Matrices[0])) }})
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{nil, {"flaky on alpha: fail EACCES"}}
		if diff := cmp.Diff(want, saved); diff != "" {
			t.Error(diff)
		}
	})
}
