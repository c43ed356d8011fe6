package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"labrun/lab/compare"
	"labrun/lab/result"
	"labrun/lab/wording"
)

// Diff writes a difference for people: cells that changed, with the steps in which
// they did, that appeared and that vanished, answers that the file leaves open, claims,
// the environment, and last the counts.
func (t Text) Diff(w io.Writer, d *compare.Difference) error {
	d = visibleDifference(d)
	b := bufio.NewWriterSize(w, 1<<16)
	t.pairs(b, d, "changed", d.Changed, d.Steps, t.pair)
	t.oneSided(b, "appeared", &d.After, d.Appeared)
	t.oneSided(b, "vanished", &d.Before, d.Vanished)
	t.open(b, d)
	if len(d.Claims) > 0 {
		fmt.Fprintln(b, t.paint(bold, "claims"))
		for _, c := range d.Claims {
			fmt.Fprintf(b, "  %s: %s\n", t.paint(bold, inTopology(&d.After, c.Topology)+oneLine(c.Name)),
				arrow(c.Before, c.After))
			if c.Text != "" {
				label(b, "says", oneLine(c.Text))
			}
		}
		fmt.Fprintln(b)
	}
	if len(d.Environment) > 0 {
		fmt.Fprintln(b, t.paint(bold, "environment"))
		width := 0
		for _, s := range d.Environment {
			width = max(width, text.StringWidthWithoutEscSequences(oneLine(s.Name)))
		}
		for _, s := range d.Environment {
			fmt.Fprintf(b, "  %s  %s\n", text.Pad(oneLine(s.Name), width, ' '), arrow(s.Before, s.After))
		}
		fmt.Fprintln(b)
	}
	if lines := diffKernels(d); len(lines) > 0 {
		fmt.Fprintln(b, t.paint(bold, "kernels"))
		for _, line := range lines {
			fmt.Fprintf(b, "  %s\n", line)
		}
		fmt.Fprintln(b)
	}
	digests := d.Before.Digest
	if digests != d.After.Digest {
		digests = arrow(digests, d.After.Digest)
	}
	colour := green
	if d.Outcome() {
		colour = red
	}
	fmt.Fprintf(b, "%s\n%s\n", t.paint(faint, digests), t.paint(colour, diffCounts(d)))
	return b.Flush()
}

// diffKernels says how many cells differ on each kernel of several, and which kernels were left out.
func diffKernels(d *compare.Difference) []string {
	var lines []string
	k := d.Kernels
	for _, n := range d.ByKernel() {
		lines = append(lines, fmt.Sprintf("linux %s: %d changed, %d appeared, %d vanished, %d the same", oneLine(n.Name),
			n.Changed, n.Appeared, n.Vanished, n.Same))
	}
	list := func(names []string) string { return oneLine("linux " + strings.Join(names, ", ")) }
	switch {
	case k.IsZero():
	case len(k.Both) == 0:
		lines = append(lines, "nothing was compared: no kernel is in both reports")
	case len(k.Both) == 1 && len(k.Before)+len(k.After) > 0:
		lines = append(lines, "compared: "+list(k.Both))
	}
	if len(k.Before) > 0 {
		lines = append(lines, "left out, in the first report alone: "+list(k.Before))
	}
	if len(k.After) > 0 {
		lines = append(lines, "left out, in the second report alone: "+list(k.After))
	}
	return lines
}

// diffCounts says in a line how much differs. Zeros are said too: whether none vanished is
// what a person who has renamed an experiment wants to know.
func diffCounts(d *compare.Difference) string {
	s := fmt.Sprintf("%d changed, %d appeared, %d vanished, %d the same", len(d.Changed), len(d.Appeared),
		len(d.Vanished), d.Same)
	switch n := len(d.Claims); n {
	case 0:
	case 1:
		s += ", 1 claim changed"
	default:
		s += fmt.Sprintf(", %d claims changed", n)
	}
	if n := len(d.Open); n > 0 {
		s += fmt.Sprintf("; %d answered otherwise where the file leaves it open", n)
	}
	return s
}

// arrow says what became what.
func arrow(before, after string) string {
	word := func(s string) string {
		if s == "" {
			return "(none)"
		}
		return oneLine(s)
	}
	return word(before) + " -> " + word(after)
}

// inTopology names the topology before what is in it, where a report has more
// than one.
func inTopology(r *result.Report, name string) string {
	if len(r.Matrices) < 2 {
		return ""
	}
	return oneLine(name) + ": "
}

