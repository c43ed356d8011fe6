package graph

import (
	"fmt"

	"labrun/lab"
)

// mostAlike is how many hosts of one place in the file are drawn one by one.
const mostAlike = 4

// Folded returns the layout with one host in place of many that the file has at one place (count:), between the first
// of them and the last: a drawing of a thousand hosts that differ in their addresses alone says no more than
// that.
func (l Layout) Folded() Layout {
	var hosts []lab.Host
	for at := 0; at < len(l.Hosts); {
		alike := at + 1
		for alike < len(l.Hosts) && !l.Hosts[at].Pos.IsZero() && l.Hosts[alike].Pos == l.Hosts[at].Pos {
			alike++
		}
		run := l.Hosts[at:alike]
		at = alike
		if len(run) <= mostAlike {
			hosts = append(hosts, run...)
			continue
		}
		between := run[1 : len(run)-1]
		sign := between[0]
		sign.Name = fmt.Sprintf("%s to %s, %d hosts", between[0].Name, between[len(between)-1].Name, len(between))
		sign.NICs = nil
		for _, n := range between[0].NICs {
			n.Addresses = nil
			sign.NICs = append(sign.NICs, n)
		}
		hosts = append(hosts, run[0], sign, run[len(run)-1])
	}
	l.Hosts = hosts
	return l
}
