package fabric

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab"
)

// UnixSockets lists the host's sockets of unix(7) that have names, in an order that does not
// depend on their history. A kernel without CONFIG_UNIX_DIAG lists none.
func (h *Host) UnixSockets() ([]lab.UnixSocket, error) {
	if h == nil {
		return nil, fmt.Errorf("no such host: %w", os.ErrNotExist)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.openDiag(); err != nil {
		return nil, fmt.Errorf("host %q: sock_diag: %w", h.name, err)
	}
	if h.diag == nil {
		all, err := h.unixByTable()
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", h.name, err)
		}
		return all, nil
	}
	for try := 0; ; try++ {
		req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: h.diag}
		req.AddData(unixDiagRequest{})
		messages, err := req.Execute(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY)
		switch {
		case errors.Is(err, unix.ENOENT):
			return nil, nil
		case errors.Is(err, nl.ErrDumpInterrupted) && try < 10:
			continue
		case err != nil:
			return nil, fmt.Errorf("host %q: sock_diag unix: %w", h.name, explainSilence(err))
		}
		all, err := unixSockets(messages)
		if err != nil {
			return nil, fmt.Errorf("host %q: sock_diag unix: %w", h.name, err)
		}
		return all, nil
	}
}

// unixDiagRequest is struct unix_diag_req of linux/unix_diag.h, for every state.
type unixDiagRequest struct{}

func (unixDiagRequest) Len() int { return 24 }

func (r unixDiagRequest) Serialize() []byte {
	const showName, showFile, showPeer, showUser = 1 << 0, 1 << 1, 1 << 2, 1 << 6 // UDIAG_SHOW_*
	b := make([]byte, r.Len())
	b[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(b[4:], ^uint32(0))
	binary.NativeEndian.PutUint32(b[12:], showName|showFile|showPeer|showUser)
	return b
}

// Attributes after struct unix_diag_msg.
const (
	unixDiagName = 0
	unixDiagFile = 1 // UNIX_DIAG_VFS
	unixDiagPeer = 2
	unixDiagUser = 7
)

var unixTypes = map[uint8]string{unix.SOCK_STREAM: "unix", unix.SOCK_DGRAM: "unix-dgram", unix.SOCK_SEQPACKET: "unix-seqpacket"}

// unixSockets reads the answers, struct unix_diag_msg each with attributes after it.
func unixSockets(messages [][]byte) ([]lab.UnixSocket, error) {
	const size = 16
	native := binary.NativeEndian
	var all []lab.UnixSocket
	named, peers := map[uint32]bool{}, map[int]uint32{}
	for _, m := range messages {
		if len(m) < size {
			return nil, fmt.Errorf("answer of %d bytes, want %d", len(m), size)
		}
		attrs, err := nl.ParseRouteAttrAsMap(m[size:])
		if err != nil {
			return nil, err
		}
		name := attrs[unixDiagName].Value
		if len(name) == 0 {
			continue
		}
		s := lab.UnixSocket{
			Protocol: unixTypes[m[1]], State: unixState(m[1], m[2]), Name: unixName(name), Inode: native.Uint32(m[4:]),
		}
		if v := attrs[unixDiagFile].Value; len(v) >= 8 {
			s.File, s.Dev = native.Uint32(v), native.Uint32(v[4:])
		}
		if v := attrs[unixDiagUser].Value; len(v) >= 4 {
			s.UID = native.Uint32(v)
		}
		if v := attrs[unixDiagPeer].Value; len(v) >= 4 {
			peers[len(all)] = native.Uint32(v)
		}
		named[s.Inode] = true
		all = append(all, s)
	}
	for i, peer := range peers {
		all[i].PeerNamed = named[peer]
	}
	sortUnix(all)
	return all, nil
}

// sortUnix puts sockets in an order that does not depend on their history.
func sortUnix(all []lab.UnixSocket) {
	slices.SortStableFunc(all, func(a, b lab.UnixSocket) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(stateOrder(a.State), stateOrder(b.State)),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Inode, b.Inode))
	})
}

// unixState names a state of unix(7), which borrows those of TCP.
func unixState(kind, state uint8) string {
	switch s := tcpStates[state]; {
	case s == "LISTEN", s == "ESTABLISHED":
		return s
	case kind == unix.SOCK_DGRAM:
		return "UNCONN"
	}
	return lab.StateBound
}

// unixName returns a sun_path as a step writes it.
func unixName(path []byte) string {
	if path[0] == 0 {
		return "@" + string(path[1:])
	}
	name, _, _ := strings.Cut(string(path), "\x00")
	return name
}