// placeName names a cell as commands take it.
func placeName(r *result.Report, p compare.Place) string {
	m, c := p.In(r)
	return inTopology(r, m.Name) + oneLine(m.NameOf(c)) + " on " + oneLine(m.ColumnOf(c))
}

// sameRow reports whether two cells are of one row.
func sameRow(r *result.Report, a, b compare.Place) bool {
	_, c := a.In(r)
	_, d := b.In(r)
	return a.Matrix == b.Matrix && c.Row == d.Row
}

// open writes the cells in which an answer differs that the file leaves open.
func (t Text) open(b io.Writer, d *compare.Difference) {
	if len(d.Open) == 0 {
		return
	}
	fmt.Fprintln(b, "answers that the file leaves open, which are no difference")
	fmt.Fprintln(b)
	t.pairs(b, d, "open", d.Open, d.OpenSteps, func(b io.Writer, d *compare.Difference, p compare.Pair) {
		fmt.Fprintf(b, "open %s\n", t.paint(bold, placeName(&d.After, p.After)))
		t.stepPairs(b, d, p, d.OpenSteps(p))
		fmt.Fprintln(b)
	})
}

// pairs writes cells of both reports; of an experiment with too many of them classes. A new kernel changes whole
// experiments at once, and the others must still be found below them.
func (t Text) pairs(b io.Writer, d *compare.Difference, word string, all []compare.Pair,
	steps func(compare.Pair) []compare.StepPair, tell func(io.Writer, *compare.Difference, compare.Pair)) {
	told := 0
	for at, of := range runs(all, func(p, q *compare.Pair) bool { return sameRow(&d.Before, p.Before, q.Before) }) {
		if told >= mostRows {
			fmt.Fprintf(b, "%s %s: labrun diff --format json has them all\n\n", word,
				t.paint(bold, fmt.Sprintf("and %d cells more", len(all)-at)))
			return
		}
		if len(of) > tooMany {
			told += t.classes(b, d, word, of, steps)
			continue
		}
		for _, p := range of {
			tell(b, d, p)
		}
		told += len(of)
	}
}

// classes writes cells of one experiment as classes, and returns how many there are: a line each, with one cell of every
// change, for "labrun explain".
func (t Text) classes(b io.Writer, d *compare.Difference, word string, all []compare.Pair,
	steps func(compare.Pair) []compare.StepPair) (told int) {
	m, c := all[0].After.In(&d.After)
	name := inTopology(&d.After, m.Name) + oneLine(m.Rows[c.Row].Name)
	for _, change := range d.Changes(all, steps) {
		_, before := change.Cells[0].Before.In(&d.Before)
		_, after := change.Cells[0].After.In(&d.After)
		fmt.Fprintf(b, "%s %s: %s", word, t.paint(bold, name), wording.Count(len(change.Cells), "cell"))
		if before.Verdict != after.Verdict {
			fmt.Fprintf(b, ": %s -> %s", t.verdict(before.Verdict), t.verdict(after.Verdict))
		}
		fmt.Fprintln(b)
		for i, s := range steps(change.Cells[0]) {
			at := s.After
			if at == nil {
				at = s.Before
			}
			fmt.Fprintf(b, "  %s: %s: %s -> %s\n", oneLine(at.Process), oneLine(change.Calls[i]), t.side(s, s.Before),
				t.side(s, s.After))
		}
		for _, reason := range []string{before.Reason(), after.Reason()} {
			if reason != "" {
				label(b, "reason", oneLine(reason))
			}
		}
		classes, left := few(change.Classes)
		told += len(classes)
		for _, class := range classes {
			label(b, fmt.Sprint(len(class.Cells)), whereWords(&class))
		}
		if left > 0 {
			fmt.Fprintf(b, "    and %d more classes: labrun diff --format json has them all\n", left)
		}
		label(b, "such as", placeName(&d.After, change.Cells[0].After))
		fmt.Fprintln(b)
	}
	return told
}

// whereWords says of which cells a class is.
func whereWords(c *compare.Class) string {
	if c.Rest {
		return "other cells, which have no few values in common"
	}
	if len(c.Where) == 0 {
		return "all cells"
	}
	words := make([]string, len(c.Where))
	for i, v := range c.Where {
		words[i] = oneLine(v.String())
	}
	return strings.Join(words, ", ")
}

