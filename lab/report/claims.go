package report

import (
	"fmt"
	"io"
	"strings"

	"labrun/lab/result"

	"github.com/jedib0t/go-pretty/v6/text"
)

// claimsOf returns the claims that reports show: those that the run was about. The matrix
// has all claims of the file, so that reports of parts add up to the whole; after
// "labrun --only" most of them would say "not run" to a reader who asked for one thing.
func claimsOf(m *result.Matrix) []result.ClaimResult {
	var all []result.ClaimResult
	for _, c := range m.Claims {
		if c.Verdict != result.NotRun {
			all = append(all, c)
		}
	}
	return all
}

// claims says claim by claim what was measured. The experiments are listed where a reader
// goes on asking: which one refutes the claim, under which circumstances it holds, what was
// not answered. A claim that holds has its text and its verdict, and one that is not tested
// has no experiments.
func (t Text) claims(b io.Writer, m *result.Matrix) {
	all := claimsOf(m)
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(b, t.paint(bold, "claims"))
	for _, c := range all {
		fmt.Fprintf(b, "  %s: %s\n", t.paint(bold, c.Name), c.Says())
		if c.Text != "" {
			for _, line := range strings.Split(text.WrapSoft(c.Text, t.sentenceWidth(4)), "\n") {
				fmt.Fprintf(b, "    %s\n", strings.TrimRight(line, " ")) // WrapSoft pads
			}
		}
		if c.Verdict == result.Holds || c.Verdict == result.NotTested {
			continue
		}
		t.evidence(b, "for it", c.For)
		t.evidence(b, "against it", c.Against)
		t.evidence(b, "no answer from", c.Unknown)
	}
	fmt.Fprintln(b)
}

func (t Text) evidence(b io.Writer, word string, evidence []result.ClaimEvidence) {
	for _, e := range evidence {
		fmt.Fprintf(b, "    %s %s", t.paint(faint, word), e.Experiment)
		if e.When != "" {
			fmt.Fprintf(b, ": when %s", e.When)
		}
		fmt.Fprintln(b)
	}
}
