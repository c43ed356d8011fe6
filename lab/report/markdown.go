package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"labrun/lab/result"
)

// What a comment on GitHub takes is 65 536 characters. What is folded has the
// room that the rest leaves of this.
const mostMarkdown = 60_000

// Markdown writes the report for a pull request: matrices as tables, grids and
// what did not pass folded, claims, the environment. It fits into a comment,
// unless the matrices alone do not. What is always shown is made first, as strings, to know
// what room it leaves: of explanations and grids some may be missing, and the table that
// says how many failed may not.
func Markdown(w io.Writer, r result.Report) error {
	r = visible(r)
	k := &markdown{room: mostMarkdown}
	k.say("## labrun: %s\n\n", r.Counts)
	always := make([]struct{ matrix, claims string }, len(r.Matrices))
	for i := range r.Matrices {
		m := &r.Matrices[i]
		always[i].matrix, always[i].claims = markdownMatrix(&r, i), markdownClaims(m)
		k.room -= len(always[i].matrix) + len(always[i].claims)
	}
	environment := markdownChanges(&r) + markdownEnvironment(r)
	k.room -= len(environment)
	for i := range r.Matrices {
		k.say("%s", always[i].matrix)
		k.details(&r, i)
		k.say("%s", always[i].claims)
	}
	k.say("%s", environment)
	_, err := io.WriteString(w, k.text.String())
	return err
}

// markdown is a page and the room that it has for what is folded. A page that is too long
// for a comment is refused as a whole, so what does not fit is left out and counted.
type markdown struct {
	text strings.Builder
	room int
	left int // pieces that it had no room for
}

func (k *markdown) say(format string, args ...any) { fmt.Fprintf(&k.text, format, args...) }

// fold adds a summary, in HTML, that opens to a text. GitHub takes a blank line
// after the summary for the end of the HTML.
func (k *markdown) fold(summary, text string) {
	s := fmt.Sprintf("<details><summary>%s</summary>\n\n%s\n</details>\n\n", summary, block(text))
	if len(s) > k.room {
		k.left++
		return
	}
	k.room -= len(s)
	k.text.WriteString(s)
}

// details folds the failures, the reasons of errors and skips, and last, as long
// as there is room, the grids. A piece that is too long is left out, and a shorter one after
// it may still fit.
func (k *markdown) details(r *result.Report, matrix int) {
	m := &r.Matrices[matrix]
	k.left = 0
	for _, kinds := range alikes(m) {
		for _, a := range kinds {
			if k.room < 200 { // none fits: no need to explain half a million
				k.left++
				continue
			}
			var text strings.Builder
			Text{}.alike(&text, m, a)
			name, on := a.name(m)
			k.fold(fmt.Sprintf("FAIL %s: %s", codeHTML(name+on), codeHTML(headline(m, a.first))), text.String())
		}
	}
	for _, v := range []result.Verdict{result.Error, result.Skip} {
		for _, s := range sharedReasons(m, v) {
			var text strings.Builder
			fmt.Fprintln(&text, s.reason)
			Text{}.outputs(&text, s.outputs)
			k.fold(wordsOf[v]+" "+codeHTML(listFirst(s.first, s.cells)), text.String())
		}
	}
	k.grids(r, matrix)
	if k.left > 0 {
		k.say("And %d more that a comment has no room for: `-o FILE.json` has them all.\n\n", k.left)
	}
}

// grids folds the grids of answers. They come last: a failure is why a person opens the
// comment, and a grid is what they then compare with. What a terminal shows is a block of code: a
// table of Markdown has one line of heads and no cells that are left blank.
func (k *markdown) grids(r *result.Report, matrix int) {
	of := newGrids(Text{}, r, matrix)
	for _, cells := range runs(of.m.Cells, inRow) {
		blocks, left := of.row(cells[0].Row).blocks(cells)
		k.left += left
		for _, block := range blocks {
			head, grid, _ := strings.Cut(block, "\n")
			k.fold(codeHTML(head), grid)
		}
	}
}

