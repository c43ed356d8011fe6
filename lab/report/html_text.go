package report

import (
	"bufio"
	"cmp"
	"fmt"
	"html"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/graph"
	"labrun/lab/result"
)

// pageText writes the part of a page that needs no script: tables, and what is red. A page
// that is opened from a mail, or where scripts are forbidden, still says what was found.
type pageText struct {
	*bufio.Writer // its Flush returns the first error
	id            string
}

// markup is text that is HTML already.
type markup string

// say writes HTML. What a "%v" or "%s" stands for is escaped, unless it is markup;
// attributes stand in double quotes.
func (p *pageText) say(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case markup, int:
		default:
			args[i] = html.EscapeString(fmt.Sprint(a))
		}
	}
	fmt.Fprintf(p, format, args...)
}

// pageIcon is drawn in the page itself, which may refer to nothing outside. Its colour says
// in a row of tabs whether something failed.
const pageIcon = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect " +
	"width='16' height='16' rx='3' fill='%23" +
	"COLOUR'/%3E%3Cpath d='M4 4h3v3H4zM9 4h3v3H9zM4 9h3v3H4zM9 9h3v3H9z' fill='%23fff'/%3E%3C/svg%3E"

// head writes all before the body. The policy comes first: it forbids whatever the page does
// not need, so that a name which slipped through as markup could load and run nothing.
func (p *pageText) head(r result.Report, title string) {
	colour := "1a7f4b"
	if v := worst(r.Counts); v == result.Fail || v == result.Error {
		colour = "b3261e"
	}
	p.say(joinFiles("head.html"), markup(hashOf(pageStyle())), markup(hashOf(pageScript())), r.Environment.Labrun,
		title, markup(strings.Replace(pageIcon, "COLOUR", colour, 1)), markup(pageStyle()))
}

// top writes what the run came to, and folded away where it ran: that matters when two reports differ.
func (p *pageText) top(r result.Report) {
	name := fmt.Sprintf("%d topologies", len(r.Matrices))
	if len(r.Matrices) == 1 {
		name = r.Matrices[0].Name
	}
	p.say("<a class=\"jump\" href=\"#main\">Skip to the cells</a>\n<header class=\"top\">\n")
	p.say("<div class=\"headline\"><h1>%s</h1>%s<button type=\"button\" id=\"theme\" class=\"quiet\" "+
		"hidden>Dark</button></div>\n%s\n", name, countList(r.Counts, true), shareBar(r.Counts))
	run, sysctls := environmentOf(r)
	asked := r.Environment.String()
	if len(r.Kernels) > 0 {
		run = append(run, [2]string{"user", strings.Join(r.Environment.Users(), ", ")})
		asked = r.Environment.Short()
	}
	p.say("<details class=\"run\"><summary>%s</summary>\n<dl class=\"environment\">\n", asked)
	for _, kv := range run {
		if strings.Contains(kv[0], " (") && len(r.Kernels) > 0 {
			continue // in the table of kernels
		}
		p.say("<div class=\"env-%s\"><dt>%s</dt><dd>%s</dd></div>\n", kv[0], kv[0], kv[1])
	}
	p.say("</dl>\n")
	if len(sysctls) > 0 {
		p.say("<details class=\"sysctls\"><summary>%s of a fresh network namespace</summary>\n<table "+
			"class=\"plain\" aria-label=\"Parameters\"><tbody>\n", plural(len(sysctls), "parameter"))
		for _, kv := range sysctls {
			p.say("<tr><th scope=\"row\"><code>%s</code></th><td><code>%s</code></td></tr>\n", kv[0], kv[1])
		}
		p.say("</tbody></table></details>\n")
	}
	p.say("</details>\n</header>\n<div id=\"bar\" class=\"filter\" role=\"search\" " +
		"aria-label=\"Filter the cells\" hidden></div>\n")
}

// contents writes the list of topologies, where there are several, below the place in which scripts tell
// what failed in any of them.
func (p *pageText) contents(r *result.Report) {
	if len(r.Matrices) < 2 {
		return
	}
	p.say("<div id=\"attention\"></div>\n<nav aria-label=\"Topologies\"><ul class=\"contents\">\n")
	for i := range r.Matrices {
		m := &r.Matrices[i]
		doc, _, _ := strings.Cut(strings.TrimSpace(m.Doc), "\n")
		p.say("<li><a href=\"#t%d\">%s</a> %s <span class=\"doc\">%s</span></li>\n", i, m.Name,
			countList(result.CountsOf(m.Cells), false), doc)
	}
	p.say("</ul></nav>\n")
}

