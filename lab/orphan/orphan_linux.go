// Package orphan ends the TCP connections that would outlive a host. One that no process
// has open any more is the kernel's until its peer has acknowledged everything or the
// kernel has given up (tcp_close in net/ipv4/tcp.c), and keeps its network namespace
// until then: 100 seconds by default, and for hours where net.ipv4.tcp_orphan_retries
// says so. A host must be gone with its cell: the next one takes its name and its addresses, and
// labrun promises to leave nothing behind.
package orphan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// parameters keep a connection alive that no process has open: with more than these,
// their defaults, for longer than on a stock host. 0 orphan retries mean 8
// (tcp_orphan_retries in net/ipv4/tcp_timer.c).
var parameters = []struct {
	file string
	most int
}{
	{"sys/net/ipv4/tcp_orphan_retries", 0},
	{"sys/net/ipv4/tcp_fin_timeout", 60},
	{"sys/net/mptcp/close_timeout", 60},
}

// IsParameter reports whether connections that no process has open may last longer because of
// a parameter, named as sysctl(8) has it.
func IsParameter(name string) bool {
	file := "sys/" + strings.ReplaceAll(name, ".", "/")
	for _, p := range parameters {
		if p.file == file {
			return true
		}
	}
	return false
}

// Host is the thread's network namespace, that of the process or init which is the last to be
// there: when labrun is killed, no other program is left that could end the connections.
type Host struct {
	Proc int // a descriptor of /proc, where a thread cannot find it by its name; else 0
}

func (h Host) open(file string, flags int) (*os.File, error) {
	dir := h.Proc
	if dir == 0 {
		dir, file = unix.AT_FDCWD, "/proc/"+file
	}
	fd, err := unix.Openat(dir, file, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: file, Err: err}
	}
	return os.NewFile(uintptr(fd), file), nil
}

