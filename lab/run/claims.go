package run

import (
	"slices"
	"strings"

	"labrun/lab"
)

// claims says of every claim what the cells of the matrix showed. An
// experiment is evidence when it passed in every host that it ran in; what it
// is evidence for is in the file.
func claims(t *lab.Topology, m lab.Matrix) []lab.ClaimResult {
	all := slices.Clone(t.Claims)
	for _, e := range t.Experiments {
		known := func(c lab.Claim) bool { return c.Name == e.Claim.Name }
		if e.Claim.Name != "" && !slices.ContainsFunc(all, known) {
			all = append(all, lab.Claim{Name: e.Claim.Name, Pos: e.Pos})
		}
	}
	var results []lab.ClaimResult
	for _, claim := range all {
		r := lab.ClaimResult{Name: claim.Name, Text: claim.Text}
		for _, row := range m.Rows { // those that ran
			e := t.Experiment(row.Name)
			if e.Claim.Name != claim.Name {
				continue
			}
			evidence := lab.ClaimEvidence{Experiment: e.Name, When: e.Claim.When}
			switch passed := passedEverywhere(m, e.Name); {
			case !passed:
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

// passedEverywhere reports whether the experiment has cells and all passed.
func passedEverywhere(m lab.Matrix, experiment string) bool {
	cells := 0
	for _, c := range m.Cells {
		if c.Experiment == experiment {
			cells++
			if c.Verdict != lab.Pass {
				return false
			}
		}
	}
	return cells > 0
}

func verdict(r lab.ClaimResult) string {
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
func circumstances(evidence []lab.ClaimEvidence) string {
	var whens []string
	for _, e := range evidence {
		if e.When != "" && !slices.Contains(whens, e.When) {
			whens = append(whens, e.When)
		}
	}
	return strings.Join(whens, ", or when ")
}
