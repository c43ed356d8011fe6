package topology

import (
	"cmp"
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// decodeNetworks reads the section networks. It comes before the hosts', whatever their order in the
// file, since an address is checked against the subnets of its network.
func (d *layoutReader) decodeNetworks(e yamlpos.Entry) {
	list := d.section(e, "from names to subnets", maxNetworks)
	if list == nil {
		return
	}
	d.networks = map[string]*network{}
	var all []*network
	for _, e := range list {
		n := d.decodeNetwork(e)
		d.networks[e.Key] = n
		all = append(all, n)
	}
	d.checkOverlaps(all)
	// Automatic addresses come from the first subnet of each family, in the order of the NICs.
	for _, n := range all {
		n.next4.prefix, n.next6.prefix = n.Subnet, n.Subnet6
		d.Networks = append(d.Networks, n.Network)
	}
}

// decodeNetwork reads one network: a subnet alone, or a mapping. One with a mistake is bad, and
// addresses in it are not complained about: they may be right once it is.
func (d *layoutReader) decodeNetwork(e yamlpos.Entry) *network {
	n := &network{Network: lab.Network{Name: e.Key, Pos: e.Pos}}
	before := d.Made
	defer func() { n.bad = d.Made > before }()
	d.checkName(e.Pos, syntax.NetworkName, e.Key)
	s := yamlpos.Scope{Inner: "network " + wording.Quote(e.Key)}
	if e.Value.Kind == yaml.ScalarNode {
		if p, ok := d.subnet(e.Value, s.String()); ok && p.Addr().Is4() {
			n.Subnet = p
		} else if ok {
			n.Subnet6 = p
		}
		return n
	}
	keys, ok := d.Fields(e.Value, s, "link", "subnet", "subnet6")
	if !ok {
		return n
	}
	if k, ok := keys["link"]; ok {
		n.Link = d.Truth(k.Value, s.String()+", link")
	}
	for _, key := range []string{"subnet", "subnet6"} {
		if k, ok := keys[key]; ok {
			d.decodeSubnets(n, s, k)
		}
	}
	return n
}

// decodeSubnets reads the value of subnet or subnet6: one, or a list of them. Automatic addresses
// come from the first; more of them are what a secondary address needs that has another subnet.
func (d *layoutReader) decodeSubnets(n *network, s yamlpos.Scope, k yamlpos.Entry) {
	items := yamlpos.List(k.Value)
	switch {
	case len(items) == 0:
		d.Wrong(k.Value, "%s: %s is empty; leave the key out for no subnet", s, k.Key)
		return
	case len(items) > maxSubnets:
		d.Wrong(items[maxSubnets], "%s, %s has %d subnets, the limit is %d", s, k.Key, len(items), maxSubnets)
		return
	}
	for i, item := range items {
		p, ok := d.subnet(item, s.String()+", "+k.Key)
		switch {
		case !ok:
		case p.Addr().Is4() && k.Key == "subnet6":
			d.Wrong(item, "%s, subnet6: %s is IPv4, write it as subnet", s, p)
		case !p.Addr().Is4() && k.Key == "subnet":
			d.Wrong(item, "%s, subnet: %s is IPv6, write it as subnet6", s, p)
		case i > 0:
			n.More = append(n.More, p)
		case p.Addr().Is4():
			n.Subnet = p
		default:
			n.Subnet6 = p
		}
	}
}

// checkCables complains about cables with another number of NICs than two. A cable is a veth pair
// without a bridge between, for experiments about carrier: a port of a bridge keeps its carrier
// when the NIC at the other end of the network goes down.
func (d *layoutReader) checkCables() {
	for i := range d.Networks {
		n := d.networks[d.Networks[i].Name]
		if !n.Link {
			continue
		}
		if len(n.nics) == 1 && !d.peersUnsure {
			d.Complain(n.Pos, "network %s is a cable (link: true), it takes two NICs and has only that of %s",
				wording.Quote(n.Name), n.nics[0].scope)
		}
		for i := 2; i < len(n.nics); i++ {
			extra, a, b := n.nics[i], n.nics[0].Pos.Line, n.nics[1].Pos.Line
			d.Complain(extra.Pos, "%s: network %s is a cable (link: true), it takes two NICs and has them (lines %d and %d)",
				extra.scope, wording.Quote(n.Name), a, b)
		}
	}
}

// subnet reads a network address with its length. That of a host is a mistake, though ip(8) takes
// it: 192.0.2.1/24 is a file in which an address and its network were mixed up.
func (d *layoutReader) subnet(n *yaml.Node, where string) (netip.Prefix, bool) {
	text, ok := d.Text(n, where)
	if !ok {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		d.Wrong(n, "%s: %s is not a subnet such as 192.0.2.0/24 or 2001:db8::/64", where, wording.Quote(text))
	case p.Addr().Is4In6():
		d.Wrong(n, "%s: %s is an IPv4 address in IPv6, write it as IPv4", where, text)
	case special(p) != "":
		d.Wrong(n, "%s: %s is %s, no host can have addresses in it", where, text, special(p))
	case p != p.Masked():
		d.Wrong(n, "%s: %s is the address of a host, did you mean %s?", where, text, p.Masked())
	default:
		return p, true
	}
	return p, false
}

// special names the range that a subnet touches and that is not for hosts: fib_validate_source and
// inet_addr_type treat such addresses unlike all others (RFC 6890), so that an experiment with one
// would say nothing about hosts.
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

// checkOverlaps complains about subnets that contain one another: a host on both networks would
// have two routes to one address. Prefixes are either apart or nested, so in sorted order a
// stack holds those that may contain the next one.
func (d *layoutReader) checkOverlaps(all []*network) {
	type subnet struct {
		netip.Prefix
		*network
	}
	var subnets []subnet
	for _, n := range all {
		for _, p := range n.Subnets() {
			subnets = append(subnets, subnet{p, n})
		}
	}
	slices.SortStableFunc(subnets, func(a, b subnet) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits())
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
			d.Complain(second.Pos, "network %q: %s overlaps %s of network %q (line %d)", second.Name, second.Prefix,
				first.Prefix, first.Name, first.Pos.Line)
			second.bad = true
		}
		around = append(around, s)
	}
}
