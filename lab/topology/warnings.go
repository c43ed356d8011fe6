package topology

import (
	"cmp"

	"labrun/lab"
	"labrun/lab/yamlpos"
)

// Diagnostics is everything that is wrong with a topology's files.
type Diagnostics = yamlpos.Diagnostics

// Warnings returns what a topology's files say to no effect. They are in the Topology as values, so
// that they can be printed long after, as of a report; the lines to show come from the texts in it.
func Warnings(t *lab.Topology) Diagnostics {
	texts := map[string]*yamlpos.Source{}
	for i, f := range append([]lab.Included{{File: t.File, Text: t.Source}}, t.Included...) {
		texts[f.File] = yamlpos.NewSource(f.File, []byte(f.Text), language)
		texts[f.File].Order = i
	}
	var all Diagnostics
	for _, w := range t.Warnings {
		s := texts[cmp.Or(w.Pos.File, t.File)]
		all = append(all, yamlpos.Diagnostic{File: s.File, Pos: lab.Pos{Line: w.Pos.Line, Col: w.Pos.Col}, Msg: w.Msg,
			Warning: true, Source: s})
	}
	return all
}

// warned returns warnings as a topology has them, each with its file where that is an included one.
func warned(list Diagnostics) []lab.Warning {
	list.Sort()
	var all []lab.Warning
	for _, d := range list {
		all = append(all, lab.Warning{Pos: d.Source.At(d.Pos), Msg: d.Msg})
	}
	return all
}
