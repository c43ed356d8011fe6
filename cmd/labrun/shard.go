package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/shard"
)

// shardOptions are the flags of "labrun FILE..." for a run that several machines share.
type shardOptions struct {
	text   string
	resume bool

	share shard.Share // set by check
	found string      // the variables that told it
	says  result.Shard
}

func (o *shardOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.text, "shard", "",
		"run the `SHARE` I/N of all cells, for labrun merge: 3/8, auto (as the job engine says), by=kernel,2/3 (whole "+
			"kernels); see \"labrun help shards\"")
	f.BoolVar(&o.resume, "resume", false,
		"with --shard and -o FILE.json: run what that part lacks, all where it does not exist, nothing where it is whole")
}

// checkShard finds mistakes in the flags, and which share of which run they are about.
func (o *runOptions) checkShard(topologies []*lab.Topology) error {
	s := &o.sharing
	if s.text == "" {
		if s.resume {
			return usagef("--resume goes on with a part of a run: it needs --shard, and -o FILE.json for the part")
		}
		return nil
	}
	var err error
	if s.share, s.found, err = shard.Parse(s.text, os.Getenv); err != nil {
		return usagef("--shard %s: %w", s.text, err)
	}
	for _, c := range []struct {
		isGiven bool
		flag    string
		because string
	}{
		{o.failFast, "--fail-fast", "shards know nothing of each other, so that each would end at a cell of its own"},
		{o.failed != "", "--failed", "a merge finds out by the files and by --only and --host which cells are missing; " +
			"run those that failed without --shard"},
		{o.baseline != "", "--baseline",
			"a share has some of the cells alone; compare the merged report with \"labrun diff\""},
		{o.accept, "--accept", "an answer goes by all cells of an experiment, and a share has some of them"},
		{o.watch, "--watch", "a part is of one run, and that makes one after the other"},
	} {
		if c.isGiven {
			return usagef("--shard and %s: %s", c.flag, c.because)
		}
	}
	if _, err := o.partFile(); s.resume && err != nil {
		return err
	}
	return o.checkKernelsOfShard(topologies)
}

// checkKernelsOfShard leaves out the kernels that other shards ask.
func (o *runOptions) checkKernelsOfShard(topologies []*lab.Topology) error {
	s := &o.sharing
	names, err := o.namedKernels()
	if err != nil {
		return err
	}
	s.says = result.Shard{Index: s.share.Index, Of: s.share.Of, Only: o.only, Hosts: o.hosts, Kernels: names}
	if o.repeat > 1 {
		s.says.Repeat = o.repeat
	}
	if s.says.Node, err = os.Hostname(); err != nil {
		return err
	}
	s.says.Cells = o.countCells(topologies)
	if len(o.asked) > 0 {
		s.says.Cells = 0
		for _, a := range o.asked {
			s.says.Cells += o.countCells(a.topologies)
		}
	}
	if !s.share.ByKernel {
		return nil
	}
	switch {
	case len(names) == 0:
		return usagef("--shard %s: name the kernels with --kernel; those that files name are asked of other files each",
			s.text)
	case len(names) < s.share.Of:
		return usagef("--shard %s: %s, and so many shards at most", s.text, count(len(names), "kernel"))
	}
	s.says.By = result.ByKernel
	s.says.Cells = 0
	// One kernel costs as much as another. A share has neighbours, so that the parts, one after the other, have the
	// columns of the whole in its order, which its digest is of.
	var mine []asked
	for i, name := range names {
		if i*s.share.Of/len(names) == s.share.Index-1 {
			mine = append(mine, asked{name, topologies})
			s.says.Cells += o.countCells(topologies)
		}
	}
	if len(mine) == 1 && mine[0].kernel == hostKernel {
		mine = nil // this machine's alone, as checkKernels has it
	}
	o.asked = mine
	return nil
}

// partFile returns the file that gets the part.
func (o *runOptions) partFile() (string, error) {
	var files []string
	for _, file := range o.outputs.files {
		if f, ok := report.FormatOf(file); ok && f.Name == "json" {
			files = append(files, file)
		}
	}
	if len(files) != 1 {
		return "", usagef("--resume goes on with one part, and %s given as -o FILE.json: it needs one",
			cmp.Or(list(files), "none is"))
	}
	return files[0], nil
}

