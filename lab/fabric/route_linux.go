package fabric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// Routes, rules and neighbours are messages of attributes, which the words of ip(8) name one by
// one. What ip(8) adds by itself is added here, too: the scope of a route, its protocol, a rule's
// table; else a script would not build the same.

// Change adds or deletes a route, a rule or a neighbour, as ip(8) does with the words of a spec
// without names. It has come into effect when Change returns.
func (h *Host) Change(object, verb string, s lab.Spec) error {
	err := h.withRTNL(func(r *rtnl) error { return r.ip(verb, object, s) })
	if err != nil {
		return fmt.Errorf("%s: %w", h.ip(object, verb, string(s)), explainFiles(err))
	}
	return nil
}

// ip sends the message that ip(8) would.
func (r *rtnl) ip(verb, object string, s lab.Spec) error {
	kind, ok := map[string][2]int{
		"route add": {unix.RTM_NEWROUTE, create}, "route del": {unix.RTM_DELROUTE, 0},
		"rule add": {unix.RTM_NEWRULE, create}, "rule del": {unix.RTM_DELRULE, 0},
		"neighbour add":     {unix.RTM_NEWNEIGH, create},
		"neighbour replace": {unix.RTM_NEWNEIGH, unix.NLM_F_CREATE | unix.NLM_F_REPLACE},
		"neighbour del":     {unix.RTM_DELNEIGH, 0},
	}[object+" "+verb]
	if !ok {
		return fmt.Errorf("ip %s %s: %w", object, verb, unix.EOPNOTSUPP)
	}
	m := message(kind[0], kind[1]|unix.NLM_F_ACK)
	b := specMessage{rtnl: r, six: s.Is6(), add: verb != "del"}
	var err error
	switch object {
	case "route":
		err = b.route(m, s.Terms())
	case "rule":
		err = b.rule(m, s.Terms())
	default:
		err = b.neighbour(m, s.Terms())
	}
	if err != nil {
		return err
	}
	return r.known(kind[0], r.send(m))
}

// ErrNoMessage is that the kernel does not know a kind of message at all, whatever it is about.
var ErrNoMessage = errors.New("this kernel has no such message of rtnetlink")

// inet is the beginning that messages of all kinds have, of IPv4.
func inet() *nl.RtGenMsg { return &nl.RtGenMsg{RtGenmsg: unix.RtGenmsg{Family: unix.AF_INET}} }

// known returns the error of a message, or ErrNoMessage where that is why it was EOPNOTSUPP: of a kind that the
// kernel knows it says instead that a message with a family alone is too short. One without is passed over
// (rtnetlink_rcv_msg in net/core/rtnetlink.c).
func (r *rtnl) known(kind int, err error) error {
	if !errors.Is(err, unix.EOPNOTSUPP) || !errors.Is(r.send(message(kind, unix.NLM_F_ACK, inet())), unix.EOPNOTSUPP) {
		return err
	}
	return ErrNoMessage
}

// specMessage puts terms into a message. The family is known before: a destination may be
// "default", which has none, so it follows from the whole Spec and not from the first address.
type specMessage struct {
	*rtnl
	six, add bool
}

