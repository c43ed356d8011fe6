package yamlpos

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

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

// At returns a place with its file, where that is an included one. Within the file that was asked
// for, a place is a line and a column, so that a report of it does not depend on its path.
func (s *Source) At(p lab.Pos) lab.Pos {
	if s.Via != "" {
		p.File = s.File
	}
	return p
}

// PosOf returns the place where a node begins. Its line is 0 when it was made, not read.
func PosOf(n *yaml.Node) lab.Pos { return lab.Pos{Line: n.Line, Col: n.Column} }

// placeOf returns a place of the parser's.
func placeOf(m yaml.Mark) lab.Pos { return lab.Pos{Line: m.Line, Col: m.Column} }
