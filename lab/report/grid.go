package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
)

// What a page can bear. A grid of 2000 cells is 45 by 45, which people still read; beyond
// that the wrong rows are what they look for, and a machine reads the JSON.
const (
	mostCells    = 2000 // of a grid; of a larger one the wrong rows are shown
	mostRows     = 200
	mostWrong    = 20 // rows of a grid that is too large
	mostOutcomes = 16 // grids of one experiment
	mostWidth    = 160
)

// grids draws the answers of every experiment with axes, and of others what the file
// only asks for.
func (t Text) grids(b io.Writer, r *result.Report, matrix int) {
	of := newGrids(t, r, matrix)
	for _, cells := range runs(of.m.Cells, inRow) {
		g := of.row(cells[0].Row)
		blocks, left := g.blocks(cells)
		for _, block := range blocks {
			fmt.Fprintf(b, "%s\n\n", block)
		}
		if left > 0 {
			fmt.Fprintf(b, "%s and %d more outcomes: -o FILE.json has them all\n\n", t.paint(bold, g.row.Name), left)
		}
	}
}

// blocks returns the answers of the experiment in pieces that begin with a headline
// each, and how many outcomes there was no room for.
func (g *grid) blocks(cells []result.Cell) (blocks []string, left int) {
	if len(g.row.Axes) == 0 && !slices.Contains(g.tells, true) {
		return nil, 0
	}
	outcomes := g.outcomes(cells)
	if n := len(outcomes); n > mostOutcomes {
		outcomes, left = outcomes[:mostOutcomes], n-mostOutcomes
	}
	draw := g.outcome
	switch {
	case len(g.kernels) > 0 && len(outcomes) > 1 && len(g.row.Axes) > 0:
		all := outcomes // the kernel is one more axis
		draw, outcomes = func(b io.Writer, first *outcome) { g.byKernel(b, first, all) }, all[:1]
	case len(g.row.Axes) == 1 && len(outcomes[0].cells) <= mostCells:
		all := outcomes // in one table
		draw, outcomes = func(b io.Writer, _ *outcome) { g.column(b, all) }, all[:1]
	case len(g.row.Axes) == 0:
		draw = g.asked
	}
	for _, o := range outcomes {
		var text strings.Builder
		if draw(&text, o); text.Len() > 0 {
			blocks = append(blocks, strings.TrimRight(text.String(), "\n"))
		}
	}
	return blocks, left
}

// asked lists what hosts answered where the file leaves it open.
func (g *grid) asked(b io.Writer, o *outcome) {
	left := 0
	for _, s := range g.m.StepsOf(&o.cells[0]) {
		switch {
		case !s.Asked || s.Red:
			continue
		case left == 0:
			g.headline(b, o)
			fmt.Fprintln(b)
		}
		if left++; left <= mostRows {
			fmt.Fprintln(b, stepLine(&s))
		}
	}
	if left -= mostRows; left > 0 {
		fmt.Fprintf(b, "and %d more answers: -o FILE.json has them all\n", left)
	}
}

// column draws the answers of an experiment with one axis: its values down, the hosts
// that answered alike across.
func (g *grid) column(b io.Writer, outcomes []*outcome) {
	fmt.Fprint(b, g.paint(bold, g.row.Name))
	g.drawn(b, g.beside(outcomes, func(lab.Combo) bool { return true }))
}

// fewRows is up to how many rows a grid is shown whole with all axes down: beyond that a reader sees the rule in the
// grid of one kernel, and what kernels differ in beside it.
const fewRows = 24