func (b *specMessage) family() uint8 {
	if b.six {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// prefix returns the bytes of a prefix and its length. "default" is the empty one, which has no
// attribute.
func (b *specMessage) prefix(value string) ([]byte, uint8, error) {
	if value == "default" {
		return nil, 0, nil
	}
	p, err := netip.ParsePrefix(value)
	if err != nil {
		var ip netip.Addr
		if ip, err = netip.ParseAddr(value); err != nil {
			return nil, 0, err
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	if p.Bits() == 0 {
		return nil, 0, nil
	}
	if p.Addr().Is6() != b.six {
		return nil, 0, unix.EINVAL
	}
	return p.Addr().AsSlice(), uint8(p.Bits()), nil
}

// tableNumbers are the numbers that iproute2 gives names, rt_tables.
var tableNumbers = map[string]string{"default": "253", "main": "254", "local": "255"}

// specScopes and specTypes are words of ip-route(8); "unicast" is what goes without saying.
var specScopes = map[string]uint8{
	"global": unix.RT_SCOPE_UNIVERSE, "link": unix.RT_SCOPE_LINK, "host": unix.RT_SCOPE_HOST,
}

var specTypes = map[string]uint8{
	"unicast": unix.RTN_UNICAST, "local": unix.RTN_LOCAL, "blackhole": unix.RTN_BLACKHOLE,
	"unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW,
}

// number reads a value that syntax has taken.
func number(value string) uint32 {
	if n, ok := tableNumbers[value]; ok {
		value = n
	}
	n, _ := strconv.ParseUint(value, 0, 32)
	return uint32(n)
}

func u32(kind int, n uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.Uint32Attr(n)) }

// gateway is RTA_GATEWAY, or where the families differ RTA_VIA (RFC 8950).
func (b *specMessage) gateway(value string) (*nl.RtAttr, error) {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		return nil, err
	}
	if ip.Is6() == b.six {
		return nl.NewRtAttr(unix.RTA_GATEWAY, ip.AsSlice()), nil
	}
	family := uint16(unix.AF_INET)
	if ip.Is6() {
		family = unix.AF_INET6
	}
	return nl.NewRtAttr(unix.RTA_VIA, append(binary.NativeEndian.AppendUint16(nil, family), ip.AsSlice()...)), nil
}

// hop is a struct rtnexthop with its attributes. The kernel walks a list of them by their
// lengths, which attributes keep multiples of four (RTNH_ALIGN).
type hop struct {
	unix.RtNexthop
	attrs []*nl.RtAttr
}

func (h hop) bytes() []byte {
	h.Len = unix.SizeofRtNexthop
	for _, a := range h.attrs {
		h.Len += uint16(len(a.Serialize()))
	}
	out := slices.Clone((*[unix.SizeofRtNexthop]byte)(unsafe.Pointer(&h.RtNexthop))[:])
	for _, a := range h.attrs {
		out = append(out, a.Serialize()...)
	}
	return out
}

// route fills in a message as iproute_modify of iproute2 does.
func (b *specMessage) route(m *nl.NetlinkRequest, terms []lab.Term) error {
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: b.family(), Table: unix.RT_TABLE_MAIN, Scope: unix.RT_SCOPE_NOWHERE}}
	if b.add {
		msg.Protocol, msg.Type, msg.Scope = unix.RTPROT_BOOT, unix.RTN_UNICAST, unix.RT_SCOPE_UNIVERSE
	}
	m.AddData(msg)
	metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
	var hops []*hop
	gateway, scope, table := false, false, false
	for _, t := range terms {
		var err error
		attr, link := (*nl.RtAttr)(nil), 0
		switch t.Word {
		case "to":
			var to []byte
			if to, msg.Dst_len, err = b.prefix(t.Value); to != nil {
				attr = nl.NewRtAttr(unix.RTA_DST, to)
			}
		case "via":
			gateway = true
			attr, err = b.gateway(t.Value)
		case "dev":
			if link, err = b.lookUp(t.Value); err == nil {
				attr = u32(unix.RTA_OIF, uint32(link))
			}
		case "src":
			attr, err = addressAttr(unix.RTA_PREFSRC, t.Value)
		case "metric":
			attr = u32(unix.RTA_PRIORITY, number(t.Value))
		case "table":
			// The header has a byte for it; the attribute counts when the header says nothing.
			table = true
			msg.Table = unix.RT_TABLE_UNSPEC
			attr = u32(unix.RTA_TABLE, number(t.Value))
		case "scope":
			scope, msg.Scope = true, specScopes[t.Value]
		case "mtu":
			metrics.AddChild(u32(unix.RTAX_MTU, number(t.Value)))
		case "advmss":
			metrics.AddChild(u32(unix.RTAX_ADVMSS, number(t.Value)))
		case "initcwnd":
			metrics.AddChild(u32(unix.RTAX_INITCWND, number(t.Value)))
		case "hoplimit":
			metrics.AddChild(u32(unix.RTAX_HOPLIMIT, number(t.Value)))
		case "onlink":
			if len(hops) == 0 {
				msg.Flags |= unix.RTNH_F_ONLINK
			} else {
				hops[len(hops)-1].Flags |= unix.RTNH_F_ONLINK
			}
		case "nexthop":
			hops = append(hops, &hop{})
		case "weight":
			// A byte that is one less, so that 0 is a weight of 1; ip(8) refuses the others as well.
			if n := number(t.Value); len(hops) == 0 || n < 1 || n > 256 {
				err = unix.EINVAL
			} else {
				hops[len(hops)-1].Hops = uint8(n - 1)
			}
		default:
			if kind, ok := specTypes[t.Word]; ok {
				msg.Type = kind
			}
		}
		// Behind "nexthop", gateway and link are that nexthop's; all else is the route's.
		switch {
		case err != nil:
			return err
		case attr == nil:
		case len(hops) == 0:
			m.AddData(attr)
		case t.Word == "via":
			hops[len(hops)-1].attrs = append(hops[len(hops)-1].attrs, attr)
		case t.Word == "dev":
			hops[len(hops)-1].Ifindex = int32(link)
		default:
			m.AddData(attr)
		}
	}
	if len(hops) > 0 {
		var all []byte
		for _, h := range hops {
			all = append(all, h.bytes()...)
		}
		m.AddData(nl.NewRtAttr(unix.RTA_MULTIPATH, all))
	}
	if metrics.Len() > unix.SizeofRtAttr {
		m.AddData(metrics)
	}
	// What a route to the host itself is by default: in the table that is looked into first, or bind
	// and packets would not find it.
	if msg.Type == unix.RTN_LOCAL && !table {
		msg.Table = unix.RT_TABLE_LOCAL
	}
	// The scope says how far the destination is: a gateway has to be nearer than what it leads to
	// (fib_check_nh). To delete, ip(8) leaves it open, so that any matches.
	switch {
	case scope:
	case b.six:
		msg.Scope = unix.RT_SCOPE_UNIVERSE
	case msg.Type == unix.RTN_LOCAL:
		msg.Scope = unix.RT_SCOPE_HOST
	case b.add && msg.Type == unix.RTN_UNICAST && !gateway && len(hops) == 0:
		msg.Scope = unix.RT_SCOPE_LINK
	}
	return nil
}

