package main

import (
	"context"
	"runtime"
	"time"

	"labrun/lab"
	"labrun/lab/capture"
	"labrun/lab/kernel/local"
	"labrun/lab/result"
	"labrun/lab/run"
	"labrun/lab/sys"
)

// run does the main job: files to a report on standard output.
func (c command) run(paths []string, o runOptions) error {
	if o.pause {
		if err := c.canPause(); err != nil {
			return err
		}
	}
	files, err := c.topologyFiles(paths)
	if err != nil {
		return err
	}
	if o.watch {
		return c.watch(files, o)
	}
	topologies, err := c.loadFor(files, &o) // mistakes need no privilege
	if err != nil {
		return err
	}
	if err := c.privilege(false); err != nil {
		return err
	}
	return c.runOnce(untilSignal(), topologies, o)
}

// loadFor reads the files and checks the flags, which may name what is in them.
func (c command) loadFor(files []string, o *runOptions) ([]*lab.Topology, error) {
	topologies, err := c.load(files)
	if err != nil {
		return nil, err
	}
	return topologies, o.check(topologies)
}

// runOnce runs topologies once.
func (c command) runOnce(ctx context.Context, topologies []*lab.Topology, o runOptions) error {
	baseline, err := o.loadBaseline()
	if err != nil {
		return err
	}
	outputs, err := o.outputs.open()
	if err != nil {
		return err
	}
	defer closeOutputs(outputs)
	folder, err := openCapture(o.capture)
	if err != nil {
		return err
	}
	r, err := c.ask(ctx, topologies, o.askOptions, run.Options{Only: o.selects(), Hosts: o.hosts}, folder)
	if err != nil {
		return c.captured(folder, err)
	}
	d := difference(baseline, r)
	return c.captured(folder, c.compared(d, o, c.print(r, d, outputs, o.outputs.stdout, o.verbose)))
}

// ask runs the cells that the options choose, in the way that the flags say. The packets
// go to the folder, if it is not nil. All that differs between two runs of a file goes into
// the environment here, and nothing of it into a matrix: so two machines can compare theirs.
func (c command) ask(ctx context.Context, topologies []*lab.Topology, o askOptions, options run.Options,
	folder *capture.Folder) (result.Report, error) {
	version, err := sys.KernelVersion()
	if err != nil {
		return result.Report{}, err
	}
	env, err := environment(ctx)
	if err != nil {
		return result.Report{}, err
	}
	ctx, clock := withTimeout(ctx, o.timeout)
	defer clock.end()
	env.Jobs = o.jobs
	if o.jobs == 0 {
		env.Jobs = runtime.NumCPU()
	}
	options.FailFast, options.Runs, options.Seconds = o.failFast, o.repeat, &env.Seconds
	status := c.status(o.repeat)
	options.Jobs, options.Progress, options.Red = env.Jobs, status.show, status.note
	if o.pause {
		options.Pause = c.pause(topologies, status, clock)
	}
	kernel, err := local.New(folder)
	if err != nil {
		return result.Report{}, err
	}
	defer kernel.Close()
	options.Apart = folder != nil
	matrices, err := run.Run(ctx, kernel, version, topologies, options)
	status.close()
	if err != nil {
		return result.Report{}, err
	}
	env.Elapsed = time.Since(env.Started).Seconds()
	return result.NewReport(env, matrices), nil
}
