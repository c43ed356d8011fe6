package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/run"
)

// runOptions are the flags of "labrun FILE...".
type runOptions struct {
	jobs    int
	outputs []string
	verbose bool
	only    []string
	hosts   []string
	timeout time.Duration

	patterns []cellPattern // only, parsed by check
}

func (o *runOptions) flags(f *pflag.FlagSet) {
	f.IntVarP(&o.jobs, "jobs", "j", 0, "run `N` cells at a time (default one per processor)")
	f.StringArrayVarP(&o.outputs, "output", "o", nil, "also write the report to `FILE`, whose name ends in .json")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show every step of every cell")
	f.StringArrayVar(&o.only, "only", nil, "run only experiments whose name matches `PATTERN`, e.g. 'claim-4*', or some of their cells, 'NAME[axis=value]'")
	f.StringArrayVar(&o.hosts, "host", nil, "run only in the host `NAME`")
	f.DurationVar(&o.timeout, "timeout", 0, "stop the whole run after `DURATION`, e.g. 90s; what has not run is an error")
}

// check finds mistakes in the flags before anything is built.
func (o *runOptions) check(topologies []*lab.Topology) error {
	if o.jobs < 0 {
		return usagef("-j %d: a number of cells, at least 1 (0 means one per processor)", o.jobs)
	}
	if o.timeout < 0 {
		return usagef("--timeout %s: a duration above zero", o.timeout)
	}
	for _, file := range o.outputs {
		if path.Ext(file) != ".json" {
			return usagef("-o %s: the format is told by the suffix, and the only one is .json", file)
		}
	}
	for _, name := range o.hosts {
		if !slices.ContainsFunc(topologies, func(t *lab.Topology) bool { return t.Host(name) != nil }) {
			return usagef("--host %s: no such host; there are %s", name, strings.Join(hostNames(topologies), ", "))
		}
	}
	for _, text := range o.only {
		p, err := parseCellPattern(text)
		if err != nil {
			return usagef("--only %s: %w", text, err)
		}
		if e, _, _ := p.find(topologies); e == nil {
			return noCell("--only", p, topologies)
		}
		o.patterns = append(o.patterns, p)
	}
	return nil
}

func hostNames(topologies []*lab.Topology) []string {
	var names []string
	for _, t := range topologies {
		for _, h := range t.Hosts {
			names = append(names, h.Name)
		}
	}
	return unique(names)
}

func experimentNames(topologies []*lab.Topology) []string {
	var names []string
	for _, t := range topologies {
		for _, e := range t.Experiments {
			names = append(names, e.Name)
		}
	}
	return unique(names)
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// selects returns which cells are to run, nil when all are.
func (o *runOptions) selects() func(*lab.Experiment, lab.Combo) bool {
	if len(o.patterns) == 0 {
		return nil
	}
	return func(e *lab.Experiment, c lab.Combo) bool {
		return slices.ContainsFunc(o.patterns, func(p cellPattern) bool { return p.matches(e, c) })
	}
}

// matrix runs the main job: files to a report on standard output.
func (c command) matrix(files []string, o runOptions) error {
	topologies, err := c.load(files)
	if err != nil {
		return err
	}
	if err := o.check(topologies); err != nil {
		return err
	}
	if err := c.privilege(false); err != nil {
		return err
	}
	outputs, err := openOutputs(o.outputs)
	if err != nil {
		return err
	}
	defer closeOutputs(outputs)
	ctx := untilSignal()
	kernel, err := kernelVersion()
	if err != nil {
		return err
	}
	env, err := environment(ctx)
	if err != nil {
		return err
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("--timeout %s was over", o.timeout))
		defer cancel()
	}
	if o.jobs == 0 {
		o.jobs = runtime.NumCPU()
	}
	status := c.status()
	matrices, err := run.Run(ctx, kernel, topologies, run.Options{
		Jobs: o.jobs, Only: o.selects(), Hosts: o.hosts, Progress: status.show,
	})
	status.clear()
	if err != nil {
		return err
	}
	env.Jobs = o.jobs
	env.Elapsed = time.Since(env.Started).Seconds()
	return c.print(lab.NewReport(env, matrices), outputs, o.verbose)
}

// print writes the report to the files that were asked for and to standard
// output, and turns it into an exit status. The files come first: whoever reads
// the output may stop reading.
func (c command) print(r lab.Report, outputs []*output, verbose bool) error {
	var errs []error
	for _, out := range outputs {
		if err := out.write(r); err != nil {
			errs = append(errs, fmt.Errorf("-o %s: %w", out.name, err))
		}
	}
	text := report.Text{Colour: colour(c.stdout), Verbose: verbose}
	if err := text.Write(c.stdout, r); err != nil {
		errs = append(errs, fmt.Errorf("write the report: %w", err))
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	switch {
	case r.Counts.Errors > 0:
		return exitStatus(exitError)
	case r.Counts.Failed > 0:
		return exitStatus(exitFailed)
	}
	return nil
}