// byKernel draws the answers with the kernel as one more axis, across. Of a larger grid those rows follow in which
// columns differ, after what the first one answered.
func (g *grid) byKernel(b io.Writer, first *outcome, outcomes []*outcome) {
	if len(g.shape) == 1 || len(first.cells) <= fewRows {
		g.column(b, outcomes)
		return
	}
	g.outcome(b, first)
	differs := map[lab.Combo]bool{}
	for _, o := range outcomes[1:] {
		var d drawing
		at := 0
		for i := range o.cells {
			for at < len(first.cells) && first.cells[at].Combo < o.cells[i].Combo {
				at++
			}
			c := &o.cells[i]
			differs[c.Combo] = differs[c.Combo] || at == len(first.cells) || first.cells[at].Combo != c.Combo ||
				g.word(&first.cells[at], &d) != g.word(c, &d)
		}
	}
	fmt.Fprintf(b, "\n%s, the rows in which columns differ", g.paint(bold, g.row.Name))
	g.drawn(b, g.beside(outcomes, func(c lab.Combo) bool { return differs[c] }))
}

// beside draws outcomes beside each other: all axes go down.
func (g *grid) beside(outcomes []*outcome, shows func(lab.Combo) bool) drawing {
	var d drawing
	d.heads = len(g.row.Axes)
	var down []int
	for i, a := range g.row.Axes {
		down, d.header = append(down, i), append(d.header, a.Name)
	}
	words := map[place]string{}
	var columns []int
	for i, o := range outcomes {
		d.header, columns = append(d.header, g.hosts(o)), append(columns, i)
		for j := range o.cells {
			c := &o.cells[j]
			if !shows(c.Combo) {
				continue
			}
			word := g.word(c, &d)
			if g.changed != nil && g.changed(c) {
				word, d.marked = word+g.paint(bold, mark), true
			}
			words[place{int(c.Combo), i}] = word
		}
	}
	d.fill(words, columns, g.heads(down, func(row int) []int { return g.shape.Values(lab.Combo(row)) }))
	return d
}

// heads returns what heads a row: its values of the axes that go down.
func (g *grid) heads(down []int, valuesOf func(row int) []int) func(row int) []string {
	var above []int
	return func(row int) []string {
		values := valuesOf(row)
		var head []string
		blank := above != nil // what is as in the row above is left blank, as in a book
		for i, a := range down {
			if blank = blank && i < len(down)-1 && values[a] == above[a]; blank {
				head = append(head, "")
			} else {
				head = append(head, g.row.Axes[a].Values[values[a]])
			}
		}
		above = values
		return head
	}
}

// grid draws the answers of one experiment. People compare answers across an axis, not
// cells: one table of four by four shows the rule that sixteen lines hide.
type grid struct {
	grids
	row    *result.Row
	shape  lab.Shape
	values []int  // of the cell at hand
	tells  []bool // slots; when none does its last step is shown
}

// grids is what the grids of a matrix have in common.
type grids struct {
	Text
	m       *result.Matrix
	kernels []string                  // of several, older ones first
	oneHost bool                      // those are asked in one host
	changed func(c *result.Cell) bool // nil when there is one kernel
}

func newGrids(t Text, r *result.Report, matrix int) grids {
	of := grids{Text: t, m: &r.Matrices[matrix]}
	if of.kernels = kernelsOf(r, of.m); of.kernels != nil {
		changed := r.Changed()
		of.oneHost = len(of.m.HostGroups(of.kernels)[0].Hosts) == 1 && len(of.m.Columns) == len(of.kernels)
		of.changed = func(c *result.Cell) bool { return changed(matrix, c) != nil }
	}
	return of
}

// row returns the grid of an experiment.
func (of grids) row(row int32) *grid {
	g := &grid{grids: of, row: &of.m.Rows[row]}
	g.shape = lab.ShapeOf(g.row.Axes)
	g.values = make([]int, len(g.shape))
	for i := range g.row.Slots {
		g.tells = append(g.tells, tells(&g.row.Slots[i]))
	}
	return g
}

// tells reports whether a grid shows answers of the slot: those that the file is about,
// and those that it asks for.
func tells(s *result.RowSlot) bool {
	for step := range s.All() {
		if isTold(step) {
			return true
		}
	}
	return s.Shown
}

