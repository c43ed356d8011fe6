package plan

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/topology"
)

// random returns some topology without loose ends.
func random(r *rand.Rand) *lab.Layout {
	t := &lab.Layout{Name: "random"}
	for i := range 1 + r.IntN(4) {
		t.Networks = append(t.Networks, lab.Network{Name: fmt.Sprintf("net%d", i)})
	}
	for i := range 1 + r.IntN(20) {
		h := lab.Host{Name: fmt.Sprintf("h%d", i)}
		for j := range r.IntN(5) {
			n := nic(fmt.Sprintf("eth%d", j), t.Networks[r.IntN(len(t.Networks))].Name)
			for range r.IntN(4) {
				ip := make([]byte, []int{4, 16}[r.IntN(2)])
				for b := range ip {
					ip[b] = byte(r.Uint32())
				}
				a, _ := netip.AddrFromSlice(ip)
				n.Addresses = append(n.Addresses, lab.Address{Prefix: netip.PrefixFrom(a, 1+r.IntN(a.BitLen()))})
			}
			h.NICs = append(h.NICs, n)
		}
		t.Hosts = append(t.Hosts, h)
	}
	for i := range t.Hosts {
		h := &t.Hosts[i]
		for _, n := range append(h.NICs, lab.NIC{Name: "default"}) {
			h.Sysctls = append(h.Sysctls, lab.Sysctl{Name: "net.ipv4.conf." + n.Name + ".rp_filter", Value: "1"})
		}
	}
	for i := range r.IntN(6) { // cables, a loop now and then
		n := lab.Network{Name: fmt.Sprintf("cable%d", i), Link: true}
		t.Networks = append(t.Networks, n)
		for end := range 2 {
			h := &t.Hosts[r.IntN(len(t.Hosts))]
			h.NICs = slices.Insert(h.NICs, r.IntN(len(h.NICs)+1),
				nic(fmt.Sprintf("c%d.%d", i, end), n.Name, "192.0.2.1/24"))
		}
	}
	return t
}

// state is what the kernel would have after some ops.
type state struct {
	spaces, stock, links, up, bridges map[string]bool // links as "namespace link"
	macs                              map[MAC]bool
}

func newState() state {
	return state{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{},
		map[MAC]bool{}}
}

// apply fails the test when the kernel would refuse the op or the op comes at
// the wrong time.
func (s *state) apply(t *testing.T, o Op) {
	t.Helper()
	once := func(m map[string]bool, k string) {
		if m[k] {
			t.Errorf("%s: %q is made twice", o, k)
		}
		m[k] = true
	}
	need := func(m map[string]bool, k string) {
		if !m[k] {
			t.Errorf("%s: there is no %q yet", o, k)
		}
	}
	link := func(ns, name string, mac MAC) {
		need(s.spaces, ns)
		once(s.links, ns+" "+name)
		if len(name) == 0 || len(name) > 15 {
			t.Errorf("%s: link name %q has %d bytes", o, name, len(name))
		}
		if s.macs[mac] || mac[0]&3 != 2 {
			t.Errorf("%s: %s is taken, or not a local unicast address", o, mac)
		}
		s.macs[mac] = true
	}
	switch o := o.(type) {
	case AddNamespace:
		once(s.spaces, o.NS)
		s.links[o.NS+" lo"] = true
	case Stock:
		need(s.spaces, o.NS)
		once(s.stock, o.NS)
	case Neighbours:
		need(s.stock, o.NS)
	case Sysctl:
		need(s.spaces, o.NS)
		if link := (lab.Sysctl{Name: o.Key}).Link(); link != "" {
			need(s.up, o.NS+" "+link)
		} else if s.links[o.NS+" eth0"] {
			t.Errorf("%s: comes after a NIC that it is meant for", o)
		}
	case AddBridge:
		link(o.NS, o.Name, o.MAC)
		s.bridges[o.NS+" "+o.Name] = true
	case AddVeth:
		need(s.bridges, o.NS+" "+o.Bridge)
		link(o.NS, o.Port, o.PortMAC)
		link(o.HostNS, o.NIC, o.NICMAC)
	case AddCable:
		for _, e := range o.Ends {
			link(e.NS, e.NIC, e.MAC)
		}
	case SetMaster:
		need(s.links, o.NS+" "+o.Name)
		need(s.bridges, o.NS+" "+o.Master)
	case AddAddress:
		need(s.links, o.NS+" "+o.NIC)
		need(s.up, o.NS+" "+o.NIC)
	case AddressMode:
		need(s.links, o.NS+" "+o.NIC)
		if s.up[o.NS+" "+o.NIC] != (o.Mode == "eui64") {
			t.Errorf("%s: comes on the wrong side of the NIC's coming up", o)
		}
	case LinkUp:
		need(s.links, o.NS+" "+o.Name)
		once(s.up, o.NS+" "+o.Name)
	default:
		t.Errorf("unknown op %T", o)
	}
}

