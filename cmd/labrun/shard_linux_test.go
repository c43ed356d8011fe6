package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/topology"
)

// countingKernel counts the cells that it is asked.
type countingKernel struct {
	fakeKernel
	asked *int
}

func (k countingKernel) Answer(ctx context.Context, r kernel.Request, each func(int, kernel.Answer)) {
	k.fakeKernel.Answer(ctx, r, func(i int, a kernel.Answer) {
		*k.asked++
		each(i, a)
	})
}

// shardTrial is a share on two kernels, of two files of which one names the second kernel alone.
type shardTrial struct {
	topologies []*lab.Topology
	options    runOptions
	release    map[string]string // by kernel
}

func newShardTrial(t *testing.T) *shardTrial {
	t.Helper()
	s := &shardTrial{release: map[string]string{"debian:6.1": "6.1.0-50", "debian:6.12": "6.12.117"}}
	for _, file := range []string{"both.yaml\n[debian:6.1, debian:6.12]", "later.yaml\n[debian:6.12]"} {
		name, kernels, _ := strings.Cut(file, "\n")
		top, err := topology.Load(topology.Source{File: name, Text: fmt.Appendf(nil, `
name: trial
kernels: %s
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
claims: {one: It answers.}
experiments:
  one: {claim: one, axes: {p: [80, 81, 82]}, steps: [a = socket(tcp), "bind(a, x:${p}) = ok [EACCES on linux < 6.2]"]}
  two: {steps: [b = socket(tcp), "bind(b, x:80)"]}
`, kernels)})
		if err != nil {
			t.Fatal(err)
		}
		s.topologies = append(s.topologies, top)
	}
	s.options = runOptions{askOptions: askOptions{repeat: 1}, sharing: shardOptions{text: "1/1"}}
	if err := s.options.check(s.topologies); err != nil {
		t.Fatal(err)
	}
	return s
}

// ask asks those of the kernels, and returns the part as a file has it, and how many cells were asked. A kernel
// that is left out has not begun.
func (s *shardTrial) ask(t *testing.T, had *result.Report, kernels ...string) (result.Report, int, error) {
	t.Helper()
	options := run.Options{Share: s.options.sharing.share, Jobs: 1}
	sh, err := s.options.newShardRun(s.topologies, options, had)
	if err != nil {
		t.Fatal(err)
	}
	var saved result.Report
	sh.save = func(r result.Report) {
		var b bytes.Buffer
		if err := report.JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		if saved, err = report.ReadJSON("part.json", &b); err != nil {
			t.Fatal(err)
		}
	}
	asked := 0
	for i, a := range s.options.asked {
		if !slices.Contains(kernels, a.kernel) {
			continue
		}
		info := result.KernelInfo{Release: s.release[a.kernel], Version: strings.TrimPrefix(a.kernel, "debian:") + ".9",
			Machine: "x86_64", User: "root", Sysctls: map[string]string{"net.ipv4.tcp_tw_reuse": "2"}}
		word := map[string]string{"debian:6.1": "EACCES", "debian:6.12": "ok"}[a.kernel]
		p := sh.piece(i)
		k := countingKernel{fakeKernel{word}, &asked}
		r, err := askKernel(t.Context(), k, info, mustVersion(t, info.Version), a.topologies, options, time.Now(), p)
		if err != nil {
			return saved, asked, err
		}
		sh.checkpoint(p, r)
	}
	return saved, asked, sh.unused()
}

