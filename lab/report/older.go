package report

import (
	"regexp"
	"strconv"
	"strings"

	"labrun/lab/result"
)

// Version is the form of the JSON that JSON writes. Version 1 did not name itself: it had
// verdicts on claims and how often a flaky cell was answered what as sentences alone, and
// the circumstances of an experiment with the claim's evidence in place of the row.
const Version = 2

// Older reports are turned into today's form while they are read, and nothing else in labrun
// knows that there were others. Sentences are parsed here alone, for there they were data.

// olderWhens gives the rows of a report of version 1 their circumstances, and claims theirs.
func olderWhens(m *result.Matrix) {
	whens := map[string]string{}
	for _, c := range m.Claims {
		for _, evidence := range [][]result.ClaimEvidence{c.For, c.Against, c.Unknown} {
			for _, e := range evidence {
				whens[e.Experiment] = e.When
			}
		}
	}
	older := false
	for i := range m.Rows {
		if ref := &m.Rows[i].Claim; ref.Name != "" && ref.When == "" {
			ref.When = whens[m.Rows[i].Name]
			older = older || ref.When != ""
		}
	}
	if older {
		m.Settle()
	}
}

var olderTally = regexp.MustCompile(`^(.+?) (once|twice|(\d+) times)(?:, |$)`)

// olderFlaky reads the reason of a flaky cell in a report of version 1. What does not read
// as one stays a reason, lest a word of it is lost.
func olderFlaky(n *result.Note) {
	rest, ok := strings.CutPrefix(n.Reason, "flaky: ")
	if !ok {
		return
	}
	var all result.Tallies
	for rest != "" {
		found := olderTally.FindStringSubmatch(rest)
		if found == nil {
			return // not ours: it stays a reason
		}
		times := map[string]int{"once": 1, "twice": 2}[found[2]]
		if times == 0 {
			times, _ = strconv.Atoi(found[3])
		}
		all = append(all, result.Tally{Answer: found[1], Times: times})
		rest = rest[len(found[0]):]
	}
	n.Reason, n.Flaky = "", all
}
