package result

import (
	"fmt"
	"slices"
	"time"
)

// Environment is all that may differ between two runs of one file without a
// difference in what was found.
type Environment struct {
	Labrun  string            `json:"labrun"`  // version of this program
	Kernel  string            `json:"kernel"`  // release, uname(2)
	Machine string            `json:"machine"` // architecture, uname(2)
	User    string            `json:"user"`    // "root" or "user namespace"
	Started time.Time         `json:"started"`
	Elapsed float64           `json:"elapsed_seconds"`
	Jobs    int               `json:"jobs"`
	Sysctls map[string]string `json:"sysctls,omitempty"` // of a fresh network namespace
	// Seconds is how long each cell took, by matrix, in the order of its Cells; they
	// are half a million in four bytes each. A matrix may have none.
	Seconds [][]float32 `json:"cell_seconds,omitempty"`
}

// Counts is how many cells came to each verdict.
type Counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
	Errors  int `json:"errors"`
}

// Sum returns how many cells there are.
func (c Counts) Sum() int { return c.Passed + c.Failed + c.Skipped + c.Errors }

func (c Counts) String() string {
	s := fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
	switch c.Errors {
	case 0:
	case 1:
		s += ", 1 error"
	default:
		s += fmt.Sprintf(", %d errors", c.Errors)
	}
	return s
}

// Report is a whole run.
type Report struct {
	Environment Environment `json:"environment"`
	Digest      string      `json:"digest"` // of Matrices alone, see DigestOf
	Counts      Counts      `json:"counts"`
	Matrices    []Matrix    `json:"topologies"`
}

// Recount returns the report with the counts, digest and claims of its cells, whatever it
// says of them: it may have been edited.
func (r Report) Recount() Report {
	matrices := slices.Clone(r.Matrices)
	for i := range matrices {
		matrices[i].Claims = slices.Clone(matrices[i].Claims)
		matrices[i].Settle()
	}
	return NewReport(r.Environment, matrices)
}

// NewReport counts and digests the matrices of a run.
func NewReport(env Environment, matrices []Matrix) Report {
	r := Report{Environment: env, Digest: DigestOf(matrices), Matrices: matrices}
	for _, m := range matrices {
		for _, c := range m.Cells {
			switch c.Verdict {
			case Pass:
				r.Counts.Passed++
			case Fail:
				r.Counts.Failed++
			case Skip:
				r.Counts.Skipped++
			case Error:
				r.Counts.Errors++
			}
		}
	}
	return r
}
