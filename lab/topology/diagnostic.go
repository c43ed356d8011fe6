package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
)

// Diagnostic is one complaint about a file. Of an included one it also says how
// that came to be included.
type Diagnostic struct {
	File string
	Pos  lab.Pos
	Msg  string

	source *source
}

func (d Diagnostic) String() string { return fmt.Sprintf("%s:%s: %s", d.File, d.Pos, d.Msg) }

// Diagnostics is everything that is wrong with a file and those that it includes,
// sorted by place: its own first, then each file as it was read. It is never empty.
type Diagnostics []Diagnostic

func (ds Diagnostics) Error() string {
	return ds.print(func(d Diagnostic) string { return d.String() })
}

func (ds Diagnostics) print(one func(Diagnostic) string) string {
	var lines []string
	for _, d := range ds[:min(len(ds), maxShown)] {
		lines = append(lines, one(d))
	}
	if len(ds) > maxShown {
		lines = append(lines, fmt.Sprintf("and %d more", len(ds)-maxShown))
	}
	return strings.Join(lines, "\n")
}

// complaints collects diagnostics.
type complaints struct {
	source *source // the file that they are about
	list   Diagnostics
	seen   map[Diagnostic]bool
	made   int // how many were added, repeated ones included
}

func (c *complaints) add(pos lab.Pos, format string, args ...any) {
	c.made++
	if c.full() {
		return
	}
	d := Diagnostic{c.source.file, c.source.clamp(pos), fmt.Sprintf(format, args...), c.source}
	if c.source.via != "" {
		d.Msg += " (" + c.source.via + ")"
	}
	if c.seen[d] {
		return
	}
	if c.seen == nil {
		c.seen = map[Diagnostic]bool{}
	}
	c.seen[d] = true
	c.list = append(c.list, d)
}

// full reports whether there are so many complaints that looking for more is no
// use to anybody.
func (c *complaints) full() bool { return len(c.list) >= maxComplaints }

// err returns the complaints, sorted, or nil when there are none.
func (c *complaints) err() error {
	if len(c.list) == 0 {
		return nil
	}
	slices.SortStableFunc(c.list, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.source.order, b.source.order), a.Pos.Compare(b.Pos))
	})
	return c.list
}
