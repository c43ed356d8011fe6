package run

import (
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
)

// claims says of every claim what the cells of the matrix showed. An
// experiment is evidence when it passed in every host that it ran in; what it
// is evidence for is in the file.
func claims(t *lab.Topology, m result.Matrix) []result.ClaimResult {
	all := slices.Clone(t.Claims)
	for _, e := range t.Experiments {
		known := func(c lab.Claim) bool { return c.Name == e.Claim.Name }
		if e.Claim.Name != "" && !slices.ContainsFunc(all, known) {
			all = append(all, lab.Claim{Name: e.Claim.Name, Pos: e.Pos})
		}
	}
	passed := passedEverywhere(m)
	rows := map[string]bool{}
	for _, row := range m.Rows {
		rows[row.Name] = true
	}
	ran := map[string][]lab.Experiment{} // by claim
	for _, e := range t.Experiments {
		if rows[e.Name] {
			ran[e.Claim.Name] = append(ran[e.Claim.Name], e)
		}
	}
	var results []result.ClaimResult
	for _, claim := range all {
		if len(ran[claim.Name]) == 0 && isTested(t, claim.Name) {
			continue // not in this run
		}
		r := result.ClaimResult{Name: claim.Name, Text: claim.Text}
		for _, e := range ran[claim.Name] {
			evidence := result.ClaimEvidence{Experiment: e.Name, When: e.Claim.When}
			switch {
			case !passed[e.Name]:
				r.Unknown = append(r.Unknown, evidence)
			case e.Claim.Against:
				r.Against = append(r.Against, evidence)
			default:
				r.For = append(r.For, evidence)
			}
		}
		r.Verdict = verdict(r)
		results = append(results, r)
	}
	return results
}

// isTested reports whether the topology has an experiment about the claim.
func isTested(t *lab.Topology, claim string) bool {
	return slices.ContainsFunc(t.Experiments, func(e lab.Experiment) bool { return e.Claim.Name == claim })
}

// passedEverywhere says of every experiment that has cells whether all passed.
func passedEverywhere(m result.Matrix) map[string]bool {
	passed := map[string]bool{}
	for i := range m.Cells {
		c := &m.Cells[i]
		name := m.Rows[c.Row].Name
		if before, ok := passed[name]; before || !ok {
			passed[name] = c.Verdict == result.Pass
		}
	}
	return passed
}

func verdict(r result.ClaimResult) string {
	switch {
	case len(r.Unknown) > 0:
		return "not settled"
	case len(r.For) > 0 && len(r.Against) > 0:
		if when := circumstances(r.For); when != "" {
			return "holds only when " + when
		}
		return "holds only in part"
	case len(r.For) > 0:
		return "holds"
	case len(r.Against) > 0:
		return "does not hold"
	}
	return "not tested"
}

// circumstances joins the clauses of the evidence, each once.
func circumstances(evidence []result.ClaimEvidence) string {
	var whens []string
	for _, e := range evidence {
		if e.When != "" && !slices.Contains(whens, e.When) {
			whens = append(whens, e.When)
		}
	}
	return strings.Join(whens, ", or when ")
}
