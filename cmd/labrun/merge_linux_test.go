package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
)

var mergeMB = flag.Int("merge-mb", 48, "how many MB of report TestMergeIsFlat merges")

// runOf is a run of about so many cells, cut into parts as shards are. A tenth of the cells is red, with evidence of a
// few kinds and, for one in a hundred, of its own.
type runOf struct {
	rows, values int // and values^4 combinations in each of two hosts
	of           int // parts
	started      time.Time
}

func (r runOf) cells() int { return r.rows * 2 * r.values * r.values * r.values * r.values }

// part returns the n-th part, from 1.
func (r runOf) part(n int) result.Report {
	m := result.Matrix{File: "lab.yaml", Name: "lab", Source: "# the text of lab.yaml\n", Columns: result.OnHosts("alpha", "beta")}
	var axes []lab.Axis
	for _, name := range []string{"first", "second", "option", "state"} {
		a := lab.Axis{Name: name}
		for v := range r.values {
			a.Values = append(a.Values, fmt.Sprintf("%s-%d", name, v))
		}
		axes = append(axes, a)
	}
	for i := range r.rows {
		m.Rows = append(m.Rows, result.Row{Name: fmt.Sprintf("experiment-%d", i), Line: 10 * (i + 1), Axes: axes,
			Slots: []result.RowSlot{{Variants: [][]result.RowStep{{{Line: 10*i + 1, Process: "main", Call: "a = socket(tcp)", Want: "ok"},
				{Line: 10*i + 2, Process: "main", Call: "bind(a, x:80)", Want: "ok"},
				{Line: 10*i + 3, Process: "main", Call: "listen(a, 5)", Want: "ok"}}}}}})
	}
	good := &[]string{"ok", "ok", "ok"}
	bad := [2]*[]string{{"ok", "EADDRINUSE"}, {"ok", "ok", "EADDRINUSE"}}
	var notes [8]*result.Note
	for i := range notes {
		notes[i] = &result.Note{Evidence: []result.Snapshot{{Step: i % 2, Why: []string{fmt.Sprintf("inet_bind_conflict %d", i)}}}}
	}
	env := result.Environment{Labrun: "v1", Started: r.started, Elapsed: float64(n), Jobs: 2,
		Kernels: []result.KernelInfo{{Release: "6.18", Machine: "x86_64", User: "root"}},
		Shard:   &result.Shard{Index: n, Of: r.of, Node: fmt.Sprintf("node-%d", n%8), Cells: r.cells()}}
	var seconds []float32
	at := 0
	for row := range r.rows {
		for column := range 2 {
			for combo := range r.values * r.values * r.values * r.values {
				if at++; at%r.of != n-1 {
					continue
				}
				c := result.Cell{Row: int32(row), Column: int32(column), Combo: lab.Combo(combo), Got: good}
				if at%10 == 3 {
					c.Verdict, c.Got, c.Note = result.Fail, bad[at/10%2], notes[at/10%8]
				}
				if at%1000 == 13 {
					c.Note = &result.Note{Evidence: []result.Snapshot{{Step: 1, Why: []string{fmt.Sprintf("the socket of inode %d", at)}}}}
				}
				m.Cells, seconds = append(m.Cells, c), append(seconds, float32(at%4096)/1024/1024)
			}
		}
	}
	m.Settle()
	env.Seconds = [][]float32{seconds}
	return result.NewReport(env, []result.Matrix{m})
}

// write writes all parts into a folder, and returns their files and how large they are together.
func (r runOf) write(t testing.TB, dir, suffix string) (files []string, size int64) {
	t.Helper()
	for n := 1; n <= r.of; n++ {
		file := filepath.Join(dir, fmt.Sprintf("part-%d.json%s", n, suffix))
		var b bytes.Buffer
		if err := report.Compress(file, &b, func(w io.Writer) error { return report.JSON(w, r.part(n)) }); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		files, size = append(files, file), size+int64(b.Len())
	}
	return files, size
}

