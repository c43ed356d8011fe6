package topology

import (
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
)

// network is a network of the file while it is read.
type network struct {
	lab.Network
	bad   bool // a complaint was made, so more about it would be noise
	nics  int
	next4 allocator
	next6 allocator
}

func (d *decoder) decodeNetworks(e entry) {
	if e.value == nil {
		d.networksLost = true
		return
	}
	list, ok := d.entries(e.value, scope{inner: "networks"}, "from names to subnets")
	switch {
	case !ok:
	case len(list) > maxNetworks:
		d.complain(list[maxNetworks].pos, "the file has %d networks, the limit is %d", len(list), maxNetworks)
	case len(list) == 0:
		d.complain(posOf(e.value), "networks is empty, a topology needs at least one network")
	}
	if !ok || len(list) == 0 || len(list) > maxNetworks {
		d.networksLost = true
		return
	}
	var all []*network
	for _, e := range list {
		n := d.decodeNetwork(e)
		d.networks[e.key] = n
		all = append(all, n)
	}
	d.checkOverlaps(all)
	for _, n := range all {
		n.next4.prefix, n.next6.prefix = n.Subnet, n.Subnet6
		d.top.Networks = append(d.top.Networks, n.Network)
	}
}

func (d *decoder) decodeNetwork(e entry) *network {
	n := &network{Network: lab.Network{Name: e.key, Pos: e.pos}}
	before := d.made
	defer func() { n.bad = d.made > before }()
	d.checkName(e.pos, networkName, e.key)
	s := scope{inner: "network " + quote(e.key)}
	if e.value.Kind == yaml.ScalarNode {
		if p, ok := d.subnet(e.value, s.String()); ok && p.Addr().Is4() {
			n.Subnet = p
		} else if ok {
			n.Subnet6 = p
		}
		return n
	}
	keys, ok := d.fields(e.value, s, "subnet", "subnet6")
	if !ok {
		return n
	}
	if len(keys) == 0 && d.made == before {
		d.complain(posOf(e.value), "%s needs subnet, subnet6 or both", s)
	}
	for _, key := range []string{"subnet", "subnet6"} {
		k, ok := keys[key]
		if !ok {
			continue
		}
		p, ok := d.subnet(k.value, s.String()+", "+key)
		switch {
		case !ok:
		case p.Addr().Is4() && key == "subnet":
			n.Subnet = p
		case !p.Addr().Is4() && key == "subnet6":
			n.Subnet6 = p
		case key == "subnet":
			d.complain(posOf(k.value), "%s, subnet: %s is IPv6, write it as subnet6", s, p)
		default:
			d.complain(posOf(k.value), "%s, subnet6: %s is IPv4, write it as subnet", s, p)
		}
	}
	return n
}

// subnet reads a network address with its length.
func (d *decoder) subnet(n *yaml.Node, where string) (netip.Prefix, bool) {
	text, ok := d.text(n, where)
	if !ok {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		d.complain(posOf(n), "%s: %s is not a subnet such as 192.0.2.0/24 or 2001:db8::/64", where, quote(text))
	case p.Addr().Is4In6():
		d.complain(posOf(n), "%s: %s is an IPv4 address in IPv6, write it as IPv4", where, text)
	case special(p) != "":
		d.complain(posOf(n), "%s: %s is %s, no host can have addresses in it", where, text, special(p))
	case p != p.Masked():
		d.complain(posOf(n), "%s: %s is the address of a host, did you mean %s?", where, text, p.Masked())
	default:
		return p, true
	}
	return p, false
}

// special names the range that a subnet touches and that is not for hosts.
func special(p netip.Prefix) string {
	for _, r := range []struct{ prefix, words string }{
		{"0.0.0.0/8", "unspecified"}, {"127.0.0.0/8", "loopback"}, {"169.254.0.0/16", "link-local"},
		{"224.0.0.0/4", "multicast"}, {"240.0.0.0/4", "reserved"},
		{"::/128", "unspecified"}, {"::1/128", "loopback"}, {"fe80::/10", "link-local"}, {"ff00::/8", "multicast"},
	} {
		if q := netip.MustParsePrefix(r.prefix); q.Overlaps(p) {
			if q.Bits() > p.Bits() {
				return "a range that holds " + r.words + " addresses"
			}
			return r.words
		}
	}
	return ""
}

// checkOverlaps complains about subnets that contain one another. Prefixes are
// either apart or nested, so in sorted order a stack holds those
// that may contain the next one.
func (d *decoder) checkOverlaps(all []*network) {
	type subnet struct {
		netip.Prefix
		*network
	}
	var subnets []subnet
	for _, n := range all {
		for _, p := range []netip.Prefix{n.Subnet, n.Subnet6} {
			if p.IsValid() {
				subnets = append(subnets, subnet{p, n})
			}
		}
	}
	slices.SortStableFunc(subnets, func(a, b subnet) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var around []subnet // each contains the next
	for _, s := range subnets {
		for len(around) > 0 && !around[len(around)-1].Overlaps(s.Prefix) {
			around = around[:len(around)-1]
		}
		if len(around) > 0 {
			first, second := around[len(around)-1], s
			if first.Pos.Compare(second.Pos) > 0 {
				first, second = second, first
			}
			d.complain(second.Pos, "network %q: %s overlaps %s of network %q (line %d)",
				second.Name, second.Prefix, first.Prefix, first.Name, first.Pos.Line)
			second.bad = true
		}
		around = append(around, s)
	}
}