// fits says in what a part is not of the run that the flags and files are of, nil when it is.
func (o *runOptions) fits(file string, kept *result.Report, topologies []*lab.Topology) error {
	want, is := o.sharing.says, kept.Environment.Shard
	if is == nil {
		return usagef("%s: it is not a part of a run, but a whole one: take another -o FILE, or do without --resume", file)
	}
	var all []string
	differs := func(what string, is, want any) {
		if is, want := fmt.Sprint(is), fmt.Sprint(want); is != want {
			all = append(all, fmt.Sprintf("%s %s and not %s", what, is, want))
		}
	}
	share := func(s *result.Shard) shard.Share { return shard.Share{Index: s.Index, Of: s.Of, ByKernel: s.By != ""} }
	words := func(list []string) string { return cmp.Or(lab.Command(list...), "none") }
	differs("shard", share(is), share(&want))
	differs("--only", words(is.Only), words(want.Only))
	differs("--host", words(is.Hosts), words(want.Hosts))
	differs("--kernel", words(is.Kernels), words(want.Kernels))
	differs("--repeat", max(is.Repeat, 1), max(want.Repeat, 1))
	differs("labrun", kept.Environment.Labrun, version())
	names := func(of int, name func(i int) string) string {
		var all []string
		for i := range of {
			all = append(all, name(i))
		}
		return words(all)
	}
	isFiles := names(len(kept.Matrices), func(i int) string { return kept.Matrices[i].File })
	wantFiles := names(len(topologies), func(i int) string { return topologies[i].File })
	if differs("files", isFiles, wantFiles); isFiles == wantFiles {
		for i, t := range topologies {
			if m := &kept.Matrices[i]; m.Source != t.Source || !slices.Equal(m.Included, t.Included) {
				all = append(all, "another text of "+t.File)
			}
		}
	}
	if all == nil {
		return nil
	}
	return usagef("%s is of another run: it has %s", file, strings.Join(all, ", "))
}

// isWhole reports whether a part has an answer of every cell of its share.
func isWhole(r *result.Report) bool { return r.Environment.Shard.Lacks == 0 && r.Counts.Errors == 0 }

// shardRun is the run of a share, perhaps of several kernels. A nil one is the run of all cells.
type shardRun struct {
	says   result.Shard
	cells  int             // of the share
	had    *result.Report  // what an earlier run has; may be nil
	heads  []result.Matrix // of all topologies, without rows and columns
	save   func(result.Report)
	pieces []piece // one for each kernel

	mu   sync.Mutex
	used map[string]bool // the kernels of the earlier run that were asked again
}

// piece is the run of a share on one kernel.
type piece struct {
	of     *shardRun
	kernel string         // as --kernel has it
	report *result.Report // what it has so far; nil before it began
}

// newShardRun counts the cells of the share. save gets the part from time to time, and may be nil.
func (o *runOptions) newShardRun(topologies []*lab.Topology, options run.Options,
	had *result.Report) (*shardRun, error) {
	s := &shardRun{says: o.sharing.says, had: had, used: map[string]bool{}}
	kernels := o.asked
	if len(kernels) == 0 {
		kernels = []asked{{hostKernel, topologies}}
	}
	for _, a := range kernels {
		n, err := run.Cells(a.topologies, options)
		if err != nil {
			return nil, err
		}
		s.cells += n
		s.pieces = append(s.pieces, piece{of: s, kernel: a.kernel})
	}
	for _, t := range topologies {
		s.heads = append(s.heads, result.Matrix{File: t.File, Name: t.Name, Doc: t.Doc, Lesson: t.Lesson, Source: t.Source,
			Included: t.Included, Layout: t.Layout})
	}
	return s, nil
}

func (s *shardRun) piece(i int) *piece {
	if s == nil {
		return nil
	}
	return &s.pieces[i]
}

// signed returns the part with what it says of its share.
func (s *shardRun) signed(r result.Report) result.Report {
	says := s.says
	says.Lacks = s.cells - r.Counts.Sum()
	r.Environment.Shard = &says
	return r
}

// prepare has the run of a kernel go on with what an earlier one has, and save what it has itself. It returns how
// many seconds the earlier one took.
func (p *piece) prepare(env *result.Environment, topologies []*lab.Topology, options *run.Options) (float64, error) {
	if p == nil {
		return 0, nil
	}
	before, began := 0.0, time.Now()
	had, err := p.of.hadOf(&env.Kernels[0], topologies)
	if err != nil {
		return 0, err
	}
	if options.Had = had; had != nil {
		env.Started, before = p.of.had.Environment.Started, p.of.had.Environment.Elapsed
	}
	base := *env
	if p.of.save != nil {
		options.Checkpoint = func(part run.Part) {
			e := base
			e.Seconds, e.Elapsed = part.Seconds, before+time.Since(began).Seconds()
			p.of.checkpoint(p, result.NewReport(e, part.Matrices))
		}
	}
	return before, nil
}