// mergeOf returns a command that merges, with so many descriptors at most.
func mergeOf(t testing.TB, descriptors int, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "labrun") // for its name
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	limited := fmt.Sprintf(`ulimit -n %d; exec "$0" merge "$@"`, descriptors)
	return exec.Command("sh", append([]string{"-c", limited, link}, args...)...)
}

// merged merges, and returns the most memory that it took, in bytes: VmHWM of proc_pid_status(5), looked at while
// there is such a process. What wait4(2) says is no less than what this process had when it started the other.
func merged(t testing.TB, args ...string) (peak int64) {
	t.Helper()
	cmd := mergeOf(t, 1024, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%.2000s", err, out.Bytes())
			}
			return peak
		case <-look.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if err != nil {
				continue
			}
			if found := highWater.FindSubmatch(status); found != nil {
				kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				peak = max(peak, kilobytes<<10)
			}
		}
	}
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+([0-9]+) kB$`)

// sameCells fails unless a report has what another one has, but for the environment.
func sameCells(t testing.TB, got, want result.Report) {
	t.Helper()
	got.Environment, want.Environment = result.Environment{}, result.Environment{}
	var a, b bytes.Buffer
	if err := errors.Join(report.JSON(&a, got), report.JSON(&b, want)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("another report than that of the run")
	}
}

// TestMergeIsFlat merges a report that is larger than what the merge may have in memory, by far with -merge-mb.
// What is allocated for each cell and not freed is found by the difference of two sizes.
func TestMergeIsFlat(t *testing.T) {
	dir := t.TempDir()
	var peaks []int64
	for i, mb := range []int{*mergeMB / 8, *mergeMB} {
		values, rows := 10, max(mb*1_000_000/180/20_000, 1) // a cell takes about 180 bytes
		run := runOf{rows: rows, values: values, of: 8, started: time.Unix(1, 0).UTC()}
		folder := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		files, size := run.write(t, folder, "")
		began := time.Now()
		peaks = append(peaks, merged(t, append(files, "-o", filepath.Join(folder, "whole.json"))...))
		t.Logf("%d cells, %d MB: at most %d MB of memory, %.1f s", run.cells(), size>>20, peaks[i]>>20, time.Since(began).Seconds())
	}
	const most, grown = 128 << 20, 32 << 20 // the latter is what a collector that comes late lets lie
	if peaks[1] > most || peaks[1] > peaks[0]+grown {
		t.Errorf("at most %d MB of a small report, and %d MB of a large one", peaks[0]>>20, peaks[1]>>20)
	}
}

// TestMergeManyParts merges ten thousand parts. The limit on descriptors is that of a login shell.
func TestMergeManyParts(t *testing.T) {
	run := runOf{rows: 1, values: 10, of: 10_000, started: time.Unix(1, 0).UTC()}
	if testing.Short() {
		run.of = 2000
	}
	dir := t.TempDir()
	files, size := run.write(t, dir, "")
	whole := filepath.Join(dir, "whole.json")
	began := time.Now()
	peak := merged(t, append(files, "-o", whole)...)
	t.Logf("%d MB: at most %d MB of memory, %.1f s", size>>20, peak>>20, time.Since(began).Seconds())
	got := readReport(t, whole)
	if n := len(got.Environment.Machines); n != run.of || got.Environment.Machines[99].Shard != 100 {
		t.Errorf("%d machines", n)
	}
	run.of = 1
	sameCells(t, got, run.part(1))
	if peak > 128<<20 {
		t.Errorf("%d MB of memory", peak>>20)
	}
}

// TestMergesAtOnce has many merges write one file, under which a reader finds a whole report at any time.
func TestMergesAtOnce(t *testing.T) {
	dir := t.TempDir()
	run := runOf{rows: 1, values: 5, of: 3, started: time.Unix(1, 0).UTC()}
	files, _ := run.write(t, dir, ".zst")
	whole := filepath.Join(dir, "whole.json")
	run.of = 1
	merged(t, append(files, "-o", whole)...)
	var group sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		cmd := mergeOf(t, 1024, append(files, "-o", whole)...)
		group.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("%w: %s", err, out)
			}
		})
	}
	done := make(chan bool)
	go func() { group.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		sameCells(t, readReport(t, whole), run.part(1))
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(files)+1 {
		t.Errorf("%v, and there are %v", err, left)
	}
}

// TestMergeFillsTheDisk merges on a disk that has no room for the whole: the old report stays, and nothing else is
// left.
func TestMergeFillsTheDisk(t *testing.T) {
	needNetNS(t) // whoever can make those can mount
	dir := t.TempDir()
	run := runOf{rows: 8, values: 8, of: 2, started: time.Unix(1, 0).UTC()}
	files, size := run.write(t, dir, "")
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, room := range []int64{size / 100, size / 8, size / 2} { // for less than the spool, and for more
		script := fmt.Sprintf(`mount -t tmpfs -o size=%d none "$1" && echo old >"$1/whole.json" && shift &&
