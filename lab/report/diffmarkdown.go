package report

import (
	"fmt"
	"io"
	"strings"

	"labrun/lab/compare"
	"labrun/lab/result"
	"labrun/lab/wording"
)

// DiffMarkdown writes a difference for a pull request. It fits into a comment: what
// has no room is counted. Cells come first, for the reader has to judge them. The
// environment comes last, but its room is set aside before: a kernel that is another one
// explains everything above it, and must not be what a long list of cells displaces.
func DiffMarkdown(w io.Writer, d *compare.Difference) error {
	d = visibleDifference(d)
	k := &markdown{room: mostMarkdown}
	k.say("## labrun diff: %s\n\n", diffCounts(d))
	settings := markdownSettings(d)
	kernels := ""
	for _, line := range diffKernels(d) {
		kernels += fmt.Sprintf("- %s\n", escapeMarkdown(line))
	}
	if kernels != "" {
		settings = kernels + "\n" + settings
	}
	k.room -= len(settings)
	few, many := fewOfRows(d, d.Changed)
	if len(few) > 0 {
		k.say("| cell | verdict | step | was | now |\n|---|---|---|---|---|\n")
		markdownItems(k, few, func(p compare.Pair) string { return markdownPair(d, p) })
	}
	markdownClasses(k, d, many, d.Steps)
	for _, of := range []struct {
		word   string
		r      *result.Report
		places []compare.Place
	}{{"appeared", &d.After, d.Appeared}, {"vanished", &d.Before, d.Vanished}} {
		var groups [][]compare.Place
		for _, g := range runs(of.places, func(p, q *compare.Place) bool { return sameRow(of.r, *p, *q) }) {
			groups = append(groups, g)
		}
		if len(groups) > 0 {
			markdownItems(k, groups, func(g []compare.Place) string {
				names, counts := alone(of.r, g)
				return fmt.Sprintf("- %s %s: %s\n", of.word, code(names), Text{}.tally(counts, len(g) == 1))
			})
		}
	}
	few, many = fewOfRows(d, d.Open)
	if len(d.Open) > 0 {
		k.say("Answers that the file leaves open, which are no difference:\n\n")
	}
	if len(few) > 0 {
		k.say("| cell | step | was | now |\n|---|---|---|---|\n")
		markdownItems(k, few, func(p compare.Pair) string { return markdownOpen(d, p) })
	}
	markdownClasses(k, d, many, d.OpenSteps)
	if len(d.Claims) > 0 {
		markdownItems(k, d.Claims, func(c compare.Claim) string {
			says := ""
			if c.Text != "" {
				says = " (" + escapeMarkdown(c.Text) + ")"
			}
			return fmt.Sprintf("- claim **%s**%s: %s\n", escapeMarkdown(inTopology(&d.After, c.Topology)+c.Name), says,
				escapeMarkdown(arrow(c.Before, c.After)))
		})
	}
	k.say("%s", settings)
	_, err := io.WriteString(w, k.text.String())
	return err
}

// fewOfRows returns the cells of experiments that have few of them, and those of the others.
func fewOfRows(d *compare.Difference, all []compare.Pair) (few, many []compare.Pair) {
	for _, of := range runs(all, func(p, q *compare.Pair) bool { return sameRow(&d.Before, p.Before, q.Before) }) {
		if len(of) > tooMany {
			many = append(many, of...)
		} else {
			few = append(few, of...)
		}
	}
	return few, many
}

// markdownClasses lists cells as classes.
func markdownClasses(k *markdown, d *compare.Difference, pairs []compare.Pair, steps func(compare.Pair) []compare.StepPair) {
	if len(pairs) == 0 {
		return
	}
	markdownItems(k, d.Changes(pairs, steps), func(c compare.Change) string {
		var b strings.Builder
		m, after := c.Cells[0].After.In(&d.After)
		_, before := c.Cells[0].Before.In(&d.Before)
		fmt.Fprintf(&b, "- %s%s: %s", escapeMarkdown(inTopology(&d.After, m.Name)), code(m.Rows[after.Row].Name),
			wording.Count(len(c.Cells), "cell"))
		if before.Verdict != after.Verdict {
			fmt.Fprintf(&b, ", %s → **%s**", wordsOf[before.Verdict], wordsOf[after.Verdict])
		}
		for i, s := range steps(c.Cells[0]) {
			fmt.Fprintf(&b, ", %s: %s → %s", code(c.Calls[i]), code(stepWords(s, s.Before)), code(stepWords(s, s.After)))
		}
		b.WriteString("\n")
		classes, left := few(c.Classes)
		for _, class := range classes {
			fmt.Fprintf(&b, "  - %d: %s\n", len(class.Cells), escapeMarkdown(whereWords(&class)))
		}
		if left > 0 {
			fmt.Fprintf(&b, "  - and %d more classes\n", left)
		}
		return b.String()
	})
}

// markdownItems writes as many pieces as there is room for, at most mostRows, and a blank
// line. Pieces are made one by one, as half a million cells may have changed.
func markdownItems[T any](k *markdown, all []T, piece func(T) string) {
	for i, item := range all {
		s := ""
		if i < mostRows && k.room > 0 {
			s = piece(item)
		}
		if s == "" || len(s) > k.room {
			k.say("\nAnd %d more: `labrun diff --format json` has them all.\n", len(all)-i)
			break
		}
		k.room -= len(s)
		k.say("%s", s)
	}
	k.say("\n")
}

// markdownPair is a line of the table for each step in which a cell changed. A cell that was
// a skip or an error in one of the reports has one line with the reasons: they say why steps
// were not made, and a list of those would hide it.
func markdownPair(d *compare.Difference, p compare.Pair) string {
	var b strings.Builder
	_, before := p.Before.In(&d.Before)
	_, after := p.After.In(&d.After)
	name := cellCode(placeName(&d.After, p.After))
	verdicts := wordsOf[before.Verdict] + " → **" + wordsOf[after.Verdict] + "**"
	if before.Verdict == after.Verdict {
		verdicts = wordsOf[after.Verdict]
	}
	if before.Reason() != "" || after.Reason() != "" {
		fmt.Fprintf(&b, "| %s | %s | | %s | %s |\n", name, verdicts, cellCode(before.Reason()),
			cellCode(after.Reason()))
		return b.String()
	}
	for _, s := range d.Steps(p) {
		at := s.After
		if at == nil {
			at = s.Before
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, verdicts,
			cellCode(stepCall(s, at)), cellCode(stepWords(s, s.Before)), cellCode(stepWords(s, s.After)))
	}
	return b.String()
}

// markdownOpen is a line of the table for each step that was answered otherwise where
// the file leaves that open.
func markdownOpen(d *compare.Difference, p compare.Pair) string {
	var b strings.Builder
	for _, s := range d.OpenSteps(p) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cellCode(placeName(&d.After, p.After)),
			cellCode(stepCall(s, s.After)), cellCode(stepWords(s, s.Before)), cellCode(stepWords(s, s.After)))
	}
	return b.String()
}

func markdownSettings(d *compare.Difference) string {
	if len(d.Environment) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| environment | was | now |\n|---|---|---|\n")
	for _, s := range d.Environment {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cellCode(s.Name), cellCode(s.Before), cellCode(s.After))
	}
	return b.String()
}
