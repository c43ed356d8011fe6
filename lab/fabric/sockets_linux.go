package fabric

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// tables are what sock_diag(7) lists, in the order of the listing.
var tables = []table{
	// To look for connections takes most of the time: a walk through a hash table
	// of the whole machine (tcp_diag_dump in net/ipv4/tcp_diag.c), a hundred
	// thousand buckets and more. The older kind of request finds those of both
	// families in one.
	{names: []string{"tcp", "tcp6"}, kind: tcpDiag, protocol: unix.IPPROTO_TCP},
	{names: []string{"udp"}, kind: nl.SOCK_DIAG_BY_FAMILY, family: unix.AF_INET, protocol: unix.IPPROTO_UDP},
	{names: []string{"udp6"}, kind: nl.SOCK_DIAG_BY_FAMILY, family: unix.AF_INET6, protocol: unix.IPPROTO_UDP},
	{names: []string{"udplite"}, kind: nl.SOCK_DIAG_BY_FAMILY, family: unix.AF_INET, protocol: unix.IPPROTO_UDPLITE, optional: true},
	{names: []string{"udplite6"}, kind: nl.SOCK_DIAG_BY_FAMILY, family: unix.AF_INET6, protocol: unix.IPPROTO_UDPLITE, optional: true},
}

// tcpDiag is TCPDIAG_GETSOCK of linux/inet_diag.h.
const tcpDiag = 18

// table is one request and the protocols that it is for.
type table struct {
	names    []string
	kind     int
	family   uint8
	protocol uint8
	optional bool // some kernels are without
}

// protocols are the names of all tables, in the order of the listing.
func protocols() (names []string) {
	for _, t := range tables {
		names = append(names, t.names...)
	}
	return names
}

// tcpStates are the states of include/net/tcp_states.h in netstat's words. A
// connection request is its own kind of socket, which netstat does not tell
// from SYN_RECV. A closed socket is listed only when it has a port (Linux 6.8).
var tcpStates = map[uint8]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "BOUND",
	8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN_RECV", 13: "BOUND",
}

// Sockets lists the TCP and UDP sockets of the host: SocketsOf "tcp", "tcp6",
// "udp" and "udp6".
func (h *Host) Sockets() ([]lab.Socket, error) { return h.SocketsOf("tcp", "tcp6", "udp", "udp6") }

// SocketsOf lists the sockets of some protocols, "udplite" and "udplite6" are
// the others, in all states, in an order that does not depend on their history:
// by protocol, by state as in lab.StateNames, by address. V6Only is known of
// sockets that listen, are bound, or are UDP's and not connected; the kernel
// tells it of no others. An MPTCP socket shows as the TCP sockets that it has.
func (h *Host) SocketsOf(names ...string) ([]lab.Socket, error) {
	if h == nil {
		return nil, fmt.Errorf("no such host: %w", os.ErrNotExist)
	}
	known := protocols()
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("no protocol %q, there are: %s", n, strings.Join(known, ", "))
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.openDiag(); err != nil {
		return nil, fmt.Errorf("host %q: sock_diag: %w", h.name, err)
	}
	if h.isVacant() {
		return nil, nil
	}
	all, err := h.socketsNamed(names)
	if err != nil {
		return nil, fmt.Errorf("host %q: %w", h.name, err)
	}
	slices.SortStableFunc(all, func(a, b lab.Socket) int {
		return cmp.Or(cmp.Compare(slices.Index(known, a.Protocol), slices.Index(known, b.Protocol)), compare(a, b))
	})
	return all, nil
}

// socketsNamed lists the sockets of some protocols, in any order.
func (h *Host) socketsNamed(names []string) ([]lab.Socket, error) {
	if h.diag == nil {
		return h.socketsByTable(names)
	}
	var all []lab.Socket
	for _, t := range tables {
		if !slices.ContainsFunc(t.names, func(n string) bool { return slices.Contains(names, n) }) {
			continue
		}
		sockets, err := h.list(t)
		if err != nil {
			return nil, fmt.Errorf("sock_diag %s: %w", t.names[0], err)
		}
		all = append(all, sockets...)
	}
	return slices.DeleteFunc(all, func(s lab.Socket) bool { return !slices.Contains(names, s.Protocol) }), nil
}

// openDiag opens the host's sock_diag socket and keeps it, with the files of its counters. Where the kernel
// has no sock_diag, what there is of the counters may be that of all hosts: there are none then.
func (h *Host) openDiag() error {
	if h.diag != nil {
		return nil
	}
	if can, err := abilities(); err != nil || !can.SockDiag {
		return err
	}
	return h.Do(func() error {
		s, err := openNetlink(unix.NETLINK_INET_DIAG)
		if err != nil {
			return explainFiles(err)
		}
		for name, file := range map[string]**os.File{"sockstat": &h.counts, "snmp": &h.snmp, "netstat": &h.netstat} {
			if *file, err = os.Open("/proc/thread-self/net/" + name); err != nil {
				s.Close()
				return explainFiles(err)
			}
		}
		h.diag = &nl.SocketHandle{Socket: s}
		limit, err := os.ReadFile("/proc/sys/net/ipv4/tcp_challenge_ack_limit")
		h.limitsChallenges = err != nil || strings.TrimSpace(string(limit)) != strconv.Itoa(math.MaxInt32)
		return nil
	})
}