func isTold(s result.RowStep) bool { return s.Shown || s.Asked }

// outcome is what some hosts answered alike. Hosts mostly do, and then one grid stands
// for all of them; a host of its own grid is what the reader is to see.
type outcome struct {
	columns []int32
	cells   []result.Cell // of the first of them
}

// outcomes sorts the hosts by what they answered. Hosts are compared with the first of each
// outcome only, cell by cell and mostly by their answers alone: words are made for the few
// that differ there, as a file may leave the difference open.
func (g *grid) outcomes(cells []result.Cell) []*outcome {
	var blocks [][]result.Cell
	for _, of := range runs(cells, inBlock) {
		blocks = append(blocks, of)
	}
	slices.SortStableFunc(blocks, func(a, b []result.Cell) int { // older kernels first
		return g.kernel(a[0].Column) - g.kernel(b[0].Column)
	})
	var all []*outcome
	for _, of := range blocks {
		i := slices.IndexFunc(all, func(o *outcome) bool { return slices.EqualFunc(o.cells, of, g.same) })
		if i < 0 {
			i = len(all)
			all = append(all, &outcome{cells: of})
		}
		all[i].columns = append(all[i].columns, of[0].Column)
	}
	return all
}

// kernel returns which kernel a column is on.
func (g *grid) kernel(column int32) int { return slices.Index(g.kernels, g.m.Columns[column].Kernel) }

// same reports whether two cells look alike in a grid.
func (g *grid) same(a, b result.Cell) bool {
	if a.Combo != b.Combo || a.Verdict != b.Verdict {
		return false
	}
	return slices.Equal(a.Answers(), b.Answers()) || g.answer(&a, &drawing{}) == g.answer(&b, &drawing{})
}

// unmade stands in a grid for a step that was not made.
const unmade = "-"

// answer returns what stands in a cell of the grid: the answers that are shown, joined by
// "/". A slot that has nothing to show in this combination has "-", so that the answers of
// one call stand at the same place in all cells. A red step that a grid does not show is
// told in their place, with its line: a cell that is red for what happened before its
// question was asked must not look like an answer to it.
func (g *grid) answer(c *result.Cell, d *drawing) string {
	if c.Verdict == result.Skip || c.Verdict == result.Error {
		return wordsOf[c.Verdict]
	}
	var got, want []string
	answers := c.Answers()
	last := len(answers) - 1
	n, redLine, redGot, redWant, redShown := 0, 0, "", "", false
	shows := slices.Contains(g.tells, true)
	g.shape.ValuesInto(g.values, c.Combo)
	for i := range g.row.Slots {
		slot := &g.row.Slots[i]
		steps := slot.At(g.m.Columns[c.Column].Kernel, g.shape, g.values)
		if g.tells[i] && !slices.ContainsFunc(steps, isTold) {
			got, want = append(got, unmade), append(want, unmade)
		}
		for _, s := range steps {
			s = c.Timed(s, n)
			answer := unmade
			if n < len(answers) {
				answer = s.Words(answers[n])
			}
			switch {
			case isTold(s):
				got, want = append(got, answer), append(want, s.Words(s.Want))
			case !shows: // the last step replaces all before it
				got, want, redShown = append(got[:0], answer), append(want[:0], s.Words(s.Want)), false
			}
			if n == last {
				redLine, redGot, redWant, redShown = s.Line, answer, s.Words(s.Want), isTold(s) || !shows
			}
			n++
		}
	}
	if c.Verdict != result.Fail || last < 0 || redShown {
		d.unmade = d.unmade || slices.Contains(got, unmade)
	}
	words := strings.Join(got, "/")
	switch {
	case c.Verdict != result.Fail || last < 0:
		return words
	case redShown:
		return fmt.Sprintf("!%s (want %s)", words, strings.Join(want, "/"))
	}
	return fmt.Sprintf("!line %d: %s (want %s)", redLine, redGot, redWant)
}

