package fabric

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// One message carries out one op of a plan. netlink's Handle would send three
// for a port: make it, look it up by name, put it under its bridge.

const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL

func message(kind, flags int, data ...nl.NetlinkRequestData) *nl.NetlinkRequest {
	m := nl.NewNetlinkRequest(kind, flags)
	m.Data = data
	return m
}

func addBridge(o plan.AddBridge) *nl.NetlinkRequest {
	return message(unix.RTM_NEWLINK, create|unix.NLM_F_ACK, nl.NewIfInfomsg(unix.AF_UNSPEC),
		ifname(o.Name), address(o.MAC), linkInfo("bridge"))
}

// addVeth makes both ends of the pair where they belong, the NIC in the
// namespace that host is a descriptor of.
func addVeth(o plan.AddVeth, bridge int, host uintptr) *nl.NetlinkRequest {
	info := vethWith(o.NIC, o.NICMAC, host)
	master := nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge)))
	port := append([]nl.NetlinkRequestData{linkIsUp(0), ifname(o.Port), address(o.PortMAC), master, info}, oneQueue()...)
	return message(unix.RTM_NEWLINK, create|unix.NLM_F_ACK, port...)
}

// addCable makes both NICs, the far one in the namespace that host is a descriptor of.
func addCable(o plan.AddCable, host uintptr) *nl.NetlinkRequest {
	near, far := o.Ends[0], o.Ends[1]
	nic := []nl.NetlinkRequestData{nl.NewIfInfomsg(unix.AF_UNSPEC), ifname(near.NIC), address(near.MAC), vethWith(far.NIC, far.MAC, host)}
	return message(unix.RTM_NEWLINK, create|unix.NLM_F_ACK, append(nic, oneQueue()...)...)
}

// vethWith says that a link is a veth, and what the other end is.
func vethWith(nic string, mac plan.MAC, host uintptr) *nl.RtAttr {
	info := linkInfo("veth")
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	peer.AddChild(ifname(nic))
	peer.AddChild(address(mac))
	for _, q := range oneQueue() {
		peer.AddChild(q)
	}
	peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(host)))
	return info
}

// oneQueue asks for a single queue either way. A veth uses no more, but where
// nobody says so it is made with one per processor, and to give the others back
// takes two grace periods of RCU under the lock of rtnetlink (veth_init_queues).
func oneQueue() []nl.NetlinkRequestData {
	if can, err := abilities(); err == nil && !can.queues {
		return nil // nor may they be spoken of
	}
	return []nl.NetlinkRequestData{
		nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1)), nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1)),
	}
}

func addAddress(o plan.AddAddress, nic int) *nl.NetlinkRequest {
	m := onAddress(unix.RTM_NEWADDR, create|unix.NLM_F_ACK, o.Prefix, nic)
	m.Data[0].(*nl.IfAddrmsg).Flags = addressFlags[o.Flag]
	return m
}

// addressFlags are the bits of lab.AddressFlags.
var addressFlags = map[string]uint8{"nodad": unix.IFA_F_NODAD, "optimistic": unix.IFA_F_OPTIMISTIC}

// addressMode sets what kind of link-local address a link gives itself, one of addressModes.
func addressMode(link int, mode string) *nl.NetlinkRequest {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(link)
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	families.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, []byte{addressModes[mode]})
	return message(unix.RTM_NEWLINK, unix.NLM_F_ACK, msg, families)
}

// addressModes are the numbers of enum in6_addr_gen_mode, linux/if_link.h.
var addressModes = map[string]byte{"eui64": 0, "none": 1}

func delAddress(p netip.Prefix, nic int) *nl.NetlinkRequest {
	return onAddress(unix.RTM_DELADDR, unix.NLM_F_ACK, p, nic)
}

func onAddress(kind, flags int, p netip.Prefix, nic int) *nl.NetlinkRequest {
	family := unix.AF_INET
	if p.Addr().Is6() {
		family = unix.AF_INET6
	}
	msg := nl.NewIfAddrmsg(family)
	msg.Prefixlen = uint8(p.Bits())
	msg.Index = uint32(nic)
	ip := p.Addr().AsSlice()
	return message(kind, flags, msg, nl.NewRtAttr(unix.IFA_LOCAL, ip), nl.NewRtAttr(unix.IFA_ADDRESS, ip))
}

// getAddresses asks for the IPv6 addresses of a namespace.
func getAddresses() *nl.NetlinkRequest {
	return message(unix.RTM_GETADDR, unix.NLM_F_DUMP, nl.NewIfAddrmsg(unix.AF_INET6))
}

func linkUp(link int) *nl.NetlinkRequest {
	return message(unix.RTM_NEWLINK, unix.NLM_F_ACK, linkIsUp(link))
}

func linkDown(link int) *nl.NetlinkRequest {
	msg := linkIsUp(link)
	msg.Flags = 0
	return message(unix.RTM_NEWLINK, unix.NLM_F_ACK, msg)
}

func linkMTU(link int, bytes uint32) *nl.NetlinkRequest {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(link)
	return message(unix.RTM_NEWLINK, unix.NLM_F_ACK, msg, u32(unix.IFLA_MTU, bytes))
}

func delLink(link int) *nl.NetlinkRequest {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(link)
	return message(unix.RTM_DELLINK, unix.NLM_F_ACK, msg)
}

// setMaster puts a link under another one, 0 under none.
func setMaster(link, master int) *nl.NetlinkRequest {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(link)
	return message(unix.RTM_NEWLINK, unix.NLM_F_ACK, msg, nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(master))))
}

// getLink asks about a link, without the long list of its counters.
func getLink(name string) *nl.NetlinkRequest {
	m := getLinkAt(0)
	m.AddData(ifname(name))
	return m
}

func getLinkAt(index int) *nl.NetlinkRequest {
	const skipStats = 8 // RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	return message(unix.RTM_GETLINK, 0, msg, nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
}

// getRoute asks which way packets to an IPv6 address go, those of a socket that
// is tied to the NIC when that is not 0.
func getRoute(ip netip.Addr, nic int) *nl.NetlinkRequest {
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET6, Dst_len: uint8(ip.BitLen())}}
	m := message(unix.RTM_GETROUTE, 0, msg, nl.NewRtAttr(unix.RTA_DST, ip.AsSlice()))
	if nic != 0 {
		m.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(nic))))
	}
	return m
}

func linkIsUp(index int) *nl.IfInfomsg {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	msg.Flags, msg.Change = unix.IFF_UP, unix.IFF_UP
	return msg
}

func linkInfo(kind string) *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
	return info
}

func ifname(name string) *nl.RtAttr   { return nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)) }
func address(mac plan.MAC) *nl.RtAttr { return nl.NewRtAttr(unix.IFLA_ADDRESS, mac[:]) }
