package topology

import "labrun/lab"

// What a file says to no effect is a mistake most likely: a name was misspelt, or a
// question is not asked that a report would show an answer to.

// checkAxesPlaced complains about axes that change no step: their cells would all ask
// the same. An axis that rules alone have changes what is wanted, not what is asked.
func (d *decoder) checkAxesPlaced(x *experiment) {
	if x.broken || x.axesUnsure || x.rulesUnsure || len(x.slots) == 0 || len(x.Combos) == 0 {
		return
	}
	for _, a := range x.axes {
		if !a.placed {
			d.complain(a.pos, "%s: axis %q is in no step, so its values change nothing; write ${%s} in a step, or leave the axis out",
				x.scope, a.name, a.name)
		}
	}
}

// warnUnused warns of what no other part of the topology refers to.
func (d *decoder) warnUnused() {
	for _, n := range d.top.Networks {
		if d.networks[n.Name].nics == 0 {
			d.warnAt(n.Pos, "no NIC is on network %s", quote(n.Name))
		}
	}
	claimed, probed := map[string]bool{}, map[string]bool{}
	for i := range d.top.Experiments {
		e := &d.top.Experiments[i]
		claimed[e.Claim.Name] = true
		for s := range e.Steps() {
			for _, w := range s.Want {
				if w.Has != nil && w.Has.Kind == "probe" {
					probed[w.Has.Name] = true
				}
			}
		}
	}
	for _, c := range d.top.Claims {
		if !claimed[c.Name] {
			d.warnAt(c.Pos, "no experiment tests claim %s", quote(c.Name))
		}
	}
	for i := range d.top.Probes {
		if p := &d.top.Probes[i]; !probed[p.Name] {
			d.warnAt(p.Pos, "no answer depends on probe %s", quote(p.Name))
		}
	}
}

// warnAt is warn for a place that says which file it is in.
func (d *decoder) warnAt(pos lab.Pos, format string, args ...any) {
	before := d.source
	for _, p := range d.parts {
		if p.source.at(pos) == pos {
			d.source = p.source
			break
		}
	}
	d.warn(lab.Pos{Line: pos.Line, Col: pos.Col}, format, args...)
	d.source = before
}
