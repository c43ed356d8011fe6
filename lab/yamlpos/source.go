package yamlpos

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"labrun/lab"
)

// Source is the text of a file, without a byte order mark, which YAML allows and an editor does not
// show: it would move every column of the first line.
type Source struct {
	File  string
	Order int    // among the files that belong together: when it was read
	Via   string // how it was included; "" for the file that was asked for
	Text  []byte
	Lines []int // the offset at which each line begins
	cache map[int][]rune

	dialect *Dialect
}

// NewSource returns the text of a file that is written in a dialect.
func NewSource(file string, text []byte, dialect *Dialect) *Source {
	s := &Source{File: file, Text: bytes.TrimPrefix(text, []byte("\ufeff")), Lines: []int{0}, dialect: dialect}
	for i, b := range s.Text {
		if b == '\n' {
			s.Lines = append(s.Lines, i+1)
		}
	}
	return s
}

// Line returns the characters of a line without its end; lines count from 1.
// They are kept, since a file may be one long line with all the complaints.
func (s *Source) Line(n int) []rune {
	if s == nil || n < 1 || n > len(s.Lines) {
		return nil
	}
	if runes, ok := s.cache[n]; ok {
		return runes
	}
	rest := s.Text[s.Lines[n-1]:]
	if n < len(s.Lines) {
		rest = s.Text[s.Lines[n-1]:s.Lines[n]]
	}
	runes := []rune(string(bytes.TrimRight(rest, "\r\n")))
	if s.cache == nil {
		s.cache = map[int][]rune{}
	}
	s.cache[n] = runes
	return runes
}

// pos returns the place of an offset. Columns count characters, as editors do, not bytes.
func (s *Source) pos(offset int) lab.Pos {
	before := s.Text[:offset]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return lab.Pos{Line: 1 + bytes.Count(before, []byte("\n")), Col: 1 + utf8.RuneCount(before[begin:])}
}

// clamp moves a place that lies behind the end of the file, as that of an
// unfinished construct does, to the last line that has any text.
func (s *Source) clamp(p lab.Pos) lab.Pos {
	last := len(s.Lines)
	for last > 1 && len(s.Line(last)) == 0 {
		last--
	}
	switch {
	case p.Line < 1:
		return lab.Pos{Line: 1, Col: 1}
	case p.Line > last:
		return lab.Pos{Line: last, Col: 1 + len(s.Line(last))}
	}
	return lab.Pos{Line: p.Line, Col: min(max(p.Col, 1), 1+len(s.Line(p.Line)))}
}

// CheckText complains about bytes that cannot be YAML, or that YAML would read
// as line ends where an editor does not.
func (s *Source) CheckText(c *Complaints) {
	if bytes.HasPrefix(s.Text, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.Text, []byte{0xfe, 0xff}) {
		c.Complain(lab.Pos{}, "the file is UTF-16, a %s file is UTF-8", s.dialect.Noun)
		return
	}
	for i := 0; i < len(s.Text); {
		r, size := utf8.DecodeRune(s.Text[i:])
		if problem := badRune(r, size, s.Text[i:]); problem != "" {
			c.Complain(s.pos(i), "%s", problem)
			return // one usually comes with many
		}
		i += size
	}
}

// badRune says why a character cannot be in a file. YAML takes some of those for line ends
// (YAML 1.1 5.4) that editors and our places do not, so every line below would have another number.
func badRune(r rune, size int, rest []byte) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0])
	case r == '\r' && (len(rest) < 2 || rest[1] != '\n'):
		return "a carriage return without a line feed; end lines with a line feed"
	case r == '\u0085', r == '\u2028', r == '\u2029':
		return fmt.Sprintf("line separator %U; end lines with a line feed", r)
	case r == '\ufeff':
		return "a byte order mark inside the file"
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
		return fmt.Sprintf("control character %U", r)
	}
	return ""
}

// At returns a place with its file, where that is an included one. Within the file that was asked
// for, a place is a line and a column, so that a report of it does not depend on its path.
func (s *Source) At(p lab.Pos) lab.Pos {
	if s.Via != "" {
		p.File = s.File
	}
	return p
}

// CheckSize complains about a file that would take long to read, with what was
// read before it. It returns how much all of that is. It counts bytes that can begin a value, before
// the parser sees them: 4 MB of "[" are four million nodes, of some hundred bytes each.
func (s *Source) CheckSize(c *Complaints, before int) (marks int) {
	marks = before + len(s.Lines)
	for i, b := range s.Text {
		switch b {
		case ',', '[', '{':
			marks++
		case '-', '?': // "- - -" nests without any other mark
			if i > 1 && s.Text[i-1] == ' ' && s.Text[i-2] == b {
				marks++
			}
		}
	}
	switch {
	case marks <= maxMarks:
	case before > 0:
		c.Complain(lab.Pos{}, "the files up to this one have %d lines, commas and brackets, the limit is %d", marks, maxMarks)
	default:
		c.Complain(lab.Pos{}, "the file has %d lines, commas and brackets, the limit is %d", marks, maxMarks)
	}
	return marks
}
