package topology

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
)

// decodeDefaults reads what all hosts have.
func (d *decoder) decodeDefaults(e entry) {
	if e.value == nil {
		return
	}
	s := scope{inner: "defaults"}
	keys, _ := d.fields(e.value, s, "sysctls")
	if k, ok := keys["sysctls"]; ok {
		d.defaults = d.decodeSysctls(k.value, s)
	}
}

// checkDefaults complains about parameters of a link that no host has.
func (d *decoder) checkDefaults() {
	if d.peersUnsure {
		return
	}
	for _, p := range d.defaults {
		if link := p.Link(); link != "" && !slices.ContainsFunc(d.order, func(h *host) bool { return h.hasLink(link) }) {
			d.complain(p.Pos, "defaults: %s: no host has a NIC %s", p.Name, wording.Quote(link))
		}
	}
}

// decodeHostSysctls reads a host's own parameters, and adds them to those of all hosts
// that it does not set itself.
func (d *decoder) decodeHostSysctls(h *host) {
	var own []lab.Sysctl
	s := scope{inner: "host " + wording.Quote(h.Name)}
	if h.sysctls.value != nil {
		own = d.decodeSysctls(h.sysctls.value, s)
	}
	for _, p := range d.defaults {
		set := slices.ContainsFunc(own, func(o lab.Sysctl) bool { return o.Name == p.Name })
		if link := p.Link(); !set && (link == "" || h.hasLink(link)) {
			h.Sysctls = append(h.Sysctls, p)
		}
	}
	for _, p := range own {
		if link := p.Link(); link != "" && !h.hasLink(link) && !h.unsure {
			d.complain(p.Pos, "%s: %s: the host has no NIC %s%s", s, p.Name, wording.Quote(link), h.linkHint(link))
		}
	}
	h.Sysctls = append(h.Sysctls, own...)
}

func (h *host) hasLink(name string) bool {
	return name == "lo" || slices.ContainsFunc(h.nics, func(n *nic) bool { return n.Name == name })
}

// decodeSysctls reads parameters and their values. As in sysctl(8), a '/' stands for a
// dot in a NIC's name; it leads nowhere else.
func (d *decoder) decodeSysctls(n *yaml.Node, s scope) (all []lab.Sysctl) {
	list, _ := d.entries(n, scope{inner: s.inner + ": sysctls"}, "from names of kernel parameters to values")
	if len(list) > maxSysctls {
		d.complain(list[maxSysctls].pos, "%s sets %d kernel parameters, the limit is %d", s, len(list), maxSysctls)
		return nil
	}
	for _, e := range list {
		if problem := syntax.SysctlProblem(e.key); problem != "" {
			d.complain(e.pos, "%s: %s", s, problem)
			continue
		}
		d.warnOfSysctl(e.pos, s, e.key)
		value, ok := d.text(e.value, s.String()+", "+e.key)
		switch {
		case !ok:
		case strings.Contains(value, "\n"):
			d.complain(posOf(e.value), "%s, %s: the value has several lines", s, e.key)
		default:
			all = append(all, lab.Sysctl{Name: e.key, Value: value, Pos: e.pos})
		}
	}
	return all
}

// warnOfSysctl warns of a parameter that is near to one that labrun knows. That kernels have
// others is nothing to complain about.
func (d *decoder) warnOfSysctl(pos lab.Pos, s scope, name string) {
	if near := lab.NearSysctl(name); near != "" {
		d.warn(pos, "%s: labrun knows no kernel parameter %s, did you mean %s?", s, name, near)
	}
}
