package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"labrun/lab"
	"labrun/lab/kernel"
	"labrun/lab/kernel/guest"
	"labrun/lab/kernel/image"
	"labrun/lab/kernel/local"
	"labrun/lab/program"
	"labrun/lab/result"
	"labrun/lab/run"
)

// privilege gets what it takes to make labs, where this machine's kernel is asked. A guest needs none.
func (o *askOptions) privilege() error {
	if len(o.asked) > 0 && !slices.ContainsFunc(o.asked, func(a asked) bool { return a.kernel == hostKernel }) {
		return nil
	}
	return privilege(false)
}

// askKernels asks several kernels, side by side where there are processors, and puts their reports together.
// One that cannot be booted, or that ends in the middle, has errors in its column; the others go on.
// Of a share, sh is not nil.
func askKernels(ctx context.Context, kernels []asked, how guest.Options, options run.Options, status *status,
	sh *shardRun) (result.Report, error) {
	parts, errs := make([]result.Part, len(kernels)), make([]error, len(kernels))
	var all []*lab.Topology
	for _, a := range kernels {
		all = append(all, a.topologies...)
	}
	room := make(chan bool, min(options.Jobs, runtime.NumCPU(), guest.Room(filesFor(all))))
	var group sync.WaitGroup
	for i, a := range kernels {
		room <- true
		group.Go(func() {
			defer func() { <-room }()
			o := options
			o.Progress = status.of(a.kernel)
			var r result.Report
			if a.kernel == hostKernel {
				r, errs[i] = askHere(ctx, a.topologies, o, nil, sh.piece(i))
			} else {
				does := func(what string) { status.does(a.kernel, what) }
				r, errs[i] = askGuest(ctx, a.kernel, a.topologies, how, o, does, sh.piece(i))
			}
			parts[i] = result.Part{Name: a.kernel, Report: r}
		})
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			return result.Report{}, fmt.Errorf("kernel %s: %w", kernels[i].kernel, err)
		}
	}
	if len(parts) == 1 {
		return parts[0].Report, nil
	}
	result.NameKernels(parts)
	return result.Merge(parts...)
}

// askGuest boots a kernel and asks it, and says what it does until it can be asked. A kernel that cannot be asked has
// errors in every cell.
func askGuest(ctx context.Context, name string, topologies []*lab.Topology, how guest.Options, options run.Options,
	does func(string), p *piece) (result.Report, error) {
	began := time.Now()
	// A guest has one processor, and memory for few labs. Where its clock jumps over idle time, to wait costs
	// it nothing.
	options.Jobs, options.Waiting = 1, 2
	does("is fetched")
	i, err := image.Open(ctx, name)
	if err != nil {
		return askKernel(ctx, kernel.Lost{Why: err}, result.KernelInfo{Release: name, User: "root"}, lab.KernelVersion{},
			topologies, options, began, p)
	}
	does("boots")
	how.Files = filesFor(topologies)
	k, err := guest.Start(ctx, i, how)
	if err != nil {
		info := result.KernelInfo{Release: cmp.Or(i.Release, name), Machine: i.Machine, User: "root"}
		if i.Version.IsLinux() {
			info.Version = i.Version.String()
		}
		return askKernel(ctx, kernel.Lost{Why: err}, info, i.Version, topologies, options, began, p)
	}
	defer k.Close()
	return askKernel(ctx, k, k.Hello.Kernel, k.Hello.Version, topologies, options, began, p)
}

// filesFor returns what a guest needs for the programs of topologies, nil where none runs any that labrun has not.
func filesFor(topologies []*lab.Topology) (files *guest.Files) {
	for _, t := range topologies {
		if !slices.ContainsFunc(t.Experiments, runsPrograms) {
			continue
		}
		if files == nil {
			files = new(guest.Files)
		}
		if folder, err := filepath.Abs(filepath.Dir(t.File)); err == nil {
			files.Folders = append(files.Folders, folder)
		}
	}
	return files
}

func runsPrograms(e lab.Experiment) bool {
	for s := range e.Steps() {
		if s.Run != nil && !slices.Contains(program.SeedPrograms, s.Run.Argv[0]) {
			return true
		}
	}
	return false
}

// versionOf returns the version of a kernel before it is booted. It is an error when that cannot be told.
func versionOf(ctx context.Context, name string) (lab.KernelVersion, error) {
	if name == hostKernel {
		_, on, err := local.Info(ctx)
		return on, err
	}
	return image.VersionOf(ctx, name)
}
