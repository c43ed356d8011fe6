package fabric

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// Tap hears what the hosts of a lab send, from the moment it is made until Stop:
// each packet once, as it is handed to a link, the loopback too. That is where a
// call that sends returns from, and the handshake of a connect too: with locks that
// it has to wait for (dev_queue_xmit_nit in net/core/dev.c, tcp_rcv_synsent_state_process
// in net/ipv4/tcp_input.c). So the packets that led to an answer have been heard when the
// answer is there. On the receiving side it could still be in a queue.
type Tap struct {
	taps      *Taps
	listeners []*listener
	take      func([]lab.Packet)
	readers   sync.WaitGroup

	mu   sync.Mutex
	held []lab.Packet
	size int
}

// mostHeld is how many bytes of packets are held to be put in order. Hosts are
// heard independently, and what two of them sent may come in the wrong order.
const mostHeld = 4 << 20

// On begins to listen to a lab. Packets are given to take in the order of their
// times, never concurrently, and the last of them before Stop returns.
func (ts *Taps) On(l *Lab, take func([]lab.Packet)) (*Tap, error) {
	t := &Tap{taps: ts, take: take}
	err := onThread(func() error {
		for _, name := range slices.Sorted(maps.Keys(l.hosts)) {
			e, err := listen(l.hosts[name])
			if err != nil {
				return fmt.Errorf("host %q: packet socket: %w", name, explainFiles(err))
			}
			t.listeners = append(t.listeners, e)
		}
		return nil
	})
	if err != nil {
		for _, e := range t.listeners {
			e.close()
		}
		return nil, err
	}
	for _, e := range t.listeners {
		t.readers.Go(func() { e.err = e.listenTo(t) })
	}
	return t, nil
}

// Stop ends the listening: what was sent before it is heard yet. It returns how
// many packets of which hosts were dropped because they came too fast.
func (t *Tap) Stop() (dropped map[string]int, err error) {
	for _, e := range t.listeners {
		err = errors.Join(err, e.file.SetReadDeadline(time.Now())) // wakes the reader
	}
	t.readers.Wait()
	t.hand(0)
	dropped = map[string]int{}
	for _, e := range t.listeners {
		n, statErr := e.dropped()
		if n > 0 {
			dropped[e.host.name] = n
		}
		err = errors.Join(err, e.err, statErr)
		t.taps.close(e)
	}
	return dropped, err
}

// add takes a packet in.
func (t *Tap) add(p lab.Packet) {
	t.mu.Lock()
	t.held = append(t.held, p)
	t.size += len(p.Data)
	full := t.size > mostHeld
	t.mu.Unlock()
	if full {
		t.hand(mostHeld / 2)
	}
}

// hand gives the oldest packets away, but for so many bytes of the latest.
func (t *Tap) hand(keep int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.held, func(a, b lab.Packet) int { return a.Time.Compare(b.Time) })
	n := 0
	for n < len(t.held) && t.size > keep {
		t.size -= len(t.held[n].Data)
		n++
	}
	if n > 0 {
		t.take(t.held[:n])
	}
	t.held = slices.Clone(t.held[n:])
}

// listener is the packet socket of a host, packet(7).
type listener struct {
	host  *Host
	file  *os.File
	conn  syscall.RawConn
	nics  map[int]string // the links that the lab was built with, by index
	links map[int]string // all others that have sent
	err   error          // why it ended early
}

// queue is how much a host may send until it is heard, where the kernel lets it be
// more than net.core.rmem_max.
const queue = 16 << 20

// listen opens the socket of a host, and leaves the thread in it.
func listen(h *Host) (*listener, error) {
	if err := enter(h.file); err != nil {
		return nil, err
	}
	// Of protocol 0 it hears nothing until it is bound.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	e := &listener{host: h, file: os.NewFile(uintptr(fd), "packets of "+h.name), nics: map[int]string{}, links: map[int]string{}}
	h.mu.Lock()
	h.listeners++
	h.mu.Unlock()
	if e.conn, err = e.file.SyscallConn(); err == nil {
		err = e.tune(fd)
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *listener) tune(fd int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queue) != nil { // that is for root of the machine
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, queue)
	}
	for nic := range e.host.ports {
		index, err := sys.LinkIndex(fd, nic)
		if err != nil {
			return fmt.Errorf("link %q: %w", nic, err)
		}
		e.nics[int(index)] = nic
	}
	for _, o := range []struct{ level, name int }{
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW}, {unix.SOL_PACKET, unix.PACKET_AUXDATA},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &sent); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL)}))
}

// bigEndian is htons(3).
func bigEndian(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// dropped returns how many packets found the queue full.
func (e *listener) dropped() (n int, err error) {
	ctlErr := e.conn.Control(func(fd uintptr) {
		var s *unix.TpacketStats
		if s, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n = int(s.Drops)
		}
	})
	return n, os.NewSyscallError("getsockopt", errors.Join(ctlErr, err))
}

func (e *listener) close() {
	e.file.Close()
	e.host.mu.Lock()
	e.host.listeners--
	e.host.mu.Unlock()
}
