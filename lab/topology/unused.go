package topology

import (
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// What a file says to no effect is a mistake most likely: a name was misspelt, or a
// question is not asked that a report would show an answer to. It is a warning where the file may
// be right (a rule for values that come later, a host for a look with shell), and a mistake where
// cells would only repeat each other.

// checkAxesPlaced complains about axes that change no step: their cells would all ask
// the same. An axis that rules alone have changes what is wanted, not what is asked, so that of two
// cells with the same steps one would be red for certain.
func (d *checker) checkAxesPlaced(x *experiment) {
	if !x.complete() || len(x.Combos) == 0 {
		return
	}
	for _, a := range x.axes {
		if !a.placed {
			d.Complain(a.pos,
				"%s: axis %q is in no step, so its values change nothing; write ${%s} in a step, or leave the axis out", x.scope,
				a.Name, a.Name)
		}
	}
}

// warnIdleRules warns of rules of want that no step has an answer from. The last one,
// else, may be there for values that come later.
func (d *checker) warnIdleRules(x *experiment) {
	if !x.complete() {
		return
	}
	for name, set := range x.wants {
		s := x.scope.In("key", "want")
		if name != "" {
			s = x.scope.In("want", name)
		}
		for i, r := range set.rules {
			if r.used || len(r.matcher) == 0 && r.on == "" || len(d.Warnings) >= yamlpos.MaxComplaints {
				continue
			}
			first := slices.IndexFunc(set.rules[:i],
				func(before wantRule) bool { return before.on == "" && before.covers(r.matcher) })
			if first >= 0 {
				d.Warn(r.start, "%s: no step has its answer from this rule, the one on line %d matches first", s,
					set.rules[first].start.Line)
				continue
			}
			d.Warn(r.start,
				"%s: no step has its answer from this rule; rules before it match first, or no combination that runs has "+
					"these values", s)
		}
	}
}

// warnOfSelf warns of peer.x in a call by a process on the peer, where another host is
// meant most likely: peer is the subject's, so there it is the caller's own host.
func (d *checker) warnOfSelf(x *experiment, s placedStep, at int, a lab.Addr, other bool) {
	if other && a.Host == "peer" && s.process.Host == "peer" && !lab.WellKnown(a.Name) {
		d.Warn(d.within(s, at),
			"%s: peer.%[2]s is process %[3]q's own address, since peer is the peer of the subject; write subject.%[2]s, or "+
				"%[2]s",
			x.scope, a.Name, s.process)
	}
}

// idler looks for what nothing in a topology has a use for. It comes last, for files without any
// mistake: in others, what is broken looks unused.
type idler struct {
	complaints
	*layout
	files
	top *lab.Topology
}

// warnUnused warns of what no other part of the topology refers to: networks without NICs, NICs that
// no step can reach, claims that nothing tests, probes that no answer or experiment depends on.
func warnUnused(c complaints, f files, l *layout, top *lab.Topology) {
	d := &idler{c, l, f, top}
	for _, n := range d.top.Networks {
		if len(d.networks[n.Name].nics) == 0 {
			d.warnAt(n.Pos, "no NIC is on network %s", wording.Quote(n.Name))
		}
	}
	d.warnIdleNICs()
	claimed, probed := map[string]bool{}, map[string]bool{}
	for i := range d.top.Experiments {
		e := &d.top.Experiments[i]
		claimed[e.Claim.Name] = true
		for _, w := range e.Needs {
			if w.Has != nil && w.Has.Kind == "probe" {
				probed[w.Has.Name] = true
			}
		}
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
			d.warnAt(c.Pos, "no experiment tests claim %s", wording.Quote(c.Name))
		}
	}
	for i := range d.top.Probes {
		if p := &d.top.Probes[i]; !probed[p.Name] {
			d.warnAt(p.Pos, "no answer depends on probe %s", wording.Quote(p.Name))
		}
	}
}

// warnIdleNICs warns of NICs that no answer can depend on: no step names them, an address
// of theirs or one in their subnets, and no other NIC is on their network. Programs may look
// at all of them. A host has two NICs as a matter of course, without which "any" would be
// another word for the address of the one.
func (d *idler) warnIdleNICs() {
	m, ok := d.mentioned()
	if !ok {
		return
	}
	for _, h := range d.order {
		for _, n := range h.nics[min(2, len(h.nics)):] {
			if n.Type == "" && len(n.network.nics) == 1 && !m.nic(n) {
				d.warnAt(n.Pos, "%s: no step names it or an address of it, and nothing else is on network %s", n.scope,
					wording.Quote(n.Network))
			}
		}
	}
}

// mentioned is what steps name.
type mentioned struct {
	words map[string]bool // aliases and links
	ips   map[netip.Addr]bool
}

// mentioned collects what the steps name, false when programs may look at anything, or
// nothing is asked.
func (d *idler) mentioned() (mentioned, bool) {
	m := mentioned{map[string]bool{}, map[netip.Addr]bool{}}
	for _, list := range [][]lab.Experiment{d.top.Probes, d.top.Experiments} {
		for i := range list {
			for s := range list[i].Steps() {
				if s.Run != nil {
					return m, false
				}
				for _, a := range s.Call.Args {
					m.add(a)
				}
				for _, w := range s.Want {
					for _, a := range w.Answer.Parts() {
						m.add(a)
					}
				}
			}
		}
	}
	return m, len(d.top.Experiments) > 0
}

// add takes up what an argument or an answer names. It is generous: any word that could be the name
// of a NIC counts, wherever it stands, since a warning that is wrong costs more than one that lacks.
func (m mentioned) add(a lab.Arg) {
	switch a := a.(type) {
	case lab.Addr:
		m.words[a.Name] = true
		m.words[a.IP.Zone()] = true
		m.ips[a.IP.WithZone("").Unmap()] = true
	case lab.PacketAddr:
		m.words[a.NIC] = true
	case lab.Bare:
		m.add(lab.Addr(a))
	case lab.Control:
		for _, a := range a.Args {
			m.add(a)
		}
	case lab.Spec:
		for _, t := range a.Terms() {
			named := t.Addr()
			m.words[named.Name], m.words[t.Value] = true, true
			m.ips[named.IP] = true
		}
	case lab.Prefix:
		m.ips[netip.Prefix(a).Addr()] = true
	case lab.Membership:
		m.words[a.NIC] = true
	case lab.Name:
		for _, word := range strings.Split(string(a), ".") { // net.ipv4.conf.eth1.rp_filter
			m.words[word] = true
		}
	case lab.Text:
		m.words[string(a)] = true // SO_BINDTODEVICE
	}
}

// nic reports whether a step names the NIC, an address of it, or one in a subnet of it.
func (m mentioned) nic(n *nic) bool {
	return m.words[n.Name] || slices.ContainsFunc(n.Addresses, func(a lab.Address) bool {
		for ip := range m.ips {
			if a.Prefix.Contains(ip) {
				return true
			}
		}
		return a.Alias != "" && m.words[a.Alias]
	})
}

// warnAt is Warn for a place that says which file it is in.
func (d *idler) warnAt(pos lab.Pos, format string, args ...any) {
	before := d.Source
	for _, p := range d.parts {
		if p.Source.At(pos) == pos {
			d.Source = p.Source
			break
		}
	}
	d.Warn(lab.Pos{Line: pos.Line, Col: pos.Col}, format, args...)
	d.Source = before
}
