package report

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Names, calls and what programs print come from strangers: in every format they
// are text and nothing else.

// escapeXML writes text for an element, or for an attribute's value. What XML 1.0
// cannot have, not even escaped, is written out as a string of Go has it.
func escapeXML(s string, attribute bool) string {
	var b strings.Builder
	for i, r := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"' && attribute:
			b.WriteString("&quot;")
		case attribute && (r == '\n' || r == '\t') || r == '\r': // else a reader makes them spaces
			fmt.Fprintf(&b, "&#%d;", r)
		case r == utf8.RuneError && n == 1, r < ' ' && r != '\n' && r != '\t':
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\ufffe', r == '\uffff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// oneLine joins lines with a space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' }), " ")
}

// markdownSigns are the characters that mean something anywhere in a line of
// GitHub's Markdown.
const markdownSigns = "\\`*_[]<>|~&"

// escapeMarkdown writes text for a line of Markdown, not at its beginning. A name after "@" must not
// notify a person of the report, and "#1" is not an issue of the repository: a
// space without width keeps them apart.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		switch {
		case r == '@' || r == '#':
			b.WriteString(`\` + string(r) + "&#8203;")
		case strings.ContainsRune(markdownSigns, r):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code writes text as code in a line of Markdown, between more backticks than it has.
func code(s string) string {
	if s = oneLine(s); s == "" {
		return ""
	}
	ticks := fence(s, 1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// cellCode is code in a table, where a bar ends the cell even there.
func cellCode(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }

// block writes text as a block of code. It names a language, or GitHub would guess one and
// colour words of it.
func block(s string) string {
	ticks := fence(s, 3)
	return ticks + "text\n" + strings.TrimSuffix(s, "\n") + "\n" + ticks + "\n"
}

// fence returns more backticks than stand together anywhere in the text, CommonMark 4.5 and
// 6.1: what a program prints could else end the code that it stands in.
func fence(s string, least int) string {
	most, n := 0, 0
	for _, r := range s {
		if n++; r != '`' {
			n = 0
		}
		most = max(most, n)
	}
	return strings.Repeat("`", max(least, most+1))
}

// codeHTML writes text as code in a line of HTML.
func codeHTML(s string) string { return "<code>" + html.EscapeString(oneLine(s)) + "</code>" }
