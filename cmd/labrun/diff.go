package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab/compare"
	"labrun/lab/report"
	"labrun/lab/result"
)

// diffCommand makes "labrun diff". It compares outcomes and needs no kernel: two reports
// may be of two machines, neither of which is this one.
func diffCommand() *cobra.Command {
	var outputs diffOutputs
	cmd := &cobra.Command{
		Use:   "diff A.json B.json",
		Short: "say what differs between two kept reports",
		Long: `diff compares two reports that "labrun -o FILE.json" kept ("-" is standard input):
cells that changed, with the step and its answers, that appeared and that vanished,
and claims with another verdict. Cells are matched by their names, wherever they
stand. The environment (kernel, machine, user, parameters, version of labrun) is
compared apart: it is not part of the outcome. Nor is an answer that the file leaves
open, with "?" or no value where the call answers one: those are listed apart too.
Where many cells of an experiment differ they are told as classes: how they differ, and
which values of the axes those cells have and no others, "first=x|y, second=any".
Reports about several kernels are compared kernel by kernel of the same name; a report
about one with that of its version. Kernels of one report alone are left out, and
listed. Two reports about one kernel each are compared whatever the kernels are.
Neither privilege nor Linux is needed. With -o it prints nothing, unless --format names a format that no
FILE takes.

    labrun diff before.json after.json
    labrun diff before.json after.json -o summary.md -o difference.json

"labrun schema diff" describes the JSON. "labrun rerun" asks this kernel again what a
report holds, and "labrun FILE --baseline A.json" compares a run.

Exit status: 0 the outcome is the same, 1 it differs, 2 a report cannot be read.`,
		Args: args(2, 2, "two reports, A.json and B.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := outputs.check(); err != nil {
				return err
			}
			if err := outputs.spare(false, args...); err != nil {
				return err
			}
			var reports [2]result.Report
			for i, file := range args {
				var err error
				if reports[i], err = loadOutcome(file); err != nil {
					return usageError{err}
				}
			}
			open, err := outputs.open()
			if err != nil {
				return err
			}
			defer closeOutputs(open)
			d := compare.Reports(reports[0], reports[1])
			return printDiff(cmd.OutOrStdout(), &d, open, &outputs)
		},
	}
	outputs.flags(cmd.Flags())
	return cmd
}

// loadOutcome reads a report to compare. Its digest, counts and claims are worked out
// anew: it may be edited, or of a version that had another digest.
func loadOutcome(file string) (result.Report, error) {
	r, err := loadReport(file)
	if err != nil {
		return r, err
	}
	return r.Recount(), nil
}

// diffOutputs are outputOptions for a difference, which has fewer formats.
// It is a type of its own so that a command cannot offer a format that writes no difference.
type diffOutputs struct{ outputOptions }

func (o *diffOutputs) flags(f *pflag.FlagSet) {
	o.outputOptions.flags(f)
	f.Lookup("output").Usage = "write the difference to `FILE`, in the format that its suffix tells: .txt, .json, " +
		".md; .gz or .zst behind it compresses; as often as you like"
	f.Lookup("format").Usage = "the format `NAME` of every -o FILE whose suffix tells none, or of standard output " +
		"when there is no such FILE: " + list(diffNames())
}

// diffNames are the formats that can say what differs: TAP and JUnit have tests that pass or fail,
// and a cell that has changed is neither.
func diffNames() []string { return namesOf(diffFormats()) }

func diffFormats() []report.Format {
	return slices.DeleteFunc(slices.Clone(report.Formats), func(f report.Format) bool { return f.Diff == nil })
}

func (o *diffOutputs) check() error {
	if err := o.outputOptions.checkOf(diffFormats()); err != nil {
		return err
	}
	for i, f := range o.formats {
		if f.Diff == nil {
			return usagef("-o %s: a difference is not written as %s; there are %s", o.files[i], f.Name,
				list(diffNames()))
		}
	}
	if o.stdout.Diff == nil {
		return usagef("--format %s: a difference is not written so; there are %s", o.stdout.Name, list(diffNames()))
	}
	return nil
}

// printDiff writes the difference to files and to standard output, and turns it
// into an exit status.
func printDiff(stdout io.Writer, d *compare.Difference, outputs []*output, o *diffOutputs) error {
	var errs []error
	for _, out := range outputs {
		write := func(w io.Writer) error { return out.format.Diff(w, d) }
		if err := out.writeFormat(write); err != nil {
			errs = append(errs, fmt.Errorf("-o %s: %w", out.name, err))
		}
	}
	if !o.quiet {
		errs = append(errs, writeDiff(stdout, o.stdout, "", d))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if d.Outcome() {
		return exitStatus(exitFailed)
	}
	return nil
}

// writeDiff writes a difference, in text below a head.
func writeDiff(w io.Writer, f report.Format, head string, d *compare.Difference) error {
	write := func() error { return f.Diff(w, d) }
	if f.Name == "text" {
		text := func() error { return textFor(w).Diff(w, d) }
		above := func() error { _, err := io.WriteString(w, head); return err }
		write = func() error { return withoutWorkflowCommands(w, func() error { return inTurn(above, text) }) }
	}
	if err := write(); err != nil {
		return fmt.Errorf("write the difference: %w", err)
	}
	return nil
}
