package fabric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

// ErrNoLink is that the kernel lacks a kind of link.
var ErrNoLink = errors.New("no such kind of link")

// ErrNoBase is that the kernel lacks bridges or veth, which every lab is made of.
var ErrNoBase = errors.New("this kernel lacks a kind of link that labs are made of (modules bridge, veth)")

// lackingBase returns the error of making such a link, with ErrNoBase where that is why: rtnl_newlink answers
// EOPNOTSUPP to a kind that it has not, and to nothing else there.
func lackingBase(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: %w", err, ErrNoBase)
	}
	return err
}

// lackedLink is the error about one.
type lackedLink lab.Spec

func (l lackedLink) Error() string        { return NoLink(lab.Spec(l)) }
func (l lackedLink) Is(target error) bool { return target == ErrNoLink }

// NoLink says so, with the module that it lacks.
func NoLink(s lab.Spec) string {
	k := s.LinkKind()
	return fmt.Sprintf("this kernel has no links of kind %s (module %s)", k.Name, k.Module)
}

// AddLink makes a link of one of lab.LinkKinds, down. A VRF gets a routing table of its own
// where the words name none.
func (h *Host) AddLink(name string, s lab.Spec) error {
	err := h.withRTNL(func(r *rtnl) error {
		// The kernel takes a percent sign, or no name, for a wish to be given one.
		if name == "" || slices.Contains([]byte(name), '%') {
			return unix.EINVAL
		}
		if s.LinkKind().Name == "vrf" {
			h.tables++
		}
		if err := r.addLink(name, s, nil, firstTable+h.tables); err != nil {
			return err
		}
		link, err := r.lookUp(name)
		if err != nil {
			return err
		}
		_, err = r.neighbours(link)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", plan.AddLink{NS: h.Name(), Name: name, Spec: s}, explainFiles(err))
	}
	return nil
}

// firstTable begins the numbers of the routing tables that VRFs get, beyond
// those that have names (RT_TABLE_LOCAL is 255).
const firstTable = 1000

// linkModes are the numbers of modes: enum macvlan_mode and ipvlan_mode of linux/if_link.h,
// BOND_MODE_ of linux/if_bonding.h.
var linkModes = map[string]uint32{
	"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "l2": 0, "l3": 1, "l3s": 2, "balance-rr": 0,
	"active-backup": 1, "balance-xor": 2, "broadcast": 3, "802.3ad": 4, "balance-tlb": 5, "balance-alb": 6,
}

// addLink sends the message for a link, down, with a link-layer address if mac is not nil.
func (r *rtnl) addLink(name string, s lab.Spec, mac *plan.MAC, table uint32) error {
	kind := s.LinkKind().Name
	if kind == "" {
		return unix.EOPNOTSUPP
	}
	info := linkInfo(kind)
	data := nl.NewRtAttr(nl.IFLA_INFO_DATA, nil)
	m := message(unix.RTM_NEWLINK, create|unix.NLM_F_ACK, nl.NewIfInfomsg(unix.AF_UNSPEC), ifname(name))
	if mac != nil {
		m.AddData(address(*mac))
	}
	// The link below is an attribute of the link itself, all else of its kind (IFLA_INFO_DATA).
	for _, t := range s.Terms()[1:] {
		switch t.Word {
		case "link", "dev":
			link, err := r.lookUp(t.Value)
			switch {
			case err != nil:
				return err
			case t.Word == "link":
				m.AddData(u32(unix.IFLA_LINK, uint32(link)))
			default:
				data.AddRtAttr(nl.IFLA_VXLAN_LINK, nl.Uint32Attr(uint32(link)))
			}
		case "table":
			table = number(t.Value)
		default:
			attr, err := linkWord(kind, t)
			if err != nil {
				return err
			}
			data.AddChild(attr)
		}
	}
	// vrf_newlink answers EINVAL without one; what ip(8) has no default for, labrun has.
	if kind == "vrf" {
		data.AddRtAttr(nl.IFLA_VRF_TABLE, nl.Uint32Attr(table))
	}
	// As ip(8) does: no attribute where no word was said, so that the kind has its own defaults.
	if data.Len() > unix.SizeofRtAttr {
		info.AddChild(data)
	}
	m.AddData(info)
	return r.send(m)
}

// linkWord is the attribute of a word, whose size is another one for each kind.
func linkWord(kind string, t lab.Term) (*nl.RtAttr, error) {
	n := number(t.Value)
	switch kind + " " + t.Word {
	case "vlan id":
		return nl.NewRtAttr(nl.IFLA_VLAN_ID, nl.Uint16Attr(uint16(n))), nil
	case "macvlan mode":
		return u32(nl.IFLA_MACVLAN_MODE, linkModes[t.Value]), nil
	case "ipvlan mode":
		return nl.NewRtAttr(nl.IFLA_IPVLAN_MODE, nl.Uint16Attr(uint16(linkModes[t.Value]))), nil
	case "bond mode":
		return nl.NewRtAttr(nl.IFLA_BOND_MODE, []byte{byte(linkModes[t.Value])}), nil
	case "bond miimon":
		return u32(nl.IFLA_BOND_MIIMON, n), nil
	case "vxlan id":
		return u32(nl.IFLA_VXLAN_ID, n), nil
	case "vxlan dstport":
		return nl.NewRtAttr(nl.IFLA_VXLAN_PORT, binary.BigEndian.AppendUint16(nil, uint16(n))), nil
	case "vxlan remote":
		ip, err := netip.ParseAddr(t.Value)
		if err != nil {
			return nil, err
		}
		if ip.Is6() {
			return nl.NewRtAttr(nl.IFLA_VXLAN_GROUP6, ip.AsSlice()), nil
		}
		return nl.NewRtAttr(nl.IFLA_VXLAN_GROUP, ip.AsSlice()), nil
	}
	return nil, unix.EINVAL
}
