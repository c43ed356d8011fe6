// Package graph draws the hosts of a topology and the networks between them, as
// plain text, Mermaid, DOT or SVG.
//
// Text and SVG are one drawing: networks are bars from top to bottom, hosts stand
// beside them one below the other, and each NIC has a line to the bar of its
// network. It is as wide with thirty hosts as with two, it only gets longer, and
// nothing in it has to be placed by trial. A cable is a bar too. The other two leave
// placing to others, and a cable is a line from NIC to NIC.
//
// Everything is a pure function of a Layout, for reports as much as for commands.
package graph

import (
	"strings"

	"labrun/lab"
)

// Layout is what there is to draw, in the order of the file.
type Layout lab.Layout

// network returns the index of the network that a NIC is on, -1 when it is on none
// of the layout.
func (l Layout) network(n *lab.NIC) int {
	for i := range l.Networks {
		if l.Networks[i].Name == n.Network {
			return i
		}
	}
	return -1
}

// subnets returns the subnets of a network as a line, which says so of a cable.
func subnets(n *lab.Network) string {
	var words []string
	if n.Link {
		words = append(words, "cable")
	}
	for _, p := range n.Subnets() {
		words = append(words, p.String())
	}
	return strings.Join(words, ", ")
}

// cables returns the two NICs of each network that is a cable, by its index. A cable
// that has not two, as in a drawing of some of the hosts, is drawn as other networks are.
func (l Layout) cables() map[int][2]end {
	ends := map[int][]end{}
	for h := range l.Hosts {
		for i := range l.Hosts[h].NICs {
			if at := l.network(&l.Hosts[h].NICs[i]); at >= 0 && l.Networks[at].Link {
				ends[at] = append(ends[at], end{h, i})
			}
		}
	}
	cables := map[int][2]end{}
	for at, e := range ends {
		if len(e) == 2 {
			cables[at] = [2]end(e)
		}
	}
	return cables
}

// end is a NIC, by the indexes of its host and of itself.
type end struct{ host, nic int }

// addresses returns the addresses of a NIC, each with the name that steps use for it. What a
// NIC is that is on no network, and what it is under, comes first.
func addresses(n *lab.NIC) (words []string) {
	if n.Type != "" {
		words = append(words, n.Type.String())
	}
	if n.Netem != "" {
		words = append(words, "netem "+n.Netem.String())
	}
	if n.Master != "" {
		words = append(words, "master "+n.Master)
	}
	for _, a := range n.Addresses {
		word := a.Prefix.String()
		if a.Alias != "" {
			word += " (" + a.Alias + ")"
		}
		words = append(words, word)
	}
	return words
}
