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
	File    string
	Pos     lab.Pos
	Msg     string
	Warning bool // the file can be run all the same

	source *source
}

func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%s: %s%s", d.File, d.Pos, d.label(), d.Msg)
}

func (d Diagnostic) label() string {
	if d.Warning {
		return "warning: "
	}
	return ""
}

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

// Warnings returns what a topology's files say to no effect.
func Warnings(t *lab.Topology) Diagnostics {
	texts := map[string]*source{}
	for i, f := range append([]lab.Included{{File: t.File, Text: t.Source}}, t.Included...) {
		texts[f.File] = newSource(f.File, []byte(f.Text))
		texts[f.File].order = i
	}
	var all Diagnostics
	for _, w := range t.Warnings {
		s := texts[cmp.Or(w.Pos.File, t.File)]
		all = append(all, Diagnostic{File: s.file, Pos: lab.Pos{Line: w.Pos.Line, Col: w.Pos.Col}, Msg: w.Msg,
			Warning: true, source: s})
	}
	return all
}

// complaints collects diagnostics.
type complaints struct {
	source   *source // the file that they are about
	list     Diagnostics
	warnings Diagnostics // count only in a file without mistakes: what is broken looks unused
	seen     map[Diagnostic]bool
	made     int // how many were added, repeated ones included
}

func (c *complaints) add(pos lab.Pos, format string, args ...any) {
	c.made++
	if d := c.diagnostic(pos, format, args...); !c.full() && c.isNew(d) {
		c.list = append(c.list, d)
	}
}

// warn adds a complaint about something that has no effect.
func (c *complaints) warn(pos lab.Pos, format string, args ...any) {
	d := c.diagnostic(pos, format, args...)
	d.Warning = true
	if len(c.warnings) < maxComplaints && c.isNew(d) {
		c.warnings = append(c.warnings, d)
	}
}

func (c *complaints) diagnostic(pos lab.Pos, format string, args ...any) Diagnostic {
	d := Diagnostic{File: c.source.file, Pos: c.source.clamp(pos), Msg: fmt.Sprintf(format, args...), source: c.source}
	if c.source.via != "" {
		d.Msg += " (" + c.source.via + ")"
	}
	return d
}

func (c *complaints) isNew(d Diagnostic) bool {
	if c.seen[d] {
		return false
	}
	if c.seen == nil {
		c.seen = map[Diagnostic]bool{}
	}
	c.seen[d] = true
	return true
}

// full reports whether there are so many complaints that looking for more is no
// use to anybody.
func (c *complaints) full() bool { return len(c.list) >= maxComplaints }

// err returns the complaints, sorted, or nil when there are none.
func (c *complaints) err() error {
	if len(c.list) == 0 {
		return nil
	}
	c.list.sort()
	return c.list
}

// warned returns the warnings, sorted, as a topology has them.
func (c *complaints) warned() []lab.Warning {
	c.warnings.sort()
	var all []lab.Warning
	for _, d := range c.warnings {
		all = append(all, lab.Warning{Pos: d.source.at(d.Pos), Msg: d.Msg})
	}
	return all
}

func (ds Diagnostics) sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.source.order, b.source.order), a.Pos.Compare(b.Pos))
	})
}