func TestPlanIsInOrder(t *testing.T) {
	for seed := range uint64(200) {
		topology := random(rand.New(rand.NewPCG(seed, 0)))
		s := newState()
		for _, o := range New(topology).Ops {
			s.apply(t, o)
		}
		for _, h := range topology.Hosts {
			for _, n := range append(h.NICs, lab.NIC{Name: "lo"}) {
				if !s.up["random."+h.Name+" "+n.Name] {
					t.Errorf("seed %d: host %q: nic %q is not up", seed, h.Name, n.Name)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A host is built by the same ops whichever hosts come along.
func TestSubset(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		topology := random(r)
		var some []string
		for _, h := range topology.Hosts {
			if r.IntN(2) == 0 {
				some = append(some, h.Name)
			}
		}
		if len(some) == 0 {
			continue
		}
		all := hostOps(New(topology))
		got := hostOps(New(topology, some...))
		for _, h := range some {
			if got[h] == nil {
				t.Errorf("seed %d: host %q is not built", seed, h)
			}
		}
		for h := range got {
			if !slices.Contains(some, h) &&
				!slices.ContainsFunc(topology.Host(h).NICs,
					func(n lab.NIC) bool { return topology.Network(n.Network).Link }) {
				t.Errorf("seed %d: host %q is built, %q are wanted and it has no cable", seed, h, some)
			}
			if diff := cmp.Diff(all[h], got[h]); diff != "" {
				t.Errorf("seed %d: host %q: -all +subset:\n%s", seed, h, diff)
			}
		}
	}
}

func hostOps(p Plan) map[string][]string {
	ops := map[string][]string{}
	host := ""
	for _, o := range p.Ops {
		switch o := o.(type) {
		case AddNamespace:
			host = o.Host
		case LinkUp:
			if o.NS == p.fabricNS() { // once all hosts are there
				host = ""
			}
		}
		if host != "" {
			ops[host] = append(ops[host], o.String())
		}
	}
	return ops
}

// TestCables builds of a chain of cables all that carrier depends on, and nothing else.
func TestCables(t *testing.T) {
	topology := &lab.Layout{
		Name: "chain",
		Networks: []lab.Network{{Name: "red"}, {Name: "ab", Link: true}, {Name: "bc", Link: true},
			{Name: "loop", Link: true}},
		Hosts: []lab.Host{
			{Name: "a", NICs: []lab.NIC{nic("eth0", "ab", "192.0.2.1/24"), nic("eth1", "red")}},
			{Name: "b", NICs: []lab.NIC{nic("eth0", "bc"), nic("eth1", "ab", "192.0.2.2/24")}},
			{Name: "c", NICs: []lab.NIC{nic("eth0", "bc")}},
			{Name: "d", NICs: []lab.NIC{nic("eth0", "loop"), nic("eth1", "loop"), nic("eth2", "red")}},
		},
	}
	for subject, want := range map[string]string{"a": "a b c", "b": "a b c", "c": "a b c", "d": "d", "": "a b c d"} {
		var wanted, built []string
		if subject != "" {
			wanted = []string{subject}
		}
		cables := 0
		for _, o := range New(topology, wanted...).Ops {
			switch o := o.(type) {
			case AddNamespace:
				built = append(built, o.Host)
			case AddBridge:
				if o.Name != "red" {
					t.Errorf("%s: that network is a cable", o)
				}
			case AddCable:
				cables++
			}
		}
		if got := strings.Join(built[1:], " "); got != want {
			t.Errorf("for %q hosts %s are built, want %s", subject, got, want)
		}
		if want := map[string]int{"d": 1, "": 3}[subject]; want > 0 && cables != want {
			t.Errorf("for %q there are %d cables, want %d", subject, cables, want)
		}
	}
}

func TestOnlyNetworksInUse(t *testing.T) {
	for _, o := range New(dualNIC(), "gamma").Ops {
		if b, ok := o.(AddBridge); ok && b.Name != "red" {
			t.Errorf("%s: host gamma is not on that network", b)
		}
	}
}

// Ports that the kernel would not choose need not be kept from it, and an experiment
// about the choice is not to meet labrun's own.
func TestKept(t *testing.T) {
	for want, ports := range map[string][]uint16{
		"":                  {80, 0, 32767, 61000},
		"32768":             {32768, 32768, 80},
		"40000-40002,40005": {40002, 40000, 40001, 65535, 40005},
		"60998-60999":       {60999, 60998},
	} {
		e := binds(ports...)
		if got := PortRanges(kept(&e)); got != want {
			t.Errorf("kept(%v) = %q, want %q", ports, got, want)
		}
	}
	key := func(name string) []lab.Arg { return []lab.Arg{lab.Name(name)} }
	for want, step := range map[string]lab.Step{
		"40000": {Call: lab.Call{Name: "sysctl", Args: key("net.ipv4.ip_forward")}},
		"": {Call: lab.Call{Name: "sysctl", Args: append(key("net.ipv4.ip_local_port_range"),
			lab.Text("40000 40000"))}},
	} {
		e := binds(40000)
		e.Slots[0].Variants[0] = append(e.Slots[0].Variants[0], step)
		if got := PortRanges(kept(&e)); got != want {
			t.Errorf("with %s: kept = %q, want %q", step.Call, got, want)
		}
	}
	for _, step := range []lab.Step{
		{Call: lab.Call{Name: "sysctl", Args: key("net.ipv4.ip_local_reserved_ports")}},
		{Call: lab.Call{Name: "setsockopt", Args: []lab.Arg{lab.Sock("a"), lab.Word("IP_LOCAL_PORT_RANGE"),
			lab.Int(1)}}},
		{Run: &lab.Run{Argv: []string{"sh", "-c", "sysctl -w net.ipv4.ip_local_port_range='40000 40001'"}}},
	} {
		e := binds(40000)
		e.Slots[0].Variants[0] = append(e.Slots[0].Variants[0], step)
		if got := PortRanges(kept(&e)); got != "" {
			t.Errorf("with %s: kept = %q, want none", step.Call, got)
		}
	}
}

// The file's parameters come after labrun's own, those of all links before there is one,
// and those of a link when its table of neighbours is the kernel's own. Where IPv6 is
// off there are no addresses of it.
func TestSysctls(t *testing.T) {
	topology := cabled()
	topology.Hosts[0].Sysctls = []lab.Sysctl{
		{Name: "net.ipv4.neigh.eth0.gc_stale_time", Value: "7"},
		{Name: "net.ipv6.conf.default.disable_ipv6", Value: "1"},
		{Name: "net.ipv6.conf.eth1.disable_ipv6", Value: "0"}, {Name: "net.ipv4.tcp_rmem", Value: "1 2 3"},
	}
	var got []string
	for _, o := range New(topology).Ops {
		if text := o.String(); strings.Contains(text, "cabled.alpha") || strings.HasSuffix(text, " cabled.beta") {
			got = append(got, text)
		}
	}
	last := -1
	for _, part := range []string{
		"stock cabled.alpha", "sysctl -qw net.ipv6.conf.default.disable_ipv6=1", "sysctl -qw 'net.ipv4.tcp_rmem=1 2 3'",
		"fe80::ff:fe00:1/64 dev eth1", "stock cabled.beta", "type veth peer name eth1 address 02:00:00:01:00:01",
		"192.0.2.10/24 dev eth0",
		"neighbours cabled.alpha", "sysctl -qw net.ipv4.neigh.eth0.gc_stale_time=7",
		"sysctl -qw net.ipv6.conf.eth1.disable_ipv6=0", "neighbours cabled.beta",
	} {
		at := slices.IndexFunc(got, func(o string) bool { return strings.Contains(o, part) })
		if at <= last {
			t.Errorf("%s is at %d, after %d:\n%s", part, at, last, strings.Join(got, "\n"))
		}
		last = at
	}
	for _, o := range got {
		if strings.Contains(o, "dev eth0 nodad") {
			t.Errorf("%s: IPv6 is off there", o)
		}
	}
}

// No call can be short of a port because of what is kept: an experiment cannot have so many
// steps. One where the file sets what the host chooses from keeps none there.
func TestKeptLeavesEnough(t *testing.T) {
	text := fmt.Sprintf(`
name: many
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red}}}}
experiments: {many: {steps: [{repeat: %d, main: ["a${i} = socket(udp)", "bind(a${i}, any:0)"]}]}}
`, (LastChosen-FirstChosen+1-mostKept)/2)
	if _, err := topology.Load(topology.Source{File: "many.yaml", Text: []byte(text)}); err == nil {
		t.Error("an experiment may make more calls than there are ports left")
	}
	e := binds(40000)
	h := lab.Host{Name: "alpha", Sysctls: []lab.Sysctl{{Name: "net.ipv4.tcp_sack", Value: "0"}}}
	if got := Kept(&e, &h); !slices.Equal(got, []uint16{40000}) {
		t.Errorf("Kept = %v, want 40000", got)
	}
	h.Sysctls = append(h.Sysctls, lab.Sysctl{Name: "net.ipv4.ip_local_port_range", Value: "40000 40000"})
	if got := Kept(&e, &h); got != nil {
		t.Errorf("Kept = %v where the file sets the range, want none", got)
	}
}

// TestBridgesComeUpLast: of a bridge that is up while hosts come, every port hears what
// each NIC sends when it comes up.
func TestBridgesComeUpLast(t *testing.T) {
	ops := New(dualNIC()).Ops
	last := ops[len(ops)-2:]
	want := []Op{LinkUp{NS: "dual-nic", Name: "red"}, LinkUp{NS: "dual-nic", Name: "blue"}}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Error(diff)
	}
	for _, o := range ops {
		if b, ok := o.(AddBridge); ok && strings.Contains(b.String(), " up") {
			t.Errorf("%s: it is up at once", b)
		}
	}
}
