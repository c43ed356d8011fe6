package topology

import (
	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// specKeys are the sections of a host in words of ip(8), and what each of their items is.
var specKeys = []struct {
	key   string
	kind  lab.Kind
	specs func(*lab.Host) *[]lab.HostSpec
}{
	{"routes", lab.KindRoute, func(h *lab.Host) *[]lab.HostSpec { return &h.Routes }},
	{"rules", lab.KindRule, func(h *lab.Host) *[]lab.HostSpec { return &h.Rules }},
	{"neighbours", lab.KindNeighbour, func(h *lab.Host) *[]lab.HostSpec { return &h.Neighbours }},
}

// hostKeys are all keys of a host.
var hostKeys = []string{"nics", "routes", "rules", "neighbours", "forwarding", "nft", "sysctls", "count"}

// namesFile is the one word by which rules of nft(8) reach for files.
var namesFile = once.Regexp(`\binclude\b`)

// decodeRouting reads what a host says about where packets go. Names in it are looked at later, by
// checkRouting: a route may lead over a host that stands behind it in the file.
func (d *layoutReader) decodeRouting(h *host, keys map[string]yamlpos.Entry, s yamlpos.Scope) {
	if k, ok := keys["forwarding"]; ok {
		text, ok := d.Text(k.Value, s.String()+", forwarding")
		switch {
		case !ok:
		case text == "true", text == "false":
			h.Forwarding = text == "true"
		default:
			d.Wrong(k.Value, "%s: forwarding is true or false, found %s", s, wording.Quote(text))
		}
	}
	if k, ok := keys["nft"]; ok {
		h.NFT, _ = d.Text(k.Value, s.String()+", nft")
		if namesFile().MatchString(h.NFT) {
			d.Wrong(k.Value, "%s, nft: the rules stand here, include names a file", s)
		}
	}
	for _, section := range specKeys {
		k, ok := keys[section.key]
		if !ok {
			continue
		}
		items := yamlpos.List(k.Value)
		if len(items) > maxSpecs {
			d.Wrong(items[maxSpecs], "%s has %d %s, the limit is %d", s, len(items), section.key, maxSpecs)
			continue
		}
		for _, n := range items {
			if spec, ok := d.decodeSpec(n, section.kind, s.String()+", "+section.key); ok {
				to := section.specs(&h.Host)
				*to = append(*to, lab.HostSpec{Spec: spec, Pos: yamlpos.PosOf(n)})
			}
		}
	}
}

// decodeSpec reads one item. What is right for ip(8) may still be refused by the kernel, and is an
// error of the lab then, with this place.
func (d *layoutReader) decodeSpec(n *yaml.Node, k lab.Kind, what string) (lab.Spec, bool) {
	text, ok := d.Text(n, what)
	if !ok {
		return "", false
	}
	spec, problem := syntax.ParseSpec(k, text)
	if problem == "" && k == lab.KindNeighbour {
		problem = staticProblem(spec)
	}
	if problem != "" {
		d.Wrong(n, "%s: %s", what, problem)
	}
	return spec, problem == ""
}

// staticProblem says what a neighbour lacks that a file gives a host. In a step, what the kernel
// says to that is a question.
func staticProblem(s lab.Spec) string {
	has := map[string]bool{}
	for _, t := range s.Terms() {
		has[t.Word] = true
	}
	if has["dev"] && (has["proxy"] || has["to"] && has["lladdr"]) {
		return ""
	}
	return "a neighbour is written " + syntax.SpecExamples[lab.KindNeighbour][0] + ", or proxy 192.0.2.1 dev eth0"
}

// checkRouting complains about names in the routing of hosts, once all of these are known. A host
// that had a mistake may have a name for all that is known, and is passed over (host.unsure): one
// mistake makes one complaint. The names stay in the layout as they are written, since drawings and
// reports show them; plan puts addresses in their place.
func (d *layoutReader) checkRouting() {
	names := &checker{complaints: d.complaints, layout: d.layout}
	for _, h := range d.order {
		for _, n := range h.nics {
			for _, t := range n.Type.Terms() {
				host := h.Name
				if a := t.Addr(); a.Name != "" {
					if a.Host != "" {
						host = a.Host
					}
					if problem := names.nameProblem(nil, host, a.Name, false); problem != "" {
						d.Complain(n.Pos, "%s: %s: %s", n.scope, n.Type, problem)
					}
				}
			}
		}
		for object, s := range h.Specs() {
			for _, t := range s.Spec.Terms() {
				problem := ""
				host, nic, isNIC := t.NIC()
				switch a := t.Addr(); {
				case isNIC:
					problem = names.nicProblem(h, host, nic)
				case t.Takes == lab.TakesNIC:
					problem = names.nicProblem(h, "", t.Value)
				case a.Name == "":
				// A lab is built before any experiment has a subject.
				case a.Host == "peer", a.Host == "subject":
					problem = wording.Quote(a.Host) + " is another host in each column of an experiment; name the host"
				case a.Host == "":
					problem = names.nameProblem(nil, h.Name, a.Name, false)
				default:
					problem = names.nameProblem(nil, a.Host, a.Name, false)
				}
				if problem != "" {
					d.Complain(s.Pos, "host %s: %s %s: %s", wording.Quote(h.Name), object, s.Spec, problem)
				}
			}
		}
	}
}

// nicProblem says why a host does not have a link, "" when it does.
func (d *checker) nicProblem(own *host, name, nic string) string {
	h := own
	if name != "" {
		if h = d.hosts[name]; h == nil {
			return "no host " + wording.Quote(name) + wording.Hint(name, "hosts", d.hostNames())
		}
	}
	if h.unsure || h.hasLink(nic) {
		return ""
	}
	return "host " + wording.Quote(h.Name) + " has no NIC " + wording.Quote(nic) + h.linkHint(nic)
}
