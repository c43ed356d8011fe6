package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
)

// quote shows what was found, shortened when it is long.
func quote(s string) string {
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

// count writes a number with its noun: 1 host, 2 hosts.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// hint ends a complaint about an unknown name: the nearest of the names that
// are allowed, and all of them unless they are many.
func hint(found, label string, names []string) string {
	near := nearest(found, names)
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

// Nearest returns the one of the names that was probably meant, "" when none is near.
func Nearest(found string, names []string) string { return nearest(found, names) }

// nearest returns the name that found was probably meant to be, or "".
func nearest(found string, names []string) string {
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

// sorted returns the names sorted.
func sorted(names ...string) []string { return slices.Sorted(slices.Values(names)) }
