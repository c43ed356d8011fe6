package topology

import (
	"labrun/lab"
	"labrun/lab/syntax"
)

// layout is hosts and networks, what the second pass hands on. Its indexes also hold what
// had mistakes, so that one mistake makes one complaint.
type layout struct {
	lab.Layout
	networks map[string]*network
	hosts    map[string]*host
	order    []*host // the hosts in the order of the file

	networksLost bool // the section is unusable, so any name may be right
	hostsLost    bool
	peersUnsure  bool // which host is on which network is not quite known
}

// layoutReader is the second pass: the sections networks, defaults and hosts to a layout.
type layoutReader struct {
	complaints
	*layout
	defaults []lab.Sysctl       // of every host
	used     map[usedAddr]place // every address that is taken
}

func readLayout(c complaints, own *part) *layout {
	d := &layoutReader{complaints: c, used: map[usedAddr]place{}, layout: &layout{
		Layout: lab.Layout{File: own.File}, networks: map[string]*network{}, hosts: map[string]*host{},
	}}
	c.Source = own.Source
	d.decodeNetworks(own.keys["networks"])
	d.decodeDefaults(own.keys["defaults"])
	d.decodeHosts(own.keys["hosts"])
	return d.layout
}

func (l *layout) hostNames() []string {
	var names []string
	for _, h := range l.order {
		if syntax.HostName.Check(h.Name) == "" {
			names = append(names, h.Name)
		}
	}
	return names
}
