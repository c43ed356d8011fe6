package lab

import (
	"slices"
	"strconv"
	"strings"
)

// LinkKind is a kind of link that a host may have beside its NICs, ip-link(8).
type LinkKind struct {
	Name   string
	Module string   // of the kernel, which may lack it
	Words  []string // what a file may say of one
	Needs  []string // and what it has to
	Modes  []string // values of mode
	MAC    bool     // it has a link-layer address that can be chosen
}

// LinkKinds are all of them. What their words mean to the kernel is for fabric to say.
var LinkKinds = []LinkKind{
	{Name: "dummy", Module: "dummy", MAC: true},
	{Name: "vrf", Module: "vrf", Words: []string{"table"}, MAC: true},
	{Name: "bridge", Module: "bridge", MAC: true},
	{Name: "ifb", Module: "ifb", MAC: true},
	{Name: "vlan", Module: "8021q", Words: []string{"link", "id"}, Needs: []string{"link", "id"}, MAC: true},
	{Name: "macvlan", Module: "macvlan", Words: []string{"link", "mode"}, Needs: []string{"link"},
		Modes: []string{"bridge", "private", "vepa", "passthru"}, MAC: true},
	{Name: "ipvlan", Module: "ipvlan", Words: []string{"link", "mode"}, Needs: []string{"link"},
		Modes: []string{"l2", "l3", "l3s"}},
	{Name: "bond", Module: "bonding", Words: []string{"mode", "miimon"}, MAC: true,
		Modes: []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb",
			"balance-alb"}},
	{Name: "vxlan", Module: "vxlan", Words: []string{"id", "remote", "dev", "dstport"},
		Needs: []string{"id", "dstport"}, MAC: true},
	{Name: "wireguard", Module: "wireguard"},
}

// LinkKindOf returns the kind of that name.
func LinkKindOf(name string) (LinkKind, bool) {
	i := slices.IndexFunc(LinkKinds, func(k LinkKind) bool { return k.Name == name })
	if i < 0 {
		return LinkKind{}, false
	}
	return LinkKinds[i], true
}

// LinkKindNames returns the names of all kinds.
func LinkKindNames() (names []string) {
	for _, k := range LinkKinds {
		names = append(names, k.Name)
	}
	return names
}

// LinkKind returns the kind of the link that a Spec is about, which stands first.
func (s Spec) LinkKind() LinkKind {
	for _, t := range s.Terms() {
		k, _ := LinkKindOf(t.Word)
		return k
	}
	return LinkKind{}
}

// NetemModule is the kernel's module for what becomes of packets that a NIC sends, tc-netem(8).
const NetemModule = "sch_netem"

// Percent reads a percentage as tc(8) writes one, as a part of 1.
func Percent(text string) (float64, bool) {
	digits, ok := strings.CutSuffix(text, "%")
	p, err := strconv.ParseFloat(digits, 64)
	return p / 100, ok && err == nil && p >= 0 && p <= 100
}
