package main

import (
	"math"

	"github.com/spf13/cobra"

	"labrun/lab/result"
)

// mergeCommand makes "labrun merge": what machines found apart becomes one report.
func mergeCommand() *cobra.Command {
	var outputs outputOptions
	var verbose bool
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

Reports by another version of labrun, of other texts, or that contradict each other are
named, and nothing is written.

` + formatList() + `
Exit status: 0 whatever the reports say, 2 when they cannot be read or put together.`,
		Args: args(1, math.MaxInt, "one FILE.json or more"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := outputs.check(); err != nil {
				return err
			}
			parts := make([]result.Part, len(files))
			for i, file := range files {
				kept, err := loadReport(file)
				if err != nil {
					return usageError{err}
				}
				parts[i] = result.Part{Name: file, Report: kept}
			}
			result.NameKernels(parts)
			whole, err := result.Merge(parts...)
			if err != nil {
				return usageError{err}
			}
			open, err := outputs.open()
			if err != nil {
				return err
			}
			defer closeOutputs(open)
			if err := writeOutputs(whole, open); err != nil || outputs.quiet {
				return err
			}
			return writeReport(cmd.OutOrStdout(), whole, outputs.stdout, detail{verbose: verbose})
		},
	}
	outputs.flags(cmd.Flags())
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show every step of every cell, in text on standard output")
	return cmd
}
