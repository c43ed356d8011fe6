package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Text draws the layout with the line-drawing characters of Unicode.
//
//	red 192.0.2.0/24
//	│ blue 198.51.100.0/24
//	│ │
//	│ │  alpha
//	●─┼─ eth0 192.0.2.10/24 (x)
//	│ ●─ eth1 198.51.100.1/24 (y)
func (l Layout) Text() string {
	var b strings.Builder
	bars := slices.Repeat([]string{"│"}, len(l.Networks))
	line := func(bars []string, s string) {
		b.WriteString(strings.TrimRight(strings.Join(bars, " ")+s, " ") + "\n")
	}
	for i := range l.Networks {
		n := &l.Networks[i]
		line(append(slices.Clone(bars[:i]), n.Name), " "+subnets(n))
	}
	for h := range l.Hosts {
		line(bars, "")
		line(bars, "  "+l.Hosts[h].Name)
		for _, s := range l.Hosts[h].Settings() {
			line(bars, "  "+s)
		}
		width := 0
		for i := range l.Hosts[h].NICs {
			width = max(width, len([]rune(l.Hosts[h].NICs[i].Name)))
		}
		for i := range l.Hosts[h].NICs {
			n := &l.Hosts[h].NICs[i]
			b.WriteString(wire(len(l.Networks), l.network(n)))
			b.WriteString(strings.TrimRight(fmt.Sprintf(" %-*s %s", width, n.Name, strings.Join(addresses(n), ", ")),
				" ") + "\n")
		}
	}
	return b.String()
}

// wire is the line of a NIC from the bar of its network, across those to the
// right of it.
func wire(networks, at int) string {
	var b strings.Builder
	for i := range networks {
		switch {
		case at < 0 || i < at:
			b.WriteString("│ ")
		case i == at:
			b.WriteString("●─")
		default:
			b.WriteString("┼─")
		}
	}
	return b.String()
}
