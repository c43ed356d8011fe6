package yamlpos

import (
	"bytes"
	"strings"
	"unicode"
)

const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	green  = "\x1b[32m"
	bold   = "\x1b[1m"
	plain  = "\x1b[0m"
)

// excerpt is how many columns of a long line Pretty shows around the caret.
const excerpt = 120

// Pretty returns the complaints with the line of the file and a caret under
// each, unless the file is empty, and a line feed at the end. Characters that a terminal would obey are replaced.
func (ds Diagnostics) Pretty(colour bool) string {
	paint := func(code, t string) string {
		if !colour {
			return t
		}
		return code + t + plain
	}
	return ds.print(func(d Diagnostic) string {
		where := d.File + ":" + d.Pos.String()
		severity := red
		if d.Warning {
			severity = yellow
		}
		if d.Source != nil && len(bytes.TrimSpace(d.Source.Text)) == 0 { // nothing to show
			return paint(bold, where+":") + " " + paint(severity, d.label()+d.Msg)
		}
		line, caret := frame(d.Source.Line(d.Pos.Line), d.Pos.Col)
		return paint(bold, where+":") + " " + paint(severity, d.label()+d.Msg) + "\n" + line + "\n" +
			paint(green, caret)
	}) + "\n"
}

// frame returns what to show of a line, and a caret that stands under a column. Tabs stay tabs in
// the line of the caret, so that it stands right whatever a terminal makes of them.
func frame(runes []rune, col int) (shown, caret string) {
	col = min(max(col, 1), len(runes)+1)
	from, to := 0, len(runes)
	cut := ""
	if len(runes) > excerpt {
		from = max(0, min(col-excerpt/2, len(runes)-excerpt))
		to = from + excerpt
	}
	if from > 0 {
		cut = "..."
	}
	var text, pad strings.Builder
	pad.WriteString(strings.Repeat(" ", len(cut)))
	for i, r := range runes[from:to] {
		if r != '\t' && !unicode.IsPrint(r) && !unicode.Is(unicode.M, r) {
			r = unicode.ReplacementChar
		}
		text.WriteRune(r)
		switch {
		case from+i >= col-1:
		case r == '\t':
			pad.WriteByte('\t')
		default:
			pad.WriteString(strings.Repeat(" ", width(r)))
		}
	}
	end := ""
	if to < len(runes) {
		end = "..."
	}
	return cut + text.String() + end, pad.String() + "^"
}

// wide are the characters that take two columns of a terminal, by and large:
// UAX #11, classes W and F.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0xa4cf, 1}, {0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// width returns how many columns a character takes.
func width(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}
