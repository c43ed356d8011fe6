package main

import (
	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/run"
)

// explainAsked asks the cells that are to be explained.
func explainAsked(cmd *cobra.Command, o explainOptions, topologies []*lab.Topology) (result.Report, error) {
	if err := o.privilege(); err != nil {
		return result.Report{}, err
	}
	return ask(untilSignal(), cmd.ErrOrStderr(), topologies, o.askOptions, run.Options{Only: o.selects(),
		Hosts: o.hosts}, nil)
}
