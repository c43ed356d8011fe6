package main

import (
	"slices"
	"time"

	"github.com/spf13/pflag"

	"labrun/lab"
)

// runOptions are the flags of "labrun FILE...". They are checked against the files before
// anything is built: a name that no file has is a mistake to mend, not an empty report.
type runOptions struct {
	askOptions
	outputs  outputOptions
	watch    bool
	baseline string // a report to compare with; "" is none
	failed   string // a kept report, of which the cells run that had failed; "" is none
	accept   bool   // write the answers into the files
	yes      bool   // without asking
	sharing  shardOptions
}

func (o *runOptions) flags(f *pflag.FlagSet) {
	o.askOptions.flags(f)
	o.outputs.flags(f)
	f.BoolVar(&o.watch, "watch", false, "run again whenever a FILE changes, until ^C")
	f.StringVar(&o.failed, "failed", "",
		"run only the cells that failed or were errors in the kept report `FILE.json`; an experiment that has other "+
			"combinations by now runs whole")
	f.BoolVarP(&o.outputs.terse, "quiet", "q", false,
		"in text on standard output print what failed or is an error alone, nothing when all passed")
	f.StringVar(&o.baseline, "baseline", "",
		"compare with the kept report `FILE.json`, print what differs after the matrix, and exit 1 when the "+
			"outcome does")
	f.BoolVar(&o.accept, "accept", false,
		"write what the kernels answered into each FILE, in place of ? and of answers that differ; shows the diff and "+
			"asks before it writes")
	f.BoolVar(&o.yes, "yes", false, "write what --accept shows without asking")
	o.sharing.flags(f)
}

// check finds mistakes in the flags before anything is built.
func (o *runOptions) check(topologies []*lab.Topology) error {
	if err := o.askOptions.check(topologies); err != nil {
		return err
	}
	if o.capture != "" {
		if err := checkCaptures(o.countCells(topologies) * o.repeat); err != nil {
			return err
		}
	}
	if err := o.outputs.check(); err != nil {
		return err
	}
	if err := o.outputs.spare(false, filesOf(topologies)...); err != nil {
		return err
	}
	if err := o.checkAccept(); err != nil {
		return err
	}
	return o.checkShard(topologies)
}

// checkAccept finds flags that do not go with --accept. A diff on standard output would spoil a report there that a
// program reads.
func (o *runOptions) checkAccept() error {
	switch {
	case o.yes && !o.accept:
		return usagef("--yes writes what --accept shows, and needs --accept")
	case o.accept && o.watch:
		return usagef("--accept writes into the files that --watch waits for; use one of them")
	case o.accept && o.outputs.stdout.Name != "text":
		return usagef("--accept shows a diff on standard output, where --format %s writes the report; give that a file: -o FILE",
			o.outputs.stdout.Name)
	}
	return nil
}

// askOptions are the flags that say which cells run, and how: those that "labrun
// FILE..." and "labrun rerun" have alike. The same flags choose the same cells of both, so
// that a command which a report prints can be typed with either.
type askOptions struct {
	jobs     int
	verbose  bool
	only     []string
	hosts    []string
	timeout  time.Duration
	failFast bool
	repeat   int
	pause    bool
	capture  string   // the folder that gets packets; "" is none
	kernels  []string // that are asked; none is this machine's, or those that the files name
	// kernelsFrom are files with more of them, one a line.
	kernelsFrom []string
	accel       string // how QEMU executes guests; "" is what works here
	guestLabrun string // the labrun of guests of another architecture; "" builds one

	patterns []lab.Selection // only, parsed by check
	asked    []asked         // the kernels, found by check; none is this machine's alone
	shard    *shardRun       // nil when all cells run
}

// flags says of each flag what it takes and what comes of it, in one sentence: --help, the manual
// and completion have no other text.
func (o *askOptions) flags(f *pflag.FlagSet) {
	f.IntVarP(&o.jobs, "jobs", "j", 0,
		"keep `N` cells busy at a time (default one per processor); cells that wait do not count")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show every step of every cell")
	f.StringArrayVar(&o.only, "only", nil,
		"run only experiments whose name matches `PATTERN`, e.g. 'claim-4*', or some of their cells, "+
			"'NAME[axis=value]'")
	f.StringArrayVar(&o.hosts, "host", nil, "run only in the host `NAME`")
	f.DurationVar(&o.timeout, "timeout", 0,
		"stop the whole run after `DURATION`, e.g. 90s; what has not run is an error; a --pause-on-fail is not counted")
	f.BoolVar(&o.failFast, "fail-fast", false,
		"stop at the first cell that does not pass; what comes after it is a skip")
	f.IntVar(&o.repeat, "repeat", 1,
		"run all `N` times; a cell that answers differently has failed, and says how often it answered what")
	f.BoolVar(&o.pause, "pause-on-fail", false,
		"open a shell in the host of the first cell that fails, with its sockets there (on a terminal)")
	o.kernelFlags(f)
	f.StringVar(&o.capture, "capture", "",
		"write what every cell sends into the folder `DIR`, in pcapng files for Wireshark and tshark")
}

