// Package plan turns a topology into the ordered list of operations that
// builds it. A plan is data: the same topology gives the same plan on every
// machine, and whatever depends on the machine happens in fabric, which carries
// the plan out, or in sh, which runs its Script.
//
// The content of a lab: one namespace, the fabric, holds a bridge per network, or a
// tree of bridges where a network has many NICs (Plan.Split).
// Every host is a namespace whose NICs are the ends of veth pairs; the other
// ends are ports of the bridges, or NICs where the network is a cable. Nothing is
// said twice to the kernel, and what is not said here stays as the kernel has it.
package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
)

// Plan is how a lab is built. The zero Plan builds nothing.
type Plan struct {
	Name string // the topology's; it begins every namespace's name
	Ops  []Op

	file   string      // the topology's
	layout *lab.Layout // while it is made
}

// New returns the plan that builds the hosts named, all when none is named,
// the networks that they are on, and the hosts at the other ends of their cables. Names
// that the topology does not have are passed over. A host has the same addresses,
// link-layer ones too, whichever hosts are built along with it.
func New(l *lab.Layout, hosts ...string) Plan { return newPlan(l, "", hosts) }

// For returns the plan of the hosts named as New does, for an experiment: the kernel
// is told never to choose by itself a port that the experiment names, see Kept.
func For(l *lab.Layout, e *lab.Experiment, hosts ...string) Plan {
	return newPlan(l, PortRanges(kept(e)), hosts)
}

func newPlan(l *lab.Layout, ports string, hosts []string) Plan {
	p := Plan{Name: cmp.Or(l.Name, "lab"), file: l.File, layout: l}
	named := map[string]bool{}
	for _, h := range hosts {
		named[h] = true
	}
	l.AddGateways(named)
	l.AddCabled(named)
	wanted := func(h *lab.Host) bool { return len(hosts) == 0 || named[h.Name] }
	cables := p.addFabric(l, wanted)
	for i := range l.Hosts {
		if wanted(&l.Hosts[i]) {
			p.addHost(&l.Hosts[i], i, ports, cables)
		}
	}
	p.bridgesUp()
	p.layout = nil
	return p.Split(leafPorts)
}

// WithoutIPv6 returns the plan as a kernel without IPv6 can carry it out: NICs have their
// IPv4 addresses alone.
func (p Plan) WithoutIPv6() Plan {
	p.Ops = slices.DeleteFunc(slices.Clone(p.Ops), func(o Op) bool {
		switch o := o.(type) {
		case AddAddress:
			return o.Prefix.Addr().Is6()
		case AddressMode:
			return true
		case Add:
			return o.Spec.Is6()
		}
		return false
	})
	return p
}

// bridgesUp brings the bridges up when all hosts are there. A NIC that comes up sends
// multicast listener reports for its link-local address, and router solicitations later,
// and a bridge that is up hands each to every port it has by then: of a thousand hosts that
// is a million packets in which nobody has an interest.
func (p *Plan) bridgesUp() {
	for _, o := range p.Ops {
		if b, ok := o.(AddBridge); ok {
			p.add(LinkUp{NS: b.NS, Name: b.Name})
		}
	}
}

// cables are the cables of a plan while it is made. The host that is built second makes
// a cable.
type cables struct {
	near map[string]*cable // by network
	open map[string]int    // the NICs of each host whose cable is not made yet
}

// cable is the NIC at the end of a cable whose host is built first, nil until it is.
type cable struct {
	host *lab.Host
	nic  *lab.NIC
	End
}

// fabricNS has no dot after the topology's name and hostNS has one, so no
// host's name can make the two the same.
func (p *Plan) fabricNS() string          { return p.Name }
func (p *Plan) hostNS(host string) string { return p.Name + "." + host }

func (p *Plan) add(ops ...Op) { p.Ops = append(p.Ops, ops...) }

// addFabric adds the fabric with its bridges, and returns the cables, which have no part
// in it.
func (p *Plan) addFabric(l *lab.Layout, wanted func(*lab.Host) bool) cables {
	ns := p.fabricNS()
	p.add(AddNamespace{NS: ns})
	// A port with IPv6 would speak up (multicast listener reports, duplicate
	// address detection) and every word goes to all ports of its bridge.
	for _, conf := range []string{"all", "default"} {
		p.add(Sysctl{NS: ns, Key: "net.ipv6.conf." + conf + ".disable_ipv6", Value: "1", IfKnown: true})
	}
	used := map[string]bool{}
	for i := range l.Hosts {
		if wanted(&l.Hosts[i]) {
			for _, n := range l.Hosts[i].NICs {
				used[n.Network] = true
			}
		}
	}
	all := cables{map[string]*cable{}, map[string]int{}}
	for i, n := range l.Networks {
		switch {
		case n.Link:
			all.near[n.Name] = &cable{}
		case used[n.Name]:
			p.add(AddBridge{NS: ns, Name: n.Name, MAC: mac(bridgeMAC, i, 0)})
		}
	}
	return all
}

