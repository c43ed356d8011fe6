package syntax

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"labrun/lab/wording"
)

// token is a piece of a step: a word, a string, or a mark such as "(" or "<=". Blanks are between
// tokens and nowhere else, so "any:80" and "any : 80" are the same tokens; what must not have blanks,
// such as an address, is read from the text of its span.
type token struct {
	text  string // as written; of a string, its value
	str   bool   // a quoted string
	start int    // offset of the first byte in the step
	end   int
}

// is reports whether t is that mark or word.
func (t token) is(text string) bool { return !t.str && t.text == text }

// word reports whether t is a name or a number.
func (t token) word() bool {
	r, _ := utf8.DecodeRuneInString(t.text)
	return !t.str && wordRune(r)
}

// wordRune reports whether r belongs to a word. Words are taken large, so that
// a complaint shows the whole of what was written: peer/web, 1.5s, $p, -1, A|B.
func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.$/+|", r)
}

// lex cuts a step into tokens, or returns its first mistake: behind a character that no step has,
// or a quote that does not end, all that follows would be noise.
func lex(text string) ([]token, []Mistake) {
	var tokens []token
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		t := token{start: i, end: i + size}
		switch {
		case unicode.IsSpace(r):
			i += size
			continue
		case wordRune(r):
			t.end = i + wordLength(text[i:])
		case r == '"':
			value, length, m := lexString(text[i:])
			if m != nil {
				return nil, wrong(i+m.At, "%s", m.Msg)
			}
			times, more, m := lexTimes(text[i+length:], len(value))
			if m != nil {
				return nil, wrong(i+length+m.At, "%s", m.Msg)
			}
			t.text, t.str, t.end = strings.Repeat(value, times), true, i+length+more
		case strings.ContainsRune("<>=", r):
			if strings.HasPrefix(text[i+1:], "=") {
				t.end++
			}
		case !strings.ContainsRune("(){}[],:?%~", r) || size == 1 && r == utf8.RuneError:
			return nil, wrong(i, "%s", strange(text, i, size))
		}
		if !t.str {
			t.text = text[i:t.end]
		}
		tokens = append(tokens, t)
		i = t.end
	}
	return tokens, nil
}

func wordLength(text string) int {
	if n := strings.IndexFunc(text, func(r rune) bool { return !wordRune(r) }); n >= 0 {
		return n
	}
	return len(text)
}

// lexString reads a string with Go's escapes, which are C's and some more. It
// returns the value and the length of what was written. Values are bytes: "\xff" is one, and
// need not be UTF-8, since what sockets carry is not.
func lexString(text string) (string, int, *Mistake) {
	var value []byte
	rest := text[1:]
	for !strings.HasPrefix(rest, `"`) {
		at := len(text) - len(rest)
		if rest == "" {
			return "", 0, &Mistake{0, "this string has no closing quote"}
		}
		r, wide, tail, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			return "", 0, &Mistake{at, fmt.Sprintf("unknown escape %s; there are \\n, \\t, \\r, \\\\, \\\" and \\x41",
				wording.Quote(rest[:min(2, len(rest))]))}
		}
		if wide {
			value = utf8.AppendRune(value, r)
		} else {
			value = append(value, byte(r))
		}
		rest = tail
	}
	return string(value), len(text) - len(rest) + 1, nil
}

// lexTimes reads how many times a string stands there, "x"*3000, and returns the length of what says it.
// Texts longer than a packet are of one letter mostly, and a file is read by people.
func lexTimes(rest string, size int) (times, length int, m *Mistake) {
	digits, ok := strings.CutPrefix(rest, "*")
	if !ok {
		return 1, 0, nil
	}
	length = len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	times, err := strconv.Atoi(digits[:length])
	if most := maxText / max(size, 1); err != nil || times < 1 || times > most {
		return 0, 0, &Mistake{0, fmt.Sprintf("behind * stands how many times the string is there, from 1 to %d", most)}
	}
	return times, 1 + length, nil
}

// Mistake is something wrong at an offset of a step. Whatever reads a part of a step returns
// its value and its mistakes; a value with mistakes is good for nothing but further complaints.
type Mistake struct {
	At  int
	Msg string
}

func wrong(at int, format string, args ...any) []Mistake {
	return []Mistake{{at, fmt.Sprintf(format, args...)}}
}
