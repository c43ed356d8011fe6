package image

import "strings"

// compareVersions orders versions of packages as dpkg does (deb-version(7)), without epochs, which
// no kernel has: numbers by their value, "~" before the end of a text, and letters before all else.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = cutWhile(a, func(r rune) bool { return !isDigit(r) })
		y, b = cutWhile(b, func(r rune) bool { return !isDigit(r) })
		for i := range max(len(x), len(y)) {
			if n := rank(x, i) - rank(y, i); n != 0 {
				return n
			}
		}
		x, a = cutWhile(a, isDigit)
		y, b = cutWhile(b, isDigit)
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if n := strings.Compare(x, y); n != 0 {
			return n
		}
	}
	return 0
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// cutWhile cuts a text behind its first runes that satisfy pred.
func cutWhile(s string, pred func(rune) bool) (before, after string) {
	i := strings.IndexFunc(s, func(r rune) bool { return !pred(r) })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// rank is the place of a text's byte i in dpkg's order.
func rank(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] == '~':
		return -1
	case s[i] >= 'A' && s[i] <= 'Z', s[i] >= 'a' && s[i] <= 'z':
		return int(s[i])
	}
	return int(s[i]) + 256
}
