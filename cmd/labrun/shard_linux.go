package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/run"
)

// runShard runs the share of the cells that --shard says, or with --resume what lacks of it.
func runShard(ctx context.Context, cmd *cobra.Command, topologies []*lab.Topology, o runOptions) error {
	if o.sharing.found != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "labrun: shard %s, by %s\n", o.sharing.share, o.sharing.found)
	}
	if !o.sharing.resume {
		return o.runPart(ctx, cmd, topologies, nil)
	}
	file, err := o.partFile()
	if err != nil {
		return err
	}
	kept, err := loadReport(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o.runPart(ctx, cmd, topologies, nil)
	case err != nil:
		return usageError{err}
	}
	if err := o.fits(file, &kept, topologies); err != nil {
		return err
	}
	return o.runPart(ctx, cmd, topologies, &kept)
}

// runPart runs what an earlier run of the share lacks, all where that is nil. The part is written while it runs, so
// that a run that is killed loses little.
func (o runOptions) runPart(ctx context.Context, cmd *cobra.Command, topologies []*lab.Topology,
	had *result.Report) error {
	stderr := cmd.ErrOrStderr()
	options := run.Options{Only: o.selects(), Hosts: o.hosts, Share: o.sharing.share}
	s, err := o.newShardRun(topologies, options, had)
	if err != nil {
		return err
	}
	outputs, err := o.outputs.open()
	if err != nil {
		return err
	}
	defer closeOutputs(outputs)
	how := detail{o.verbose, o.outputs.terse}
	if had != nil && had.IsWholePart() {
		file, _ := o.partFile()
		fmt.Fprintf(stderr, "labrun: %s is whole: there is nothing left to run\n", file)
		return printReport(cmd, *had, nil, outputs, o.outputs.stdout, how)
	}
	folder, err := openCapture(o.capture)
	if err != nil {
		return err
	}
	s.save = checkpoints(outputs, func(err error) { complain(stderr, err) })
	o.shard = s
	r, err := ask(ctx, stderr, topologies, o.askOptions, options, folder)
	if err == nil {
		err = s.unused()
	}
	if err != nil {
		return captured(stderr, folder, err)
	}
	r = s.signed(r)
	printed := printReport(cmd, r, nil, outputs, o.outputs.stdout, how)
	var status exitStatus
	if lacks := r.Environment.Shard.Lacks; lacks > 0 && (printed == nil || errors.As(printed, &status)) {
		complain(stderr, o.cutShort(ctx, lacks, s.cells))
		printed = exitStatus(exitError)
	}
	return captured(stderr, folder, printed)
}

// cutShort says what a part lacks, and how it gets it.
func (o *runOptions) cutShort(ctx context.Context, lacks, cells int) error {
	what := "shard " + o.sharing.share.String()
	file, err := o.partFile()
	if err == nil {
		what = file
	}
	text, them := result.Lacks(what, lacks, cells)
	if err == nil {
		text += fmt.Sprintf("; %q runs %s", lab.Command("labrun", "resume", file), them)
	}
	if cause := context.Cause(ctx); cause != nil {
		text = cause.Error() + ": " + text
	}
	return errors.New(text)
}
