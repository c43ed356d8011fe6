package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"labrun/lab/result"
	"labrun/lab/wording"
)

// Explain returns what a text report says of a cell that did not pass, without a
// line end: of a failed one the red step, what was wanted and what the kernel
// answered, what explains that, and the command to look for oneself.
func Explain(m *result.Matrix, c *result.Cell) string { return explain(visibleCell(m, c)) }

// explain returns what a text report says of a cell that did not pass, below the
// line that names it.
func explain(m *result.Matrix, c *result.Cell) string {
	var b strings.Builder
	if c.Verdict == result.Fail {
		Text{}.last(&b, m, c)
		Text{}.look(&b, m, c)
	} else {
		fmt.Fprintln(&b, indent(c.Reason()))
		if c.Note != nil {
			Text{}.outputs(&b, c.Note.Outputs)
			labels(&b, "capture", c.Note.Captures)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// headline says in a line why a cell did not pass: what lists and titles have room for.
func headline(m *result.Matrix, c *result.Cell) string {
	if s, ok := lastStep(m, c); ok && c.Verdict == result.Fail {
		return fmt.Sprintf("%s: %s = %s, want %s%s", s.Process, s.Call, s.Words(s.Got), s.Words(s.Want), ruleWords(s))
	}
	line, _, _ := strings.Cut(c.Reason(), "\n")
	return line
}

// lastStep returns the last step of a cell that ran: of a failed cell the red one.
func lastStep(m *result.Matrix, c *result.Cell) (result.StepResult, bool) {
	steps := m.StepsOf(c)
	if len(steps) == 0 {
		return result.StepResult{}, false
	}
	return steps[len(steps)-1], true
}

// lineOf is the line of the file to look at: the red step's, or the experiment's.
func lineOf(m *result.Matrix, c *result.Cell) int {
	if s, ok := lastStep(m, c); ok && c.Verdict == result.Fail {
		return s.Line
	}
	return m.Rows[c.Row].Line
}

// environmentOf describes the run, key by key, and then the parameters of its kernels.
func environmentOf(r result.Report) (run, sysctls [][2]string) {
	e := r.Environment
	run = append(run, [2]string{"labrun", e.Labrun})
	for _, k := range e.Kernels {
		run = append(run, [2]string{k.Setting("kernel"), k.Release}, [2]string{k.Setting("machine"), k.Machine},
			[2]string{k.Setting("user"), k.User})
		for _, name := range slices.Sorted(maps.Keys(k.Sysctls)) {
			sysctls = append(sysctls, [2]string{k.Setting(name), k.Sysctls[name]})
		}
	}
	for _, k := range r.Kernels {
		run = append(run, [2]string{"digest (" + k.Name + ")", k.Digest})
	}
	if s := e.Shard; s != nil {
		run = append(run, [2]string{"part", s.String()})
	}
	if len(e.Machines) > 0 {
		run = append(run, [2]string{"merged of", machinesOf(e.Machines)})
	}
	return append(run, [2]string{"started", e.Started.UTC().Format("2006-01-02T15:04:05Z")},
		[2]string{"elapsed", fmt.Sprintf("%.3f s", e.Elapsed)}, [2]string{"jobs", fmt.Sprint(e.Jobs)},
		[2]string{"digest", r.Digest}), sysctls
}

// machinesOf says how many parts a report was merged of, and on which machines they ran, of many the first few.
func machinesOf(all []result.Machine) string {
	var nodes []string
	for _, m := range all {
		if m.Node != "" {
			nodes = append(nodes, m.Node)
		}
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	words := wording.Count(len(all), "part")
	const most = 8
	switch {
	case len(nodes) > most:
		words += fmt.Sprintf(", on %s and %d more", strings.Join(nodes[:most], ", "), len(nodes)-most)
	case len(nodes) > 0:
		words += ", on " + strings.Join(nodes, ", ")
	}
	return words
}
