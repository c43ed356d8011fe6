package fabric

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Taps makes taps, quickly and with true times. The kernel notes the time of a
// packet only while a socket anywhere asks for it, and begins to some while after
// the first one does (net_enable_timestamp in net/core/dev.c): until then a packet
// has the time at which it is read, and those of two hosts come in the wrong order.
// So Taps holds a socket that asks.
type Taps struct {
	asking int // the socket

	bound  chan struct{} // of the sockets that are being closed
	closes sync.WaitGroup
}

// mostClosing is how many sockets are closed at a time: as many cells as end within
// a grace period.
const mostClosing = 64

// NewTaps returns when the kernel notes the time of packets.
func NewTaps() (*Taps, error) {
	ts := &Taps{asking: -1, bound: make(chan struct{}, mostClosing)}
	if err := onThread(ts.ask); err != nil {
		if ts.asking >= 0 {
			unix.Close(ts.asking)
		}
		return nil, fmt.Errorf("times of packets: %w", explainFiles(err))
	}
	return ts, nil
}

// Close returns when the sockets of all taps that were stopped are closed.
func (ts *Taps) Close() error {
	ts.closes.Wait()
	return unix.Close(ts.asking)
}

// ask sends packets to itself, in a namespace of its own, until one has its time.
func (ts *Taps) ask() error {
	ns, err := newNamespace("times")
	if err != nil {
		return err
	}
	defer ns.Close() // the socket keeps it
	r, err := openRTNL()
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.send(linkUp(r.index["lo"])); err != nil {
		return err
	}
	if ts.asking, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("socket", err)
	}
	const received = unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
	if err := unix.SetsockoptInt(ts.asking, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, received); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(ts.asking, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	self, err := unix.Getsockname(ts.asking)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	second := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(ts.asking, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &second); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	control := make([]byte, 256)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := unix.Sendto(ts.asking, []byte{0}, 0, self); err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("sendto", err)
		}
		// The kernel says nothing of a time that it has not noted, socket(7).
		_, controls, _, _, err := unix.Recvmsg(ts.asking, nil, control, 0)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return os.NewSyscallError("recvmsg", err)
		case controls > 0:
			return nil
		}
	}
	return errNotReady
}

// close closes a socket behind the caller's back: it takes a grace period of RCU
// (packet_release in net/packet/af_packet.c), longer than a whole cell.
func (ts *Taps) close(e *listener) {
	ts.bound <- struct{}{}
	ts.closes.Go(func() {
		e.close()
		<-ts.bound
	})
}
