package main

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"labrun/lab"
)

// cellPattern chooses cells: a pattern for names of experiments, and for values
// of some axes.
//
//	two-binders   claim-*   two-binders[first=x]   two-binders[first=x,second=any*]
type cellPattern struct {
	text   string
	name   string
	values map[string]string // by axis
}

// parseCellPattern reads a pattern. What is in brackets at its end and has an '='
// is about axes; other brackets are those of path.Match.
func parseCellPattern(text string) (cellPattern, error) {
	p := cellPattern{text: text, name: text}
	if at := strings.LastIndexByte(text, '['); at >= 0 && strings.HasSuffix(text, "]") &&
		strings.Contains(text[at:], "=") {
		p.name, p.values = text[:at], map[string]string{}
		for _, part := range strings.Split(text[at+1:len(text)-1], ",") {
			axis, value, ok := strings.Cut(part, "=")
			if !ok {
				return p, fmt.Errorf("%q is not AXIS=VALUE", part)
			}
			p.values[axis] = value
			if _, err := path.Match(value, ""); err != nil {
				return p, err
			}
		}
	}
	_, err := path.Match(p.name, "")
	return p, err
}

// matchesName reports whether the experiment is one that the pattern is about.
func (p cellPattern) matchesName(e *lab.Experiment) bool {
	ok, _ := path.Match(p.name, e.Name) // parse has seen the pattern
	return ok && !slices.ContainsFunc(p.axes(), func(axis string) bool {
		return !slices.ContainsFunc(e.Axes, func(a lab.Axis) bool { return a.Name == axis })
	})
}

func (p cellPattern) axes() []string {
	var names []string
	for axis := range p.values {
		names = append(names, axis)
	}
	return names
}

// matches reports whether the pattern chooses the combination.
func (p cellPattern) matches(e *lab.Experiment, c lab.Combo) bool {
	if !p.matchesName(e) {
		return false
	}
	for i, v := range lab.RadixOf(e.Axes).Split(c) {
		if want, ok := p.values[e.Axes[i].Name]; ok {
			if ok, _ := path.Match(want, e.Axes[i].Values[v]); !ok {
				return false
			}
		}
	}
	return true
}

// find returns the first cell that the pattern chooses, and whether there are more.
func (p cellPattern) find(topologies []*lab.Topology) (e *lab.Experiment, c lab.Combo, more bool) {
	for _, t := range topologies {
		for i := range t.Experiments {
			x := &t.Experiments[i]
			if !p.matchesName(x) {
				continue
			}
			for _, combo := range x.Combos {
				switch {
				case !p.matches(x, combo):
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

// noCell says that a pattern chooses nothing, and what it could have chosen.
func noCell(flag string, p cellPattern, topologies []*lab.Topology) error {
	for _, t := range topologies {
		for i := range t.Experiments {
			if ok, _ := path.Match(p.name, t.Experiments[i].Name); ok {
				var axes []string
				for _, a := range t.Experiments[i].Axes {
					axes = append(axes, a.Name+" ("+strings.Join(a.Values, ", ")+")")
				}
				if len(axes) == 0 {
					return usagef("%s %s: experiment %s has no axes", flag, p.text, t.Experiments[i].Name)
				}
				return usagef("%s %s: no such combination%s the axes of %s are %s", flag, p.text,
					cmp.Or(p.meant(&t.Experiments[i]), ";"), t.Experiments[i].Name, strings.Join(axes, "; "))
			}
		}
	}
	in := ""
	if len(topologies) == 1 {
		in = " in " + topologies[0].File
	}
	names := experimentNames(topologies)
	return usagef("%s %s: no experiment of that name%s%s there are %s", flag, p.text, in,
		cmp.Or(didYouMean(p.name, names), ";"), list(names))
}

// meant says which axis or value of an experiment a pattern has wrong.
func (p cellPattern) meant(e *lab.Experiment) string {
	var axes []string
	for _, a := range e.Axes {
		axes = append(axes, a.Name)
	}
	for _, axis := range unique(p.axes()) {
		value, i := p.values[axis], slices.Index(axes, axis)
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
func cellOf(flag, text string, t *lab.Topology) (*lab.Experiment, lab.Combo, error) {
	p, err := parseCellPattern(text)
	if err != nil {
		return nil, 0, usagef("%s %s: %w", flag, text, err)
	}
	topologies := []*lab.Topology{t}
	e, c, more := p.find(topologies)
	switch {
	case e == nil:
		return nil, 0, noCell(flag, p, topologies)
	case more:
		return nil, 0, usagef("%s %s: that is more than one cell; name one, such as %s", flag, text,
			lab.Quote(e.CellName(c)))
	}
	return e, c, nil
}
