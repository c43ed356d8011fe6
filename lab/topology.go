package lab

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
)

// Topology is one file: networks, hosts, experiments, each in the order of the
// file, what it includes first. It is data: a Topology that topology.Load returned has no loose ends
// (every name resolves, every address is given) and is never changed afterwards.
type Topology struct {
	Source   string // the text of the file
	Included []Included
	Doc      string
	Lesson   Lesson
	Kernels  []string // that are asked where the command line names none; none is this machine's
	Claims   []Claim
	Layout
	Probes      []Experiment // ask what the kernel is like, before the experiments: its features of kind probe
	Experiments []Experiment
	Warnings    []Warning // sorted by place, its own file's first
}

// Warning is something that a file says to no effect. The file can be run.
type Warning struct {
	Pos Pos
	Msg string
}

// Included is a file that a topology includes, for itself or for another one that
// it includes.
type Included struct {
	File string `json:"file"` // as messages name it, beside the topology's own file
	Text string `json:"text"`
}

// Claim is a sentence that experiments put to the test.
type Claim struct {
	Name string // what an experiment's "claim:" refers to, e.g. "SEED 2"
	Text string
	Pos  Pos
}

// Layout is what a topology builds, without its experiments: what a report shows
// of it. Reports leave out where it stands in the file.
type Layout struct {
	File     string    `json:"-"` // the topology's, as the user named it, for messages
	Name     string    `json:"-"` // the topology's
	Networks []Network `json:"networks"`
	Hosts    []Host    `json:"hosts"`
}

// Network is a layer-2 segment: a bridge in the lab's fabric namespace, or a cable
// between two NICs.
type Network struct {
	Name    string       `json:"name"`             // at most 15 bytes, it names the bridge
	Link    bool         `json:"link,omitempty"`   // it is a cable: each of its two NICs is a veth peer of the other
	Subnet  netip.Prefix `json:"subnet,omitzero"`  // IPv4, masked; invalid when the network has none
	Subnet6 netip.Prefix `json:"subnet6,omitzero"` // IPv6, masked; invalid when the network has none
	// More has further subnets, masked, of either family: automatic addresses come from the two above.
	More []netip.Prefix `json:"more_subnets,omitempty"`
	Pos  Pos            `json:"-"`
}

// Subnets returns all subnets of the network, those first that automatic addresses come
// from.
func (n *Network) Subnets() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range append([]netip.Prefix{n.Subnet, n.Subnet6}, n.More...) {
		if p.IsValid() {
			all = append(all, p)
		}
	}
	return all
}

// Host is a network namespace with NICs.
type Host struct {
	Name    string   `json:"name"`
	Sysctls []Sysctl `json:"sysctls,omitempty"` // those too that the file sets for all hosts
	NICs    []NIC    `json:"nics,omitempty"`
	// Forwarding makes a router of it, for IPv4 and IPv6.
	Forwarding bool `json:"forwarding,omitempty"`
	// What its routing begins with, beside what follows from addresses. The names in it are
	// addresses by now.
	Routes     []HostSpec `json:"routes,omitempty"`
	Rules      []HostSpec `json:"rules,omitempty"`
	Neighbours []HostSpec `json:"neighbours,omitempty"`
	NFT        string     `json:"nft,omitempty"` // rules for nft(8), "" for none
	Pos        Pos        `json:"-"`
}

// HostSpec is a route, a rule or a neighbour that the file gives a host.
type HostSpec struct {
	Spec Spec `json:"spec"`
	Pos  Pos  `json:"-"`
}

// MarshalText writes the words alone.
func (s HostSpec) MarshalText() ([]byte, error) { return []byte(s.Spec), nil }

// UnmarshalText reads them.
func (s *HostSpec) UnmarshalText(text []byte) error {
	s.Spec = Spec(text)
	return nil
}

// Specs returns neighbours, routes and rules of the host, each with the object of ip(8) that it
// is one of, in the order in which they are added.
func (h *Host) Specs() iter.Seq2[string, HostSpec] {
	return func(yield func(string, HostSpec) bool) {
		for _, list := range []struct {
			object string
			specs  []HostSpec
		}{{"neighbour", h.Neighbours}, {"route", h.Routes}, {"rule", h.Rules}} {
			for _, s := range list.specs {
				if !yield(list.object, s) {
					return
				}
			}
		}
	}
}

// Settings returns all that the file sets on the host beside its NICs, a line for each, as
// drawings and pages show it.
func (h *Host) Settings() []string {
	var lines []string
	if h.Forwarding {
		lines = append(lines, "forwarding")
	}
	for object, s := range h.Specs() {
		lines = append(lines, object+" "+string(s.Spec))
	}
	for _, s := range h.Sysctls {
		lines = append(lines, s.String())
	}
	if h.NFT != "" {
		lines = append(lines, "nft rules")
	}
	return lines
}

// Sysctl is a kernel parameter of a host's network namespace that the file sets.
type Sysctl struct {
	Name  string `json:"name"` // as sysctl(8) has it: net.ipv4.conf.eth0/5.forwarding
	Value string `json:"value"`
	Pos   Pos    `json:"-"`
}

func (s Sysctl) String() string { return s.Name + " = " + s.Value }

// Link returns the name of the link whose own parameter it is, "" for one of the whole
// namespace.
func (s Sysctl) Link() string {
	parts := strings.Split(s.Name, ".")
	if len(parts) < 5 || parts[2] != "conf" && parts[2] != "neigh" || parts[3] == "all" || parts[3] == "default" {
		return ""
	}
	return strings.ReplaceAll(parts[3], "/", ".")
}