// plural writes a number with its noun, as the page writes numbers.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return thousands(n) + " " + word + "s"
}

// topology writes one topology; its scripts add the cells. What was found comes first, and beside
// it, where there is room, what it was found on. Files come last, as steps lead to their lines.
func (p *pageText) topology(r *result.Report, matrix int) {
	m, alone := &r.Matrices[matrix], len(r.Matrices) == 1
	p.say("<section class=\"topology\" id=\"%s\" aria-labelledby=\"%s-name\">\n<div class=\"title\">", p.id, p.id)
	if alone { // the page's head has it
		p.say("<h2 id=\"%s-name\" class=\"hidden\">%s</h2> ", p.id, m.Name)
	} else {
		p.say("<h2 id=\"%s-name\">%s</h2> %s ", p.id, m.Name, countList(result.CountsOf(m.Cells), false))
	}
	p.say("<span class=\"file\">%s</span></div>\n<div class=\"about\">\n<div class=\"findings\">\n", m.File)
	doc, more, _ := strings.Cut(strings.TrimSpace(m.Doc), "\n")
	if q := m.Lesson.Question; q != "" {
		p.say("<p class=\"question\">%s</p>\n", q)
	}
	if doc != "" {
		p.say("<p class=\"lead\">%s</p>\n", doc)
	}
	p.say("<div id=\"%s-attention\"></div>\n", p.id)
	p.plainWrong(m)
	p.claims(claimsOf(m))
	p.say("</div>\n")
	p.layout(m.Name, &m.Layout)
	p.say("</div>\n<div class=\"cells\" id=\"%s-cells\"></div>\n", p.id)
	p.plain(r, matrix)
	p.lesson(m, more)
	if m.Source != "" {
		p.source(p.id, "The file", m.File, m.Source)
	}
	for i, included := range m.Included {
		p.source(p.id+"-"+includedID(i), "Included", included.File, included.Text)
	}
	p.say("</section>\n")
}

// lesson writes the file's own answer, the rest of its doc, and what to read next. All that stands below the cells,
// which a reader opened the page for. What see names are other files, which a page cannot lead to.
func (p *pageText) lesson(m *result.Matrix, doc string) {
	if m.Lesson.Found != "" {
		word := foundWord(m)
		p.say("<p class=\"conclusion\"><b>%s%s</b> %s</p>\n", strings.ToUpper(word[:1]), word[1:], m.Lesson.Found)
	}
	if doc != "" {
		p.say("<p class=\"lead\">%s</p>\n", doc)
	}
	if len(m.Lesson.See) > 0 {
		p.say("<p class=\"note\">See also: %s.</p>\n", strings.Join(m.Lesson.See, ", "))
	}
}

// source writes the text of a file, each line with an id: steps lead to the lines that they
// stand on, and so may a link from outside. Numbers are no part of what a person copies.
func (p *pageText) source(id, what, file, text string) {
	p.say("<details class=\"source\" id=\"%s-source\"><summary>%s, %s</summary>\n<pre tabindex=\"0\" "+
		"aria-label=\"%s\">", id, what, file, file)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		p.say("<span class=\"line\" id=\"%s-%d\"><span class=\"number\" aria-hidden=\"true\">%d</span>%s\n</span>", id,
			i+1, i+1, line)
	}
	p.say("</pre></details>\n")
}

// includedID is the part of ids that stands for an included file.
func includedID(i int) string { return fmt.Sprintf("included%d", i) }

// includedAt returns which included file a row is in, -1 when it is in none whose
// text is there.
func includedAt(m *result.Matrix, r *result.Row) int {
	return slices.IndexFunc(m.Included, func(i lab.Included) bool { return i.File == r.File && r.File != "" })
}

// What a drawing has room for; the table below it has all.
const (
	mostDrawn = 12 // hosts
	mostBars  = 12 // networks
)

