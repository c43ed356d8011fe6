// Package orphan ends the TCP connections that would outlive a host. One that nobody
// has open any more is the kernel's until its peer has acknowledged everything or the
// kernel has given up (tcp_close in net/ipv4/tcp.c), and keeps its network namespace
// until then: 100 seconds by default, and for hours where net.ipv4.tcp_orphan_retries
// says so.
package orphan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// parameters keep a connection alive that nobody has open: with more than these,
// their defaults, for longer than on a stock host. 0 orphan retries mean 8
// (tcp_orphan_retries in net/ipv4/tcp_timer.c).
var parameters = []struct {
	file string
	most int
}{
	{"/proc/sys/net/ipv4/tcp_orphan_retries", 0},
	{"/proc/sys/net/ipv4/tcp_fin_timeout", 60},
	{"/proc/sys/net/mptcp/close_timeout", 60},
}

// Last reports whether orphans last longer in the thread's namespace than on a stock
// host.
func Last() bool {
	for _, p := range parameters {
		b, err := os.ReadFile(p.file)
		if err != nil {
			continue // the kernel is without it
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n > p.most {
			return true
		}
	}
	return false
}

// End ends all TCP connections of the thread's namespace, whoever has them open, by
// SOCK_DESTROY of sock_diag(7). Where the kernel does not have that
// (CONFIG_INET_DIAG_DESTROY) it gives up at the next retransmission that it has
// planned already. A namespace without connections costs next to nothing.
func End() error {
	if isEmpty() {
		return nil
	}
	d, err := open()
	if err != nil {
		return fmt.Errorf("sock_diag: %w", err)
	}
	defer unix.Close(int(d))
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err := d.endAll(family)
		switch {
		case errors.Is(err, unix.ENOENT): // no IPv6
		case errors.Is(err, unix.EOPNOTSUPP):
			return giveUp()
		case err != nil:
			return fmt.Errorf("sock_diag: %w", err)
		}
	}
	return nil
}

// giveUp makes the kernel give up soon.
func giveUp() error {
	var errs []error
	for _, p := range parameters {
		if err := os.WriteFile(p.file, []byte("1"), 0); !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// isEmpty reports whether the namespace has no TCP sockets but those in TIME_WAIT,
// which it does not wait for. Some older kernels count the whole machine's.
func isEmpty() bool {
	for file, name := range map[string]string{"sockstat": "TCP:", "sockstat6": "TCP6:"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + file)
		if err != nil && file == "sockstat6" {
			continue // no IPv6
		}
		empty := false
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			empty = empty || len(f) > 2 && f[0] == name && f[1] == "inuse" && f[2] == "0"
		}
		if !empty {
			return false
		}
	}
	return true
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
	sockDiagByFamily = 20
	sockDestroy      = 21

	sizeofMsg = 72 // struct inet_diag_msg
	sizeofReq = 56 // struct inet_diag_req_v2
	sizeofID  = 48 // struct inet_diag_sockid, the same in either at byte 4 and 8

	connected = 1<<13 - 1 - 1<<0 - 1<<6 - 1<<7 - 1<<10 // all states but TIME_WAIT, CLOSE and LISTEN
)

// endAll ends the connections of one family.
func (d diag) endAll(family uint8) error {
	list := request(family, nil)
	var ids [][]byte
	err := d.ask(sockDiagByFamily, unix.NLM_F_DUMP, list, func(m []byte) {
		if len(m) >= sizeofMsg {
			ids = append(ids, slices.Clone(m[4:4+sizeofID]))
		}
	})
	for _, id := range ids {
		if err == nil {
			err = d.ask(sockDestroy, unix.NLM_F_ACK, request(family, id), nil)
		}
		if errors.Is(err, unix.ENOENT) { // it has ended by itself
			err = nil
		}
	}
	return err
}

func request(family uint8, id []byte) []byte {
	b := make([]byte, sizeofReq)
	b[0], b[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], connected)
	copy(b[8:], id)
	return b
}

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
	buf := make([]byte, 32<<10)
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
