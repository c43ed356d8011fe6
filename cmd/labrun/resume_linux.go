package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
)

// resumeCommand makes "labrun resume". What chooses cells is in the part: no flag does it here.
func resumeCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "resume PART.json...",
		Short: "run what parts lack whose run was cut short",
		Long: `resume goes on with parts that "labrun FILE... --shard I/N -o PART.json" has written and
not finished: it was stopped, its machine died, or its disk was full. The topologies and
flags are those in the part; the files that they came from are not read. It runs the
cells that the part lacks, and those that could not be asked, and writes the part in its
place. The version of labrun, the kernels and their parameters have to be the same.

    labrun resume part-3.json
    labrun merge part-*.json -o report.json

A job script that may be started again says "--shard ... -o part.json --resume" instead.
A part is data from somebody, as every report: see "labrun rerun --help".

Exit status: 0 all passed, 1 some failed, 2 a part cannot be read or is of another labrun
or kernel, 3 some cells could not be asked.`,
		Args: args(1, math.MaxInt, "one PART.json or more"),
		RunE: func(cmd *cobra.Command, files []string) error { return resume(cmd, files, o) },
	}
	f := cmd.Flags()
	var all pflag.FlagSet // of a run, of which some make sense here
	o.flags(&all)
	for _, name := range []string{"jobs", "verbose", "timeout", "accel", "guest-labrun", "quiet"} {
		f.AddFlag(all.Lookup(name))
	}
	return cmd
}

// resume checks all parts before the first one runs.
func resume(cmd *cobra.Command, files []string, o runOptions) error {
	type part struct {
		o          runOptions
		topologies []*lab.Topology
		kept       result.Report
	}
	var parts []part
	for _, file := range files {
		if file == "-" {
			return usagef("-: a part is written in its place, and standard input has none")
		}
		p := part{o: o}
		var err error
		if p.kept, err = loadReport(file); err != nil {
			return usageError{err}
		}
		if p.topologies, err = p.o.resumed(cmd, file, &p.kept); err != nil {
			return err
		}
		if err := canReplace(file); err != nil {
			return usagef("%s: the part would be written in its place, and cannot be: %w; copy it to where you may write, and "+
				"resume the copy", file, err)
		}
		parts = append(parts, p)
	}
	for i := range parts {
		if err := parts[i].o.privilege(); err != nil {
			return err
		}
	}
	ctx := untilSignal()
	worst := 0
	for i := range parts {
		err := parts[i].o.runPart(ctx, cmd, parts[i].topologies, &parts[i].kept)
		var status exitStatus
		if err != nil && !errors.As(err, &status) {
			return fmt.Errorf("%s: %w", files[i], err)
		}
		if worst = max(worst, int(status)); ctx.Err() != nil {
			break
		}
	}
	if worst != 0 {
		return exitStatus(worst)
	}
	return nil
}

// resumed sets the flags to those that the part was made with, and returns its topologies.
func (o *runOptions) resumed(cmd *cobra.Command, file string, kept *result.Report) ([]*lab.Topology, error) {
	s := kept.Environment.Shard
	if s == nil {
		return nil, usagef("%s: it is not a part of a run: --shard makes those; "+
			"\"labrun rerun\" asks again what a report has", file)
	}
	for i := range kept.Matrices {
		for j := range kept.Matrices[i].Cells {
			if n := kept.Matrices[i].Cells[j].Note; n != nil && n.Captures != nil {
				return nil, usagef("%s: its cells have captures, which go to a folder: type the command again that made it, "+
					"with --capture and --resume", file)
			}
		}
	}
	o.only, o.hosts, o.kernels, o.repeat = s.Only, s.Hosts, s.Kernels, max(s.Repeat, 1)
	o.sharing.text = s.Share()
	o.outputs.files = []string{file}
	if _, ok := report.FormatOf(file); !ok {
		return nil, usagef("%s: a part has the suffix .json, or that and .gz or .zst", file)
	}
	topologies, err := reload(cmd.ErrOrStderr(), file, kept)
	if err != nil {
		return nil, err
	}
	if err := o.check(topologies); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return topologies, o.fits(file, kept, topologies)
}