// outcome draws one grid, or says why there is none.
func (g *grid) outcome(b io.Writer, o *outcome) {
	g.headline(b, o)
	if len(o.cells) <= mostCells {
		g.drawn(b, g.draw(o.cells))
		return
	}
	fmt.Fprintf(b,
		": %d cells are too many to show. -o FILE.json has them all, and a part of them is shown by\n  %s\n",
		len(o.cells), g.part())
	g.summary(b, o.cells)
	if wrong := g.wrong(o.cells); len(wrong) > 0 {
		fmt.Fprint(b, "These rows are wrong, or the first of those that are:")
		g.drawn(b, g.across(wrong, len(g.shape)-1)) // they are rows so, and only so
	}
}

// headline names the experiment, and the hosts that answered alike.
func (g *grid) headline(b io.Writer, o *outcome) {
	fmt.Fprintf(b, "%s on %s", g.paint(bold, g.row.Name), g.hosts(o))
}

func (g *grid) hosts(o *outcome) string {
	if len(o.columns) == len(g.m.Columns) && len(o.columns) > 3 && g.kernels == nil {
		return "all hosts"
	}
	words := columnWords(g.m, g.kernels, o.columns)
	if g.oneHost { // what a column is of several kernels is known without it
		_, on, ok := strings.Cut(words, ", linux ")
		if ok {
			return "linux " + on
		}
	}
	return words
}

// mostSummed bounds the answers that a summary lists.
const mostSummed = 20

// summary counts the answers of more cells than a grid has room for, the most frequent
// ones first.
func (g *grid) summary(b io.Writer, cells []result.Cell) {
	asks := false
	for i := range g.row.Slots {
		for s := range g.row.Slots[i].All() {
			asks = asks || s.Asked
		}
	}
	if !asks {
		return
	}
	times := map[string]int{}
	for i := range cells {
		times[g.word(&cells[i], &drawing{})]++
	}
	words := slices.SortedFunc(maps.Keys(times),
		func(x, y string) int { return cmp.Or(times[y]-times[x], cmp.Compare(x, y)) })
	for i, word := range words {
		if i == mostSummed {
			fmt.Fprintf(b, "and %d more answers\n", len(words)-i)
			break
		}
		fmt.Fprintf(b, "%8d  %s\n", times[word], word)
	}
	if legend := g.legend(drawing{}); legend != "" {
		fmt.Fprintln(b, g.paint(faint, legend))
	}
}

// drawn writes a grid below its headline.
func (g *grid) drawn(b io.Writer, d drawing) {
	fmt.Fprintf(b, "\n%s\n", d.draw(g.Width))
	if d.left > 0 {
		fmt.Fprintf(b, "and %d more rows: -o FILE.json has them all, and some are shown by\n  %s\n", d.left, g.part())
	}
	if legend := g.legend(d); legend != "" {
		fmt.Fprintln(b, g.paint(faint, legend))
	}
}

// longest is how many characters of an answer a grid has room for.
const longest = 80

// word returns what stands for a cell in a drawing.
func (g *grid) word(c *result.Cell, d *drawing) string {
	s := g.answer(c, d)
	if c.Verdict != result.Pass {
		return g.paint(coloursOf[c.Verdict], s)
	}
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}

// part is a command that runs some of the cells, as an example: those with the first value of
// the first axis.
func (g *grid) part() string {
	a := g.row.Axes[0]
	return lab.Command("labrun", "--only", fmt.Sprintf("%s[%s=%s]", g.row.Name, a.Name, a.Values[0]), fileWord(g.m))
}