// list returns the sockets of one table. It asks again when they changed
// meanwhile.
func (h *Host) list(t table) ([]lab.Socket, error) {
	for try := 0; ; try++ {
		req := nl.NewNetlinkRequest(t.kind, unix.NLM_F_DUMP)
		req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: h.diag}
		req.AddData(diagRequest(t))
		messages, err := req.Execute(unix.NETLINK_INET_DIAG, uint16(t.kind))
		switch {
		case errors.Is(err, unix.ENOENT) && (t.optional || t.family == unix.AF_INET6):
			return nil, nil // the kernel is without it, or without IPv6
		case errors.Is(err, nl.ErrDumpInterrupted) && try < 10:
			continue
		case err != nil:
			return nil, explainSilence(err)
		}
		var all []lab.Socket
		for _, m := range messages {
			s, err := h.socket(t, m)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		return all, nil
	}
}

// diagRequest is struct inet_diag_req_v2 of linux/inet_diag.h, or for tcpDiag
// struct inet_diag_req, which has the states elsewhere and means every family.
type diagRequest table

func (r diagRequest) Len() int {
	if r.kind == tcpDiag {
		return 60
	}
	return 56
}

func (r diagRequest) Serialize() []byte {
	const everyState = 1<<14 - 1<<1 // from 1 to 13
	b := make([]byte, r.Len())
	if r.kind == tcpDiag {
		binary.NativeEndian.PutUint32(b[52:], everyState)
		return b
	}
	b[0], b[1] = r.family, r.protocol
	binary.NativeEndian.PutUint32(b[4:], everyState)
	return b
}

// socket reads struct inet_diag_msg of linux/inet_diag.h and the attributes
// after it.
func (h *Host) socket(t table, m []byte) (lab.Socket, error) {
	const size = 72
	if len(m) < size {
		return lab.Socket{}, fmt.Errorf("answer of %d bytes, want %d", len(m), size)
	}
	family, state := m[0], m[1]
	protocol := t.names[0]
	if family == unix.AF_INET6 {
		protocol = t.names[len(t.names)-1]
	}
	native := binary.NativeEndian
	s := lab.Socket{
		Protocol: protocol,
		State:    stateName(protocol, state),
		Local:    addrPort(family, m[8:24], m[4:6]),
		Remote:   addrPort(family, m[24:40], m[6:8]),
		Timer:    timerName(m[2]),
		UID:      native.Uint32(m[64:]),
		Inode:    native.Uint32(m[68:]),
	}
	if index := native.Uint32(m[40:]); index != 0 {
		s.Device = h.device(index)
	}
	attrs, err := nl.ParseRouteAttrAsMap(m[size:])
	if err != nil {
		return s, err
	}
	// Of a listener, the two queues are the connections to accept and the backlog
	// (tcp_diag_get_info in net/ipv4/tcp_diag.c).
	s.Full = s.State == "LISTEN" && native.Uint32(m[56:]) > native.Uint32(m[60:])
	if v := attrs[attrV6Only].Value; len(v) > 0 {
		s.V6Only = v[0] != 0
	}
	s.Options = optionNames(attrs[attrSockOpt].Value)
	return s, nil
}

func stateName(protocol string, state uint8) string {
	if protocol == "tcp" || protocol == "tcp6" {
		if s, ok := tcpStates[state]; ok {
			return s
		}
		return strconv.Itoa(int(state))
	}
	if tcpStates[state] == "ESTABLISHED" {
		return "ESTABLISHED"
	}
	return "UNCONN"
}

func addrPort(family uint8, ip, port []byte) netip.AddrPort {
	if family == unix.AF_INET {
		ip = ip[:4]
	}
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

// device names a NIC of the host. Programs may have made or renamed some, so
// what the plan says is not enough.
func (h *Host) device(index uint32) string {
	name, err := sys.LinkName(h.diag.Socket.GetFd(), index)
	if err != nil {
		return "#" + strconv.Itoa(int(index)) // it is gone
	}
	return name
}

func compare(a, b lab.Socket) int {
	return cmp.Or(
		cmp.Compare(stateOrder(a.State), stateOrder(b.State)),
		a.Local.Compare(b.Local),
		a.Remote.Compare(b.Remote),
		cmp.Compare(a.Device, b.Device),
		cmp.Compare(a.UID, b.UID),
		cmp.Compare(a.Inode, b.Inode),
	)
}

// stateOrder puts states that lab.StateNames does not have last.
func stateOrder(state string) int {
	if i := slices.Index(lab.StateNames, state); i >= 0 {
		return i
	}
	return len(lab.StateNames)
}

// OpenSockets returns how many sockets of labrun's own the host has: those that
// Sockets, the changes to links and a Tap keep open in it.
func (h *Host) OpenSockets() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.openSockets()
}

func (h *Host) openSockets() int {
	n := h.listeners
	if h.diag != nil {
		n++
	}
	if h.rtnl != nil {
		n++
	}
	if h.generic != nil {
		n++
	}
	return n
}
