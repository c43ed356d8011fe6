package topology

import (
	"net/netip"
	"slices"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
)

// host is a host of the file while it is read.
type host struct {
	lab.Host
	aliases map[string]alias
	nics    []*nic
	peer    *host
	sysctls entry
	unsure  bool // it had a mistake, so an alias may be missing because of that
}

// alias is a name for an address of a host.
type alias struct {
	addr netip.Addr
	pos  lab.Pos
}

// noAddress stands where an address is not wanted.
const noAddress = "none"

// nic is a NIC while it is read.
type nic struct {
	lab.NIC
	scope     scope
	network   *network // nil when there is none of that name
	alias     string
	aliasPos  lab.Pos
	automatic bool
	none      bool   // the file says that it has no address
	own       []bool // of Addresses: its alias is its own, not the NIC's
}

// bare reports whether the file gives the NIC no address.
func (n *nic) bare() bool {
	return n.none || n.automatic && !n.network.bad && len(n.network.Subnets()) == 0
}

// place says where an address is, for the complaint about the next one.
type place struct {
	host string
	line int
}

func (d *decoder) decodeHosts(e entry) {
	if e.value == nil {
		d.hostsLost = true
		return
	}
	list, ok := d.entries(e.value, scope{inner: "hosts"}, "from names to hosts")
	list = d.outdented(list, "host", "nics", "sysctls")
	switch {
	case !ok:
	case len(list) > maxHosts:
		d.complain(list[maxHosts].pos, "the file has %d hosts, the limit is %d", len(list), maxHosts)
	case len(list) == 0:
		d.complain(posOf(e.value), "hosts is empty, a topology needs at least one host")
	}
	if !ok || len(list) == 0 || len(list) > maxHosts {
		d.hostsLost = true
		return
	}
	for _, e := range list {
		if d.full() {
			d.hostsLost = true
			return
		}
		h := &host{Host: lab.Host{Name: e.key, Pos: e.pos}, aliases: map[string]alias{}}
		d.hosts[e.key] = h
		d.order = append(d.order, h)
		d.guard(h, func() { d.decodeHost(h, e) })
	}
	// Only now is every address known that the file gives.
	for _, h := range d.order {
		d.guard(h, func() { d.finishHost(h) })
		d.top.Hosts = append(d.top.Hosts, h.Host)
	}
	d.checkCables()
	d.checkDefaults()
	d.findPeers()
}

// guard notes whether f complains about the host.
func (d *decoder) guard(h *host, f func()) {
	before := d.made
	f()
	h.unsure = h.unsure || d.made > before
}

func (d *decoder) decodeHost(h *host, e entry) {
	s := scope{inner: "host " + wording.Quote(e.key)}
	d.checkName(e.pos, syntax.HostName, e.key)
	before := d.made
	keys, _ := d.fields(d.nicsBelow(e.value, s), s, "nics", "sysctls")
	h.sysctls = keys["sysctls"]
	k, ok := keys["nics"]
	if !ok {
		d.peersUnsure = d.peersUnsure || d.made > before
		return
	}
	list, ok := d.entries(k.value, scope{inner: s.inner + ": nics"}, "from names to nics")
	switch {
	case !ok:
		d.peersUnsure = true
	case len(list) > maxNICs:
		d.complain(list[maxNICs].pos, "%s has %d nics, the limit is %d", s, len(list), maxNICs)
		d.peersUnsure = true
		return
	}
	for _, e := range list {
		h.nics = append(h.nics, d.decodeNIC(h, s.in("nic", e.key), e))
	}
}

// nicsBelow returns what a host has, with NICs that stand at its own level put below nics,
// and complains about those.
func (d *decoder) nicsBelow(n *yaml.Node, s scope) *yaml.Node {
	if n.Kind != yaml.MappingNode || holdsKey(n, []string{"nics", "sysctls"}) ||
		!slices.ContainsFunc(n.Content, func(c *yaml.Node) bool {
			return hasKey(deref(c), "network")
		}) {
		return n
	}
	d.complain(posOf(n.Content[0]), "%s: its NICs stand below nics: {nics: {%s: ...}}", s, wording.Clip(n.Content[0].Value))
	nics := *n
	return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: "nics", Line: n.Line, Column: n.Column}, &nics}}
}

