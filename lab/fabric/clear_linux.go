package fabric

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/orphan"
	"labrun/lab/sys"
)

// A lab whose processes have made nothing but plain sockets, and have closed them, may be
// used again once nothing of them is left. A socket that nobody has open goes by itself, but
// a TIME_WAIT stays for a minute; Clear ends what is left by SOCK_DESTROY and then asks the
// kernel what there is:
//
//   - no socket of any family and no TIME_WAIT: /proc/net/sockstat;
//   - no segment under way, which could reach the next cell's sockets: the hosts have received
//     as many as they have sent, and sent none again, /proc/net/snmp;
//   - no connection request, which is not counted as a socket: connections began as often on
//     the passive side as on the active one, or were refused;
//   - no ICMP message has been sent, of which there are so many a second to one peer
//     (icmpv4_xrlim_allow in net/ipv4/icmp.c);
//   - no round-trip times and thresholds of peers: tcp_metrics is emptied (tcp_update_metrics in
//     net/ipv4/tcp_metrics.c).
//
// What else the kernel keeps of a connection changes no answer. Neighbour entries are those
// of NICs that have stayed up: they save the question, and one that was not answered leaves a
// segment that was not received. Challenge ACKs have a limit before Linux 5.19, 1000 a second,
// and then none may have been sent. Ports and sequence numbers are chosen at offsets that
// are the machine's, in a new lab too (inet_hash_connect, secure_tcp_seq).

