package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
)

// nudValid are the states of a neighbour whose MAC address is known, NUD_VALID of
// net/neighbour.h.
const nudValid = unix.NUD_PERMANENT | unix.NUD_NOARP | unix.NUD_REACHABLE |
	unix.NUD_PROBE | unix.NUD_STALE | unix.NUD_DELAY

// HasNeighbour reports whether the host knows the MAC address of another one, as "ip
// neighbour" shows it. It is false where the kernel does not tell.
func (h *Host) HasNeighbour(ip netip.Addr) (bool, error) {
	_, err := h.Neighbour(lab.Spec(ip.Unmap().WithZone("").String()))
	if errors.Is(err, ErrNoMessage) {
		return false, nil
	}
	return err == nil, ignore(err, unix.ENOENT)
}

// Neighbour returns the link-layer address that the host has for another one's address, on the
// link that the words name or on any, and whether it is static: ENOENT where it has none, or none
// yet. In which of the states that come and go with time an entry is, it does not say.
func (h *Host) Neighbour(s lab.Spec) (known lab.Spec, err error) {
	err = h.withRTNL(func(r *rtnl) error {
		var ip netip.Addr
		link := 0
		for _, t := range s.Terms() {
			var err error
			switch t.Word {
			case "to", "proxy":
				ip, err = netip.ParseAddr(t.Value)
			case "dev":
				link, err = r.lookUp(t.Value)
			}
			if err != nil {
				return err
			}
		}
		// A dump, since RTM_GETNEIGH for one address wants a link, too (neigh_valid_get_req).
		answers, err := r.dump(func() *nl.NetlinkRequest {
			return message(unix.RTM_GETNEIGH, unix.NLM_F_DUMP, make(ndMsg, unix.SizeofNdMsg))
		})
		if err != nil {
			return r.known(unix.RTM_GETNEIGH, err)
		}
		for _, a := range answers {
			attrs, err := nl.ParseRouteAttrAsMap(a[unix.SizeofNdMsg:])
			if err != nil {
				return err
			}
			msg := (*unix.NdMsg)(unsafe.Pointer(&a[0]))
			to, _ := netip.AddrFromSlice(attrs[unix.NDA_DST].Value)
			mac := net.HardwareAddr(attrs[unix.NDA_LLADDR].Value)
			if to != ip || msg.State&nudValid == 0 || link != 0 && int(msg.Ifindex) != link {
				continue
			}
			terms := []lab.Term{{Word: "lladdr", Takes: lab.TakesMAC, Value: mac.String()}}
			if msg.State&unix.NUD_PERMANENT != 0 {
				terms = append(terms, lab.Term{Word: "PERMANENT"})
			}
			known = lab.SpecOf(terms)
			return nil
		}
		return unix.ENOENT
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", h.ip("neighbour", "get", string(s)), explainFiles(err))
	}
	return known, nil
}

// ndMsg is the bytes of a struct ndmsg; with nothing in it it asks for all neighbours.
type ndMsg []byte

func (m ndMsg) Len() int          { return len(m) }
func (m ndMsg) Serialize() []byte { return m }
