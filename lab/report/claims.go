package report

import (
	"bufio"
	"fmt"
	"strings"

	"labrun/lab/result"

	"github.com/jedib0t/go-pretty/v6/text"
)

// claims says claim by claim what was measured.
func (t Text) claims(b *bufio.Writer, m *result.Matrix) {
	if len(m.Claims) == 0 {
		return
	}
	fmt.Fprintln(b, t.paint(bold, "claims"))
	for _, c := range m.Claims {
		fmt.Fprintf(b, "  %s: %s\n", t.paint(bold, c.Name), c.Verdict)
		if c.Text != "" {
			for _, line := range strings.Split(text.WrapSoft(c.Text, 90), "\n") {
				fmt.Fprintf(b, "    %s\n", strings.TrimRight(line, " ")) // WrapSoft pads
			}
		}
		if c.Verdict == "holds" || c.Verdict == "not tested" {
			continue
		}
		t.evidence(b, "for it", c.For)
		t.evidence(b, "against it", c.Against)
		t.evidence(b, "no answer from", c.Unknown)
	}
	fmt.Fprintln(b)
}

func (t Text) evidence(b *bufio.Writer, word string, evidence []result.ClaimEvidence) {
	for _, e := range evidence {
		fmt.Fprintf(b, "    %s %s", t.paint(faint, word), e.Experiment)
		if e.When != "" {
			fmt.Fprintf(b, ": when %s", e.When)
		}
		fmt.Fprintln(b)
	}
}