func (p *Plan) addHost(h *lab.Host, index int, ports string, all cables) {
	ns := p.hostNS(h.Name)
	p.add(AddNamespace{NS: ns, Host: h.Name}, Stock{NS: ns})
	if ports != "" && !choiceDeclared(h) {
		p.add(Sysctl{NS: ns, Key: reservedPorts, Value: ports})
	}
	if h.Forwarding {
		p.add(Sysctl{NS: ns, Key: "net.ipv4.ip_forward", Value: "1"},
			Sysctl{NS: ns, Key: "net.ipv6.conf.all.forwarding", Value: "1", IfKnown: true})
	}
	// Links that are made take what "default" has, so it comes before them.
	p.addSysctls(h, func(s lab.Sysctl) bool { return s.Link() == "" })
	p.add(LinkUp{NS: ns, Name: "lo"})
	for i := range h.NICs {
		n := &h.NICs[i]
		end := End{ns, n.Name, mac(nicMAC, index, i)}
		c, ok := all.near[n.Network]
		switch {
		case n.Type != "":
			p.addLink(h, n, end)
		case !ok:
			p.add(AddVeth{
				NS: p.fabricNS(), Port: fmt.Sprintf("%d.%d", index, i), PortMAC: mac(portMAC, index, i),
				Bridge: n.Network,
				HostNS: ns, NIC: n.Name, NICMAC: end.MAC,
			})
			p.addNIC(h, n, end)
		case c.nic == nil:
			*c = cable{h, n, end}
			all.open[h.Name]++
		default:
			p.add(AddCable{[2]End{c.End, end}})
			p.addNIC(c.host, c.nic, c.End)
			p.addNIC(h, n, end)
			if all.open[c.host.Name]--; c.host != h && all.open[c.host.Name] == 0 {
				p.finishHost(c.host)
			}
		}
	}
	if all.open[h.Name] == 0 {
		p.finishHost(h)
	}
}

// finishHost adds what takes all NICs of a host to be there.
func (p *Plan) finishHost(h *lab.Host) {
	p.add(Neighbours{NS: p.hostNS(h.Name)})
	p.addSysctls(h, func(s lab.Sysctl) bool { return s.Link() != "" })
	for object, s := range h.Specs() {
		p.add(Add{NS: p.hostNS(h.Name), Object: object, Spec: p.resolve(h, s.Spec), From: p.from(s.Pos)})
	}
	for _, n := range h.NICs {
		if n.Netem != "" {
			p.add(Netem{NS: p.hostNS(h.Name), NIC: n.Name, Spec: n.Netem, From: p.from(n.Pos)})
		}
	}
	if h.NFT != "" {
		p.add(NFT{NS: p.hostNS(h.Name), Text: h.NFT, From: p.from(h.Pos)})
	}
}

// from completes a place in the topology's own file.
func (p *Plan) from(pos lab.Pos) lab.Pos {
	pos.File = cmp.Or(pos.File, p.file)
	return pos
}

// addSysctls adds the parameters that the file sets, those that are meant.
func (p *Plan) addSysctls(h *lab.Host, meant func(lab.Sysctl) bool) {
	for _, s := range h.Sysctls {
		if meant(s) {
			p.add(Sysctl{NS: p.hostNS(h.Name), Key: s.Name, Value: s.Value, From: p.from(s.Pos)})
		}
	}
}

// hasIPv6 reports whether the file leaves a link of the host its IPv6 addresses: the
// kernel takes them away where disable_ipv6 is set, and refuses new ones (EACCES). To
// set it for all sets it for links to come too (addrconf_disable_ipv6 in
// net/ipv6/addrconf.c).
func hasIPv6(h *lab.Host, link string) bool {
	const off = "disable_ipv6"
	value := cmp.Or(conf6Of(h, off, strings.ReplaceAll(link, ".", "/")), conf6Of(h, off, "all", "default"), "0")
	return value == "0"
}

// conf6Of returns what the file sets a parameter of IPv6 to last, by one of the names of what it is
// for, "" where it does not.
func conf6Of(h *lab.Host, parameter string, links ...string) (value string) {
	for _, s := range h.Sysctls {
		for _, l := range links {
			if s.Name == "net.ipv6.conf."+l+"."+parameter {
				value = s.Value
			}
		}
	}
	return value
}