// cellsIn writes a report without its environment.
func cellsIn(t *testing.T, r result.Report) string {
	t.Helper()
	r.Environment = result.Environment{Kernels: r.Environment.Kernels}
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestShardOfKernels cuts a run short between two kernels. What is saved has all files, and the run that goes on
// with it asks the second kernel alone.
func TestShardOfKernels(t *testing.T) {
	s := newShardTrial(t)
	whole, all, err := s.ask(t, nil, "debian:6.1", "debian:6.12")
	if err != nil || all != 12 || whole.Environment.Shard.Lacks != 0 || whole.Environment.Shard.Cells != 12 {
		t.Fatalf("%d cells, %+v, %v", all, whole.Environment.Shard, err)
	}
	for _, first := range []string{"debian:6.1", "debian:6.12"} {
		part, asked, err := s.ask(t, nil, first)
		lacks := 12 - asked
		if err != nil || asked == 0 || part.Environment.Shard.Lacks != lacks || len(part.Matrices) != 2 {
			t.Fatalf("%s alone: %d cells, %+v, %v", first, asked, part.Environment.Shard, err)
		}
		if err := s.options.fits("part.json", &part, s.topologies); err != nil {
			t.Error(err)
		}
		resumed, asked, err := s.ask(t, &part, "debian:6.1", "debian:6.12")
		if err != nil || asked != lacks {
			t.Errorf("after %s: %d cells were asked, and %d lacked, %v", first, asked, lacks, err)
		}
		if diff := cmp.Diff(cellsIn(t, whole), cellsIn(t, resumed)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestShardOfOtherKernels: a name stands for another kernel by now, before or after all of them were asked.
func TestShardOfOtherKernels(t *testing.T) {
	for _, begun := range [][]string{{"debian:6.1"}, {"debian:6.1", "debian:6.12"}} {
		s := newShardTrial(t)
		part, _, err := s.ask(t, nil, begun...)
		if err != nil {
			t.Fatal(err)
		}
		s.release["debian:6.1"] = "6.1.0-51"
		_, _, err = s.ask(t, &part, "debian:6.1", "debian:6.12")
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "6.1.0-50") {
			t.Errorf("after %v: %v", begun, err)
		}
	}
}

// TestShardsByKernel: every kernel is in one shard, with all its cells, no shard is without, and the shards have the
// kernels in their order.
func TestShardsByKernel(t *testing.T) {
	s := newShardTrial(t)
	names := []string{"debian:6.1", "debian:6.6", "debian:6.12", "host", "um:6.1"}
	var got []string
	for i := range 3 {
		o := runOptions{askOptions: askOptions{repeat: 1, kernels: names},
			sharing: shardOptions{text: fmt.Sprintf("by=kernel,%d/3", i+1)}}
		if err := o.check(s.topologies); err != nil {
			t.Fatal(err)
		}
		var mine []string
		for _, a := range o.asked {
			mine = append(mine, a.kernel)
		}
		got = append(got, strings.Join(mine, " "))
		if want := 8 * len(mine); o.sharing.says.Cells != want || o.sharing.says.By != result.ByKernel {
			t.Errorf("shard %d: %+v, want %d cells", i+1, o.sharing.says, want)
		}
		if diff := cmp.Diff(names, o.sharing.says.Kernels); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{"debian:6.1 debian:6.6", "debian:6.12 host", "um:6.1"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestCheckpointFails: the earlier part stays when a later one cannot be written, and that is told once.
func TestCheckpointFails(t *testing.T) {
	s := newShardTrial(t)
	part, _, err := s.ask(t, nil, "debian:6.1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	outputs := outputOptions{files: []string{filepath.Join(dir, "part.json.zst"), filepath.Join(dir, "page.html")}}
	if err := outputs.check(); err != nil {
		t.Fatal(err)
	}
	open, err := outputs.open()
	if err != nil {
		t.Fatal(err)
	}
	defer closeOutputs(open)
	var failed []string
	save := checkpoints(open, func(err error) { failed = append(failed, err.Error()) })
	save(part)
	if got := names(t, dir); got != "part.json.zst" {
		t.Errorf("the folder has %s", got)
	}
	if kept, err := loadReport(outputs.files[0]); err != nil || cellsIn(t, kept) != cellsIn(t, part) || failed != nil {
		t.Errorf("%v, %v: %s", err, failed, cellsIn(t, kept))
	}
	before := read(t, outputs.files[0])
	if err := os.MkdirAll(filepath.Join(between(outputs.files[0]), "full"), 0o755); err != nil { // in the way
		t.Fatal(err)
	}
	part.Environment.Shard.Lacks--
	save(part)
	save(part)
	if len(failed) != 1 || !strings.Contains(failed[0], "what the part has so far could not be kept: ") {
		t.Errorf("%q", failed)
	}
	if read(t, outputs.files[0]) != before {
		t.Error("the earlier part is gone")
	}
	if _, err := os.Stat(outputs.files[1]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a page was written in the middle of the run: %v", err)
	}
}
