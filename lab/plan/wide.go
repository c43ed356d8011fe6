package plan

import (
	"encoding/binary"
	"fmt"
)

// leafPorts is how many NICs are on one bridge at most. What the kernel does for a port takes
// the longer the more ports its bridge has, as it walks them several times (br_add_if and
// br_del_if in net/bridge/br_if.c, br_port_state_selection in net/bridge/br_stp.c): with a
// thousand ports a NIC takes twice the time. A bridge of its own for every few, on the other
// hand, costs as much as some NICs, and to delete it takes a grace period of RCU.
const leafPorts = 64

// Split returns the plan with so many NICs on a bridge at most. A network with more of them
// is a tree: a bridge of that name, whose ports lead to bridges that have the NICs. Frames
// take the same way as before with two more bridges in it, which no host can tell.
//
// A network may have 1023 times as many NICs as one bridge (BR_MAX_PORTS in
// net/bridge/br_private.h).
func (p Plan) Split(ports int) Plan {
	type network struct {
		AddBridge
		nics, placed, leaves int
	}
	networks := map[string]*network{} // by their name, which is the bridge's
	for _, o := range p.Ops {
		switch o := o.(type) {
		case AddBridge:
			networks[o.Name] = &network{AddBridge: o}
		case AddVeth:
			if n := networks[o.Bridge]; n != nil {
				n.nics++
			}
		}
	}
	wide := false
	for _, n := range networks {
		if n.nics > ports {
			n.leaves = (n.nics + ports - 1) / ports
			wide = true
		}
	}
	if !wide {
		return p
	}
	old := p.Ops
	p.Ops = make([]Op, 0, len(old))
	for _, o := range old {
		switch o := o.(type) {
		case AddBridge:
			p.add(o)
			for i := range networks[o.Name].leaves {
				p.addLeaf(o, i)
			}
		case AddVeth:
			if n := networks[o.Bridge]; n != nil && n.leaves > 0 {
				o.Bridge = leafOf(n.AddBridge, n.placed*n.leaves/n.nics).Name
				n.placed++
			}
			p.add(o)
		case LinkUp:
			p.add(o)
			if n := networks[o.Name]; n != nil && n.NS == o.NS {
				for i := range n.leaves {
					p.add(LinkUp{NS: o.NS, Name: leafOf(n.AddBridge, i).Name})
				}
			}
		default:
			p.add(o)
		}
	}
	return p
}

// addLeaf adds a bridge and joins it to that of the network by a veth pair.
func (p *Plan) addLeaf(root AddBridge, i int) {
	leaf := leafOf(root, i)
	up, down := leaf.MAC, leaf.MAC
	up[0], down[0] = rootPortMAC, leafPortMAC
	number := networkOf(root)
	end := fmt.Sprintf("%d.up%d", number, i)
	p.add(leaf,
		AddVeth{
			NS: root.NS, Port: fmt.Sprintf("%d.down%d", number, i), PortMAC: down, Bridge: root.Name,
			HostNS: root.NS, NIC: end, NICMAC: up,
		},
		SetMaster{NS: root.NS, Name: end, Master: leaf.Name},
		LinkUp{NS: root.NS, Name: end})
}

// leafOf returns a bridge of a network that is a tree. Neither a network's name nor a port's
// has both a dot and a letter.
func leafOf(root AddBridge, i int) AddBridge {
	mac := root.MAC
	binary.BigEndian.PutUint16(mac[4:], uint16(i+1))
	return AddBridge{NS: root.NS, Name: fmt.Sprintf("%d.leaf%d", networkOf(root), i), MAC: mac}
}

// networkOf returns the place of a network in the file.
func networkOf(b AddBridge) int { return int(binary.BigEndian.Uint32(b.MAC[:4]) & 0xffffff) }