// markdownMatrix is the table of a topology. Of one with very many experiments the lines
// that passed are left out: people look for the others.
func markdownMatrix(r *result.Report, matrix int) string {
	m := &r.Matrices[matrix]
	var b strings.Builder
	fmt.Fprintf(&b, "### %s", escapeMarkdown(m.Name))
	if doc := dash(m.Doc); doc != "" {
		b.WriteString(escapeMarkdown(doc))
	}
	b.WriteString("\n\n")
	if q := m.Lesson.Question; q != "" {
		fmt.Fprintf(&b, "%s\n\n", escapeMarkdown(strings.Join(strings.Fields(q), " ")))
	}
	if len(m.Rows) == 0 {
		return b.String() + "No experiment to run.\n\n"
	}
	head, of := []string{"experiment"}, layoutOf(r, matrix)
	for _, h := range of.oneLine() {
		head = append(head, escapeMarkdown(h))
	}
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	all := lines(m, &of)
	shown := 0
	for _, l := range all {
		if n := l.total(); len(all) > mostRows && (n.Passed == n.Sum() || shown == mostRows) {
			continue
		}
		shown++
		words := l.words(&of,
			func(n tally) string {
				return strong(Text{}.tally(n.Counts, l.one), n.Failed+n.Errors > 0) + escapeMarkdown(n.mark())
			},
			func(v result.Verdict, n int) string {
				return strong(strconv.Itoa(n), n > 0 && (v == result.Fail || v == result.Error))
			})
		fmt.Fprintf(&b, "| %s | %s |\n", cellCode(l.name), strings.Join(words, " | "))
	}
	if left := len(all) - shown; left > 0 {
		fmt.Fprintf(&b, "\nAnd %d more lines, of which those that did not pass were shown first: `-o FILE.json` "+
			"has them all.\n", left)
	}
	if marked(all) {
		fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(legendOfMark))
	}
	b.WriteString("\n")
	return b.String()
}

func strong(s string, yes bool) string {
	if yes {
		return "**" + s + "**"
	}
	return s
}

// markdownClaims lists the claims with the same evidence as a text report.
func markdownClaims(m *result.Matrix) string {
	all := claimsOf(m)
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Claims:\n\n")
	for _, c := range all {
		fmt.Fprintf(&b, "- **%s**: %s", escapeMarkdown(c.Name), escapeMarkdown(c.Says()))
		if c.Text != "" {
			fmt.Fprintf(&b, "  \n  *%s*", escapeMarkdown(strings.TrimSpace(c.Text)))
		}
		b.WriteString("\n")
		if c.Verdict == result.Holds || c.Verdict == result.NotTested {
			continue
		}
		for _, of := range []struct {
			word     string
			evidence []result.ClaimEvidence
		}{{"for it", c.For}, {"against it", c.Against}, {"no answer from", c.Unknown}} {
			for _, e := range of.evidence {
				fmt.Fprintf(&b, "  - %s %s", of.word, code(e.Experiment))
				if e.When != "" {
					fmt.Fprintf(&b, ": when %s", escapeMarkdown(e.When))
				}
				b.WriteString("\n")
			}
		}
	}
	return b.String() + "\n"
}

// markdownChanges lists what changed between kernels, and then what each of them came to.
func markdownChanges(r *result.Report) string {
	if len(r.Kernels) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", changesTitle)
	changes, left := few(r.Changes)
	if len(changes) > 0 {
		b.WriteString("| experiment | before | after | where | why |\n|---|---|---|---|---|\n")
	} else {
		b.WriteString("Nothing.\n")
	}
	for i := range changes {
		c := &changes[i]
		fmt.Fprintf(&b, "| %s | %s: %s | %s: %s | %s line %d: %s on %s | %s |\n",
			cellCode(experimentOf(r, c)+strings.TrimPrefix(cellsOf(c), ": ")), escapeMarkdown(c.Before.Kernel),
			cellCode(oneLine(c.Before.Answer)), escapeMarkdown(c.After.Kernel), cellCode(oneLine(c.After.Answer)),
			cellCode(c.File), c.Line, cellCode(c.Call), escapeMarkdown(listFirst(c.Hosts, len(c.Hosts))),
			escapeMarkdown(c.Explanation()))
	}
	if left > 0 {
		fmt.Fprintf(&b, "\nAnd %d more: `-o FILE.json` has them all.\n", left)
	}
	b.WriteString("\n| kernel | release | architecture | cells | digest |\n|---|---|---|---|---|\n")
	for _, k := range r.Kernels {
		words := kernelWords(r, &k)
		for i := range words {
			words[i] = escapeMarkdown(words[i])
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(words, " | "))
	}
	return b.String() + "\n"
}

// markdownEnvironment folds the environment: its summary has what decides most questions,
// the kernel's release and whether root asked.
func markdownEnvironment(r result.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s</summary>\n\n| environment | |\n|---|---|\n",
		codeHTML(r.Environment.String()))
	run, sysctls := environmentOf(r)
	for _, kv := range append(run, sysctls...) {
		fmt.Fprintf(&b, "| %s | %s |\n", cellCode(kv[0]), cellCode(kv[1]))
	}
	return b.String() + "\n</details>\n"
}