// Clear ends the connections that processes have left in the lab, when these have closed
// their sockets, and reports whether nothing of them is left then. It waits so long at most:
// for segments that are under way, and in a new lab for the kernel to put away the netlink
// sockets that made it (netlink_release defers that to RCU). For a TIME_WAIT that the kernel does not end, it does not
// wait. It may report false too often, and never true wrongly.
func (l *Lab) Clear(ctx context.Context, within time.Duration) (bool, error) {
	for deadline := time.Now().Add(within); ; {
		switch clear, stays, err := l.isClear(); {
		case clear || stays || err != nil:
			return clear, err
		case time.Now().After(deadline):
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// isClear is Clear without the wait. It reports too whether a TIME_WAIT stays for a minute.
func (l *Lab) isClear() (clear, stays bool, err error) {
	vacant := true
	for _, h := range l.hosts {
		v, s, err := h.vacate()
		if err != nil {
			return false, false, err
		}
		vacant, stays = vacant && v, stays || s
	}
	if !vacant {
		return false, stays, nil
	}
	// Hosts without sockets send nothing by themselves, but may answer a segment that is under
	// way with a reset, which nothing answers. So a segment that is missing is missing in the
	// sums, although they are not of one moment: such a reset, sent when its host had been asked
	// and received before the other was, comes of a segment that was sent and not yet received.
	var sum tally
	for _, h := range l.hosts {
		now, err := h.tally(h.limitsChallenges)
		if err != nil {
			return false, false, err
		}
		sum.add(now, h.before)
		h.now = now
	}
	if sum.in != sum.out || sum.again+sum.icmp+sum.challenges != 0 || sum.active != sum.passive+sum.refused {
		return false, false, nil
	}
	for _, h := range l.hosts {
		if h.now != h.before && h.forgetPeers() != nil {
			return false, false, nil // in a user namespace: genl_family_rcv_msg_doit wants the machine's root
		}
		h.before = h.now
	}
	return true, false, nil
}

// endConnections is of a kernel, which may be without SOCK_DESTROY.
var endConnections = orphan.EndWithTimeWait

// vacate ends the TCP connections that the host has, and reports whether it has no sockets
// then, and else whether a TIME_WAIT stays.
func (h *Host) vacate() (vacant, stays bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.openDiag(); err != nil {
		return false, false, fmt.Errorf("host %q: %w", h.name, err)
	}
	if h.diag == nil {
		return false, false, nil // nothing tells
	}
	if h.isVacant() {
		return true, false, nil
	}
	if stays, err = endConnections(h.diag.Socket.GetFd()); err != nil {
		return false, false, fmt.Errorf("host %q: end connections: %w", h.name, err)
	}
	return h.isVacant(), stays, nil
}

// forgetPeers empties tcp_metrics of the host, as "ip tcp_metrics flush all" does, see
// ip-tcp_metrics(8).
func (h *Host) forgetPeers() error {
	family, err := tcpMetrics()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.generic == nil {
		if err := h.Do(func() (err error) {
			h.generic, err = openNetlink(unix.NETLINK_GENERIC)
			return err
		}); err != nil {
			return explainFiles(err)
		}
	}
	req := nl.NewNetlinkRequest(int(family), unix.NLM_F_ACK)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_GENERIC: {Socket: h.generic}}
	req.AddData(genericHeader{tcpMetricsDelete, 1})
	_, err = req.Execute(unix.NETLINK_GENERIC, 0)
	return explainSilence(err)
}

// genericHeader is a struct genlmsghdr of linux/genetlink.h: command, version, reserved. nl's Genlmsg
// has two bytes and is sent as four (v1.3.1): the others are of whatever lies behind it.
type genericHeader [4]byte

func (h genericHeader) Len() int          { return len(h) }
func (h genericHeader) Serialize() []byte { return h[:] }

// tcpMetricsDelete is TCP_METRICS_CMD_DEL of linux/tcp_metrics.h. Without an address it is
// about all of the namespace.
const tcpMetricsDelete = 2

// tcpMetrics returns the number that generic netlink has for the family: the machine's, in
// every namespace.
var tcpMetrics = sync.OnceValues(func() (uint16, error) {
	req := nl.NewNetlinkRequest(unix.GENL_ID_CTRL, 0)
	req.AddData(genericHeader{unix.CTRL_CMD_GETFAMILY, 2})
	req.AddData(nl.NewRtAttr(unix.CTRL_ATTR_FAMILY_NAME, nl.ZeroTerminated("tcp_metrics")))
	answers, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, explainSilence(err)
	}
	for _, a := range answers {
		attrs, err := nl.ParseRouteAttrAsMap(a[len(genericHeader{}):])
		if id := attrs[unix.CTRL_ATTR_FAMILY_ID].Value; err == nil && len(id) == 2 {
			return binary.NativeEndian.Uint16(id), nil
		}
	}
	return 0, errors.New("the kernel does not say the number of tcp_metrics")
})

// tally is what a host has counted since it exists, of IPv4 and IPv6 together.
type tally struct {
	in, out, again           int // segments received, sent, and sent again
	active, passive, refused int // connections that began, and attempts that failed
	resets                   int // sent
	icmp                     int // messages sent, of IPv4
	synAgain, challenges     int // SYNs sent again, and ACKs to segments that were out of place
}

// counter returns the place of a counter of /proc/net/snmp or /proc/net/netstat, nil for
// others.
func (t *tally) counter(protocol, name []byte) *int {
	switch string(protocol) + string(name) {
	case "Tcp:InSegs":
		return &t.in
	case "Tcp:OutSegs":
		return &t.out
	case "Tcp:RetransSegs":
		return &t.again
	case "Tcp:ActiveOpens":
		return &t.active
	case "Tcp:PassiveOpens":
		return &t.passive
	case "Tcp:AttemptFails":
		return &t.refused
	case "Tcp:OutRsts":
		return &t.resets
	case "Icmp:OutMsgs":
		return &t.icmp
	case "TcpExt:TCPSynRetrans":
		return &t.synAgain
	case "TcpExt:TCPChallengeACK":
		return &t.challenges
	}
	return nil
}

// add adds what was counted since before.
func (t *tally) add(now, before tally) {
	t.in += now.in - before.in
	t.out += now.out - before.out
	t.again += now.again
	t.active += now.active - before.active
	t.passive += now.passive - before.passive
	t.refused += now.refused - before.refused
	t.icmp += now.icmp
	t.challenges += now.challenges
}

// tally reads the host's counters, those of /proc/net/netstat if extended. They stay 0 on a kernel that does
// not count for each host.
func (h *Host) tally(extended bool) (t tally, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.openDiag(); err != nil {
		return t, fmt.Errorf("host %q: %w", h.name, err)
	}
	if h.diag == nil {
		return t, nil
	}
	files := []*os.File{h.snmp, h.netstat}
	if !extended {
		files = files[:1]
	}
	if h.text == nil {
		h.text = make([]byte, 16<<10)
	}
	for _, f := range files {
		n, err := f.ReadAt(h.text, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return t, fmt.Errorf("host %q: %w", h.name, err)
		}
		sys.Counters(h.text[:n], t.counter)
	}
	return t, nil
}
