package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/compare"
	"labrun/lab/kernel/image"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
)

// bisectCommand makes "labrun bisect". Somebody whose program breaks on a new kernel has a dozen kernels at hand and
// wants the two between which the answer changed, not a dozen boots.
func bisectCommand() *cobra.Command {
	var o askOptions
	var kept outputOptions
	cmd := &cobra.Command{
		Use:   "bisect FILE --only CELL",
		Short: "find between which two kernels the answer of a cell changed",
		Long: `bisect sorts the kernels by their versions, asks the two ends one cell, and then the
kernels in the middle, one at a time: of 16 kernels it boots 6. A kernel that skips the
cell or cannot be asked is passed over for its neighbour. Each line has a kernel's
answer; the last say which step changed, and which known change of Linux explains it.
Answers that the file leaves open do not count.

    labrun bisect lab.yaml --only two-listeners   # of the cache, and this one
    labrun bisect lab.yaml --only 'pairs[first=any,second=x]' --host beta \
        --kernel debian:5.10 --kernel debian:6.1 --kernel host

The cell is asked in the first host that has it, unless --host names another. With -o
FILE the report about all kernels that were asked is kept.

Exit status: 0 both ends answer the same, 1 the answer changed, 2 bad usage or a bad
file, 3 the kernels could not be asked.`,
		Args: args(1, 1, "a FILE"),
		RunE: func(cmd *cobra.Command, files []string) error { return bisectFile(cmd, files, o, kept) },
	}
	f := cmd.Flags()
	o.flags(f)
	f.Lookup("only").Usage = "the one cell to ask, `CELL`: 'NAME', or 'NAME[axis=value]' where the experiment has axes"
	f.Lookup("verbose").Usage = "show every step of the cell on every kernel"
	f.StringArrayVarP(&kept.files, "output", "o", nil,
		"keep the report about all kernels asked in `FILE`, in the format that its suffix tells: "+suffixes()+
			"; as often as you like")
	return cmd
}

func bisectFile(cmd *cobra.Command, paths []string, o askOptions, kept outputOptions) error {
	if err := kept.check(); err != nil {
		return err
	}
	if err := privilegeToRead(false, paths...); err != nil {
		return err
	}
	files, err := topologyFiles(cmd.ErrOrStderr(), paths)
	if err != nil {
		return err
	}
	topologies, err := load(cmd, files)
	if err != nil {
		return err
	}
	if err := o.check(topologies); err != nil {
		return err
	}
	cell, err := o.oneCell(topologies)
	if err != nil {
		return err
	}
	if len(o.asked) == 0 && len(o.kernels)+len(o.kernelsFrom) == 0 {
		if err := o.askCached(cell.topology); err != nil {
			return err
		}
	}
	if len(o.asked) < 2 {
		return usagef("bisect takes two kernels or more: --kernel, --kernels-from, kernels: in the file, or the cache, " +
			"where \"labrun kernels get\" puts them")
	}
	if err := o.privilege(); err != nil {
		return err
	}
	open, err := kept.open()
	if err != nil {
		return err
	}
	defer closeOutputs(open)
	ctx, clock := withTimeout(untilSignal(), o.timeout)
	defer clock.end()
	o.timeout = 0 // it is of all boots together
	b := bisection{cell: cell, out: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(), text: textFor(cmd.OutOrStdout())}
	b.text.Verbose = o.verbose
	b.ask = func(ctx context.Context, name string) (result.Report, error) {
		one := o
		one.asked = []asked{{name, []*lab.Topology{cell.topology}}}
		return ask(ctx, b.stderr, one.asked[0].topologies, one,
			run.Options{Only: one.selects(), Hosts: []string{cell.host}}, nil)
	}
	for _, a := range o.asked {
		v, err := versionOf(ctx, a.kernel)
		if err != nil { // the others go on
			fmt.Fprintf(b.stderr, "labrun: --kernel %s is left out: %s\n", a.kernel, lab.VisibleLines(err.Error()))
			continue
		}
		b.kernels = append(b.kernels, bisected{spec: a.kernel, version: v})
	}
	err = withoutWorkflowCommands(b.out, func() error { return b.run(ctx) })
	whole, merged := b.report()
	if merged != nil || len(whole.Matrices) == 0 { // nothing was asked
		return errors.Join(err, merged)
	}
	return errors.Join(err, writeOutputs(whole, open))
}

// askCached asks the kernels of the cache, and this machine's: that is what bisect has where nothing names kernels.
func (o *askOptions) askCached(t *lab.Topology) error {
	cached, err := image.List()
	if err != nil {
		return err
	}
	o.asked = []asked{{hostKernel, []*lab.Topology{t}}}
	for _, k := range cached {
		o.asked = append(o.asked, asked{k.Exact(), []*lab.Topology{t}})
	}
	return nil
}

// oneCell returns the cell that the flags choose, which has to be one.
func (o *askOptions) oneCell(topologies []*lab.Topology) (chosen, error) {
	if len(o.patterns) != 1 {
		return chosen{}, usagef("bisect takes one --only CELL: 'NAME', or 'NAME[axis=value]'")
	}
	e, combo, more := find(o.patterns[0], topologies)
	if more {
		return chosen{}, usagef("--only %s: it chooses %s and others, and bisect asks one cell", o.only[0],
			lab.CellName(e.Name, e.Axes, combo))
	}
	for _, t := range topologies {
		for _, h := range t.Hosts {
			if t.Experiment(e.Name) == e && e.RunsOn(h.Name) && (len(o.hosts) == 0 || slices.Contains(o.hosts, h.Name)) {
				return chosen{t, h.Name, lab.CellName(e.Name, e.Axes, combo)}, nil
			}
		}
	}
	return chosen{}, usagef("--only %s: no host has that cell", o.only[0])
}