// wrong returns the cells of the first rows that have one which failed, or could
// not be asked. Whole rows are shown, as what passed beside it tells which rule is broken.
func (g *grid) wrong(cells []result.Cell) []result.Cell {
	columns := lab.Combo(g.shape[len(g.shape)-1]) // the last axis turns fastest
	if len(g.shape) == 1 {
		columns = 1
	}
	var wrong []result.Cell
	n := 0
	for _, of := range runs(cells, func(a, b *result.Cell) bool { return a.Combo/columns == b.Combo/columns }) {
		counts := result.CountsOf(of)
		if counts.Failed+counts.Errors == 0 {
			continue
		}
		wrong = append(wrong, of...)
		if n++; n == mostWrong {
			break
		}
	}
	return wrong
}

// drawing is a grid on paper.
type drawing struct {
	sheet
	left   int  // rows that it has no room for
	pruned bool // some places have no cell
	unmade bool // some steps were not made
	marked bool // some were answered otherwise by the kernel before
}

// place is where a cell stands in a drawing.
type place struct{ row, column int }

// fill gives the drawing its rows, each behind what heads it: as many as a page can bear.
func (d *drawing) fill(words map[place]string, columns []int, head func(row int) []string) {
	rows := map[int]bool{}
	for p := range words {
		rows[p.row] = true
	}
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		if len(d.rows) == mostRows {
			d.left = len(rows) - mostRows
			return
		}
		line := head(row)
		for _, column := range columns {
			word, ok := words[place{row, column}]
			if !ok {
				word, d.pruned = ".", true
			}
			line = append(line, word)
		}
		d.rows = append(d.rows, line)
	}
}

// draw draws the cells with the last axis across. Where that gets too wide,
// another axis goes across: the last one that fits, or that is narrowest. The width
// of a terminal turns nothing round: the same grid is cut into pieces there.
func (g *grid) draw(cells []result.Cell) drawing {
	var best drawing
	narrowest := math.MaxInt
	for across := len(g.shape) - 1; across >= 0 && narrowest > mostWidth; across-- {
		d := g.across(cells, across)
		if width := d.width(); width < narrowest {
			best, narrowest = d, width
		}
	}
	return best
}

// across draws the cells with one axis across and the others down.
func (g *grid) across(cells []result.Cell, across int) drawing {
	var d drawing
	var down []int
	for i, a := range g.row.Axes {
		if i != across {
			down, d.header = append(down, i), append(d.header, a.Name)
		}
	}
	words := map[place]string{}
	rows := map[int][]int{} // the values of all the axes
	columns := map[int]bool{}
	for i := range cells {
		c := &cells[i]
		values := g.shape.Values(c.Combo)
		p := place{g.shape.Index(down, values), values[across]}
		words[p], rows[p.row], columns[p.column] = g.word(c, &d), values, true
	}
	used := slices.Sorted(maps.Keys(columns))
	d.heads, d.over = len(down), g.row.Axes[across].Name
	for _, v := range used {
		d.header = append(d.header, g.row.Axes[across].Values[v])
	}
	d.fill(words, used, g.heads(down, func(row int) []int { return rows[row] }))
	return d
}

// legend explains the signs that a grid has.
func (g *grid) legend(d drawing) string {
	var words []string
	if calls := g.calls(); len(calls) > 1 {
		words = append(words, "answers of "+strings.Join(calls, "/"))
	}
	if d.unmade {
		words = append(words, `"-" was not called`)
	}
	if d.pruned {
		words = append(words, `"." is left out by the file`)
	}
	if d.marked {
		words = append(words, legendOfMark)
	}
	return strings.Join(words, "; ")
}

// calls names the calls whose answers are shown, one name for each "/" between them.
func (g *grid) calls() []string {
	var calls []string
	for i, slot := range g.row.Slots {
		if !g.tells[i] {
			continue
		}
		names := map[string]bool{}
		for s := range slot.All() {
			if isTold(s) {
				names[lab.CallName(s.Call)] = true
			}
		}
		calls = append(calls, strings.Join(slices.Sorted(maps.Keys(names)), " or "))
	}
	return calls
}
