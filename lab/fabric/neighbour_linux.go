package fabric

import (
	"net/netip"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nudValid are the states of a neighbour whose MAC address is known, NUD_VALID of
// net/neighbour.h.
const nudValid = unix.NUD_PERMANENT | unix.NUD_NOARP | unix.NUD_REACHABLE |
	unix.NUD_PROBE | unix.NUD_STALE | unix.NUD_DELAY

// HasNeighbour reports whether the host knows the MAC address of another one, as "ip
// neighbour" shows it.
func (h *Host) HasNeighbour(ip netip.Addr) (has bool, err error) {
	err = h.withRTNL(func(r *rtnl) error {
		answers, err := r.dump(func() *nl.NetlinkRequest {
			return message(unix.RTM_GETNEIGH, unix.NLM_F_DUMP, make(ndMsg, unix.SizeofNdMsg))
		})
		if err != nil {
			return err
		}
		for _, a := range answers {
			attrs, err := nl.ParseRouteAttrAsMap(a[unix.SizeofNdMsg:])
			if err != nil {
				return err
			}
			state := (*unix.NdMsg)(unsafe.Pointer(&a[0])).State
			to, _ := netip.AddrFromSlice(attrs[unix.NDA_DST].Value)
			has = has || to == ip.Unmap().WithZone("") && state&nudValid != 0
		}
		return nil
	})
	return has, err
}

// ndMsg is a struct ndmsg with nothing in it, which asks for all neighbours.
type ndMsg []byte

func (m ndMsg) Len() int          { return len(m) }
func (m ndMsg) Serialize() []byte { return m }