// chosen is the cell that is asked.
type chosen struct {
	topology *lab.Topology
	host     string
	name     string
}

// bisected is a kernel of a bisection.
type bisected struct {
	spec    string // as the user named it
	version lab.KernelVersion
	report  *result.Report // about the one cell; nil when it was not asked
}

// bisection is a search for the kernels between which the answer of a cell changed.
type bisection struct {
	cell        chosen
	kernels     []bisected
	ask         func(ctx context.Context, kernel string) (result.Report, error)
	out, stderr io.Writer
	text        report.Text
}

// run searches, and says what each kernel answered as soon as it has.
func (b *bisection) run(ctx context.Context) error {
	if len(b.kernels) < 2 {
		return fmt.Errorf("%d of the kernels can be booted, and it takes two", len(b.kernels))
	}
	slices.SortStableFunc(b.kernels, func(x, y bisected) int { return x.version.Compare(y.version) })
	fmt.Fprintf(b.out, "%s on %s, %d kernels from %s to %s\n", lab.Visible(b.cell.name), b.cell.host, len(b.kernels),
		b.kernels[0].version, b.kernels[len(b.kernels)-1].version)
	found, err := compare.Bisect(len(b.kernels), func(i int) (bool, error) {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		return b.boot(ctx, i)
	}, func(i, j int) bool { return len(b.between(i, j).Changes) == 0 })
	switch {
	case errors.Is(err, compare.ErrSilent):
		fmt.Fprintln(b.out, "fewer than two of the kernels answered")
		return exitStatus(exitError)
	case err != nil:
		return err
	case !found.Differ:
		fmt.Fprintf(b.out, "the answer is the same on linux %s and linux %s, in %s; a change and its end between "+
			"them are not looked for\n", b.name(found.Before), b.name(found.After), boots(found.Asked))
		return nil
	}
	fmt.Fprintf(b.out, "it changed between linux %s and linux %s, found in %s\n", b.name(found.Before),
		b.name(found.After), boots(found.Asked))
	if len(found.Silent) > 0 {
		var names []string
		for _, i := range found.Silent {
			names = append(names, "linux "+b.name(i))
		}
		fmt.Fprintf(b.out, "without an answer, between them: %s\n", strings.Join(names, ", "))
	}
	fmt.Fprintln(b.out)
	if err := b.text.Changes(b.out, b.between(found.Before, found.After)); err != nil {
		return err
	}
	return exitStatus(exitFailed)
}

// boots counts boots.
func boots(n int) string {
	if n == 1 {
		return "1 boot"
	}
	return fmt.Sprintf("%d boots", n)
}

// boot asks a kernel, says what it answered, and reports whether it did.
func (b *bisection) boot(ctx context.Context, i int) (bool, error) {
	k := &b.kernels[i]
	r, err := b.ask(ctx, k.spec)
	if err != nil {
		return false, fmt.Errorf("kernel %s: %w", k.spec, err)
	}
	if len(r.Matrices) != 1 || len(r.Matrices[0].Cells) != 1 {
		return false, fmt.Errorf("kernel %s: %d cells were asked, and not one", k.spec, r.Counts.Sum())
	}
	m := &r.Matrices[0]
	c := &m.Cells[0]
	named := r.Named(b.name(i))
	k.report = &named
	fmt.Fprintf(b.out, "linux %s (%s): %s\n", b.name(i), k.spec, b.said(m, c))
	if b.text.Verbose {
		for _, s := range m.StepsOf(c) {
			fmt.Fprintf(b.out, "  %4d  %-12s %s = %s\n", s.Line, lab.Visible(s.Process), lab.Visible(s.Call),
				lab.Visible(s.Words(s.Got)))
		}
	}
	return c.Answered(), ctx.Err()
}

// said puts what a kernel answered into a line: why it did not, or its verdict and its last step.
func (b *bisection) said(m *result.Matrix, c *result.Cell) string {
	steps := m.StepsOf(c)
	if c.Verdict == result.Skip || c.Verdict == result.Error || len(steps) == 0 {
		reason := strings.TrimSpace(lab.VisibleLines(c.Reason()))
		return fmt.Sprintf("%s, %s", c.Verdict, strings.ReplaceAll(reason, "\n", "\n  "))
	}
	s := steps[len(steps)-1]
	return lab.Visible(fmt.Sprintf("%s, %s = %s", c.Verdict, s.Call, s.Words(s.Got)))
}

// name names a kernel as a report about several does: by its version, and by what the user calls it where several
// have that version.
func (b *bisection) name(i int) string {
	k := &b.kernels[i]
	same := func(other bisected) bool { return other.version == k.version }
	if slices.IndexFunc(b.kernels, same) != i || slices.ContainsFunc(b.kernels[i+1:], same) {
		return k.version.String() + " " + k.spec
	}
	return k.version.String()
}

// between returns the report about two kernels that were asked. Its changes are what they do not agree about.
func (b *bisection) between(i, j int) result.Report {
	r, err := result.Merge(b.part(i), b.part(j))
	if err != nil {
		panic(err) // the same file, asked by the same labrun
	}
	return r
}

func (b *bisection) part(i int) result.Part {
	return result.Part{Name: b.kernels[i].spec, Report: *b.kernels[i].report}
}

// report returns the report about all kernels that were asked.
func (b *bisection) report() (result.Report, error) {
	var parts []result.Part
	for i := range b.kernels {
		if b.kernels[i].report != nil {
			parts = append(parts, b.part(i))
		}
	}
	return result.Merge(parts...)
}