// layout writes the topology as a drawing, and as a table. The table is for readers of
// screens, for searches on the page, and for what the drawing has no room for.
func (p *pageText) layout(name string, l *lab.Layout) {
	if len(l.Hosts) == 0 && len(l.Networks) == 0 {
		return
	}
	drawn := graph.Layout{Name: name, Networks: l.Networks[:min(len(l.Networks), mostBars)],
		Hosts: l.Hosts[:min(len(l.Hosts), mostDrawn)]}
	left := len(l.Hosts) - len(drawn.Hosts) + len(l.Networks) - len(drawn.Networks)
	p.say("<aside class=\"layout\" aria-label=\"The topology\">\n<figure class=\"drawing\" tabindex=\"0\" role=\"group\" aria-label=\"A drawing\">%s</figure>\n",
		markup(drawn.Element()))
	if left > 0 {
		p.say("<p class=\"note\">And %d more that the drawing has no room for; the table has all.</p>\n", left)
	}
	p.say("<details class=\"hosts\"><summary>The topology as a table</summary>\n<div class=\"scroll\"><table class=\"plain\" " +
		"aria-label=\"Topology\">\n<thead><tr>")
	for _, head := range []string{"host", "NIC", "network", "alias", "address"} {
		p.say("<th scope=\"col\">%s</th>", head)
	}
	p.say("</tr></thead>\n<tbody>\n")
	for _, h := range l.Hosts {
		if len(h.NICs) == 0 {
			p.say("<tr><th scope=\"row\">%s</th><td colspan=\"4\">no NIC</td></tr>\n", h.Name)
		}
		for _, s := range h.Settings() {
			p.say("<tr><th scope=\"row\">%s</th><td colspan=\"4\"><code>%s</code></td></tr>\n", h.Name, s)
		}
		for _, n := range h.NICs {
			if len(n.Addresses) == 0 {
				p.say("<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td></td><td>no address</td></tr>\n", h.Name,
					n.Name, cmp.Or(n.Network, n.Type.String()))
			}
			for _, a := range n.Addresses {
				p.say("<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td><td><code>%s</code></td></tr>\n",
					h.Name, n.Name, cmp.Or(n.Network, n.Type.String()), a.Alias, a.Prefix)
			}
		}
	}
	p.say("</tbody></table></div></details>\n</aside>\n")
}

// claims writes what was measured about each claim, and which experiments say so.
func (p *pageText) claims(claims []result.ClaimResult) {
	if len(claims) == 0 {
		return
	}
	p.say("<h3>Claims</h3>\n<ul class=\"claims\">\n")
	for _, c := range claims {
		p.say("<li class=\"claim %s\"><p class=\"says\">%s</p>\n<p><b>%s</b> %s</p>\n", claimClasses[c.Verdict],
			c.Says(), c.Name, c.Text)
		if len(c.For)+len(c.Against)+len(c.Unknown) > 0 {
			p.say("<ul>\n")
			p.evidence("for", "for", c.For)
			p.evidence("against", "against", c.Against)
			p.evidence("unknown", "no answer", c.Unknown)
			p.say("</ul>")
		}
		p.say("</li>\n")
	}
	p.say("</ul>\n")
}

// evidence lists experiments. They are buttons: a script opens the experiment's cells, and
// without scripts they are text.
func (p *pageText) evidence(class, side string, evidence []result.ClaimEvidence) {
	for _, e := range evidence {
		p.say("<li><span class=\"side %s\">%s</span><span><button type=\"button\" class=\"link\" "+
			"data-experiment=\"%s\" data-topology=\"%s\">%s</button>",
			class, side, e.Experiment, p.id, e.Experiment)
		if e.When != "" {
			p.say(" when %s", e.When)
		}
		p.say("</span></li>\n")
	}
}

// claimClasses sort what was measured about a claim.
var claimClasses = map[result.ClaimVerdict]string{
	result.Holds: "held", result.Partly: "partly", result.Refuted: "refuted",
	result.NotTested: "open", result.NotSettled: "open",
}

