package yamlpos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
)

// Diagnostic is one complaint about a file. Of an included one it also says how
// that came to be included.
type Diagnostic struct {
	File    string
	Pos     lab.Pos
	Msg     string
	Warning bool // the file can be run all the same

	Source *Source
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
	for _, d := range ds[:min(len(ds), MaxShown)] {
		lines = append(lines, one(d))
	}
	if len(ds) > MaxShown {
		lines = append(lines, fmt.Sprintf("and %d more", len(ds)-MaxShown))
	}
	return strings.Join(lines, "\n")
}

// Complaints collects diagnostics. The same complaint about the same place counts once: an alias
// is read as often as it stands, and a step as often as there are combinations. Made goes up all
// the same, so "before == c.Made" tells a reader whether what it called has found any mistake.
type Complaints struct {
	Source   *Source // the file that they are about
	List     Diagnostics
	Warnings Diagnostics // count only in a file without mistakes: what is broken looks unused
	seen     map[Diagnostic]bool
	Made     int // how many were added, repeated ones included
}

// Complain adds a mistake, unless it was made already or there are enough of them.
func (c *Complaints) Complain(pos lab.Pos, format string, args ...any) {
	c.Made++
	if d := c.diagnostic(pos, format, args...); !c.Full() && c.isNew(d) {
		c.List = append(c.List, d)
	}
}

// Warn adds a complaint about something that has no effect, or most likely not the one that was
// meant. A file with warnings runs.
func (c *Complaints) Warn(pos lab.Pos, format string, args ...any) {
	d := c.diagnostic(pos, format, args...)
	d.Warning = true
	if len(c.Warnings) < MaxComplaints && c.isNew(d) {
		c.Warnings = append(c.Warnings, d)
	}
}

func (c *Complaints) diagnostic(pos lab.Pos, format string, args ...any) Diagnostic {
	d := Diagnostic{File: c.Source.File, Pos: c.Source.clamp(pos), Msg: fmt.Sprintf(format, args...), Source: c.Source}
	if c.Source.Via != "" {
		d.Msg += " (" + c.Source.Via + ")"
	}
	return d
}

func (c *Complaints) isNew(d Diagnostic) bool {
	if c.seen[d] {
		return false
	}
	if c.seen == nil {
		c.seen = map[Diagnostic]bool{}
	}
	c.seen[d] = true
	return true
}

// Full reports whether there are so many complaints that no reader of them needs more. Loops over
// parts of a file ask it, so that a hostile file with a million mistakes ends soon.
func (c *Complaints) Full() bool { return len(c.List) >= MaxComplaints }

// Err returns the complaints, sorted, or nil when there are none.
func (c *Complaints) Err() error {
	if len(c.List) == 0 {
		return nil
	}
	c.List = c.List.fold(func(d Diagnostic) string { return d.String()[:len(d.String())-len(d.Msg)] })
	c.List.Sort()
	return c.List
}

// Fold makes one complaint of those alike that were made since List had so many, as about the values of one list: they
// have one cause, and a screen full of them hides the others.
func (c *Complaints) Fold(since int) {
	c.List = append(c.List[:since:since], c.List[since:].fold(func(Diagnostic) string { return "" })...)
}

// apart is how many complaints that are alike stand by themselves, each with its line and what it proposes.
const apart = 3

// quotes are the words of a complaint that come from the file.
var quotes = once.Regexp("\"(\\\\.|[^\"\\\\])*\"|`[^`]*`")

// fold keeps of complaints that have the same key, and say the same about other words, the first, which tells of the
// rest. Those that are alike but few stay.
func (ds Diagnostics) fold(key func(Diagnostic) string) Diagnostics {
	alike := map[string][]int{}
	kinds := make([]string, len(ds))
	for i, d := range ds {
		kinds[i] = key(d) + quotes().ReplaceAllString(d.Msg, `""`)
		alike[kinds[i]] = append(alike[kinds[i]], i)
	}
	var all Diagnostics
	for i, d := range ds {
		group := alike[kinds[i]]
		switch {
		case len(group) <= apart:
		case group[0] != i:
			continue
		default:
			d.Msg += ds.rest(group)
		}
		all = append(all, d)
	}
	return all
}

// rest tells of the complaints behind the first of a group, and where a few of them are.
func (ds Diagnostics) rest(group []int) string {
	text := fmt.Sprintf("; %d more like it", len(group)-1)
	var places []string
	for _, i := range group[1:] {
		if pos := ds[i].Pos; pos != ds[group[0]].Pos {
			places = append(places, pos.String())
		}
	}
	switch {
	case len(places) > apart:
		return text + ", at " + strings.Join(places[:apart], ", ") + " ..."
	case len(places) > 0:
		return text + ", at " + strings.Join(places, ", ")
	}
	return text
}

// Sort sorts by file and place. Passes find mistakes in the order of their work.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Source.Order, b.Source.Order), a.Pos.Compare(b.Pos))
	})
}
