package main

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"labrun/lab"
)

// find returns the first cell that the pattern chooses, and whether there are more.
func find(p lab.Selection, topologies []*lab.Topology) (e *lab.Experiment, c lab.Combo, more bool) {
	for _, t := range topologies {
		for i := range t.Experiments {
			x := &t.Experiments[i]
			if !p.MatchesName(x) {
				continue
			}
			for _, combo := range x.Combos {
				switch {
				case !p.Matches(x, combo):
				case e != nil:
					return e, c, true
				default:
					e, c = x, combo
				}
			}
		}
	}
	return e, c, false
}

// noCell says that a pattern chooses nothing, and what it could have chosen. A run of no
// cells would pass: to CI a mistyped --only has to be a mistake and not a success.
func noCell(flag string, p lab.Selection, topologies []*lab.Topology) error {
	for _, t := range topologies {
		for i := range t.Experiments {
			if ok, _ := path.Match(p.Name, t.Experiments[i].Name); ok {
				return noCombination(flag, p, &t.Experiments[i])
			}
		}
	}
	in := ""
	if len(topologies) == 1 {
		in = " in " + topologies[0].File
	}
	names := experimentNames(topologies)
	return usagef("%s %s: no experiment of that name%s%s there are %s", flag, p.Text, in,
		meant(p.Name, names), list(names))
}

// noCombination says so of an experiment whose name the pattern matches.
func noCombination(flag string, p lab.Selection, e *lab.Experiment) error {
	if len(e.Axes) == 0 {
		return usagef("%s %s: experiment %s has no axes", flag, p.Text, e.Name)
	}
	var axes []string
	for _, a := range e.Axes {
		axes = append(axes, a.Name+" ("+list(a.Values)+")")
	}
	return usagef("%s %s: no such combination%s the axes of %s are %s", flag, p.Text, cmp.Or(meantCell(p, e), ";"), e.Name,
		strings.Join(axes, "; "))
}

// meantCell says which axis or value of an experiment a pattern has wrong.
func meantCell(p lab.Selection, e *lab.Experiment) string {
	var axes []string
	for _, a := range e.Axes {
		axes = append(axes, a.Name)
	}
	for _, axis := range unique(p.Axes()) {
		value, i := p.Value(axis), slices.Index(axes, axis)
		if i < 0 {
			return didYouMean(axis, axes)
		}
		if meant := didYouMean(value, e.Axes[i].Values); meant != "" && !slices.Contains(e.Axes[i].Values, value) {
			return meant
		}
	}
	return ""
}

// cellOf returns the one cell of that name: an experiment, or with axes one
// combination of them.
// One cell has one lab to look into: of several that a pattern chooses it would be a guess which.
func cellOf(flag, text string, t *lab.Topology) (*lab.Experiment, lab.Combo, error) {
	p, err := lab.ParseSelection(text)
	if err != nil {
		return nil, 0, usagef("%s %s: %w", flag, text, err)
	}
	topologies := []*lab.Topology{t}
	e, c, more := find(p, topologies)
	switch {
	case e == nil:
		return nil, 0, noCell(flag, p, topologies)
	case more:
		return nil, 0, usagef("%s %s: that is more than one cell; name one, such as %s", flag, text,
			lab.Quote(e.CellName(c)))
	}
	return e, c, nil
}