// kernels says which kernels were asked and what each came to, and what changed between them. An experiment is a
// button that shows its cells.
func (p *pageText) kernels(r *result.Report) {
	if len(r.Kernels) == 0 {
		return
	}
	p.say("<section class=\"kernels\" aria-labelledby=\"kernels\"><h2 id=\"kernels\">Kernels</h2>\n" +
		"<div class=\"scroll\"><table class=\"plain\"><thead><tr>")
	for _, head := range []string{"kernel", "release", "architecture", "cells", "digest of a run on it alone"} {
		p.say("<th scope=\"col\">%s</th>", head)
	}
	p.say("</tr></thead>\n<tbody>\n")
	for _, k := range r.Kernels {
		words := kernelWords(r, &k)
		p.say("<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td><td><code>%s</code></td></tr>\n", words[0],
			words[1], words[2], countList(k.Counts, false), words[4])
	}
	p.say("</tbody></table></div>\n<h3>What changed between kernels</h3>\n")
	if len(r.Changes) == 0 {
		p.say("<p>Nothing: each answered what the kernel before it did, where both answered.</p>\n</section>\n")
		return
	}
	p.say("<ol class=\"changes\">\n")
	shown := r.Changes[:min(len(r.Changes), mostRows)]
	for i := range shown {
		c := &shown[i]
		p.say("<li><p><button type=\"button\" class=\"link\" data-experiment=\"%s\" data-topology=\"t%d\">%s</button>"+
			" on %s%s</p>\n<p><code>%s</code></p>\n", c.Experiment, c.At.Matrix, experimentOf(r, c),
			listFirst(c.Hosts, len(c.Hosts)), cellsOf(c), c.Call)
		p.say("<p>%s: <b>%s</b> → %s: <b>%s</b></p>\n", c.Before.Kernel, c.Before.Answer, c.After.Kernel, c.After.Answer)
		p.say("<p class=\"note\">%s</p></li>\n", c.Explanation())
	}
	p.say("</ol>\n")
	if left := len(r.Changes) - len(shown); left > 0 {
		p.say("<p class=\"note\">And %s, which the JSON has.</p>\n", plural(left, "more change"))
	}
	p.say("</section>\n")
}

// plain writes the matrix for a browser without scripts, as a text report has it. Mail programs and viewers of
// build artifacts often forbid scripts.
func (p *pageText) plain(r *result.Report, matrix int) {
	m, of := &r.Matrices[matrix], layoutOf(r, matrix)
	all := lines(m, &of)
	p.say("<noscript><h3>Matrix</h3>\n")
	if len(all) == 0 {
		p.say("<p>No experiment to run.</p></noscript>\n")
		return
	}
	p.say("<div class=\"scroll\"><table class=\"matrix\">\n<thead><tr><th scope=\"col\">experiment</th>")
	for _, h := range of.oneLine() {
		p.say("<th scope=\"col\">%s</th>", h)
	}
	p.say("</tr></thead>\n<tbody>\n")
	for _, l := range all[:min(len(all), mostRows)] {
		p.say("<tr><th scope=\"row\">%s</th>", l.name)
		for _, word := range l.words(&of, func(n tally) string { return Text{}.tally(n.Counts, l.one) + n.mark() },
			func(_ result.Verdict, n int) string { return strconv.Itoa(n) }) {
			p.say("<td>%s</td>", word)
		}
		p.say("</tr>\n")
	}
	p.say("</tbody></table></div>\n")
	if marked(all) {
		p.say("<p class=\"note\">%s</p>\n", legendOfMark)
	}
	if left := len(all) - mostRows; left > 0 {
		p.say("<p class=\"note\">And %s, which a browser with scripts shows.</p>\n", plural(left, "more line"))
	}
	p.say("</noscript>\n")
}

// plainWrong writes what did not pass for a browser without scripts, as a text report has it: failures first.
func (p *pageText) plainWrong(m *result.Matrix) {
	var told int
	for _, v := range []result.Verdict{result.Fail, result.Error, result.Skip} {
		for i := range m.Cells {
			c := &m.Cells[i]
			if c.Verdict != v || told == mostWrong {
				continue
			}
			if told++; told == 1 {
				p.say("<noscript><h3>What did not pass</h3>\n")
			}
			p.say("<pre class=\"told\">%s %s on %s\n%s</pre>\n", wordsOf[v], m.NameOf(c), m.ColumnOf(c), explain(m, c))
		}
	}
	if told > 0 {
		p.say("</noscript>\n")
	}
}

// foot explains the signs and the keys, and has the dialog in which scripts show a cell and
// the place where they say aloud, to a reader of screens, what a filter has found.
func (p *pageText) foot(r result.Report) {
	p.say(joinFiles("foot.html"), cmp.Or(r.Environment.Labrun, "of an unknown version"))
}
