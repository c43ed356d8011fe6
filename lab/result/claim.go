package result

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
)

// ClaimVerdict is what a claim comes to.
type ClaimVerdict uint8

// The verdicts on a claim.
const (
	NotTested  ClaimVerdict = iota // no experiment of the file is about it
	NotRun                         // experiments are, and none of them was part of the run
	NotSettled                     // one of them did not pass in every column
	Holds
	Partly // in some circumstances, and not in others
	Refuted
)

var claimVerdicts = []string{"not tested", "not run", "not settled", "holds", "holds only in part", "does not hold"}

func (v ClaimVerdict) String() string { return claimVerdicts[v] }

// MarshalText writes the verdict's words.
func (v ClaimVerdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads them, and "holds only when ..." as older reports have it.
func (v *ClaimVerdict) UnmarshalText(text []byte) error {
	i := slices.Index(claimVerdicts, string(text))
	if strings.HasPrefix(string(text), "holds only when ") {
		i = int(Partly)
	}
	if i < 0 {
		return fmt.Errorf("%q is not a verdict on a claim; allowed: %s", text, strings.Join(claimVerdicts, ", "))
	}
	*v = ClaimVerdict(i)
	return nil
}

// ClaimResult is what was measured about a claim. It follows from the rows and cells of
// its matrix, see Settle.
type ClaimResult struct {
	Name    string          `json:"name"`
	Text    string          `json:"text,omitempty"`
	Verdict ClaimVerdict    `json:"verdict"`
	When    []string        `json:"when,omitempty"` // of one that holds in part: the circumstances, each once
	For     []ClaimEvidence `json:"for,omitempty"`
	Against []ClaimEvidence `json:"against,omitempty"`
	Unknown []ClaimEvidence `json:"unknown,omitempty"` // experiments that did not pass in every column
}

// ClaimEvidence is an experiment that speaks for or against a claim.
type ClaimEvidence struct {
	Experiment string `json:"experiment"`
	When       string `json:"when,omitempty"`
}

// Says puts the verdict into words.
func (c *ClaimResult) Says() string {
	if c.Verdict == Partly && len(c.When) > 0 {
		return "holds only when " + strings.Join(c.When, ", or when ")
	}
	return c.Verdict.String()
}

// NewClaims returns the claims of a topology before anything has run: those that it
// declares, then those that only experiments name. All reports of a file have the same,
// whatever cells they have, so that reports of parts of a run add up to the run's.
func NewClaims(t *lab.Topology) []ClaimResult {
	var all []ClaimResult
	for _, c := range t.Claims {
		all = append(all, ClaimResult{Name: c.Name, Text: c.Text})
	}
	for i := range t.Experiments {
		name := t.Experiments[i].Claim.Name
		if name == "" {
			continue
		}
		at := slices.IndexFunc(all, func(c ClaimResult) bool { return c.Name == name })
		if at < 0 {
			at = len(all)
			all = append(all, ClaimResult{Name: name})
		}
		all[at].Verdict = NotRun
	}
	return all
}

// Settle finds out what the cells say of the claims. An experiment is evidence when it
// passed in every column that it ran in; its row says what it is evidence for.
func (m *Matrix) Settle() {
	seen := make([]rowSeen, len(m.Rows))
	for i := range m.Cells {
		seen[m.Cells[i].Row].note(&m.Cells[i])
	}
	m.settle(seen)
}

// rowSeen is what the cells of a row come to, for the claim that it is about.
type rowSeen struct{ ran, red bool }

func (r *rowSeen) note(c *Cell) {
	r.ran = true
	r.red = r.red || c.Verdict != Pass
}

// settle finds out what rows say of the claims.
func (m *Matrix) settle(seen []rowSeen) {
	for i := range m.Claims {
		c := &m.Claims[i]
		tested := c.Verdict != NotTested
		*c = ClaimResult{Name: c.Name, Text: c.Text}
		for j := range m.Rows {
			ref := m.Rows[j].Claim
			if ref.Name != c.Name {
				continue
			}
			evidence := ClaimEvidence{m.Rows[j].Name, ref.When}
			switch {
			case !seen[j].ran || seen[j].red:
				c.Unknown = append(c.Unknown, evidence)
			case ref.Against:
				c.Against = append(c.Against, evidence)
			default:
				c.For = append(c.For, evidence)
			}
		}
		if c.Verdict = c.judge(); c.Verdict == NotTested && tested {
			c.Verdict = NotRun
		}
		if c.Verdict == Partly {
			c.When = circumstances(c.For)
		}
	}
}

// judge returns what the evidence comes to. One experiment that did not pass leaves the claim
// open, whatever the others say: it might have been the exception.
func (c *ClaimResult) judge() ClaimVerdict {
	switch {
	case len(c.Unknown) > 0:
		return NotSettled
	case len(c.For) > 0 && len(c.Against) > 0:
		return Partly
	case len(c.For) > 0:
		return Holds
	case len(c.Against) > 0:
		return Refuted
	}
	return NotTested
}

// circumstances returns the clauses of the evidence, each once.
func circumstances(evidence []ClaimEvidence) []string {
	var whens []string
	for _, e := range evidence {
		if e.When != "" && !slices.Contains(whens, e.When) {
			whens = append(whens, e.When)
		}
	}
	return whens
}
