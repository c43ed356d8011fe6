package topology

import (
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// decodeAddresses reads the value of address: one, or a list of them, in the order in which they are
// added to the NIC. The first of a subnet is its primary one, which the kernel chooses as a source
// (inet_select_addr).
func (d *layoutReader) decodeAddresses(h *host, n *nic, node *yaml.Node) {
	items := yamlpos.List(node)
	switch {
	case len(items) == 0:
		d.Wrong(node, "%s: address is empty; leave the key out for the next free one", n.scope)
		return
	case len(items) > maxAddresses:
		d.Wrong(items[maxAddresses], "%s has %d addresses, the limit is %d", n.scope, len(items), maxAddresses)
		return
	}
	for _, item := range items {
		name, pos := "", lab.Pos{}
		scalar := item
		if item.Kind == yaml.MappingNode {
			s := yamlpos.Scope{Outer: n.scope.String(), Inner: "an address of " + n.scope.Inner}
			keys, ok := d.Fields(item, s, "address", "as")
			if !ok {
				continue
			}
			k, ok := keys["address"]
			if !ok {
				d.Wrong(item, "%s: key \"address\" is missing in an item of the list", n.scope)
				continue
			}
			scalar = k.Value
			if k, ok := keys["as"]; ok {
				name, pos = d.aliasOf(k.Value, n.scope)
			}
		}
		addr := d.decodeAddress(h, n, scalar, name)
		if name != "" {
			d.setAlias(h, n.scope, name, "", alias{addr, pos})
		}
	}
}

// decodeAddress reads one address, adds it to the NIC and returns it; the zero one when it is wrong.
func (d *layoutReader) decodeAddress(h *host, n *nic, node *yaml.Node, name string) netip.Addr {
	text, ok := d.Text(node, n.scope.String()+", address")
	if !ok {
		return netip.Addr{}
	}
	pos := yamlpos.PosOf(node)
	ip, length, ok := splitPrefix(text)
	if !ok {
		d.Complain(pos, "%s: %s is not an address such as 192.0.2.10/24 or 192.0.2.10", n.scope, wording.Quote(text))
		return netip.Addr{}
	}
	p, problem := n.network.place(ip, length)
	if problem != "" {
		if !n.network.bad {
			d.Complain(pos, "%s: address %s %s", n.scope, text, problem)
		}
		return netip.Addr{}
	}
	// An address is on one host of the whole lab, not of its network alone, so that an answer that names
	// one says which host it is of.
	key := usedAddr{ip: ip}
	if ip.IsLinkLocalUnicast() {
		key.network = n.Network
	}
	if other, ok := d.used[key]; ok {
		d.Complain(pos, "%s: address %s is already on host %q (line %d)", n.scope, text, other.host, other.line)
		return netip.Addr{}
	}
	d.used[key] = place{h.Name, pos.Line}
	n.Addresses = append(n.Addresses, lab.Address{Prefix: p, Pos: pos, Alias: name})
	return ip
}

// splitPrefix reads an address with or without a length; without it is -1.
func splitPrefix(text string) (netip.Addr, int, bool) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Addr(), p.Bits(), err == nil && !p.Addr().Is4In6()
	}
	ip, err := netip.ParseAddr(text)
	return ip, -1, err == nil && ip.Zone() == "" && !ip.Is4In6()
}

// place gives the address its length, or says why it cannot be on the network. A length may be
// left out, and must not be another than the subnet's: the host would have a route to a part of
// its network only. Link-local addresses are on every network, always with /64 (RFC 4291, 2.5.6).
func (n *network) place(ip netip.Addr, length int) (netip.Prefix, string) {
	if ip.Is6() && ip.IsLinkLocalUnicast() {
		if length != 64 {
			return netip.Prefix{}, "is link-local, write it with /64"
		}
		return netip.PrefixFrom(ip, length), ""
	}
	all := n.Subnets()
	if len(all) == 0 {
		return placeAnywhere(ip, length, wording.Quote(n.Name))
	}
	family := "IPv6"
	if ip.Is4() {
		family = "IPv4"
	}
	all = slices.DeleteFunc(all, func(p netip.Prefix) bool { return p.Addr().Is4() != ip.Is4() })
	i := slices.IndexFunc(all, func(p netip.Prefix) bool { return p.Contains(ip) })
	switch {
	case len(all) == 0:
		return netip.Prefix{}, "is " + family + ", network " + wording.Quote(n.Name) + " has no " + family + " subnet"
	case i < 0:
		return netip.Prefix{}, "is not in " + orList(all) + " of network " + wording.Quote(n.Name)
	}
	subnet := all[i]
	if length >= 0 && length != subnet.Bits() {
		return subnet, "has another length than " + subnet.String() + " of network " + wording.Quote(n.Name)
	}
	if why := reserved(subnet, ip); why != "" {
		return subnet, "is " + why + " of " + subnet.String()
	}
	return netip.PrefixFrom(ip, subnet.Bits()), ""
}

