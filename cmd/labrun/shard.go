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

// checkKernelsOfShard leaves out the kernels that other shards ask, and says what the share is of.
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
	if s.share.ByKernel {
		switch {
		case len(names) == 0:
			return usagef("--shard %s: name the kernels with --kernel; those that files name are asked of other files each",
				s.text)
		case len(names) < s.share.Of:
			return usagef("--shard %s: %s, and so many shards at most", s.text, count(len(names), "kernel"))
		}
		s.says.By = result.ByKernel
		o.asked = nil
		for _, name := range shard.Own(s.share, names) {
			o.asked = append(o.asked, asked{name, topologies})
		}
		if len(o.asked) == 1 && o.asked[0].kernel == hostKernel {
			o.asked = nil // this machine's alone, as checkKernels has it
		}
	}
	for _, a := range o.kernelsOf(topologies) {
		s.says.Cells += o.countCells(a.topologies)
	}
	return nil
}

// kernelsOf returns the kernels that are asked, each with its topologies, this machine's too where it is the only one.
func (o *askOptions) kernelsOf(topologies []*lab.Topology) []asked {
	if len(o.asked) == 0 {
		return []asked{{hostKernel, topologies}}
	}
	return o.asked
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

// fits returns an error when a part is not of the run that the flags and files are of.
func (o *runOptions) fits(file string, kept *result.Report, topologies []*lab.Topology) error {
	if kept.Environment.Shard == nil {
		return usagef("%s: it is not a part of a run, but a whole one: take another -o FILE, or do without --resume", file)
	}
	if differs := kept.NotPartOf(&o.sharing.says, version(), topologies); differs != nil {
		return usagef("%s is of another run: it has %s", file, strings.Join(differs, ", "))
	}
	return nil
}

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
	for _, a := range o.kernelsOf(topologies) {
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
	kernels := s.had.Answered()
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
	return run.PartOf(&r, topologies), nil
}

// unused returns an error when the earlier run has a kernel that was not asked now.
func (s *shardRun) unused() error {
	if s.had == nil {
		return nil
	}
	for _, k := range s.had.Answered() {
		if !s.used[k.Name] {
			return usagef("the part has linux %s, and none of the kernels is that one now", cmp.Or(k.Name, k.Release))
		}
	}
	return nil
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