func (d *decoder) decodeNIC(h *host, s scope, e entry) *nic {
	n := &nic{NIC: lab.NIC{Name: e.key, Pos: e.pos}, scope: s}
	d.checkName(e.pos, syntax.NicName, e.key)
	before := d.made
	if e.value.Kind == yaml.ScalarNode && d.networks[e.value.Value] != nil {
		d.complain(posOf(e.value), "%s is a mapping; write {network: %s}", s, e.value.Value)
		d.peersUnsure = true
		return n
	}
	keys, _ := d.fields(e.value, s, "network", "address", "as")
	if k, ok := keys["as"]; ok {
		n.alias, n.aliasPos = d.aliasOf(k.value, s)
	}
	k, ok := keys["network"]
	if ok {
		n.network = d.networkOf(k.value, s)
	} else if d.made == before {
		d.complain(e.pos, "key \"network\" is missing in %s", s)
	}
	if n.network == nil {
		d.peersUnsure = true
		return n
	}
	n.Network = n.network.Name
	n.network.nics = append(n.network.nics, n)
	h.unsure = h.unsure || n.network.bad // it may have no address because of that
	if len(n.network.nics) == maxPorts+1 {
		d.complain(e.pos, "%s: network %q is full, a Linux bridge takes at most %d nics", s, n.Network, maxPorts)
	}
	k, ok = keys["address"]
	switch {
	case !ok:
		n.automatic = true
	case k.value.Kind == yaml.ScalarNode && k.value.Value == noAddress:
		n.none = true
	default:
		d.decodeAddresses(h, n, k.value)
	}
	return n
}

// networkOf returns the network that a NIC is on, or nil.
func (d *decoder) networkOf(n *yaml.Node, s scope) *network {
	name, ok := d.text(n, s.String()+", network")
	if ok && d.networks[name] == nil && !d.networksLost {
		d.complain(posOf(n), "%s: no network %s%s", s, wording.Quote(name), wording.Hint(name, "networks", d.networkNames()))
	}
	return d.networks[name]
}

func (d *decoder) aliasOf(n *yaml.Node, s scope) (string, lab.Pos) {
	name, ok := d.text(n, s.String()+", as")
	if !ok || !d.checkName(posOf(n), syntax.AliasName, name) {
		return "", lab.Pos{}
	}
	return name, posOf(n)
}

func (d *decoder) networkNames() []string {
	var names []string
	for _, n := range d.top.Networks {
		if syntax.NetworkName.Check(n.Name) == "" {
			names = append(names, n.Name)
		}
	}
	return names
}

// finishHost gives addresses to the NICs that have none, names to addresses, and the
// host its parameters.
func (d *decoder) finishHost(h *host) {
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

func (d *decoder) allocate(h *host, n *nic, p netip.Prefix, a *allocator) {
	if !p.IsValid() || a.full {
		return
	}
	ip, ok := a.next(func(ip netip.Addr) bool { _, taken := d.used[usedAddr{ip, ""}]; return taken })
	if !ok {
		a.full = true
		d.complain(n.Pos, "%s: network %q has no free address, %s has %s, all in use",
			n.scope, n.Network, p, wording.Count(capacity(p), "host address"))
		return
	}
	d.used[usedAddr{ip, ""}] = place{h.Name, n.Pos.Line}
	n.Addresses = append(n.Addresses, lab.Address{Prefix: netip.PrefixFrom(ip, p.Bits()), Pos: n.Pos})
	n.own = append(n.own, false)
}

// findPeers finds for every host the first other one on a network of its own.
func (d *decoder) findPeers() {
	first := map[*network][]*host{} // the first two hosts of each
	index := map[*host]int{}
	for i, h := range d.order {
		index[h] = i
		for _, n := range h.nics {
			if on := first[n.network]; n.network != nil && len(on) < 2 && !slices.Contains(on, h) {
				first[n.network] = append(on, h)
			}
		}
	}
	for _, h := range d.order {
		for _, n := range h.nics {
			for _, p := range first[n.network] {
				if p != h && (h.peer == nil || index[p] < index[h.peer]) {
					h.peer = p
				}
			}
		}
	}
}