// pair writes a cell that changed: what it was and what it is, the reasons of a skip or an
// error, and the steps in which it changed. Where a reason says why steps were not made,
// they are not listed.
func (t Text) pair(b io.Writer, d *compare.Difference, p compare.Pair) {
	_, before := p.Before.In(&d.Before)
	_, after := p.After.In(&d.After)
	what := t.verdict(before.Verdict) + " -> " + t.verdict(after.Verdict)
	if before.Verdict == after.Verdict {
		what = t.verdict(after.Verdict) + " as before"
	}
	fmt.Fprintf(b, "changed %s: %s\n", t.paint(bold, placeName(&d.After, p.After)), what)
	reasons := false
	for _, side := range []struct {
		word string
		cell *result.Cell
	}{{"was", before}, {"now", after}} {
		if reason := side.cell.Reason(); reason != "" {
			label(b, side.word, oneLine(side.cell.Verdict.String()+": "+reason))
			reasons = true
		}
	}
	steps := d.Steps(p)
	if reasons { // which say why a step was not made
		steps = slices.DeleteFunc(steps, func(s compare.StepPair) bool { return s.Before == nil || s.After == nil })
	}
	t.stepPairs(b, d, p, steps)
	fmt.Fprintln(b)
}

// stepPairs says what steps of a cell were answered in both reports. The line is that of the
// later one, in which a person would change the file.
func (t Text) stepPairs(b io.Writer, d *compare.Difference, p compare.Pair, steps []compare.StepPair) {
	m, after := p.After.In(&d.After)
	for _, s := range steps {
		at, file := s.After, m.FileOf(after)
		if at == nil {
			at = s.Before
			m, before := p.Before.In(&d.Before)
			file = m.FileOf(before)
		}
		fmt.Fprintf(b, "  %s:%d: %s\n", oneLine(file), at.Line, stepCall(s, at))
		label(b, "was", t.side(s, s.Before))
		label(b, "now", t.side(s, s.After))
	}
}

// side says what a step of a pair came to, in the colour of its verdict: which side is wrong
// matters more than that they differ.
func (t Text) side(pair compare.StepPair, s *result.StepResult) string {
	colour := green
	switch {
	case s == nil:
		colour = faint
	case s.Red:
		colour = red
	}
	return t.paint(colour, stepWords(pair, s))
}

// stepCall names the call of a pair, which is at hand in one of the reports.
func stepCall(pair compare.StepPair, at *result.StepResult) string {
	if pair.Before != nil && pair.After != nil && !pair.Asked() {
		return "another call"
	}
	return oneLine(at.Process + ": " + at.Call)
}

// stepWords says what a step of a pair came to: with its call where the two made others, and
// with what was wanted where that is why it is red, or is what changed.
func stepWords(pair compare.StepPair, s *result.StepResult) string {
	if s == nil {
		return "not made"
	}
	words := s.Words(s.Got)
	if !pair.Asked() && pair.Before != nil && pair.After != nil {
		words = s.Process + ": " + s.Call + " = " + words
	}
	if s.Red || pair.Asked() && pair.Before.Want != pair.After.Want {
		words += ", want " + s.Words(s.Want)
	}
	return oneLine(words)
}

// oneSided lists cells that one of the reports has alone, a line for each experiment.
func (t Text) oneSided(b io.Writer, word string, r *result.Report, places []compare.Place) {
	n := 0
	for at, of := range runs(places, func(p, q *compare.Place) bool { return sameRow(r, *p, *q) }) {
		if n++; n > mostRows {
			fmt.Fprintf(b, "%s %s: labrun diff --format json has them all\n", word,
				t.paint(bold, fmt.Sprintf("and %d cells more", len(places)-at)))
			break
		}
		names, counts := alone(r, of)
		fmt.Fprintf(b, "%s %s: %s\n", word, t.paint(bold, names), t.tally(counts, len(of) == 1))
	}
	if len(places) > 0 {
		fmt.Fprintln(b)
	}
}

// alone names the first of some cells that one report has, and counts all of them: a renamed
// experiment makes all its cells vanish and appear, and their verdicts say if that is all.
func alone(r *result.Report, of []compare.Place) (string, result.Counts) {
	var first []string
	var counts result.Counts
	for _, p := range of {
		_, c := p.In(r)
		counts.Count(c.Verdict)
		if len(first) < maxListed {
			first = append(first, placeName(r, p))
		}
	}
	return listFirst(first, len(of)), counts
}
