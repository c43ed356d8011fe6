package plan

import (
	"net/netip"
	"strings"

	"labrun/lab"
)

// Op is one step of building a lab. The types are AddNamespace, Stock, Sysctl,
// AddBridge, AddVeth, AddLink, SetMaster, AddCable, AddressMode, AddAddress, LinkUp,
// Neighbours, Add, NFT and Netem. String returns the command that
// does the same, for sh.
type Op interface {
	String() string
	op()
}

type (
	// AddNamespace makes a network namespace.
	AddNamespace struct {
		NS   string // its name in a script
		Host string `json:",omitempty"` // "" is the fabric
	}
	// Stock gives a new namespace the kernel's own values of what it has taken over
	// from the machine, see Conf. It includes the sizes of TCP's buffers and the
	// congestion control (tcp_sk_init in net/ipv4/tcp_ipv4.c).
	Stock struct{ NS string }
	// Neighbours does so for the tables of neighbours of the links that a namespace
	// has: those of a new link are the machine's (neigh_parms_alloc in
	// net/core/neighbour.c).
	Neighbours struct{ NS string }
	// Sysctl sets a kernel parameter of a namespace.
	Sysctl struct {
		NS, Key, Value string
		IfKnown        bool `json:",omitempty"` // a kernel that lacks it needs no setting: IPv6 may be compiled out
		// where the file sets it, zero when labrun does: where the kernel lacks it, no question can
		// be asked
		From lab.Pos `json:",omitzero"`
	}
	// AddBridge makes a bridge, down.
	AddBridge struct {
		NS, Name string
		MAC      MAC
	}
	// AddVeth makes a pair of links: a port of the bridge, up, and a NIC in
	// the host.
	AddVeth struct {
		NS, Port string
		PortMAC  MAC
		Bridge   string
		HostNS   string
		NIC      string
		NICMAC   MAC
	}
	// AddLink makes a link of another kind, down.
	AddLink struct {
		NS, Name string
		MAC      *MAC `json:",omitempty"` // nil where the kind has none, or the kernel is to choose
		Spec     lab.Spec
	}
	// SetMaster puts a link under a bridge or a bond, or into a VRF.
	SetMaster struct{ NS, Name, Master string }
	// AddCable makes a pair of links that are both NICs, down.
	AddCable struct{ Ends [2]End }
	// End is a NIC at an end of a cable.
	End struct {
		NS, NIC string
		MAC     MAC
	}
	// AddAddress gives a NIC an address. Without a flag, an IPv6 address is tentative
	// until duplicate address detection is over, and bind(2) answers EADDRNOTAVAIL.
	AddAddress struct {
		NS, NIC string
		Prefix  netip.Prefix
		Flag    string `json:",omitempty"` // "" or one of lab.AddressFlags
		IfKnown bool   `json:",omitempty"` // a kernel that lacks its family needs no address
	}
	// AddressMode says whether a link gives itself a link-local address when it comes up:
	// "eui64", out of its link-layer address, or "none" (addrconf_addr_gen in net/ipv6/addrconf.c).
	// A kernel without IPv6 needs no setting.
	AddressMode struct{ NS, NIC, Mode string }
	// Add gives a host a route, a rule or a neighbour.
	Add struct {
		NS     string
		Object string // of ip(8): route, rule or neighbour
		Spec   lab.Spec
		From   lab.Pos `json:",omitzero"` // where the file has it
	}
	// NFT hands rules to nft(8), in the host.
	NFT struct {
		NS, Text string
		From     lab.Pos `json:",omitzero"`
	}
	// Netem says what becomes of packets that a NIC sends, tc-netem(8).
	Netem struct {
		NS, NIC string
		Spec    lab.Spec
		From    lab.Pos `json:",omitzero"`
	}
	// LinkUp brings a link up.
	LinkUp struct{ NS, Name string }
)

func (AddNamespace) op() {}
func (Stock) op()        {}
func (Neighbours) op()   {}
func (Sysctl) op()       {}
func (AddBridge) op()    {}
func (AddVeth) op()      {}
func (AddCable) op()     {}
func (AddLink) op()      {}
func (SetMaster) op()    {}
func (AddAddress) op()   {}
func (AddressMode) op()  {}
func (LinkUp) op()       {}
func (Add) op()          {}
func (NFT) op()          {}
func (Netem) op()        {}

func (o AddNamespace) String() string { return lab.Command("ip", "netns", "add", o.NS) }

