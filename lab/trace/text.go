package trace

import (
	"strings"

	"labrun/lab"
)

// text returns what a string of strace's says, and whether strace has cut it short.
func text(arg string) (value string, cut, ok bool) {
	arg, cut = strings.CutSuffix(arg, "...")
	if len(arg) < 2 || arg[0] != '"' || arg[len(arg)-1] != '"' {
		return "", cut, false
	}
	var b strings.Builder
	for s := arg[1 : len(arg)-1]; s != ""; {
		c := s[0]
		s = s[1:]
		if c != '\\' || s == "" {
			b.WriteByte(c)
			continue
		}
		c, s = s[0], s[1:]
		switch i := strings.IndexByte("abtnvfr", c); {
		case i >= 0:
			b.WriteByte("\a\b\t\n\v\f\r"[i])
		case c == 'x':
			n, used := digits(s, 16, 2)
			b.WriteByte(n)
			s = s[used:]
		case '0' <= c && c <= '7': // as short as the next character lets it be, unlike Go's
			n, used := digits(string(c)+s, 8, 3)
			b.WriteByte(n)
			s = s[used-1:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), cut, true
}

// digits reads a number of at most so many digits, and returns how many it has.
func digits(s string, base, most int) (n byte, used int) {
	for used < len(s) && used < most {
		d := strings.IndexByte("0123456789abcdef", s[used]|0x20)
		if d < 0 || d >= base {
			break
		}
		n = n*byte(base) + byte(d)
		used++
	}
	return n, used
}

// field returns a value of a structure of strace's: iov_base of {iov_base="hi", iov_len=2}. A text in it may have
// anything in it.
func field(structure, name string) string {
	_, rest, ok := strings.Cut(structure, name+"=")
	if !ok {
		return ""
	}
	depth, quoted := 0, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case depth == 0 && strings.IndexByte(",)]}", c) >= 0:
			return rest[:i]
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
	}
	return rest
}

// elements returns the structures of a list of strace's: [{...}, {...}].
func elements(list string) (all []string) {
	depth, quoted, from := 0, false, 0
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			if depth == 0 {
				from = i
			}
			depth++
		case c == '}':
			if depth--; depth == 0 {
				all = append(all, list[from:i+1])
			}
		}
	}
	return all
}

// quoted writes a text as a step has it.
func quoted(text string) string { return lab.Text(text).String() }
