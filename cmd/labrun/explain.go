package main

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/question"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/why"
)

// explainOptions are the flags of "labrun explain": which kernels are asked, and in which hosts.
type explainOptions struct {
	askOptions
	cell lab.Selection
}

// explainCommand makes "labrun explain". A green cell has as much to explain as a red one: that the file expects an
// errno does not say why the kernel gives it.
func explainCommand() *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain FILE CELL",
		Short: "run a cell and say why the kernel answered each step so",
		Long: `explain runs the cells that CELL chooses, as --only would, and prints their steps
with the answers. Below an errno stands why the kernel gave it: which sockets of that
moment met which condition, the kernel's function, and the lesson in topologies/ that
shows it. Below an ok stands why the call could do that, where a socket was in its way.
Where no reason is known, none is given.

    labrun explain topologies/dual-nic.yaml claim-1-established
    labrun explain topologies/reuseport.yaml \
        'options[state=bound,holder=A,newcomer=A]'
    labrun explain topologies/dual-nic.yaml 'claim-2*' --kernel debian:6.1

FILE may be a report that "labrun -o FILE.json" kept: then nothing runs, and its
answers are explained. Cells that are alike in all hosts are printed once.

Exit status: 0 whatever the answers are, 2 bad usage or a bad file, 3 a cell could not
be asked.`,
		Args: args(2, 2, "a FILE and a CELL"),
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd, args[0], args[1], o) },
	}
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.askOptions.flags(all)
	for _, name := range []string{"host", "kernel", "kernels-from", "accel", "guest-labrun", "timeout"} {
		cmd.Flags().AddFlag(all.Lookup(name))
	}
	return cmd
}

// explain finds the cells, in a kept report or by asking, and prints them with their reasons.
func explain(cmd *cobra.Command, file, cell string, o explainOptions) error {
	o.only, o.jobs, o.repeat = []string{cell}, 0, 1
	var topologies []*lab.Topology
	var r result.Report
	var err error
	if report.HasReportName(file) {
		if len(o.kernels)+len(o.kernelsFrom) > 0 {
			return usagef("--kernel asks kernels, and %s is a kept report, which has its answers: labrun rerun asks anew",
				file)
		}
		if r, err = loadOutcome(file); err != nil {
			return usageError{err}
		}
		if topologies, err = reload(cmd.ErrOrStderr(), file, &r); err != nil {
			return err
		}
	} else if topologies, err = load(cmd, []string{file}); err != nil {
		return err
	}
	if o.cell, err = lab.ParseSelection(cell); err != nil {
		return usagef("cell %s: %w", cell, err)
	}
	if e, _, _ := find(o.cell, topologies); e == nil {
		return noCell("cell", o.cell, topologies)
	}
	if err := o.askOptions.check(topologies); err != nil {
		return err
	}
	if r.Matrices == nil {
		if r, err = explainAsked(cmd, o, topologies); err != nil {
			return err
		}
	}
	status := exitStatus(0)
	t := textFor(cmd.OutOrStdout())
	for i := range r.Matrices {
		m := &r.Matrices[i]
		all, err := o.explained(topologies[i], m)
		if err != nil {
			return err
		}
		if err := withoutWorkflowCommands(cmd.OutOrStdout(), func() error {
			return t.Explain(cmd.OutOrStdout(), m, all)
		}); err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(e report.Explained) bool { return e.Cell.Verdict == result.Error }) {
			status = exitError
		}
	}
	if status != 0 {
		return status
	}
	return nil
}

// explained returns the chosen cells of a matrix with their reasons, those once that are alike in several columns.
func (o *explainOptions) explained(t *lab.Topology, m *result.Matrix) ([]report.Explained, error) {
	var all []report.Explained
	for i := range m.Cells {
		c := &m.Cells[i]
		e := t.Experiment(m.Rows[c.Row].Name)
		if e == nil || !o.cell.Matches(e, c.Combo) || len(o.hosts) > 0 && !slices.Contains(o.hosts, m.HostOf(c)) {
			continue
		}
		q, err := question.Of(t, e, m.HostOf(c))
		if err != nil {
			return nil, err
		}
		var seen []result.Snapshot
		if c.Note != nil {
			seen = c.Note.Evidence
		}
		x := report.Explained{Cell: c, Columns: []string{m.ColumnOf(c)}}
		for _, r := range why.Each(q, c.Combo, c.Answers(), seen) {
			line := ""
			if r.Sentence != "" {
				line = r.String()
			}
			x.Reasons = append(x.Reasons, line)
		}
		like := slices.IndexFunc(all, func(y report.Explained) bool {
			return y.Cell.Row == c.Row && y.Cell.Combo == c.Combo && y.Cell.Verdict == c.Verdict &&
				y.Cell.Reason() == c.Reason() &&
				slices.Equal(y.Cell.Answers(), c.Answers()) && slices.Equal(y.Reasons, x.Reasons)
		})
		if like >= 0 {
			all[like].Columns = append(all[like].Columns, x.Columns...)
			continue
		}
		all = append(all, x)
	}
	return all, nil
}