func (o Stock) String() string      { return lab.Command("stock", o.NS) }
func (o Neighbours) String() string { return lab.Command("neighbours", o.NS) }

// IsKept reports whether it keeps the ports that a file names from the kernel's own choice, which changes no
// answer but where the kernel would happen to choose one of them.
func (o Sysctl) IsKept() bool { return o.Key == reservedPorts && o.From.IsZero() }

// reservedPorts are ports that the kernel does not choose, ip_sysctl.rst.
const reservedPorts = "net.ipv4.ip_local_reserved_ports"

func (o Sysctl) String() string {
	flags := "-qw"
	if o.IfKnown {
		flags = "-eqw"
	}
	return lab.Command("ip", "netns", "exec", o.NS, "sysctl", flags, o.Key+"="+o.Value)
}

func (o AddBridge) String() string {
	return lab.Command("ip", "-n", o.NS, "link", "add", "name", o.Name, "address", o.MAC.String(), "type", "bridge")
}

func (o AddVeth) String() string {
	return lab.Command("ip", "-n", o.NS, "link", "add", "name", o.Port, "address", o.PortMAC.String(),
		"master", o.Bridge, "numtxqueues", "1", "numrxqueues", "1", "up", "type", "veth",
		"peer", "name", o.NIC, "address", o.NICMAC.String(), "numtxqueues", "1", "numrxqueues", "1", "netns", o.HostNS)
}

func (o AddCable) String() string {
	a, b := o.Ends[0], o.Ends[1]
	return lab.Command("ip", "-n", a.NS, "link", "add", "name", a.NIC, "address", a.MAC.String(),
		"numtxqueues", "1", "numrxqueues", "1", "type", "veth",
		"peer", "name", b.NIC, "address", b.MAC.String(), "numtxqueues", "1", "numrxqueues", "1", "netns", b.NS)
}

// String puts a kind's lower link before its type, where ip(8) looks for it.
func (o AddLink) String() string {
	args := []string{"ip", "-n", o.NS, "link", "add", "name", o.Name}
	if o.MAC != nil {
		args = append(args, "address", o.MAC.String())
	}
	var words []string
	for _, t := range o.Spec.Terms() {
		if t.Word == "link" {
			args = append(args, t.Word, t.Value)
		} else {
			words = append(words, string(lab.SpecOf([]lab.Term{t})))
		}
	}
	return lab.Command(append(args, strings.Fields("type "+strings.Join(words, " "))...)...)
}

func (o Netem) String() string {
	args := []string{"tc", "-n", o.NS, "qdisc", "add", "dev", o.NIC, "root", "netem"}
	return lab.Command(append(args, strings.Fields(string(o.Spec))...)...)
}

func (o NFT) String() string { return lab.Command("ip", "netns", "exec", o.NS, "nft", o.Text) }

func (o SetMaster) String() string {
	return lab.Command("ip", "-n", o.NS, "link", "set", "dev", o.Name, "master", o.Master)
}

func (o AddAddress) String() string {
	args := []string{"ip", "-n", o.NS, "addr", "add", o.Prefix.String(), "dev", o.NIC}
	if o.Flag != "" {
		args = append(args, o.Flag)
	}
	command := lab.Command(args...)
	if o.IfKnown {
		command += ifIPv6
	}
	return command
}

func (o AddressMode) String() string {
	return lab.Command("ip", "-n", o.NS, "link", "set", "dev", o.NIC, "addrgenmode", o.Mode) + ifIPv6
}

// ifIPv6 lets a command fail where the kernel has no IPv6.
const ifIPv6 = " || test ! -e /proc/net/if_inet6"

func (o LinkUp) String() string {
	return lab.Command("ip", "-n", o.NS, "link", "set", "dev", o.Name, "up")
}

// Verb is how the object is added. A host that is built before may have made itself known as a
// neighbour by then.
func (o Add) Verb() string {
	if o.Object == "neighbour" {
		return "replace"
	}
	return "add"
}

// String names the family: ip(8) finds it in the addresses of a route, but not of a rule.
func (o Add) String() string {
	args := []string{"ip", "-n", o.NS}
	if o.Spec.Is6() {
		args = append(args, "-6")
	}
	words := strings.Fields(strings.TrimPrefix(string(o.Spec), "-6 "))
	args = append(args, o.Object, o.Verb())
	for i, w := range words {
		if i > 0 && words[i-1] == "via" && strings.Contains(w, ":") && !o.Spec.Is6() {
			args = append(args, "inet6")
		}
		args = append(args, w)
	}
	return lab.Command(args...)
}