"$0" "$@"; echo "status $?"; cat "$disk/whole.json"; ls -A "$disk"`, room)
		merge := mergeOf(t, 1024)
		args := append([]string{"-rm", "sh", "-c", script, merge.Args[3], disk, "merge"}, files...)
		cmd := exec.Command("unshare", append(args, "-o", filepath.Join(disk, "whole.json"))...)
		cmd.Env = append(os.Environ(), "disk="+disk)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !regexp.MustCompile(`^labrun: [^\n]*no space left on device\nstatus 3\nold\nwhole.json\n$`).Match(out) {
			t.Errorf("room for %d bytes of %d:\n%s", room, size, out)
		}
	}
}

// BenchmarkMerge merges a report from eight parts, in comparison with writing and reading the same bytes.
func BenchmarkMerge(b *testing.B) {
	run := runOf{rows: 8, values: 10, of: 8, started: time.Unix(1, 0).UTC()}
	dir := b.TempDir()
	files, size := run.write(b, dir, "")
	floor := func() {
		out, err := os.Create(filepath.Join(dir, "floor"))
		if err != nil {
			b.Fatal(err)
		}
		defer out.Close()
		for _, file := range files {
			in, err := os.Open(file)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in}); err != nil { // not copy_file_range(2)
				b.Fatal(err)
			}
			in.Close()
		}
	}
	var bare, read, count, write time.Duration
	lap := func(sum *time.Duration, since *time.Time) {
		*sum += time.Since(*since)
		*since = time.Now()
	}
	b.ReportAllocs()
	for b.Loop() {
		at := time.Now()
		floor()
		lap(&bare, &at)
		spool, err := os.Create(filepath.Join(dir, "spool"))
		if err != nil {
			b.Fatal(err)
		}
		m := report.NewMerger(spool)
		for _, file := range files {
			in, err := os.Open(file)
			if err == nil {
				err = errors.Join(m.Read(file, in), in.Close())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		lap(&read, &at)
		w, err := m.Merge(false)
		if err == nil {
			err = w.Count()
		}
		if err != nil {
			b.Fatal(err)
		}
		lap(&count, &at)
		out, err := os.Create(filepath.Join(dir, "whole"))
		if err == nil {
			err = errors.Join(w.JSON(out), out.Close(), spool.Close())
		}
		if err != nil {
			b.Fatal(err)
		}
		lap(&write, &at)
	}
	cells := float64(run.cells() * b.N)
	b.ReportMetric((read+count+write).Seconds()/bare.Seconds(), "x-floor")
	b.ReportMetric(float64(size)*float64(b.N)/1e6/(read+count+write).Seconds(), "MB/s")
	b.ReportMetric(float64(read.Nanoseconds())/cells, "ns/cell-read")
	b.ReportMetric(float64(count.Nanoseconds())/cells, "ns/cell-counted")
	b.ReportMetric(float64(write.Nanoseconds())/cells, "ns/cell-written")
}
