package fabric

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
)

// protocols are the tables that sock_diag(7) has, in the order of the listing.
var protocols = []struct {
	name     string
	family   uint8
	protocol uint8
}{
	{"tcp", unix.AF_INET, unix.IPPROTO_TCP},
	{"tcp6", unix.AF_INET6, unix.IPPROTO_TCP},
	{"udp", unix.AF_INET, unix.IPPROTO_UDP},
	{"udp6", unix.AF_INET6, unix.IPPROTO_UDP},
}

// tcpStates are the states of include/net/tcp_states.h in netstat's words. A
// connection request is its own kind of socket, which netstat does not tell
// from SYN_RECV. A closed socket is listed only when it has a port (Linux 6.8).
var tcpStates = map[uint8]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "BOUND",
	8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN_RECV", 13: "BOUND",
}

// Sockets lists the TCP and UDP sockets of the host, in all states, in an order
// that does not depend on their history: by protocol, by state as in
// lab.StateNames, by address. V6Only is known of sockets that listen, are bound,
// or are UDP's and not connected; the kernel tells it of no others.
func (h *Host) Sockets() ([]lab.Socket, error) {
	if h == nil {
		return nil, fmt.Errorf("no such host: %w", os.ErrNotExist)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.openDiag(); err != nil {
		return nil, fmt.Errorf("host %q: sock_diag: %w", h.name, err)
	}
	var all []lab.Socket
	for _, p := range protocols {
		messages, err := h.dump(p.family, p.protocol)
		if err != nil {
			return nil, fmt.Errorf("host %q: sock_diag %s: %w", h.name, p.name, err)
		}
		from := len(all)
		for _, m := range messages {
			s, err := h.socket(p.name, m)
			if err != nil {
				return nil, fmt.Errorf("host %q: sock_diag %s: %w", h.name, p.name, err)
			}
			all = append(all, s)
		}
		slices.SortStableFunc(all[from:], compare)
	}
	return all, nil
}

// openDiag opens the host's sock_diag socket and keeps it.
func (h *Host) openDiag() error {
	if h.diag != nil {
		return nil
	}
	return h.Do(func() error {
		s, err := nl.Subscribe(unix.NETLINK_INET_DIAG)
		if err != nil {
			return explainFiles(os.NewSyscallError("socket", err))
		}
		h.diag = &nl.SocketHandle{Socket: s}
		return nil
	})
}

// dump asks for all sockets of one table, again when they changed meanwhile.
func (h *Host) dump(family, protocol uint8) ([][]byte, error) {
	for try := 0; ; try++ {
		req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: h.diag}
		req.AddData(diagRequest{family, protocol})
		messages, err := req.Execute(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY)
		switch {
		case errors.Is(err, unix.ENOENT) && family == unix.AF_INET6:
			return nil, nil // the kernel is without IPv6
		case !errors.Is(err, nl.ErrDumpInterrupted) || try == 10:
			return messages, err
		}
	}
}

// diagRequest is struct inet_diag_req_v2 of linux/inet_diag.h.
type diagRequest struct{ family, protocol uint8 }

func (diagRequest) Len() int { return 56 }

func (r diagRequest) Serialize() []byte {
	b := make([]byte, r.Len())
	b[0], b[1] = r.family, r.protocol
	binary.NativeEndian.PutUint32(b[4:], 1<<14-1<<1) // every state from 1 to 13
	return b
}

// v6Only is the attribute INET_DIAG_SKV6ONLY of linux/inet_diag.h.
const v6Only = 11

// socket reads struct inet_diag_msg of linux/inet_diag.h and the attributes
// after it.
func (h *Host) socket(protocol string, m []byte) (lab.Socket, error) {
	const size = 72
	if len(m) < size {
		return lab.Socket{}, fmt.Errorf("answer of %d bytes, want %d", len(m), size)
	}
	family, state := m[0], m[1]
	native := binary.NativeEndian
	s := lab.Socket{
		Protocol: protocol,
		State:    stateName(protocol, state),
		Local:    addrPort(family, m[8:24], m[4:6]),
		Remote:   addrPort(family, m[24:40], m[6:8]),
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
	if v := attrs[v6Only].Value; len(v) > 0 {
		s.V6Only = v[0] != 0
	}
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
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return "#" + strconv.Itoa(int(index))
	}
	ifr.SetUint32(index)
	if err := unix.IoctlIfreq(h.diag.Socket.GetFd(), unix.SIOCGIFNAME, ifr); err != nil {
		return "#" + strconv.Itoa(int(index)) // it is gone
	}
	return ifr.Name()
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
