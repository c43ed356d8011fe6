package topology

import (
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// decodeHosts reads the section hosts: in a first turn what each says, in a second one what follows
// from all of them.
func (d *layoutReader) decodeHosts(e yamlpos.Entry) {
	list := d.Outdented(d.section(e, "from names to hosts", maxHosts), "host", hostKeys...)
	if len(list) == 0 {
		return
	}
	d.hosts = map[string]*host{}
	mistakes := d.Made
	for _, e := range d.countHosts(list) {
		if d.Full() {
			d.hosts = nil
			return
		}
		h := &host{Host: lab.Host{Name: e.Key, Pos: e.Pos}, alike: e.alike, aliases: map[string]alias{}}
		d.hosts[e.Key] = h
		d.order = append(d.order, h)
		if e.first {
			mistakes = d.Made
		} else if d.Made > mistakes { // the next one alike would have the same
			h.unsure, d.peersUnsure = true, true
			continue
		}
		d.guard(h, func() { d.decodeHost(h, e.Entry) })
	}
	// Only now is every address known that the file gives.
	for _, h := range d.order {
		d.guard(h, func() { d.finishHost(h) })
		d.Hosts = append(d.Hosts, h.Host)
	}
	d.checkCables()
	d.checkRouting()
	d.checkDefaults()
	d.findPeers()
}

// guard notes whether f complains about the host. What such a host lacks, an alias say, may be
// missing because of that, and is nothing to complain about in a step.
func (d *layoutReader) guard(h *host, f func()) {
	before := d.Made
	f()
	h.unsure = h.unsure || d.Made > before
}

// decodeHost reads what a host says of itself. Where its NICs cannot be read, no host's peer is
// certain: the one that shares a network with it may be any.
func (d *layoutReader) decodeHost(h *host, e yamlpos.Entry) {
	s := yamlpos.Scope{Inner: "host " + wording.Quote(e.Key)}
	before := d.Made
	if d.checkName(e.Pos, syntax.HostName, e.Key); h.alike != "" {
		s.Inner = "host " + wording.Quote(h.alike)
	}
	keys, _ := d.Fields(d.nicsBelow(e.Value, s), s, hostKeys...)
	h.sysctls = keys["sysctls"]
	d.decodeRouting(h, keys, s)
	k, ok := keys["nics"]
	if !ok {
		d.peersUnsure = d.peersUnsure || d.Made > before
		return
	}
	list, ok := d.Entries(k.Value, yamlpos.Scope{Inner: s.Inner + ": nics"}, "from names to nics")
	if len(list) > maxNICs {
		d.Complain(list[maxNICs].Pos, "%s has %d nics, the limit is %d", s, len(list), maxNICs)
		list, ok = nil, false
	}
	d.peersUnsure = d.peersUnsure || !ok
	for _, e := range list {
		h.nics = append(h.nics, d.decodeNIC(h, s.In("nic", e.Key), e))
	}
}

// nicsBelow returns what a host has, with NICs that stand at its own level put below nics,
// and complains about those: {alpha: {eth0: {network: red}}} is one mistake, and read as it was
// meant makes no others.
func (d *layoutReader) nicsBelow(n *yaml.Node, s yamlpos.Scope) *yaml.Node {
	isNIC := func(c *yaml.Node) bool { return yamlpos.HasKey(yamlpos.Deref(c), "network") }
	if n.Kind != yaml.MappingNode || yamlpos.HasKey(n, hostKeys...) || !slices.ContainsFunc(n.Content, isNIC) {
		return n
	}
	d.Wrong(n.Content[0], "%s: its NICs stand below nics: {nics: {%s: ...}}", s, wording.Clip(n.Content[0].Value))
	nics := *n
	return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: "nics", Line: n.Line, Column: n.Column}, &nics}}
}

// decodeNIC reads one NIC. It is put on its network even when something else of it is wrong, so
// that peers, cables and limits count it.
func (d *layoutReader) decodeNIC(h *host, s yamlpos.Scope, e yamlpos.Entry) *nic {
	n := &nic{NIC: lab.NIC{Name: e.Key, Pos: e.Pos}, host: h, scope: s}
	d.checkName(e.Pos, syntax.NicName, e.Key)
	before := d.Made
	if e.Value.Kind == yaml.ScalarNode && d.networks[e.Value.Value] != nil {
		d.Wrong(e.Value, "%s is a mapping; write {network: %s}", s, e.Value.Value)
		d.peersUnsure = true
		return n
	}
	keys, _ := d.Fields(e.Value, s, "network", "type", "netem", "master", "address", "as")
	if k, ok := keys["as"]; ok {
		n.alias, n.aliasPos = d.aliasOf(k.Value, s)
	}
	if k, ok := keys["master"]; ok {
		n.Master, _ = d.Text(k.Value, s.String()+", master")
		if !slices.ContainsFunc(h.nics, func(m *nic) bool { return m.Name == n.Master && m.Type != "" }) {
			d.Wrong(k.Value, "%s: no bridge, bond or VRF %s stands before it on host %q", s, wording.Quote(n.Master),
				h.Name)
		}
	}
	if k, ok := keys["netem"]; ok {
		n.Netem, _ = d.decodeSpec(k.Value, lab.KindNetem, s.String()+", netem")
	}
	k, ok := keys["network"]
	if t, typed := keys["type"]; typed {
		if ok {
			d.Complain(t.Pos, "%s: a NIC has a network, or a type and no network", s)
		}
		ok = false
		if n.Type, _ = d.decodeSpec(t.Value, lab.KindLink, s.String()+", type"); n.Type == "" {
			h.unsure = true
			return n
		}
		d.checkBelow(h, n, t)
		n.network = &network{Network: lab.Network{Name: n.Name}, nics: []*nic{n}} // its own: it is alone there
	} else if ok {
		n.network = d.networkOf(k.Value, s)
	} else if d.Made == before {
		d.Complain(e.Pos, "key \"network\" is missing in %s", s)
	}
	if n.network == nil {
		d.peersUnsure = true
		return n
	}
	if n.Type == "" {
		n.Network = n.network.Name
		n.network.nics = append(n.network.nics, n)
	}
	h.unsure = h.unsure || n.network.bad // it may have no address because of that
	k, ok = keys["address"]
	switch {
	case !ok:
		n.automatic = true
	case k.Value.Kind == yaml.ScalarNode && k.Value.Value == noAddress:
		n.none = true
	case h.alike != "":
		d.Wrong(k.Value, "%s: hosts with a count cannot share an address; leave the key out for the next free ones",
			n.scope)
	default:
		d.decodeAddresses(h, n, k.Value)
	}
	return n
}

