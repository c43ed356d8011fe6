package fabric

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// Ping sends an echo request of ICMP to a destination, and reports whether the answer has come
// within the limit. An error is the errno that the network tells of: EHOSTUNREACH of a router as
// much as of the host itself, whose question for the neighbour was not answered. The socket is a
// raw one, as ping_group_range forbids ICMP datagrams in a new namespace.
func (h *Host) Ping(ctx context.Context, s lab.Spec, limit time.Duration) (answered bool, err error) {
	if h == nil {
		return false, h.Do(nil)
	}
	h.mu.Lock()
	h.echoes++
	e := echo{six: s.Is6(), id: h.echoes}
	h.mu.Unlock()
	err = h.Do(func() error {
		if err := e.open(s); err != nil {
			return err
		}
		defer unix.Close(e.fd)
		answered, err = e.exchange(ctx, time.Now().Add(limit))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ping %s: %w", s, explainFiles(err))
	}
	return answered, nil
}

// echo is one echo request and its answer.
type echo struct {
	fd  int
	six bool
	id  uint16 // no two of a host's have the same, so an answer that comes late is not taken for another's
}

// open opens the socket, and connects it: a socket without a peer is told of no errors.
func (e *echo) open(s lab.Spec) (err error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if e.six {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	e.fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return fmt.Errorf("raw socket: %v", os.NewSyscallError("socket", err)) // not the network's answer
	}
	if err = e.connect(s); err != nil {
		unix.Close(e.fd)
	}
	return err
}

func (e *echo) connect(s lab.Spec) error {
	var to unix.Sockaddr
	// Soft errors, as that of a neighbour that does not answer, are told only so, ip(7).
	level, option := unix.SOL_IP, unix.IP_RECVERR
	if e.six {
		level, option = unix.SOL_IPV6, unix.IPV6_RECVERR
	}
	if err := unix.SetsockoptInt(e.fd, level, option, 1); err != nil {
		return err
	}
	for _, t := range s.Terms() {
		var err error
		switch t.Word {
		case "to":
			to, err = e.address(t.Value)
		case "from":
			var from unix.Sockaddr
			if from, err = e.address(t.Value); err == nil {
				err = unix.Bind(e.fd, from)
			}
		case "oif":
			err = unix.SetsockoptString(e.fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, t.Value)
		case "mark":
			err = unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_MARK, int(number(t.Value)))
		}
		if err != nil {
			return err
		}
	}
	if to == nil {
		return unix.EDESTADDRREQ
	}
	// Last, as connect looks for the route: from that address, by that link, with that mark.
	return unix.Connect(e.fd, to)
}

func (e *echo) address(text string) (unix.Sockaddr, error) {
	ip, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return nil, err
	case ip.Is6() != e.six:
		return nil, unix.EAFNOSUPPORT
	case e.six:
		return &unix.SockaddrInet6{Addr: ip.As16()}, nil
	}
	return &unix.SockaddrInet4{Addr: ip.As4()}, nil
}

// The types of messages, icmp(7), and those of RFC 4443.
const (
	echoRequest, echoReply   = 8, 0
	echoRequest6, echoReply6 = 128, 129
)

// exchange sends the request and waits for its answer. It sends one: what is lost on the way, or
// dropped, is what the file asks about, and a second one could be answered otherwise than the first.
func (e *echo) exchange(ctx context.Context, deadline time.Time) (bool, error) {
	request := []byte{echoRequest, 0, 0, 0, 0, 0, 0, 1}
	if e.six {
		request[0] = echoRequest6 // its checksum is the kernel's to make, it needs the source address
	}
	binary.BigEndian.PutUint16(request[4:], e.id)
	if !e.six {
		binary.BigEndian.PutUint16(request[2:], checksum(request))
	}
	if _, err := unix.Write(e.fd, request); err != nil {
		return false, err
	}
	buffer := make([]byte, 256)
	for {
		n, err := unix.Read(e.fd, buffer)
		switch {
		case err == nil && e.isAnswer(buffer[:n]):
			return true, nil
		case err == nil, errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN):
			return false, err
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		ready := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}}
		// In pieces, so that a run that is ended does not wait for it.
		_, err = unix.Poll(ready, int(min(left, 100*time.Millisecond).Milliseconds())+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false, os.NewSyscallError("poll", err)
		}
	}
}

// isAnswer reports whether a packet is the answer to the request. A raw socket gets all messages
// of the peer, of IPv4 with the header; to an address of the host's own that is the request, too.
func (e *echo) isAnswer(packet []byte) bool {
	reply := byte(echoReply6)
	if !e.six {
		if len(packet) == 0 || len(packet) < int(packet[0]&0xf)*4 {
			return false
		}
		reply, packet = echoReply, packet[int(packet[0]&0xf)*4:]
	}
	return len(packet) >= 8 && packet[0] == reply && binary.BigEndian.Uint16(packet[4:]) == e.id
}

// checksum is that of RFC 1071 over an even number of bytes.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