// addLink adds a NIC that is not on a network.
func (p *Plan) addLink(h *lab.Host, n *lab.NIC, e End) {
	o := AddLink{NS: e.NS, Name: e.NIC, Spec: p.resolve(h, n.Type)}
	if n.Type.LinkKind().MAC {
		o.MAC = &e.MAC
	}
	p.add(o)
	p.addNIC(h, n, e)
}

// resolve puts addresses in the place of names. topology.Load has found all of them; of a
// layout without IPv6 one may be gone, and then what the kernel says tells the rest.
func (p *Plan) resolve(h *lab.Host, s lab.Spec) lab.Spec {
	spec, err := p.layout.ResolveSpec(s, h.Name, "", func(host, nic string) (string, bool) {
		return MACOf(p.layout, host, nic)
	})
	if err != nil {
		return s
	}
	return spec
}

// addNIC brings a NIC that was made up, and gives it its addresses. It comes up after
// its port: the side that comes up last can send at once, and then only the fabric's
// links need waiting for. Of a cable, that is the other NIC.
//
// Addresses come afterwards. For those that a link has when it comes up the kernel makes routes
// with memory that must be at hand, and where there is none it drops the address, or the route without
// a word (addrconf_permanent_addr in net/ipv6/addrconf.c, which asks for GFP_ATOMIC): among
// a thousand hosts on a busy machine some lost theirs.
func (p *Plan) addNIC(h *lab.Host, n *lab.NIC, e End) {
	if n.Master != "" { // now, as a link that changes its VRF loses its addresses
		p.add(SetMaster{e.NS, e.NIC, n.Master})
	}
	six := hasIPv6(h, n.Name)
	own := six && makesOwn(h, n)
	if own { // without a detection of duplicates: the lab has been up for long
		p.add(AddressMode{e.NS, e.NIC, "none"})
	}
	p.add(LinkUp{NS: e.NS, Name: e.NIC})
	for _, a := range n.Addresses {
		op := AddAddress{NS: e.NS, NIC: e.NIC, Prefix: a.Prefix}
		if a.Prefix.Addr().Is6() {
			op.Flag = "nodad"
		}
		if six || a.Prefix.Addr().Is4() {
			p.add(op)
		}
	}
	if !own {
		return
	}
	local := linkLocal(e.MAC)
	if !slices.ContainsFunc(n.Addresses, func(a lab.Address) bool { return a.Prefix.Addr() == local.Addr() }) {
		p.add(AddAddress{NS: e.NS, NIC: e.NIC, Prefix: local, Flag: "nodad", IfKnown: true})
	}
	p.add(AddressMode{e.NS, e.NIC, "eui64"}) // it finds the address there
}

// makesOwn reports whether a NIC would give itself a link-local address out of its link-layer address
// (addrconf_notify and addrconf_addr_gen in net/ipv6/addrconf.c): no VRF does, nor does what has none,
// nor one that is to make its address otherwise. What the file sets for a link comes when that is up.
func makesOwn(h *lab.Host, n *lab.NIC) bool {
	kind := n.Type.LinkKind()
	mode := cmp.Or(conf6Of(h, "addr_gen_mode", "all", "default"), "0")
	return mode == "0" && (n.Type == "" || kind.MAC && kind.Name != "vrf")
}

// linkLocal returns the address that a link with that link-layer address gives
// itself, RFC 4291 appendix A.
func linkLocal(m MAC) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{
		0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5],
	}), 64)
}

// The first byte of a link-layer address says what has it. All are locally
// administered, so none is a real card's.
const (
	nicMAC      = 0x02
	portMAC     = 0x06
	bridgeMAC   = 0x0a
	rootPortMAC = 0x0e
	leafPortMAC = 0x12
)

// mac returns the address of the nth link of the host at index i.
func mac(kind byte, i, n int) MAC {
	return MAC{kind, byte(i >> 16), byte(i >> 8), byte(i), byte(n >> 8), byte(n)}
}

// MACOf returns the link-layer address of a NIC, false where a layout does not have it.
func MACOf(l *lab.Layout, host, nic string) (string, bool) {
	for i, h := range l.Hosts {
		n := slices.IndexFunc(h.NICs, func(n lab.NIC) bool { return n.Name == nic })
		if h.Name == host && n >= 0 {
			return mac(nicMAC, i, n).String(), true
		}
	}
	return "", false
}

// OwnerOf returns the NIC that has a link-layer address, false where none does.
func OwnerOf(l *lab.Layout, address string) (host, nic string, ok bool) {
	for i, h := range l.Hosts {
		for n := range h.NICs {
			if mac(nicMAC, i, n).String() == address {
				return h.Name, h.NICs[n].Name, true
			}
		}
	}
	return "", "", false
}

// MAC is a link-layer address.
type MAC [6]byte

func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}
