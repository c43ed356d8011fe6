package lab

import "fmt"

// Pos is a place in a topology file. Lines and columns count from 1, columns in
// characters; the zero Pos means "nowhere in the file".
type Pos struct {
	Line int `json:"line"`
	Col  int `json:"col"`
}

func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }

// IsZero reports whether p names no place.
func (p Pos) IsZero() bool { return p == Pos{} }

// Compare orders places as they stand in the file.
func (p Pos) Compare(q Pos) int {
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Col - q.Col
}