// hadOf returns what the earlier run has of a kernel, nil where there is nothing. Another kernel, or the same one
// with other parameters, may answer otherwise, and the part would be of neither.
func (s *shardRun) hadOf(info *result.KernelInfo, topologies []*lab.Topology) (*run.Part, error) {
	if s.had == nil {
		return nil, nil
	}
	kernels := answered(s.had)
	at := slices.IndexFunc(kernels, func(k result.KernelInfo) bool {
		return k.Release == info.Release && k.Version == info.Version && k.Machine == info.Machine
	})
	switch {
	case at < 0 && len(kernels) < len(s.pieces):
		return nil, nil // that one had not begun
	case at < 0:
		at = 0 // of several any tells the difference
	}
	k := kernels[at]
	if differs := k.Differs(info); differs != nil {
		return nil, usagef("the part has answers of another kernel, user or parameter, its own first: %s",
			strings.Join(differs, ", "))
	}
	s.mu.Lock()
	s.used[k.Name] = true
	s.mu.Unlock()
	r := *s.had
	if k.Name != "" {
		r = r.On(k.Name)
	}
	return partOf(&r, topologies), nil
}

// unused returns an error when the earlier run has a kernel that was not asked now.
func (s *shardRun) unused() error {
	if s.had == nil {
		return nil
	}
	for _, k := range answered(s.had) {
		if !s.used[k.Name] {
			return usagef("the part has linux %s, and none of the kernels is that one now", cmp.Or(k.Name, k.Release))
		}
	}
	return nil
}

// answered returns the kernels that have a cell that is not an error. One that could not be booted has errors alone,
// and is described by what was known of it.
func answered(r *result.Report) []result.KernelInfo {
	has := map[string]bool{}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			if c := &m.Cells[j]; c.Verdict != result.Error {
				has[m.Columns[c.Column].Kernel] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(r.Environment.Kernels), func(k result.KernelInfo) bool { return !has[k.Name] })
}

// partOf finds what a report has of topologies, in their order. A run may have a file twice.
func partOf(r *result.Report, topologies []*lab.Topology) *run.Part {
	part := &run.Part{Matrices: make([]result.Matrix, len(topologies)), Seconds: make([][]float32, len(topologies))}
	next := map[string]int{} // where to look for the next of a file
	for i, t := range topologies {
		for j := next[t.File]; j < len(r.Matrices); j++ {
			if r.Matrices[j].File == t.File {
				part.Matrices[i], part.Seconds[i], next[t.File] = r.Matrices[j], r.SecondsOf(j), j+1
				break
			}
		}
	}
	return part
}

// checkpoint saves the part, with what the pieces have so far. It has all files, also those that no kernel was asked
// yet: a resumed run takes them from there.
func (s *shardRun) checkpoint(p *piece, r result.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.report = &r
	if len(s.pieces) == 1 {
		s.save(s.signed(r))
		return
	}
	head := result.Part{Report: result.Report{Environment: r.Environment, Matrices: s.heads}}
	head.Report.Environment.Kernels, head.Report.Environment.Seconds = nil, nil
	parts := []result.Part{head}
	for _, p := range s.pieces {
		if p.report != nil {
			parts = append(parts, result.Part{Name: p.kernel, Report: p.report.Named("")}) // a copy, to be named
		}
	}
	result.NameKernels(parts[1:])
	whole, err := result.Merge(parts...)
	if err != nil { // pieces of one run always fit, and what is wrong with them the run's end tells
		return
	}
	s.save(s.signed(whole))
}

// checkpoints returns what writes the part to those of the outputs that are JSON, nil where there is none. A pipe
// cannot be replaced. That it was not written is said once: the run goes on, and the earlier one stays.
func checkpoints(outputs []*output, failed func(error)) func(result.Report) {
	var files []*output
	for _, out := range outputs {
		if out.format.Name == "json" && !out.direct {
			files = append(files, out)
		}
	}
	if files == nil {
		return nil
	}
	told := false
	return func(r result.Report) {
		for _, out := range files {
			if err := checkpoint(out, r); err != nil && !told {
				told = true
				failed(fmt.Errorf("-o %s: what the part has so far could not be kept: %w", out.name, err))
			}
		}
	}
}

func checkpoint(out *output, r result.Report) error {
	now, err := openOutput(out.name)
	if err != nil {
		return err
	}
	now.format = out.format
	err = now.write(r)
	if closed := now.file.Close(); err == nil && closed != nil && !errors.Is(closed, os.ErrClosed) {
		err = closed
	}
	return err
}
