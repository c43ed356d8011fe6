package fabric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// snapLen is how much of a packet is heard. An IPv4 packet has 64 KiB at most;
// segments are as long as that until a card would cut them, veth(4) never does.
const snapLen = 1<<16 + 64

// sent takes the packets that a host sends, and not a second time as they arrive.
var sent = func() unix.SockFprog {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: pktType},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PACKET_OUTGOING, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: snapLen},
		{Code: unix.BPF_RET | unix.BPF_K},
	}
	return unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
}()

// pktType is SKF_AD_OFF + SKF_AD_PKTTYPE of linux/filter.h: what the kernel says
// about a packet, beyond its bytes.
const pktType = 0xfffff000 + 4

// listenTo hears packets until the deadline of the file is set, and then those
// that were sent before.
func (e *listener) listenTo(t *Tap) error {
	r := &receiver{listener: e, data: make([]byte, snapLen), control: make([]byte, 256)}
	var err error
	readErr := e.conn.Read(func(fd uintptr) bool {
		for dry := false; !dry && err == nil; {
			dry, err = r.drain(int(fd), t)
		}
		return err != nil
	})
	if err == nil && errors.Is(readErr, os.ErrDeadlineExceeded) {
		readErr = e.conn.Control(func(fd uintptr) { _, err = r.drain(int(fd), t) })
	}
	if err = errors.Join(err, readErr); err != nil {
		return fmt.Errorf("host %q: packets: %w", e.host.name, err)
	}
	return nil
}

// receiver receives the packets of a socket.
type receiver struct {
	*listener
	data, control []byte
}

// mostQueued is more packets than fit into the queue: the kernel counts twice what
// was asked for, and half a kilobyte at least for each.
const mostQueued = 2 * queue / 512

// drain hears what is in the queue: a program in the background may send faster than
// anybody reads, so what it sends meanwhile has its bound.
func (r *receiver) drain(fd int, t *Tap) (dry bool, err error) {
	for range mostQueued {
		n, controls, _, from, err := unix.Recvmsg(fd, r.data, r.control, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return true, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, os.NewSyscallError("recvmsg", err)
		}
		p := lab.Packet{Host: r.host.name, Length: n, Data: append([]byte(nil), r.data[:min(n, len(r.data))]...)}
		if err := parseControl(&p, r.control[:controls]); err != nil {
			return false, err
		}
		if sll, ok := from.(*unix.SockaddrLinklayer); ok {
			p.Link, p.NIC = r.link(fd, sll.Ifindex)
		}
		t.add(p)
	}
	return false, nil
}

// link returns the name of a link, and whether it is a NIC.
func (r *receiver) link(fd, index int) (string, bool) {
	if name, ok := r.nics[index]; ok {
		return name, true
	}
	name, ok := r.links[index]
	if !ok {
		var err error
		if name, err = sys.LinkName(fd, uint32(index)); err != nil {
			name = fmt.Sprintf("link %d", index) // it is gone
		}
		r.links[index] = name
	}
	return name, false
}

// parseControl takes what the kernel says about a packet.
func parseControl(p *lab.Packet, controls []byte) error {
	messages, err := unix.ParseSocketControlMessage(controls)
	if err != nil {
		return os.NewSyscallError("recvmsg", err)
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS_NEW && len(m.Data) >= 16:
			p.Time = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 8:
			p.Unsummed = binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_CSUMNOTREADY != 0
			p.Length = int(binary.NativeEndian.Uint32(m.Data[4:]))
		}
	}
	return nil
}