func addressAttr(kind int, value string) (*nl.RtAttr, error) {
	ip, err := netip.ParseAddr(value)
	if err != nil {
		return nil, err
	}
	return nl.NewRtAttr(kind, ip.AsSlice()), nil
}

// ruleActions are the types of rules that lead to no table.
var ruleActions = map[string]uint8{
	"blackhole": nl.FR_ACT_BLACKHOLE, "unreachable": nl.FR_ACT_UNREACHABLE, "prohibit": nl.FR_ACT_PROHIBIT,
}

// Attributes and a flag of linux/fib_rules.h that neither module has.
const (
	fraUIDRange  = 20
	fraIPProto   = 22
	fraSport     = 23
	fraDport     = 24
	ruleInverted = 2 // FIB_RULE_INVERT
)

var specProtocols = map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "icmp": unix.IPPROTO_ICMP}

// rule fills in a message as iprule_modify of iproute2 does. A struct fib_rule_hdr has the layout
// of a struct rtmsg, with the action in the place of the type.
func (b *specMessage) rule(m *nl.NetlinkRequest, terms []lab.Term) error {
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: b.family()}}
	if b.add {
		msg.Type = nl.FR_ACT_TO_TBL
	}
	m.AddData(msg)
	table := false
	for _, t := range terms {
		var err error
		attr := (*nl.RtAttr)(nil)
		switch t.Word {
		case "not":
			msg.Flags |= ruleInverted
		case "from", "to":
			kind, length := nl.FRA_SRC, &msg.Src_len
			if t.Word == "to" {
				kind, length = nl.FRA_DST, &msg.Dst_len
			}
			var p []byte
			if p, *length, err = b.prefix(t.Value); p != nil {
				attr = nl.NewRtAttr(kind, p)
			}
		case "iif":
			attr = nl.NewRtAttr(nl.FRA_IIFNAME, nl.ZeroTerminated(t.Value))
		case "oif":
			attr = nl.NewRtAttr(nl.FRA_OIFNAME, nl.ZeroTerminated(t.Value))
		case "fwmark":
			// Without a mask the kernel compares all bits (fib_nl2rule).
			mark, mask, ok := strings.Cut(t.Value, "/")
			if ok {
				m.AddData(u32(nl.FRA_FWMASK, number(mask)))
			}
			attr = u32(nl.FRA_FWMARK, number(mark))
		case "ipproto":
			p, ok := specProtocols[t.Value]
			if !ok {
				p = uint8(number(t.Value))
			}
			if t.Value == "icmp" && b.six { // a protocol of its own
				p = unix.IPPROTO_ICMPV6
			}
			attr = nl.NewRtAttr(fraIPProto, []byte{p})
		case "sport":
			attr = nl.NewRtAttr(fraSport, portRange(t.Value))
		case "dport":
			attr = nl.NewRtAttr(fraDport, portRange(t.Value))
		case "uidrange":
			low, high := ends(t.Value)
			attr = nl.NewRtAttr(fraUIDRange, append(nl.Uint32Attr(low), nl.Uint32Attr(high)...))
		case "priority":
			attr = u32(nl.FRA_PRIORITY, number(t.Value))
		case "suppress_prefixlength":
			attr = u32(nl.FRA_SUPPRESS_PREFIXLEN, number(t.Value))
		case "table":
			table = true
			msg.Table = unix.RT_TABLE_UNSPEC
			attr = u32(nl.FRA_TABLE, number(t.Value))
		default:
			if action, ok := ruleActions[t.Word]; ok {
				msg.Type = action
			}
		}
		if err != nil {
			return err
		}
		if attr != nil {
			m.AddData(attr)
		}
	}
	// To delete, a rule that names no table is any with the other words.
	if b.add && !table && msg.Type == nl.FR_ACT_TO_TBL {
		msg.Table = unix.RT_TABLE_MAIN
	}
	return nil
}

