package lab

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes out what a terminal would obey: programs print what they like, and
// give themselves and their NICs such names. A tab stays.
func Visible(line string) string {
	var b strings.Builder
	for i, r := range line {
		_, n := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == '\t' || unicode.IsPrint(r) && (r != utf8.RuneError || n > 1):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, line[i])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// VisibleLines is Visible for a text of several lines.
func VisibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Visible(line)
	}
	return strings.Join(lines, "\n")
}