// checkBelow complains about links that a NIC of that type needs and that do not stand before it.
func (d *layoutReader) checkBelow(h *host, n *nic, e yamlpos.Entry) {
	for _, t := range n.Type.Terms() {
		if t.Takes == lab.TakesNIC && !slices.ContainsFunc(h.nics, func(m *nic) bool { return m.Name == t.Value }) {
			d.Wrong(e.Value, "%s: no NIC %s stands before it on host %q", n.scope, wording.Quote(t.Value), h.Name)
		}
	}
}

// networkOf returns the network that a NIC is on, or nil.
func (d *layoutReader) networkOf(n *yaml.Node, s yamlpos.Scope) *network {
	name, ok := d.Text(n, s.String()+", network")
	if ok && d.networks != nil && d.networks[name] == nil {
		d.Wrong(n, "%s: no network %s%s", s, wording.Quote(name), wording.Hint(name, "networks", d.networkNames()))
	}
	return d.networks[name]
}

// networkNames returns the names that a complaint may propose, as hostNames does.
func (d *layoutReader) networkNames() []string {
	var names []string
	for _, n := range d.Networks {
		if syntax.NetworkName.Check(n.Name) == "" {
			names = append(names, n.Name)
		}
	}
	return names
}

// finishHost gives addresses to the NICs that have none, names to addresses, and the
// host its parameters.
func (d *layoutReader) finishHost(h *host) {
	for _, n := range h.nics {
		if n.automatic {
			d.allocate(h, n, n.network.Subnet, &n.network.next4)
			d.allocate(h, n, n.network.Subnet6, &n.network.next6)
		}
		d.nameAddresses(h, n)
		h.NICs = append(h.NICs, n.NIC)
	}
	d.decodeHostSysctls(h)
}

// allocate gives a NIC the next free address of a subnet, the first of its family on its network.
// A subnet that is full is said so once; the hosts behind that one lack addresses because of it.
func (d *layoutReader) allocate(h *host, n *nic, p netip.Prefix, a *allocator) {
	if !p.IsValid() || a.full {
		h.unsure = h.unsure || a.full
		return
	}
	ip, ok := a.next(func(ip netip.Addr) bool { _, taken := d.used[usedAddr{ip, ""}]; return taken })
	if !ok {
		a.full = true
		d.Complain(n.Pos, "%s: network %q has no free address, %s has %s, all in use", n.scope, n.Network, p,
			wording.Count(capacity(p), "host address"))
		return
	}
	d.used[usedAddr{ip, ""}] = place{h.Name, n.Pos.Line}
	n.Addresses = append(n.Addresses, lab.Address{Prefix: netip.PrefixFrom(ip, p.Bits()), Pos: n.Pos})
}

// findPeers finds for every host the first other one on a network of its own, as lab.Layout.Peer
// does for one of them. The NICs on a network are in the order of their hosts, so of each network
// the first is enough that is another host's.
func (d *layoutReader) findPeers() {
	for _, h := range d.order {
		for _, n := range h.nics {
			if n.network == nil {
				continue
			}
			others := n.network.nics
			i := slices.IndexFunc(others, func(other *nic) bool { return other.host != h })
			if i >= 0 && (h.peer == nil || others[i].host.Pos.Compare(h.peer.Pos) < 0) {
				h.peer = others[i].host
			}
		}
	}
}

// readLayout reads the sections of a topology's own file; included ones have no hosts.
func readLayout(c complaints, own *part) *layout {
	d := &layoutReader{complaints: c, used: map[usedAddr]place{}, layout: &layout{Layout: lab.Layout{File: own.File}}}
	c.Source = own.Source
	d.decodeNetworks(own.keys["networks"])
	d.decodeDefaults(own.keys["defaults"])
	d.decodeHosts(own.keys["hosts"])
	return d.layout
}
