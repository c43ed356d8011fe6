package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
)

// mergeOptions are the flags of "labrun merge".
type mergeOptions struct {
	outputs outputOptions
	verbose bool
	partial bool
	tells   bool // by the exit status what the report says
}

// mergeCommand makes "labrun merge": what machines found apart becomes one report.
func mergeCommand() *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge FILE.json...",
		Short: "put reports together: of several kernels, machines, or parts of the cells",
		Long: `merge puts kept reports together that ask the same of the same files: those of other
kernels become columns, those of other experiments or hosts become rows and columns
of one matrix. A cell may be in several of them, when they agree on it. It needs no
privilege and runs on every system.

    labrun topologies/dual-nic.yaml -o here.json      # on one machine
    labrun topologies/dual-nic.yaml -o there.json     # on another
    labrun merge here.json there.json -o both.html

The parts of a run with --shard become the report that the run would have been without:
only its environment says of which machines. Parts that are missing, there twice, cut
short, or of another run are named, and nothing is written; with --partial the cells of
those that are missing are skips, with the reason.

    labrun merge part-*.json -o report.json.zst
    labrun merge part-*.json --partial

Reports by another version of labrun, of other texts, or that contradict each other are
named, and nothing is written.

Into JSON, reports are merged that do not fit into memory: ten thousand of them, or
millions of cells. On disk that takes a tenth of what they have, beside the first -o.
The other formats need memory for all cells. With -o, standard output has the last lines
of the report alone, unless --format names a format that no FILE takes.

` + formatList() + `
Exit status: 0 whatever the reports say, 2 when they cannot be read or put together. With
--exit-code it is that of the run: 1 some failed, 3 some could not be asked.`,
		Args: args(1, math.MaxInt, "one FILE.json or more"),
		RunE: func(cmd *cobra.Command, files []string) error { return merge(cmd, files, o) },
	}
	o.outputs.flags(cmd.Flags())
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "show every step of every cell, in text on standard output")
	cmd.Flags().BoolVar(&o.partial, "partial", false,
		"merge the parts of a run that there are; the cells of the others are skips, with the reason")
	cmd.Flags().BoolVar(&o.tells, "exit-code", false, "exit 1 when a cell has failed, and 3 when one could not be asked")
	return cmd
}

// merge reads all files before it gives up.
func merge(cmd *cobra.Command, files []string, o mergeOptions) error {
	if err := o.outputs.check(); err != nil {
		return err
	}
	if err := o.outputs.spare(false, files...); err != nil { // a part in whose place the report is cannot be merged again
		return err
	}
	spool, err := o.spool()
	if err != nil {
		return err
	}
	defer func() {
		spool.file.Close()
		_ = spool.discard()
	}()
	status := newStatus(cmd.ErrOrStderr(), 1)
	defer status.close()
	merger := report.NewMerger(spool.file)
	if err := readParts(merger, files, status); err != nil {
		return err
	}
	whole, err := merger.Merge(o.partial)
	if err != nil {
		return badFile(err)
	}
	if o.partial && whole.Shard() == nil {
		return usagef("--partial: none of the files is a part of a run with --shard, so nothing can be missing")
	}
	if whole.Lacks != "" {
		if whole.Missing, err = missingCells(cmd.ErrOrStderr(), whole); err != nil {
			return err
		}
	}
	whole.Progress = status.phase("cells compared")
	if err := whole.Count(); err != nil {
		return badFile(err)
	}
	status.hide(true)
	if whole.Lacks != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "labrun: %s: %s\n", whole.Lacks, insteadOf(whole))
	}
	open, err := o.outputs.open()
	if err != nil {
		return err
	}
	defer closeOutputs(open)
	status.hide(false)
	whole.Progress = status.phase("cells written")
	if err := writeMerged(cmd, whole, open, status, o); err != nil || !o.tells {
		return err
	}
	return statusOf(whole.Report().Counts)
}

// insteadOf says what stands for the cells that are missing.
func insteadOf(whole *report.Merged) string {
	if n := whole.Filled(); n > 0 || whole.Shard().By == "" {
		return fmt.Sprintf("%d of the cells are skips", n)
	}
	return "the kernels that were to be asked there have no columns"
}