// placeAnywhere is place for a network that has no subnet, for experiments about hosts that do not
// agree about it. All that is known of the address is its length.
func placeAnywhere(ip netip.Addr, length int, network string) (netip.Prefix, string) {
	if length < 0 {
		return netip.Prefix{}, "needs its length (/24), as network " + network + " has no subnet"
	}
	p := netip.PrefixFrom(ip, length)
	if words := special(netip.PrefixFrom(ip, ip.BitLen())); words != "" {
		return p, "is " + words + ", no host can have it on a network"
	}
	if why := reserved(p.Masked(), ip); why != "" {
		return p, "is " + why + " of " + p.Masked().String()
	}
	return p, ""
}

// orList joins subnets for a complaint: 192.0.2.0/24 or 198.51.100.0/24.
func orList(all []netip.Prefix) string {
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = p.String()
	}
	return strings.Join(words, " or ")
}

// nameAddresses gives the NIC's alias to the addresses that it stands for: x to
// the first IPv4 address and x6 to the first IPv6 address, or x to that one
// when there is no IPv4. Addresses with a name of their own are passed over,
// and link-local ones taken last, as they are no use without a scope.
func (d *layoutReader) nameAddresses(h *host, n *nic) {
	if n.alias == "" {
		return
	}
	first4, first6, has4 := -1, -1, false
	for i, a := range n.Addresses {
		ip := a.Prefix.Addr()
		has4 = has4 || ip.Is4()
		switch {
		case a.Alias != "":
		case ip.Is4() && first4 < 0:
			first4 = i
		case ip.Is6() && (first6 < 0 || n.Addresses[first6].Prefix.Addr().IsLinkLocalUnicast() && !ip.IsLinkLocalUnicast()):
			first6 = i
		}
	}
	set := func(i int, name, of string) bool {
		ok := d.setAlias(h, n.scope, name, of, alias{n.Addresses[i].Prefix.Addr(), n.aliasPos})
		if ok {
			n.Addresses[i].Alias = name
		}
		return ok
	}
	switch {
	case first4 >= 0:
		if set(first4, n.alias, "") && first6 >= 0 {
			set(first6, n.alias+"6", " (the IPv6 address of "+n.alias+")")
		}
	case first6 >= 0 && !has4:
		set(first6, n.alias, "")
	case len(n.Addresses) > 0:
		d.Complain(n.aliasPos, "%s: %q names nothing, every address has a name of its own", n.scope, n.alias)
	case n.bare():
		d.Complain(n.aliasPos, "%s: %q names nothing, the NIC has no address", n.scope, n.alias)
	}
}

// setAlias gives a host a name for an address, if it has no such name yet; of
// says where the name comes from when it is not written in the file.
func (d *layoutReader) setAlias(h *host, s yamlpos.Scope, name, of string, a alias) bool {
	if other, ok := h.aliases[name]; ok {
		d.Complain(a.pos, "%s: name %q%s is already used on host %q (line %d)", s, name, of, h.Name, other.pos.Line)
		return false
	}
	h.aliases[name] = a
	return true
}

// aliasOf returns the name that as: gives, "" after a complaint.
func (d *layoutReader) aliasOf(n *yaml.Node, s yamlpos.Scope) (string, lab.Pos) {
	name, ok := d.Text(n, s.String()+", as")
	if !ok || !d.checkName(yamlpos.PosOf(n), syntax.AliasName, name) {
		return "", lab.Pos{}
	}
	return name, yamlpos.PosOf(n)
}