// NIC is the end of a veth pair inside a host; the other end is a port of its
// network's bridge, or the NIC at the other end of the cable.
type NIC struct {
	Name      string    `json:"name"` // ip-link(8) takes at most 15 bytes, without '/' or space
	Network   string    `json:"network"`
	Type      Spec      `json:"type,omitempty"`   // of one that is on no network: vlan id 5 link eth0
	Netem     Spec      `json:"netem,omitempty"`  // what becomes of what it sends: delay 100ms loss 10%
	Master    string    `json:"master,omitempty"` // the bridge or bond that it is under, or its VRF
	Addresses []Address `json:"addresses,omitempty"`
	Pos       Pos       `json:"-"`
}

// Address is an address on a NIC, with the prefix length of the subnet.
type Address struct {
	Prefix netip.Prefix `json:"prefix"`
	Alias  string       `json:"alias,omitempty"` // the name that steps use; empty when it has none
	Pos    Pos          `json:"-"`
}

// Host returns the host of that name, nil when there is none.
func (l *Layout) Host(name string) *Host {
	for i := range l.Hosts {
		if l.Hosts[i].Name == name {
			return &l.Hosts[i]
		}
	}
	return nil
}

// Stdin is the File of a topology that came from standard input, whose name on a command line is "-".
const Stdin = "<stdin>"

// Network returns the network of that name, nil when there is none.
func (l *Layout) Network(name string) *Network {
	for i := range l.Networks {
		if l.Networks[i].Name == name {
			return &l.Networks[i]
		}
	}
	return nil
}

// Experiment returns the experiment of that name, nil when there is none.
func (t *Topology) Experiment(name string) *Experiment {
	for i := range t.Experiments {
		if t.Experiments[i].Name == name {
			return &t.Experiments[i]
		}
	}
	return nil
}

// CountCells returns how many cells the topology's matrix has.
func (t *Topology) CountCells() int {
	n := 0
	for i := range t.Experiments {
		e := &t.Experiments[i]
		columns := len(e.Hosts)
		if columns == 0 {
			columns = len(t.Hosts)
		}
		n += columns * len(e.Combos)
	}
	return n
}

// Peer returns the name of the first other host that shares a network with
// the subject, or "" when it is alone.
func (l *Layout) Peer(subject string) string {
	s := l.Host(subject)
	if s == nil {
		return ""
	}
	for _, h := range l.Hosts {
		if h.Name != subject && sharesNetwork(s, &h) {
			return h.Name
		}
	}
	return ""
}

func sharesNetwork(a, b *Host) bool {
	for _, n := range a.NICs {
		if slices.ContainsFunc(b.NICs, func(m NIC) bool { return n.Network != "" && m.Network == n.Network }) {
			return true
		}
	}
	return false
}

// AddCabled adds to hosts, a set of names, the hosts at the other ends of their
// cables, and those at the ends of theirs: a NIC has carrier when the other end is up
// (veth_open in drivers/net/veth.c).
func (l *Layout) AddCabled(hosts map[string]bool) {
	ends := map[string][]*Host{} // of each cable
	for i := range l.Networks {
		if l.Networks[i].Link {
			ends[l.Networks[i].Name] = nil
		}
	}
	if len(ends) == 0 {
		return
	}
	var todo []*Host
	for i := range l.Hosts {
		h := &l.Hosts[i]
		if hosts[h.Name] {
			todo = append(todo, h)
		}
		for _, n := range h.NICs {
			if e, ok := ends[n.Network]; ok {
				ends[n.Network] = append(e, h)
			}
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for _, n := range todo[0].NICs {
			for _, h := range ends[n.Network] {
				if !hosts[h.Name] {
					hosts[h.Name] = true
					todo = append(todo, h)
				}
			}
		}
	}
}

// WithoutIPv6 returns the layout as a kernel without IPv6 can build it: NICs
// have their IPv4 addresses alone.
func (l *Layout) WithoutIPv6() *Layout {
	four := *l
	four.Hosts = slices.Clone(l.Hosts)
	for i := range four.Hosts {
		h := &four.Hosts[i]
		h.NICs = slices.Clone(h.NICs)
		for j := range h.NICs {
			h.NICs[j].Addresses = slices.DeleteFunc(slices.Clone(h.NICs[j].Addresses),
				func(a Address) bool { return a.Prefix.Addr().Is6() })
		}
		kept := func(list []HostSpec) []HostSpec {
			return slices.DeleteFunc(slices.Clone(list), func(s HostSpec) bool {
				spec, _ := l.ResolveSpec(s.Spec, h.Name, "", func(string, string) (string, bool) { return "", true })
				return spec.Is6()
			})
		}
		h.Routes, h.Rules, h.Neighbours = kept(h.Routes), kept(h.Rules), kept(h.Neighbours)
	}
	return &four
}

// HostOf turns a host as a step names it ("" or "subject" for the subject,
// "peer", or a host's own name) into the name of a host, "" when there is no
// such host.
func (l *Layout) HostOf(name, subject string) string {
	switch name {
	case "", "subject":
		return subject
	case "peer":
		return l.Peer(subject)
	}
	if l.Host(name) == nil {
		return ""
	}
	return name
}

// Alias returns the address that alias names on the host.
func (h *Host) Alias(alias string) (netip.Addr, bool) {
	for _, n := range h.NICs {
		for _, a := range n.Addresses {
			if a.Alias == alias {
				return a.Prefix.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// Aliases returns the aliases of the host in the order of the file.
func (h *Host) Aliases() []string {
	var names []string
	for _, n := range h.NICs {
		for _, a := range n.Addresses {
			if a.Alias != "" {
				names = append(names, a.Alias)
			}
		}
	}
	return names
}