// writeMerged writes the report to where it is wanted. JSON is written as it is merged; the cells are taken into
// memory for what needs them there.
func writeMerged(cmd *cobra.Command, whole *report.Merged, open []*output, status *status, o mergeOptions) error {
	stdout := cmd.OutOrStdout()
	streams := func(f report.Format) bool { return f.Name == "json" }
	var inMemory result.Report
	if slices.ContainsFunc(open, func(out *output) bool { return !streams(out.format) }) ||
		!o.outputs.quiet && !streams(o.outputs.stdout) {
		var err error
		if inMemory, err = whole.Collect(); err != nil {
			return err
		}
	}
	var errs []error
	for _, out := range open {
		write := func() error { return out.write(inMemory) }
		if streams(out.format) {
			write = func() error { return out.writeFormat(whole.JSON) }
		}
		if err := write(); err != nil {
			errs = append(errs, fmt.Errorf("-o %s: %w", out.name, err))
		}
	}
	status.hide(true) // the terminal may be that of standard output
	if err := errors.Join(errs...); err != nil {
		return err
	}
	switch {
	case o.outputs.quiet:
		return textFor(stdout).Summary(stdout, whole.Report())
	case streams(o.outputs.stdout):
		if err := whole.JSON(stdout); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	}
	return writeReport(stdout, inMemory, o.outputs.stdout, detail{verbose: o.verbose})
}

// spool returns a file without a name for cells on their way: beside the first report that is written, which needs
// as much room there, or else where temporary files are.
func (o *mergeOptions) spool() (*output, error) {
	beside := filepath.Join(os.TempDir(), "labrun")
	for _, name := range o.outputs.files {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) || err == nil && info.Mode().IsRegular() {
			beside = name
			break
		}
	}
	file, err := nameless(beside)
	if err != nil {
		if beside != filepath.Join(os.TempDir(), "labrun") {
			return nil, usagef("-o %s: %w", beside, err)
		}
		return nil, err
	}
	return &output{name: beside, target: beside, file: file}, nil
}

// readParts reads the files, and returns what is wrong with any of them.
func readParts(merger *report.Merger, files []string, status *status) error {
	if at := slices.Index(files, "-"); at >= 0 && slices.Contains(files[at+1:], "-") {
		return usagef("-: standard input can be read once, and is named twice")
	}
	const megabyte = 1 << 20
	progress, total, done := status.phase("MB read"), 0, 0
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			total += int(info.Size())
		}
	}
	const most = 20 // files; of ten thousand that are broken alike no screen needs more
	var wrong []error
	for i, file := range files {
		err := withReport(file, func(in io.Reader) error {
			return merger.Read(file, counted(in, func(n int) {
				done += n
				progress(done/megabyte, max(done, total)/megabyte)
			}))
		})
		if err != nil && exitOf(err) != exitUsage {
			return err
		}
		if err != nil {
			wrong = append(wrong, err)
		}
		if len(wrong) == most && i < len(files)-1 {
			wrong = append(wrong, fmt.Errorf("%s were not read any more", count(len(files)-1-i, "file")))
			break
		}
	}
	return badFile(errors.Join(wrong...))
}

// counted returns a reader that tells how much was read from it.
func counted(in io.Reader, tell func(n int)) io.Reader { return &countingReader{in, tell} }

type countingReader struct {
	io.Reader
	tell func(n int)
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.tell(n)
	return n, err
}

// badFile makes a mistake in a file of an error, unless the machine is to blame.
func badFile(err error) error {
	if err == nil || exitOf(err) != exitUsage {
		return err
	}
	return usageError{err}
}

// missingCells returns the cells of parts that are missing, as skips: the files say which cells a run has, and the
// flags in the parts that are there which of them it chose.
func missingCells(stderr io.Writer, whole *report.Merged) (func(matrix int) iter.Seq[result.Cell], error) {
	topologies, err := reload(stderr, "the parts", &result.Report{Matrices: whole.Matrices})
	if err != nil {
		return nil, err
	}
	var chosen []lab.Selection
	for _, text := range whole.Shard().Only {
		p, err := lab.ParseSelection(text)
		if err != nil {
			return nil, usagef("the parts ran with --only %s: %w", text, err)
		}
		chosen = append(chosen, p)
	}
	for i := range whole.Matrices {
		for _, r := range whole.Matrices[i].Rows {
			e := topologies[i].Experiment(r.Name)
			if e == nil || len(e.Axes)+len(r.Axes) > 0 && !reflect.DeepEqual(e.Axes, r.Axes) {
				return nil, usagef("%s: this labrun reads experiment %s otherwise than the one that ran it: merge with that",
					whole.Matrices[i].File, r.Name)
			}
		}
	}
	note := &result.Note{Reason: whole.Lacks}
	return func(matrix int) iter.Seq[result.Cell] {
		m := &whole.Matrices[matrix]
		return func(yield func(result.Cell) bool) {
			for row := range m.Rows {
				e := topologies[matrix].Experiment(m.Rows[row].Name)
				for column := range m.Columns {
					if !e.RunsOn(m.Columns[column].Host) {
						continue
					}
					for _, c := range e.Combos {
						is := func(p lab.Selection) bool { return p.Matches(e, c) }
						if len(chosen) > 0 && !slices.ContainsFunc(chosen, is) {
							continue
						}
						cell := result.Cell{Row: int32(row), Column: int32(column), Combo: c, Verdict: result.Skip, Note: note}
						if !yield(cell) {
							return
						}
					}
				}
			}
		}
	}, nil
}