func (h Host) read(file string) (string, error) {
	f, err := h.open(file, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// Last reports whether orphans last longer in the namespace than on a stock host.
func (h Host) Last() bool {
	for _, p := range parameters {
		text, err := h.read(p.file)
		if errors.Is(err, os.ErrNotExist) {
			continue // the kernel is without it
		}
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err != nil || n > p.most {
			return true // what cannot be read may say so
		}
	}
	return false
}

// End ends all TCP connections of the namespace, also those that a process has open, by
// SOCK_DESTROY of sock_diag(7). Where the kernel does not have that
// (CONFIG_INET_DIAG_DESTROY), or would keep an orphan for ever because of it, the kernel
// gives up at the next retransmission that it has planned already; so it does when they
// could not be ended for another reason, which is the error. A namespace without connections
// costs next to nothing.
func (h Host) End() error {
	if h.isEmpty() {
		return nil
	}
	d, err := open()
	if errors.Is(err, unix.EPROTONOSUPPORT) { // no sock_diag
		return h.giveUp()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("sock_diag: %w", err), h.giveUp())
	}
	defer unix.Close(int(d))
	left, _, err := d.endAll(connected)
	if left || err != nil {
		err = errors.Join(err, h.giveUp())
	}
	return err
}

// EndAll ends them until none is left, for a second or so: a process that was killed
// closes its sockets only when it gets the processor.
func (h Host) EndAll() {
	for range 100 {
		_ = h.End()
		if _, err := h.read("thread-self/net/sockstat"); h.isEmpty() || err != nil { // nothing tells when none is left
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// giveUp makes the kernel give up soon.
func (h Host) giveUp() error {
	var errs []error
	for _, p := range parameters {
		f, err := h.open(p.file, unix.O_WRONLY)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			_, err = f.WriteString("1")
			err = errors.Join(err, f.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// isEmpty reports whether the namespace has no TCP sockets but those in TIME_WAIT,
// which it does not wait for. Some older kernels count the whole machine's.
func (h Host) isEmpty() bool {
	for file, inUse := range map[string]string{"sockstat": sys.TCPInUse, "sockstat6": sys.TCP6InUse} {
		text, err := h.read("thread-self/net/" + file)
		if errors.Is(err, os.ErrNotExist) && file == "sockstat6" {
			continue // no IPv6
		}
		if sys.Count([]byte(text), inUse) != 0 {
			return false
		}
	}
	return true
}

// endsOrphans reports whether SOCK_DESTROY ends a socket that no process has open. Before
// Linux 6.11 tcp_abort only emptied its queue, and the timer that would have given it up
// then found nothing to do: it stayed for ever.
var endsOrphans = func() bool {
	v, err := sys.KernelVersion()
	return err == nil && v.Compare(lab.KernelVersion{6, 11, 0}) >= 0
}

// diag is a netlink socket that speaks sock_diag(7).
type diag int

func open() (diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	// The kernel answers at once, or never.
	limit := unix.Timeval{Sec: 10}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		unix.Close(fd)
		return 0, os.NewSyscallError("setsockopt", err)
	}
	return diag(fd), nil
}

// Of linux/sock_diag.h, linux/inet_diag.h and net/tcp_states.h.
const (
	tcpDiagGetSock = 18
	sockDestroy    = 21

	sizeofMsg    = 72 // struct inet_diag_msg
	sizeofOldReq = 60 // struct inet_diag_req
	sizeofReq    = 56 // struct inet_diag_req_v2
	sizeofID     = 48 // struct inet_diag_sockid, at byte 4 of a message and 8 of a request

	connected = 1<<13 - 1 - 1<<0 - 1<<6 - 1<<7 - 1<<10 // all states but TIME_WAIT, CLOSE and LISTEN
	timeWait  = 1 << 6
)

// EndWithTimeWait ends all TCP connections of the namespace to which a sock_diag(7) socket
// belongs, and what TIME_WAIT is left of some, if the kernel can. It is not an error that it
// cannot: that is seen in what is left, and stays is true when it is a TIME_WAIT, which no kernel before Linux 6.0 ends.
func EndWithTimeWait(sockDiag int) (stays bool, err error) {
	_, stays, err = diag(sockDiag).endAll(connected | timeWait)
	return stays, err
}

// endAll ends the connections in some states. It reports whether some are left, and whether one of them is a TIME_WAIT
// that the kernel does not end. The older
// kind of request lists both families in one walk through the machine's table of connections,
// which takes most of the time.
func (d diag) endAll(states uint32) (left, stays bool, err error) {
	list := make([]byte, sizeofOldReq)
	binary.NativeEndian.PutUint32(list[52:], states)
	type connection struct {
		state   uint8
		request []byte // to destroy it
	}
	var found []connection
	err = d.ask(tcpDiagGetSock, unix.NLM_F_DUMP, list, func(m []byte) {
		if len(m) < sizeofMsg {
			return
		}
		if inode := binary.NativeEndian.Uint32(m[68:]); inode == 0 && m[1] != unix.BPF_TCP_TIME_WAIT && !endsOrphans() {
			left = true
			return
		}
		found = append(found, connection{m[1], request(m[0], m[4:4+sizeofID], states)})
	})
	if errors.Is(err, unix.ENOENT) {
		return true, false, nil // the kernel is without tcp_diag
	}
	errs := []error{err}
	for _, c := range found {
		err := destroy(d, c.request)
		switch {
		case errors.Is(err, unix.ENOENT): // it has ended by itself
		case errors.Is(err, unix.EOPNOTSUPP): // also what tcp_abort answers for TIME_WAIT, before Linux 6.0
			left, stays = true, stays || c.state == unix.BPF_TCP_TIME_WAIT
		default:
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return left, stays, fmt.Errorf("sock_diag: %w", err)
	}
	return left, stays, nil
}

// destroy ends the socket of a request. A kernel without CONFIG_INET_DIAG_DESTROY answers
// EOPNOTSUPP.
var destroy = func(d diag, request []byte) error { return d.ask(sockDestroy, unix.NLM_F_ACK, request, nil) }

func request(family uint8, id []byte, states uint32) []byte {
	b := make([]byte, sizeofReq)
	b[0], b[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], states)
	copy(b[8:], id)
	return b
}

// buffers are for answers.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// ask sends a request and reads the answers up to the last one.
func (d diag) ask(kind, flags uint16, body []byte, each func(m []byte)) error {
	b := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body))
	native := binary.NativeEndian
	native.PutUint32(b, uint32(cap(b)))
	native.PutUint16(b[4:], kind)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST|flags)
	if err := retry(func() error {
		return unix.Sendto(int(d), append(b, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	room := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(room)
	buf := room[:]
	for {
		var n int
		if err := retry(func() (err error) {
			n, _, err = unix.Recvfrom(int(d), buf, 0)
			return err
		}); err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofNlMsghdr; {
			size := int(native.Uint32(rest))
			if size < unix.SizeofNlMsghdr || size > len(rest) {
				return fmt.Errorf("message of %d bytes", size)
			}
			m := rest[unix.SizeofNlMsghdr:size]
			switch native.Uint16(rest[4:]) {
			case unix.NLMSG_DONE:
				return nil
			case unix.NLMSG_ERROR:
				if len(m) < 4 {
					return fmt.Errorf("error of %d bytes", len(m))
				}
				if errno := -int32(native.Uint32(m)); errno != 0 {
					return unix.Errno(errno)
				}
				return nil
			}
			if each != nil {
				each(m)
			}
			rest = rest[min((size+3)&^3, len(rest)):]
		}
	}
}

// retry makes a call until no signal comes between.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
