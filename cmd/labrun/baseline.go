package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/compare"
	"labrun/lab/report"
	"labrun/lab/result"
)

// loadBaseline reads the report that --baseline names, nil when it names none.
func (o *runOptions) loadBaseline() (*result.Report, error) {
	if o.baseline == "" {
		return nil, nil
	}
	r, err := loadOutcome(o.baseline)
	if err != nil {
		return nil, usagef("--baseline: %w", err)
	}
	// The flags were checked against the files, so the same patterns choose among the kept cells.
	r = o.narrow(r)
	return &r, nil
}

// narrow leaves out the cells that --only and --host keep from running: they have
// not vanished. What a claim comes to without them is not what it came to with them.
func (o *askOptions) narrow(r result.Report) result.Report {
	if len(o.hosts) == 0 && len(o.patterns) == 0 {
		return r
	}
	for i := range r.Matrices {
		m := &r.Matrices[i]
		m.Claims = nil
		m.Cells = slices.DeleteFunc(m.Cells, func(c result.Cell) bool { return !o.chooses(m, &c) })
	}
	return result.NewReport(r.Environment, r.Matrices)
}

// chooses reports whether a cell of a kept report is one that the flags choose.
func (o *askOptions) chooses(m *result.Matrix, c *result.Cell) bool {
	if len(o.hosts) > 0 && !slices.Contains(o.hosts, m.HostOf(c)) {
		return false
	}
	row := lab.Experiment{Name: m.Rows[c.Row].Name, Axes: m.Rows[c.Row].Axes}
	return len(o.patterns) == 0 || slices.ContainsFunc(o.patterns,
		func(p lab.Selection) bool { return p.Matches(&row, c.Combo) })
}

// difference compares a run with the baseline, nil when there is none.
func difference(baseline *result.Report, r result.Report) *compare.Difference {
	if baseline == nil {
		return nil
	}
	d := compare.Reports(*baseline, r)
	return &d
}

// compared prints how a run that was printed differs from the baseline, and returns
// the exit status of both. The difference stands below a report that people read;
// one in another format is whole without it.
func compared(cmd *cobra.Command, d *compare.Difference, o runOptions, printed error) error {
	var status exitStatus
	if d == nil || printed != nil && !errors.As(printed, &status) {
		return printed
	}
	w := cmd.OutOrStdout()
	if o.outputs.stdout.Name != "text" {
		w = cmd.ErrOrStderr()
	}
	text, _ := report.FormatNamed("text")
	if err := writeDiff(w, text, fmt.Sprintf("\ncompared with %s\n\n", o.baseline), d); err != nil {
		return err
	}
	// Red cells keep their status, however they compare: a baseline excuses nothing.
	if printed == nil && d.Outcome() {
		return exitStatus(exitFailed)
	}
	return printed
}
