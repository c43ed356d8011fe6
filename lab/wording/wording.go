// Package wording has the words that all complaints are made of: how something found is
// quoted, counted and cut short, and which name was meant.
package wording

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"labrun/lab"
)

// Quote shows what was found, shortened when it is long.
func Quote(s string) string {
	n := 0
	for i := range s {
		if n++; n > 60 {
			return strconv.Quote(s[:i]) + "..."
		}
	}
	if strings.ContainsAny(s, `"\`) && strconv.CanBackquote(s) && !strings.Contains(s, "\t") {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// Count writes a number with its noun: 1 host, 2 hosts.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Hint ends a complaint about an unknown name: the nearest of the names that
// are allowed, and all of them unless they are many.
func Hint(found, label string, names []string) string {
	near := Nearest(found, names)
	many := len(names) > 12
	switch {
	case near != "" && many:
		return fmt.Sprintf(", did you mean %q?", near)
	case near != "":
		return fmt.Sprintf(", did you mean %q? %s: %s", near, label, strings.Join(names, ", "))
	case len(names) == 0:
		return fmt.Sprintf("; %s: none", label)
	case len(names) > 40:
		return fmt.Sprintf("; %s: %s and %d more", label, strings.Join(names[:12], ", "), len(names)-12)
	}
	return fmt.Sprintf("; %s: %s", label, strings.Join(names, ", "))
}

// maxCandidates is with how many names a wrong one is compared.
const maxCandidates = 1000

// Nearest returns the name that found was probably meant to be, or "".
func Nearest(found string, names []string) string {
	if len(found) > 64 {
		return ""
	}
	best, distance := "", max(1, len(found)/3)+1
	for _, n := range names[:min(len(names), maxCandidates)] {
		if strings.EqualFold(n, found) {
			return n
		}
		if d := len(n) - len(found); d >= distance || -d >= distance {
			continue
		}
		if d := lab.Edits(found, n); d < distance && d < len(n) {
			best, distance = n, d
		}
	}
	return best
}

// Synonym returns the key of the row that has the word, "" for none. Rows are what names and
// words of ours are called elsewhere; no word is in two of them.
func Synonym(rows map[string][]string, word string) string {
	for ours, others := range rows {
		if slices.Contains(others, word) {
			return ours
		}
	}
	return ""
}

// Sorted returns the names sorted.
func Sorted(names ...string) []string { return slices.Sorted(slices.Values(names)) }

// Clip returns a text to write in a proposal, "..." when it is long. A complaint is one line, so a tab
// or a line end in the text is shown as a blank.
func Clip(s string) string {
	if len(s) > 64 {
		return "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// YAML writes a text as YAML has it in quotes. Only double quotes have escapes, which are Go's.
func YAML(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	if strings.ContainsAny(text, `"\`) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return `"` + text + `"`
}