func ends(value string) (low, high uint32) {
	first, last, two := strings.Cut(value, "-")
	if !two {
		last = first
	}
	return number(first), number(last)
}

// portRange is a struct fib_rule_port_range.
func portRange(value string) []byte {
	low, high := ends(value)
	return binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, uint16(low)), uint16(high))
}

// neighbour fills in a message as ipneigh_modify of iproute2 does. An entry that is made stays.
func (b *specMessage) neighbour(m *nl.NetlinkRequest, terms []lab.Term) error {
	msg := unix.NdMsg{Family: b.family()}
	if b.add {
		msg.State = unix.NUD_PERMANENT
	}
	var attrs []nl.NetlinkRequestData
	for _, t := range terms {
		var err error
		attr := (*nl.RtAttr)(nil)
		switch t.Word {
		case "to", "proxy":
			if t.Word == "proxy" {
				msg.Flags |= unix.NTF_PROXY
			}
			attr, err = addressAttr(unix.NDA_DST, t.Value)
		case "dev":
			var link int
			link, err = b.lookUp(t.Value)
			msg.Ifindex = int32(link)
		case "lladdr":
			var mac net.HardwareAddr
			if mac, err = net.ParseMAC(t.Value); err == nil {
				attr = nl.NewRtAttr(unix.NDA_LLADDR, mac)
			}
		}
		if err != nil {
			return err
		}
		if attr != nil {
			attrs = append(attrs, attr)
		}
	}
	head := ndMsg(slices.Clone((*[unix.SizeofNdMsg]byte)(unsafe.Pointer(&msg))[:]))
	m.Data = append([]nl.NetlinkRequestData{head}, attrs...)
	return nil
}

// Route returns which way packets to a destination go: what "ip route get" prints of type,
// gateway, link and source. An error is the errno that a socket would get.
func (h *Host) Route(target lab.Spec) (way lab.Spec, err error) {
	err = h.withRTNL(func(r *rtnl) error {
		b := specMessage{rtnl: r, six: target.Is6()}
		m, err := b.target(target.Terms())
		if err != nil {
			return err
		}
		answer, err := r.ask(m)
		if err == nil {
			way, err = r.way(answer)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", h.ip("route", "get", string(target)), explainFiles(err))
	}
	return way, nil
}

// target is a message that asks for a route. The answer is one of the kernel's for a packet
// (RTM_F_FIB_MATCH is not set), so rules and sources have been applied.
func (b *specMessage) target(terms []lab.Term) (*nl.NetlinkRequest, error) {
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: b.family()}}
	m := message(unix.RTM_GETROUTE, 0, msg)
	for _, t := range terms {
		var err error
		attr, link := (*nl.RtAttr)(nil), 0
		switch t.Word {
		case "to", "from":
			kind, length := unix.RTA_DST, &msg.Dst_len
			if t.Word == "from" {
				kind, length = unix.RTA_SRC, &msg.Src_len
			}
			if attr, err = addressAttr(kind, t.Value); err == nil {
				*length = uint8(8 * (attr.Len() - unix.SizeofRtAttr))
			}
		case "iif", "oif":
			kind := unix.RTA_IIF
			if t.Word == "oif" {
				kind = unix.RTA_OIF
			}
			if link, err = b.lookUp(t.Value); err == nil {
				attr = u32(kind, uint32(link))
			}
		case "mark":
			attr = u32(unix.RTA_MARK, number(t.Value))
		}
		if err != nil {
			return nil, err
		}
		if attr != nil {
			m.AddData(attr)
		}
	}
	return m, nil
}

