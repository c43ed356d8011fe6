package process

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// Gate holds calls of several processes, each on a thread of its own, and releases all at the same
// instant. To be woken takes each thread another time, longer than most calls take: so the threads that
// were woken count themselves in memory that they share, and go when all are there.
type Gate struct {
	entry, key *os.File // a pair of sockets, over which each thread gets the memory
	waiting    int
}

// NewGate returns a gate that is closed.
func NewGate() (*Gate, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a gate: %w", err)
	}
	return &Gate{entry: os.NewFile(uintptr(fds[0]), "entry"), key: os.NewFile(uintptr(fds[1]), "key")}, nil
}

// Open releases the calls.
func (g *Gate) Open() error {
	memory, err := child.Memory("labrun-gate")
	if err != nil {
		return err
	}
	defer memory.Close()
	if err := memory.Truncate(int64(unsafe.Sizeof(turnstile{}))); err != nil {
		return err
	}
	all, err := mapTurnstile(int(memory.Fd()))
	if err != nil {
		return err
	}
	defer all.leave()
	all.expected.Store(int32(g.waiting))
	rights := unix.UnixRights(int(memory.Fd()))
	for range g.waiting {
		if err := unix.Sendmsg(int(g.key.Fd()), []byte{0}, rights, nil, unix.MSG_NOSIGNAL); err != nil {
			return os.NewSyscallError("sendmsg", err)
		}
	}
	return nil
}

// Close gives up the calls that the gate still holds.
func (g *Gate) Close() {
	g.entry.Close()
	g.key.Close()
}

// turnstile is what the threads of a gate have in common.
type turnstile struct{ expected, arrived atomic.Int32 }

// mapTurnstile maps the memory.
func mapTurnstile(fd int) (*turnstile, error) {
	b, err := unix.Mmap(fd, 0, int(unsafe.Sizeof(turnstile{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return (*turnstile)(unsafe.Pointer(&b[0])), nil
}

func (t *turnstile) leave() {
	_ = unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t)))
}

// How long a thread waits for the others by looking alone, so that it goes the moment the last one comes,
// and how long at most: a machine with fewer processors than threads has to run them in turn, and one may
// have been killed meanwhile.
const (
	alert    = 20 * time.Millisecond
	patience = time.Second
)

// pass waits until all have arrived.
func (t *turnstile) pass() {
	t.arrived.Add(1)
	began := time.Now()
	for t.arrived.Load() < t.expected.Load() {
		switch waited := time.Since(began); {
		case waited > patience:
			return
		case waited > alert:
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// admit waits at a gate, whose entry is that descriptor, for the memory. It waits in recvmsg, by which the
// call is seen to wait, see pendingCall.waits.
func admit(entry int) (*turnstile, error) {
	defer unix.Close(entry)
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(entry, b[:], oob, unix.MSG_CMSG_CLOEXEC)
	for errors.Is(err, unix.EINTR) {
		n, oobn, _, _, err = unix.Recvmsg(entry, b[:], oob, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil || n == 0 {
		return nil, fmt.Errorf("the gate of a call was closed: %w", err)
	}
	memory, err := child.Descriptor(oob[:oobn])
	if err != nil {
		return nil, err
	}
	defer unix.Close(memory)
	return mapTurnstile(memory)
}
