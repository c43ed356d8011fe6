package lab

import (
	"errors"
	"strings"
)

// Command joins words to a command that sh(1) takes apart into these words again.
func Command(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}

// Quote leaves a word alone when nothing in it means anything to sh(1).
func Quote(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune("-_.,:/=@%+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Words takes a command apart as sh(1) does: at blanks outside of quotes, with
// '...', "..." and \. Nothing is expanded, so it is the reverse of Command.
func Words(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun := false
	for rest := command; rest != ""; {
		c := rest[0]
		rest = rest[1:]
		switch c {
		case ' ', '\t', '\n':
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
			continue
		case '\'':
			text, after, ok := strings.Cut(rest, "'")
			if !ok {
				return nil, errors.New("a ' has no partner")
			}
			word.WriteString(text)
			rest = after
		case '"':
			text, after, ok := doubleQuoted(rest)
			if !ok {
				return nil, errors.New(`a " has no partner`)
			}
			word.WriteString(text)
			rest = after
		case '\\':
			if rest == "" {
				return nil, errors.New(`a \ at the end`)
			}
			word.WriteByte(rest[0])
			rest = rest[1:]
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted reads up to the closing quote; a \ there quotes " and \ alone.
func doubleQuoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
