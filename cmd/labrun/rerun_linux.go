package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/compare"
	"labrun/lab/result"
	"labrun/lab/run"
)

// rerunOptions are the flags of "labrun rerun". Standard output has the difference; the new
// report goes to files of its own, for which --report is there beside -o.
type rerunOptions struct {
	askOptions
	outputs diffOutputs
	kept    outputOptions // of the new report; it has files alone
}

// rerunCommand makes "labrun rerun". A report that came with a bug is a question to another
// kernel: it holds the texts of its topologies, so no repository has to be found in the state that
// it had.
func rerunCommand() *cobra.Command {
	var o rerunOptions
	cmd := &cobra.Command{
		Use:   "rerun FILE.json",
		Short: "run again what a kept report holds, and say what differs",
		Long: `rerun asks this kernel what a report asked: the topologies are inside it, and the
same cells run in the same hosts. It prints what differs, as "labrun diff" does, and
with -o nothing. The files that the topologies came from are not read; programs begin
in the folders of those files where they are there, and in / elsewhere. With --kernel
it asks those kernels instead. A report about several kernels is compared kernel by
kernel of the same name, and what is in one report alone is left out, and listed.

    labrun rerun report.json
    labrun rerun report.json -o difference.md --report new.json
    labrun rerun report.json --only 'claim-4*' -v
    labrun rerun report.json --kernel debian:6.1 --kernel host

A report is data from somebody: the programs in it see your files, though they
change none. "labrun report FILE.json -v" shows what it would run.

Exit status: 0 the outcome is the same (failures too), 1 it differs, 2 the report
cannot be read, 3 some cells could not be asked.`,
		Args: args(1, 1, "a FILE.json"),
		RunE: func(cmd *cobra.Command, args []string) error { return rerun(cmd, args[0], o) },
	}
	f := cmd.Flags()
	o.askOptions.flags(f)
	f.Lookup("verbose").Usage = "print the new report before what differs, with every step of every cell"
	o.outputs.flags(f)
	f.StringArrayVar(&o.kept.files, "report", nil,
		"keep the new report in `FILE`, in the format that its suffix tells: "+suffixes()+"; .gz or .zst behind it compresses; "+
			"as often as you like")
	return cmd
}

// check finds mistakes in the flags that need no report. A new report may take the place of the old one; what differs
// may not.
func (o *rerunOptions) check(file string) error {
	if err := cmp.Or(o.outputs.check(), o.kept.check()); err != nil {
		return err
	}
	return cmp.Or(o.outputs.spare(false, file), o.kept.spare(true, file))
}

