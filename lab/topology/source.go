package topology

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"labrun/lab"
)

// source is the text of a file, without a byte order mark.
type source struct {
	file  string
	order int    // among the files of a topology: when it was read, its own file first
	via   string // how it was included; "" for the topology's own file
	text  []byte
	lines []int // the offset at which each line begins
	cache map[int][]rune
}

func newSource(file string, text []byte) *source {
	s := &source{file: file, text: bytes.TrimPrefix(text, []byte("\ufeff")), lines: []int{0}}
	for i, b := range s.text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// line returns the characters of a line without its end; lines count from 1.
// They are kept, since a file may be one long line with all the complaints.
func (s *source) line(n int) []rune {
	if s == nil || n < 1 || n > len(s.lines) {
		return nil
	}
	if runes, ok := s.cache[n]; ok {
		return runes
	}
	rest := s.text[s.lines[n-1]:]
	if n < len(s.lines) {
		rest = s.text[s.lines[n-1]:s.lines[n]]
	}
	runes := []rune(string(bytes.TrimRight(rest, "\r\n")))
	if s.cache == nil {
		s.cache = map[int][]rune{}
	}
	s.cache[n] = runes
	return runes
}

// pos returns the place of an offset.
func (s *source) pos(offset int) lab.Pos {
	before := s.text[:offset]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return lab.Pos{Line: 1 + bytes.Count(before, []byte("\n")), Col: 1 + utf8.RuneCount(before[begin:])}
}

// clamp moves a place that lies behind the end of the file, as that of an
// unfinished construct does, to where somebody can look at it.
func (s *source) clamp(p lab.Pos) lab.Pos {
	last := len(s.lines)
	for last > 1 && len(s.line(last)) == 0 {
		last--
	}
	switch {
	case p.Line < 1:
		return lab.Pos{Line: 1, Col: 1}
	case p.Line > last:
		return lab.Pos{Line: last, Col: 1 + len(s.line(last))}
	}
	return lab.Pos{Line: p.Line, Col: min(max(p.Col, 1), 1+len(s.line(p.Line)))}
}

// checkText complains about bytes that cannot be YAML, or that YAML would read
// as line ends where an editor does not.
func (s *source) checkText(c *complaints) {
	if bytes.HasPrefix(s.text, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.text, []byte{0xfe, 0xff}) {
		c.add(lab.Pos{}, "the file is UTF-16, a topology file is UTF-8")
		return
	}
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRune(s.text[i:])
		if problem := badRune(r, size, s.text[i:]); problem != "" {
			c.add(s.pos(i), "%s", problem)
			return // one usually comes with many
		}
		i += size
	}
}

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

// at returns a place as a topology keeps it, with the file.
func (s *source) at(p lab.Pos) lab.Pos {
	if s.via != "" {
		p.File = s.file
	}
	return p
}

// checkSize complains about a file that would take long to read, with what was
// read before it. It returns how much all of that is.
func (s *source) checkSize(c *complaints, before int) (marks int) {
	marks = before + len(s.lines)
	for i, b := range s.text {
		switch b {
		case ',', '[', '{':
			marks++
		case '-', '?': // "- - -" nests without any other mark
			if i > 1 && s.text[i-1] == ' ' && s.text[i-2] == b {
				marks++
			}
		}
	}
	switch {
	case marks <= maxMarks:
	case before > 0:
		c.add(lab.Pos{}, "the files up to this one have %d lines, commas and brackets, the limit is %d", marks,
			maxMarks)
	default:
		c.add(lab.Pos{}, "the file has %d lines, commas and brackets, the limit is %d", marks, maxMarks)
	}
	return marks
}
