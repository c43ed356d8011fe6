package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// layout is hosts and networks, what the second pass hands on. Its indexes also hold what
// had mistakes, so that one mistake makes one complaint: a step that names a host whose NIC is
// wrong has nothing wrong itself. A nil index is a section that could not be read at all, and
// then any name may be right.
type layout struct {
	lab.Layout
	networks map[string]*network
	hosts    map[string]*host
	order    []*host // the hosts in the order of the file

	peersUnsure bool // which host is on which network is not quite known
}

// layoutReader is the second pass: the sections networks, defaults and hosts to a layout. It goes
// over the hosts twice. An address that the file leaves out is the next one which no host has, so
// all that it gives have to be known first; from then on automatic ones follow from the order of
// the file alone, and a host that is added at its end changes no other's.
type layoutReader struct {
	complaints
	*layout
	defaults []lab.Sysctl       // of every host
	used     map[usedAddr]place // every address that is taken
}

// section returns the entries of networks or hosts; none when they cannot be used, or the key is
// missing, which the first pass has complained about.
func (d *layoutReader) section(e yamlpos.Entry, what string, limit int) []yamlpos.Entry {
	if e.Value == nil {
		return nil
	}
	list, ok := d.Entries(e.Value, yamlpos.Scope{Inner: e.Key}, what)
	switch {
	case !ok:
	case len(list) > limit:
		d.Complain(list[limit].Pos, "the file has %d %s, the limit is %d", len(list), e.Key, limit)
	case len(list) == 0:
		d.Wrong(e.Value, "%s is empty, a topology needs at least one %s", e.Key, strings.TrimSuffix(e.Key, "s"))
	default:
		return list
	}
	return nil
}

// host is a host of the file while it is read. The peer is what "peer" stands for in a step where
// this host is the subject: the first other host of the file that shares a network with it.
type host struct {
	lab.Host
	alike   string // what the file calls it and others that are alike, "" when there is no count
	aliases map[string]alias
	nics    []*nic
	peer    *host
	sysctls yamlpos.Entry
	unsure  bool // it had a mistake, so an alias may be missing because of that
}

// alias is a name for an address of a host.
type alias struct {
	addr netip.Addr
	pos  lab.Pos
}

// noAddress stands where an address is not wanted.
const noAddress = "none"

// nic is a NIC while it is read. Its alias is given to addresses when all of them are known.
type nic struct {
	lab.NIC
	host      *host
	scope     yamlpos.Scope
	network   *network // nil when there is none of that name
	alias     string
	aliasPos  lab.Pos
	automatic bool // it takes the next free addresses
	none      bool // the file says that it has no address
}

// bare reports whether the file gives the NIC no address: it says so, or the network has no subnet to
// take one from. Of a bad network that is not known.
func (n *nic) bare() bool {
	return n.none || n.automatic && !n.network.bad && len(n.network.Subnets()) == 0
}

// place says where an address is, for the complaint about the next host that has it. The kernel
// would take it twice, and one of the hosts would answer for the other one by chance (arp(7)).
type place struct {
	host string
	line int
}

// network is a network of the file while it is read, with the NICs on it, two of them as a cable.
type network struct {
	lab.Network
	bad   bool // a complaint was made, so more about it would be noise
	nics  []*nic
	next4 allocator
	next6 allocator
}

// hostNames returns the names that a complaint may propose: none that is itself a mistake.
func (l *layout) hostNames() []string {
	var names []string
	for _, h := range l.order {
		if syntax.HostName.Check(h.Name) == "" {
			names = append(names, h.Name)
		}
	}
	return names
}

// linkHint ends a complaint about a link that the host does not have: an alias was meant to be
// the NIC with that address.
func (h *host) linkHint(link string) string {
	for _, n := range h.nics {
		if slices.ContainsFunc(n.Addresses, func(a lab.Address) bool { return a.Alias == link }) {
			return fmt.Sprintf(", did you mean %q? %s is an address of it", n.Name, link)
		}
	}
	return wording.Hint(link, "nics", h.links())
}

// links returns the names of the links that the host begins with. Steps may make more.
func (h *host) links() []string {
	names := []string{"lo"}
	for _, n := range h.nics {
		names = append(names, n.Name)
	}
	return names
}

// names reports whether name stands for an address of the host, IPv4 if it is
// to be mapped, or may do so once its mistakes are gone.
func (h *host) names(name string, mapped bool) bool {
	a, ok := h.aliases[name]
	return name == "" || h.unsure || ok && !(mapped && a.addr.Is6())
}

// hasLink reports whether the host begins with a link of that name.
func (h *host) hasLink(name string) bool {
	return name == "lo" || slices.ContainsFunc(h.nics, func(n *nic) bool { return n.Name == name })
}

// usedAddr is an address that is taken. Link-local ones are one per network, since the same one on
// two networks is two addresses (RFC 4007); the others leave the network empty.
type usedAddr struct {
	ip      netip.Addr
	network string
}
