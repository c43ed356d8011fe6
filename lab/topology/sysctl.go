package topology

import (
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// decodeDefaults reads what all hosts have. It is kept until each host is finished: whether a
// parameter of a link is for a host depends on its NICs.
func (d *layoutReader) decodeDefaults(e yamlpos.Entry) {
	if e.Value != nil {
		s := yamlpos.Scope{Inner: "defaults"}
		keys, _ := d.Fields(e.Value, s, "sysctls")
		d.defaults = d.decodeSysctls(keys["sysctls"], s)
	}
}

// checkDefaults complains about parameters of a link that no host has. A host that has no such link
// just does not get them.
func (d *layoutReader) checkDefaults() {
	if d.peersUnsure {
		return
	}
	for _, p := range d.defaults {
		if link := p.Link(); link != "" && !slices.ContainsFunc(d.order,
			func(h *host) bool { return h.hasLink(link) }) {
			d.Complain(p.Pos, "defaults: %s: no host has a NIC %s", p.Name, wording.Quote(link))
		}
	}
}

// decodeHostSysctls reads a host's own parameters, and adds them to those of all hosts
// that it does not set itself.
func (d *layoutReader) decodeHostSysctls(h *host) {
	s := yamlpos.Scope{Inner: "host " + wording.Quote(h.Name)}
	own := d.decodeSysctls(h.sysctls, s)
	for _, p := range d.defaults {
		set := slices.ContainsFunc(own, func(o lab.Sysctl) bool { return o.Name == p.Name })
		if link := p.Link(); !set && (link == "" || h.hasLink(link)) {
			h.Sysctls = append(h.Sysctls, p)
		}
	}
	for _, p := range own {
		if link := p.Link(); link != "" && !h.hasLink(link) && !h.unsure {
			d.Complain(p.Pos, "%s: %s: the host has no NIC %s%s", s, p.Name, wording.Quote(link), h.linkHint(link))
		}
	}
	h.Sysctls = append(h.Sysctls, own...)
}

// decodeSysctls reads parameters and their values. As in sysctl(8), a '/' stands for a
// dot in a NIC's name; it leads nowhere else. A value is one line, as what is written to a file
// below /proc/sys is one value; which ones a parameter takes, the kernel knows.
func (d *layoutReader) decodeSysctls(e yamlpos.Entry, s yamlpos.Scope) (all []lab.Sysctl) {
	if e.Value == nil {
		return nil
	}
	list, _ := d.Entries(e.Value, yamlpos.Scope{Inner: s.Inner + ": sysctls"}, "from names of kernel parameters to values")
	if len(list) > maxSysctls {
		d.Complain(list[maxSysctls].Pos, "%s sets %d kernel parameters, the limit is %d", s, len(list), maxSysctls)
		return nil
	}
	for _, e := range list {
		if problem := syntax.SysctlProblem(e.Key); problem != "" {
			d.Complain(e.Pos, "%s: %s", s, problem)
			continue
		}
		d.warnOfSysctl(e.Pos, s, e.Key)
		value, ok := d.Text(e.Value, s.String()+", "+e.Key)
		switch {
		case !ok:
		case strings.Contains(value, "\n"):
			d.Wrong(e.Value, "%s, %s: the value has several lines", s, e.Key)
		default:
			all = append(all, lab.Sysctl{Name: e.Key, Value: value, Pos: e.Pos})
		}
	}
	return all
}
