package lab

import (
	"cmp"
	"fmt"
)

// Pos is a place in a topology file. Lines and columns count from 1, columns in
// characters; the zero Pos means "nowhere in the file".
type Pos struct {
	File string `json:"file,omitempty"` // the included file that it is in; "" is the topology's own
	Line int    `json:"line"`
	Col  int    `json:"col"`
}

func (p Pos) String() string {
	if p.File != "" {
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
	return fmt.Sprintf("%d:%d", p.Line, p.Col)
}

// Words names the line in a sentence: "line 7", "line 7 of shared/ports.yaml".
func (p Pos) Words() string {
	if p.File != "" {
		return fmt.Sprintf("line %d of %s", p.Line, p.File)
	}
	return fmt.Sprintf("line %d", p.Line)
}

// IsZero reports whether p names no place.
func (p Pos) IsZero() bool { return p == Pos{} }

// Compare orders places as they stand in a file.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), p.Line-q.Line, p.Col-q.Col)
}
