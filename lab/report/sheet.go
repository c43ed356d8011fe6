package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	prettytext "github.com/jedib0t/go-pretty/v6/text"
)

// sheet is a table that has not been laid out. Its first columns head its rows. Its width
// is known before it is drawn: a grid that gets too wide is turned round or cut.
type sheet struct {
	heads  int        // how many do
	over   string     // what the columns behind those have in common; "" is nothing
	groups []string   // of each column: what it and those after it have in common, "" as the one before; may be nil
	header []string   // of each column
	rows   [][]string // as long as the header
}

// gap stands between two columns.
const gap = "  "

// widths returns how wide the columns are, in columns of a terminal: characters of East Asia
// take two, and attributes none.
func (s *sheet) widths() []int {
	widths := make([]int, len(s.header))
	for i, h := range s.header {
		widths[i] = prettytext.LongestLineLen(h)
		if s.groups != nil && !s.oneGroup() {
			widths[i] = max(widths[i], prettytext.LongestLineLen(s.groups[i]))
		}
	}
	for _, row := range s.rows {
		for i, word := range row {
			widths[i] = max(widths[i], prettytext.LongestLineLen(word))
		}
	}
	return widths
}

// width returns how wide the sheet is in one piece.
func (s *sheet) width() int {
	width := -len(gap)
	for i, w := range s.widths() {
		if i == s.heads {
			w = max(w, prettytext.LongestLineLen(s.over))
		}
		width += len(gap) + w
	}
	return width
}

// draw lays the sheet out. What is wider than so many columns, if that is not 0,
// gets below it what has no room beside it: the heads of the rows stand in front
// of every piece, and at least one column behind them.
func (s *sheet) draw(most int) string {
	widths := s.widths()
	heads := 0
	for _, w := range widths[:s.heads] {
		heads += w + len(gap)
	}
	var pieces []string
	for from := s.heads; from < len(widths); {
		to, width := from+1, heads+max(widths[from], prettytext.LongestLineLen(cmp.Or(s.over, s.group(from))))
		for to < len(widths) && (most == 0 || width+len(gap)+widths[to] <= most) {
			width += len(gap) + widths[to]
			to++
		}
		pieces = append(pieces, s.piece(from, to))
		from = to
	}
	return strings.Join(pieces, "\n\n")
}

// oneGroup reports whether all columns are of the same group: then its name stands on a line of
// its own, and makes no column wide.
func (s *sheet) oneGroup() bool {
	return s.groups != nil && !slices.ContainsFunc(s.groups[s.heads+1:], func(g string) bool { return g != "" })
}

// group names the group of a column, if that stands over its columns.
func (s *sheet) group(column int) string {
	if s.groups == nil || s.oneGroup() {
		return ""
	}
	for ; column > s.heads && s.groups[column] == ""; column-- {
	}
	return s.groups[column]
}

// piece draws the heads of the rows and some of the columns. What the columns have in
// common stands over the first of each piece, or a reader of the second would miss it.
func (s *sheet) piece(from, to int) string {
	w := newTable()
	cut := func(row []string) table.Row {
		var cells table.Row
		for _, word := range slices.Concat(row[:s.heads], row[from:to]) {
			cells = append(cells, word)
		}
		return cells
	}
	over := make([]string, len(s.header))
	switch {
	case s.over != "":
		over[from] = s.over
		w.AppendHeader(cut(over))
	case s.groups != nil && !s.oneGroup():
		copy(over, s.groups)
		over[from] = s.group(from)
		w.AppendHeader(cut(over))
	}
	w.AppendHeader(cut(s.header))
	for _, row := range s.rows {
		w.AppendRow(cut(row))
	}
	if s.oneGroup() {
		return "on " + s.groups[s.heads] + "\n" + w.Render()
	}
	return w.Render()
}

// newTable returns a table in the style of all of them: nothing but columns.
func newTable() table.Writer {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = prettytext.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", gap
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	return w
}