// rerun asks again what a report asked. It checks everything that can be wrong before
// anything runs, in the order in which the user can mend it: flags, privilege, report,
// names in it, folders. An old report may hold what this labrun reads otherwise; it is
// compared with what runs today, and the difference says so.
func rerun(cmd *cobra.Command, file string, o rerunOptions) error {
	if err := o.check(file); err != nil {
		return err
	}
	if o.pause {
		if err := canPause(cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	// A report from standard input can be read once, and a labrun that is started anew in a user
	// namespace has to find it there.
	if err := o.checkKernels(nil); err != nil { // those that the flags name
		return err
	}
	if err := o.privilege(); err != nil {
		return err
	}
	before, err := loadOutcome(file)
	if err != nil {
		return usageError{err}
	}
	topologies, err := reload(cmd.ErrOrStderr(), file, &before)
	if err != nil {
		return err
	}
	if err := o.askOptions.check(topologies); err != nil {
		return err
	}
	if err := o.checkSame(cmd.Context(), file, &before); err != nil {
		return err
	}
	if before = o.narrow(before); before.Counts.Sum() == 0 && len(o.only)+len(o.hosts) > 0 {
		return usagef("%s holds no cell that --only and --host choose", file)
	}
	if before.Environment.Shard != nil { // claims are judged by all cells of a run, and a part has some
		for i := range before.Matrices {
			before.Matrices[i].Claims = nil
		}
	}
	if o.capture != "" {
		if err := checkCaptures(before.Counts.Sum() * o.repeat); err != nil {
			return err
		}
	}
	outputs, err := o.outputs.open()
	if err != nil {
		return err
	}
	defer closeOutputs(outputs)
	kept, err := o.kept.open()
	if err != nil {
		return err
	}
	defer closeOutputs(kept)
	folder, err := openCapture(o.capture)
	if err != nil {
		return err
	}
	after, err := ask(untilSignal(), cmd.ErrOrStderr(), topologies, o.askOptions,
		run.Options{Cell: o.cellsOf(&before, topologies), Hosts: o.columnsOf(&before)}, folder)
	if err != nil {
		return captured(cmd.ErrOrStderr(), folder, err)
	}
	return captured(cmd.ErrOrStderr(), folder, compareAgain(cmd, &before, after, kept, outputs, &o))
}

// checkSame refuses, before anything is asked, a report about several kernels of which none would be asked: there
// would be nothing to compare. A report about one kernel is compared with whatever kernel is asked.
func (o *rerunOptions) checkSame(ctx context.Context, file string, before *result.Report) error {
	if len(before.Kernels) == 0 {
		return nil
	}
	kernels := o.asked
	if len(kernels) == 0 {
		kernels = []asked{{kernel: hostKernel}}
	}
	var versions []string
	for _, a := range kernels {
		v, err := versionOf(ctx, a.kernel)
		if err != nil || slices.ContainsFunc(before.ByVersion(), func(k result.KernelInfo) bool { return k.Number() == v }) {
			return nil // or nobody knows before it is booted
		}
		versions = append(versions, v.String())
	}
	var held []string
	for _, k := range before.Kernels {
		held = append(held, k.Name)
	}
	return usagef("%s is about linux %s, and %s would be asked; name one of those with --kernel", file, list(held),
		list(versions))
}

// compareAgain writes what the two runs differ in, and keeps the new report.
func compareAgain(cmd *cobra.Command, before *result.Report, after result.Report, kept, outputs []*output,
	o *rerunOptions) error {
	d := compare.Reports(*before, after)
	if err := writeOutputs(after, kept); err != nil {
		return err
	}
	if err := printVerbose(cmd, after, *o); err != nil {
		return err
	}
	err := printDiff(cmd.OutOrStdout(), &d, outputs, &o.outputs)
	var status exitStatus
	if after.Counts.Errors > 0 && (err == nil || errors.As(err, &status)) {
		return exitStatus(exitError)
	}
	return err
}

// printVerbose prints the new report for -v, on standard error where the difference is
// for a program, or in files.
func printVerbose(cmd *cobra.Command, r result.Report, o rerunOptions) error {
	if !o.verbose {
		return nil
	}
	w := cmd.OutOrStdout()
	if o.outputs.quiet || o.outputs.stdout.Name != "text" {
		w = cmd.ErrOrStderr()
	}
	t := textFor(w)
	t.Verbose = true
	write := func() error {
		return inTurn(func() error { return t.Write(w, r) }, func() error { return blankLine(w) })
	}
	if err := withoutWorkflowCommands(w, write); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// columnsOf returns the hosts of the report. --host chose among those of all
// topologies, so all of them together choose the same.
func (o *rerunOptions) columnsOf(r *result.Report) []string {
	if len(o.hosts) > 0 {
		return o.hosts
	}
	var hosts []string
	for _, m := range r.Matrices {
		for _, c := range m.Columns {
			hosts = append(hosts, c.Host)
		}
	}
	return unique(hosts)
}

// cellsOf returns which cells the report has: a part has those of some hosts alone. An
// experiment whose axes are read otherwise today runs whole, or what --only says of it, and the
// difference tells.
func (o *rerunOptions) cellsOf(r *result.Report, topologies []*lab.Topology) func(*lab.Experiment, string,
	lab.Combo) bool {
	type place struct {
		experiment *lab.Experiment
		host       string
	}
	has := map[place][]lab.Combo{}
	whole := map[*lab.Experiment]bool{}
	for i, t := range topologies {
		m := &r.Matrices[i]
		rows := make([]*lab.Experiment, len(m.Rows))
		for j := range m.Rows {
			e := t.Experiment(m.Rows[j].Name)
			rows[j] = e
			whole[e] = e != nil && !(len(e.Axes) == 0 && len(m.Rows[j].Axes) == 0 ||
				reflect.DeepEqual(e.Axes, m.Rows[j].Axes))
		}
		for j := range m.Cells {
			c := &m.Cells[j]
			p := place{rows[c.Row], m.HostOf(c)}
			has[p] = append(has[p], c.Combo)
		}
	}
	for p, combos := range has {
		slices.Sort(combos)
		has[p] = slices.Compact(combos)
	}
	selects := o.selects()
	return func(e *lab.Experiment, host string, c lab.Combo) bool {
		_, found := slices.BinarySearch(has[place{e, host}], c)
		return found || whole[e] && (selects == nil || selects(e, c))
	}
}
