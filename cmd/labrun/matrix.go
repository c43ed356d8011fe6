package main

import (
	"github.com/spf13/pflag"

	"labrun/lab"
)

// runOptions are the flags of "labrun FILE...".
type runOptions struct {
	askOptions
	outputs  outputOptions
	watch    bool
	baseline string // a report to compare with; "" is none
}

func (o *runOptions) flags(f *pflag.FlagSet) {
	o.askOptions.flags(f)
	o.outputs.flags(f)
	f.BoolVar(&o.watch, "watch", false, "run again whenever a FILE changes, until ^C")
	f.StringVar(&o.baseline, "baseline", "",
		"compare with the kept report `FILE.json`, print what differs after the matrix, and exit 1 when the "+
			"outcome does")
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
	return o.outputs.check()
}