// wayTypes are the types of routes that are said, beside unicast, which goes without saying.
var wayTypes = map[uint8]string{unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast",
	unix.RTN_MULTICAST: "multicast"}

// refusals are the errors of routes that lead nowhere. Of IPv4 the kernel answers with the error;
// of IPv6 with the route (inet6_rtm_getroute), whose error a packet gets (ip6_rt_type_to_error).
var refusals = map[uint8]unix.Errno{unix.RTN_BLACKHOLE: unix.EINVAL, unix.RTN_UNREACHABLE: unix.EHOSTUNREACH,
	unix.RTN_PROHIBIT: unix.EACCES, unix.RTN_THROW: unix.EAGAIN}

// way reads the answer to a question for a route.
func (r *rtnl) way(answer []byte) (lab.Spec, error) {
	if len(answer) < unix.SizeofRtMsg {
		return "", errors.New("the kernel's answer is cut off")
	}
	msg := nl.DeserializeRtMsg(answer)
	if errno, ok := refusals[msg.Type]; ok {
		return "", errno
	}
	attrs, err := nl.ParseRouteAttrAsMap(answer[unix.SizeofRtMsg:])
	if err != nil {
		return "", err
	}
	var terms []lab.Term
	if word := wayTypes[msg.Type]; word != "" {
		terms = append(terms, lab.Term{Word: word})
	}
	add := func(word string, takes lab.Takes, value string) {
		terms = append(terms, lab.Term{Word: word, Takes: takes, Value: value})
	}
	// Of several nexthops the answer has the one that this packet would take (fib_select_path).
	via := attrs[unix.RTA_GATEWAY].Value
	if v := attrs[unix.RTA_VIA].Value; len(v) > 2 {
		via = v[2:]
	}
	if ip, ok := netip.AddrFromSlice(via); ok {
		add("via", lab.TakesAddr, ip.String())
	}
	if oif := attrs[unix.RTA_OIF].Value; len(oif) == 4 {
		name, err := sys.LinkName(r.fd, binary.NativeEndian.Uint32(oif))
		if err != nil {
			return "", fmt.Errorf("link of a route: %v", err)
		}
		add("dev", lab.TakesNIC, name)
	}
	// The source that a socket would take. When the question has one, IPv4 does not repeat it
	// (rt_fill_info).
	if ip, ok := netip.AddrFromSlice(attrs[unix.RTA_PREFSRC].Value); ok {
		add("src", lab.TakesAddr, ip.String())
	}
	// Only what the route says, or a router on the way has said (an exception of the route): the link's
	// own is no metric (rt_fill_info, rt6_fill_node).
	mtu, err := metricOf(attrs[unix.RTA_METRICS].Value, unix.RTAX_MTU)
	if err != nil {
		return "", err
	}
	if mtu != 0 {
		add("mtu", lab.TakesNumber, strconv.FormatUint(uint64(mtu), 10))
	}
	return lab.SpecOf(terms), nil
}

// metricOf reads one of a route's metrics, 0 where it has none.
func metricOf(metrics []byte, which uint16) (uint32, error) {
	all, err := nl.ParseRouteAttrAsMap(metrics)
	if err != nil {
		return 0, err
	}
	if value := all[which].Value; len(value) == 4 {
		return binary.NativeEndian.Uint32(value), nil
	}
	return 0, nil
}