// kernelFlags are the flags that say which kernels are asked.
func (o *askOptions) kernelFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.kernels, "kernel", nil,
		"ask the kernel `KERNEL`, each in a column of its own: host, a vmlinuz, a folder with boot/vmlinuz* and "+
			"lib/modules, a package linux-image-*.deb, debian:VERSION, um:VERSION, gvisor, or all that the cache has; see "+
			"\"labrun help kernels\"")
	f.StringArrayVar(&o.kernelsFrom, "kernels-from", nil,
		"ask the kernels that `FILE` names too, one a line; what follows a # is a comment")
	f.StringVar(&o.accel, "accel", "",
		"have QEMU execute guests by `kvm|tcg` (default kvm where a guest was seen to boot with it)")
	f.StringVar(&o.guestLabrun, "guest-labrun", "",
		"run `FILE` in guests of another architecture, a labrun built for that with CGO_ENABLED=0 (default: go build "+
			"makes one)")
}

// check finds mistakes in the flags before anything is built.
func (o *askOptions) check(topologies []*lab.Topology) error {
	if o.jobs < 0 {
		return usagef("-j %d: a number of cells, at least 1 (0 means one per processor)", o.jobs)
	}
	if o.timeout < 0 {
		return usagef("--timeout %s: a duration above zero", o.timeout)
	}
	if o.repeat < 1 {
		return usagef("--repeat %d: a number of runs, at least 1", o.repeat)
	}
	if o.accel != "" && o.accel != "kvm" && o.accel != "tcg" {
		return usagef("--accel %s: kvm, which executes guests on this machine's processors, or tcg, which emulates them",
			o.accel)
	}
	if err := o.checkKernels(topologies); err != nil {
		return err
	}
	for _, name := range o.hosts {
		if !slices.ContainsFunc(topologies, func(t *lab.Topology) bool { return t.Host(name) != nil }) {
			return usagef("--host %s: no such host%s there are %s", name,
				meant(name, hostNames(topologies)), list(hostNames(topologies)))
		}
	}
	// With --watch the flags are checked again for every run, of files that have changed.
	o.patterns = nil
	for _, text := range o.only {
		p, err := lab.ParseSelection(text)
		if err != nil {
			return usagef("--only %s: %w", text, err)
		}
		if e, _, _ := find(p, topologies); e == nil {
			return noCell("--only", p, topologies)
		}
		o.patterns = append(o.patterns, p)
	}
	if len(o.hosts) > 0 && o.countCells(topologies) == 0 {
		chosen := ""
		if len(o.only) > 0 { // then it may be the other flag that is to be mended
			chosen = " that --only chooses"
		}
		return usagef("--host %s: no experiment%s has a cell there", list(o.hosts), chosen)
	}
	return nil
}

// selects returns which cells are to run, nil when all are.
func (o *askOptions) selects() func(*lab.Experiment, lab.Combo) bool {
	if len(o.patterns) == 0 {
		return nil
	}
	return func(e *lab.Experiment, c lab.Combo) bool {
		return slices.ContainsFunc(o.patterns, func(p lab.Selection) bool { return p.Matches(e, c) })
	}
}

// countCells returns how many cells the flags choose.
func (o *askOptions) countCells(topologies []*lab.Topology) int {
	n, chosen := 0, o.selects()
	for _, t := range topologies {
		for i := range t.Experiments {
			e := &t.Experiments[i]
			combos := len(e.Combos)
			if chosen != nil {
				combos = 0
				for _, c := range e.Combos {
					if chosen(e, c) {
						combos++
					}
				}
			}
			for _, h := range t.Hosts {
				if e.RunsOn(h.Name) && (len(o.hosts) == 0 || slices.Contains(o.hosts, h.Name)) {
					n += combos
				}
			}
		}
	}
	return n
}
