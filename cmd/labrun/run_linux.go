package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/compare"
	"labrun/lab/kernel"
	"labrun/lab/kernel/guest"
	"labrun/lab/kernel/local"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/run"
)

// runFiles does the main job: files to a report on standard output. Everything that the user can
// mend is found before labrun asks for privilege, which may start it anew in a user namespace:
// what is wrong with a file has nothing to do with what the system allows.
func runFiles(cmd *cobra.Command, paths []string, o runOptions) error {
	if o.pause {
		if err := canPause(cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	if o.accept {
		if err := areFiles(paths); err != nil {
			return err
		}
	}
	if slices.Contains(paths, "-") {
		if o.watch {
			return usagef("--watch: standard input does not change")
		}
		if err := o.checkKernels(nil); err != nil { // those that the flags name: guests need no privilege
			return err
		}
		if err := o.privilege(); err != nil {
			return err
		}
	}
	files, err := topologyFiles(cmd.ErrOrStderr(), paths)
	if err != nil {
		return err
	}
	if o.watch && !o.accept && o.sharing.text == "" { // which check forbids
		return watch(cmd, files, func(ctx context.Context) (bool, error) {
			this := o // what check finds out is of one run
			topologies, err := loadFor(cmd, files, &this)
			if err != nil {
				return false, err
			}
			// The first run that asks this machine's kernel gets it for all, perhaps from another labrun that watches.
			if err := this.privilege(); err != nil {
				return true, err
			}
			_, err = runOnce(ctx, cmd, topologies, this)
			return false, err
		})
	}
	topologies, err := loadFor(cmd, files, &o) // mistakes need no privilege
	if err != nil {
		return err
	}
	if err := o.privilege(); err != nil {
		return err
	}
	if o.accept {
		return runAccept(untilSignal(), cmd, topologies, o)
	}
	if !o.sharing.share.IsZero() {
		return runShard(untilSignal(), cmd, topologies, o)
	}
	_, err = runOnce(untilSignal(), cmd, topologies, o)
	return err
}

// loadFor reads the files and checks the flags, which may name what is in them. With --watch it
// does so for every run, as an experiment may have got another name.
func loadFor(cmd *cobra.Command, files []string, o *runOptions) ([]*lab.Topology, error) {
	topologies, err := load(cmd, files)
	if err != nil {
		return nil, err
	}
	return topologies, o.check(topologies)
}

// runOnce runs topologies once. Baseline, outputs and the folder of captures are opened before the
// first cell: a run of an hour must not end with a report that has no place to go. The capture is
// closed last, when all is printed, since what it lacks is no reason to keep a report back. It returns the report, and
// the exit status of the run as its error.
func runOnce(ctx context.Context, cmd *cobra.Command, topologies []*lab.Topology, o runOptions) (r result.Report, err error) {
	baseline, err := o.loadBaseline()
	if err != nil {
		return r, err
	}
	options := run.Options{Only: o.selects(), Hosts: o.hosts}
	if o.failed != "" {
		f, err := loadFailed(o.failed)
		if err != nil {
			return r, err
		}
		if !f.any(topologies) {
			return r, usagef("--failed %s: none of its failed cells is in these files", o.failed)
		}
		options.Cell = f.has
	}
	outputs, err := o.outputs.open()
	if err != nil {
		return r, err
	}
	defer closeOutputs(outputs)
	folder, err := openCapture(o.capture)
	if err != nil {
		return r, err
	}
	r, err = ask(ctx, cmd.ErrOrStderr(), topologies, o.askOptions, options, folder)
	if err != nil {
		return r, captured(cmd.ErrOrStderr(), folder, err)
	}
	d := difference(baseline, r)
	printed := printReport(cmd, r, d, outputs, o.outputs.stdout, detail{o.verbose, o.outputs.terse})
	return r, captured(cmd.ErrOrStderr(), folder, compared(cmd, d, o, printed))
}

// ask runs the cells that the options choose, in the way that the flags say, on this machine's kernel or on
// those that --kernel names. The packets go to the folder, if it is not nil.
func ask(ctx context.Context, stderr io.Writer, topologies []*lab.Topology, o askOptions, options run.Options,
	folder *capture.Folder) (result.Report, error) {
	ctx, clock := withTimeout(ctx, o.timeout)
	defer clock.end()
	options.FailFast, options.Runs = o.failFast, o.repeat
	options.Jobs = cmp.Or(o.jobs, runtime.NumCPU())
	status := newStatus(stderr, o.repeat)
	defer status.close()
	options.Red = status.note
	if len(o.asked) > 0 {
		how := guest.Options{Accel: o.accel, Labrun: o.guestLabrun}
		return askKernels(ctx, o.asked, how, options, status, o.shard)
	}
	options.Progress = status.of("")
	if o.pause {
		options.Pause = pause(stderr, topologies, status, clock)
	}
	return askHere(ctx, topologies, options, folder, o.shard.piece(0))
}

// askHere asks this machine's kernel.
func askHere(ctx context.Context, topologies []*lab.Topology, options run.Options,
	folder *capture.Folder, p *piece) (result.Report, error) {
	began := time.Now()
	info, on, err := local.Info(ctx)
	if err != nil {
		return result.Report{}, err
	}
	k, err := local.New(folder)
	if err != nil {
		return result.Report{}, err
	}
	defer k.Close()
	// Packets of cells that share a lab could not be told apart.
	options.Apart = folder != nil
	return askKernel(ctx, k, info, on, topologies, options, began, p)
}

// askKernel asks one kernel. All that differs between two runs of a file goes into
// the environment here, and nothing of it into a matrix: so two machines can compare theirs.
// Of a share, p is not nil.
func askKernel(ctx context.Context, k kernel.Kernel, info result.KernelInfo, on lab.KernelVersion,
	topologies []*lab.Topology, options run.Options, began time.Time, p *piece) (result.Report, error) {
	env := result.Environment{Labrun: version(), Started: began.UTC(), Kernels: []result.KernelInfo{info},
		Jobs: options.Jobs}
	options.Seconds = &env.Seconds
	before, err := p.prepare(&env, topologies, &options)
	if err != nil {
		return result.Report{}, err
	}
	matrices, err := run.Run(ctx, k, on, topologies, options)
	if err != nil {
		return result.Report{}, err
	}
	env.Elapsed = before + time.Since(began).Seconds()
	return result.NewReport(env, matrices), nil
}

// printReport writes the report to the files that were asked for and to standard
// output, and turns it into an exit status. The files come first: what reads
// the output may stop reading. The summary of a workflow's job has the difference,
// when there is one.
func printReport(cmd *cobra.Command, r result.Report, d *compare.Difference, outputs []*output,
	stdout report.Format, how detail) error {
	err := writeOutputs(r, outputs)
	if onGitHub() {
		err = errors.Join(err, writeGitHub(cmd.OutOrStdout(), cmd.ErrOrStderr(), r, stdout, how), summarise(r, d))
	} else {
		err = errors.Join(err, writeReport(cmd.OutOrStdout(), r, stdout, how))
	}
	if err != nil {
		return err
	}
	return statusOf(r.Counts)
}

// writeGitHub writes the report to standard output, and annotations after it.
func writeGitHub(stdout, stderr io.Writer, r result.Report, f report.Format, how detail) error {
	switch f.Name {
	case "github":
		return writeReport(stdout, inRepository(r), f, how)
	case "text":
		if err := writeReport(stdout, r, f, how); err != nil {
			return err
		}
		return report.GitHub(stdout, inRepository(r))
	}
	// a program reads it and expects nothing else; commands may come here too
	return errors.Join(writeReport(stdout, r, f, how), report.GitHub(stderr, inRepository(r)))
}
