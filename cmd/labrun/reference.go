package main

import (
	_ "embed"
	"regexp"
	"strings"
)

// reference is what no table of labrun's says: commands, exit statuses, formats, how a red cell is read, and the
// language in sentences. It is Markdown, for the end of the README, and a page of "labrun help".
//
//go:embed reference.md
var reference string

var (
	markdownLink = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	tableRule    = regexp.MustCompile(`^\|[-|]+$`)
)

// referencePage writes the reference as a terminal shows it.
func referencePage(p *page) {
	lines := strings.Split(strings.TrimRight(reference, "\n"), "\n")
	var heads []string // of the table that a line is in
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case line == "":
			heads = nil
		case strings.HasPrefix(line, "#"):
			p.heading("%s", strings.ToUpper(strings.TrimLeft(line, "# ")))
		case strings.HasPrefix(line, "```"):
			var code []string
			for i++; !strings.HasPrefix(lines[i], "```"); i++ {
				code = append(code, lines[i])
			}
			p.gap()
			p.code(dedented(code))
			p.WriteString("\n")
		case tableRule.MatchString(line):
		case strings.HasPrefix(line, "|"):
			cells := tableCells(line)
			if heads == nil {
				heads = cells
				continue
			}
			p.entry(cells[0], rowText(heads, cells))
		default:
			paragraph := []string{line}
			for ; i+1 < len(lines) && lines[i+1] != ""; i++ {
				paragraph = append(paragraph, lines[i+1])
			}
			p.heading("%s", withoutMarkdown(strings.Join(paragraph, " ")))
		}
	}
}

// rowText returns what a row says of its first cell: the second cell, or each of several behind its head.
func rowText(heads, cells []string) string {
	if len(cells) == 2 {
		return cells[1]
	}
	var parts []string
	for i := 1; i < len(cells); i++ {
		if cells[i] != "" {
			parts = append(parts, heads[i]+": "+cells[i])
		}
	}
	return strings.Join(parts, "; ")
}

// tableCells returns the cells of a line of a table; "\|" is no border.
func tableCells(line string) []string {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	cells := strings.Split(line, "|")
	for i, c := range cells {
		cells[i] = withoutMarkdown(strings.TrimSpace(strings.ReplaceAll(c, "\x00", "|")))
	}
	return cells
}

// withoutMarkdown returns the text without the marks of code and links.
func withoutMarkdown(s string) string {
	return strings.ReplaceAll(markdownLink.ReplaceAllString(s, "$1"), "`", "")
}

// dedented joins lines without the blanks that all of them begin with.
func dedented(lines []string) string {
	indent := -1
	for _, l := range lines {
		if n := len(l) - len(strings.TrimLeft(l, " ")); l != "" && (indent < 0 || n < indent) {
			indent = n
		}
	}
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			l = l[indent:]
		}
		b.WriteString(l + "\n")
	}
	return b.String()
}
