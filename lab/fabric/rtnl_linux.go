package fabric

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// nl finds the byte order out at its first message and writes it down without a
// lock (v1.3.1): labs that go up at the same time would race for it.
var _ = nl.NativeEndian()

// rtnl is a socket that speaks rtnetlink(7) in the namespace where it was
// opened. It is not for several goroutines at a time.
//
// nl's sockets are for any use, and cost a lab a third of its time: each is known to the runtime's
// poller, which every answer wakes, and for each message two timers are set and 64 KB cleared
// (v1.3.1). Here the kernel has answered before sendto(2) returns (netlink_rcv_skb).
type rtnl struct {
	fd    int
	seq   uint32         // of the last message
	index map[string]int // of the links by name
}

// openRTNL opens a socket in the calling thread's namespace.
func openRTNL() (*rtnl, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	r := &rtnl{fd: fd, index: map[string]int{"lo": 1}}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		r.close()
		return nil, os.NewSyscallError("setsockopt", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1) // only the words of an error depend on it
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		r.close()
		return nil, os.NewSyscallError("bind", err)
	}
	return r, nil
}

// openNetlink opens a netlink socket on which no call waits for ever.
func openNetlink(protocol int) (*nl.NetlinkSocket, error) {
	// Subscribe to no group is the only way that nl has to open a socket.
	s, err := nl.Subscribe(protocol)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	_ = s.SetSendTimeout(&limit) // they are nl's, which cannot fail
	_ = s.SetReceiveTimeout(&limit)
	return s, nil
}

// explainSilence keeps what the system calls to talk to the kernel answer from being
// taken for the kernel's own answer.
func explainSilence(err error) error {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("the kernel does not answer on netlink for %v", patience)
	case errors.Is(err, unix.EINTR):
		return fmt.Errorf("netlink: %v", err)
	}
	return err
}

func (r *rtnl) close() {
	if r != nil && r.fd >= 0 {
		unix.Close(r.fd)
		r.fd = -1
	}
}

// send sends a message and returns what the kernel says to it.
func (r *rtnl) send(m *nl.NetlinkRequest) error {
	_, err := r.exchange(m)
	return err
}

// ask sends a question that has one answer and returns it.
func (r *rtnl) ask(m *nl.NetlinkRequest) ([]byte, error) {
	answers, err := r.exchange(m)
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 {
		return nil, fmt.Errorf("%d answers, want 1", len(answers))
	}
	return answers[0], nil
}

// dump asks for a list, again when that changed meanwhile.
func (r *rtnl) dump(question func() *nl.NetlinkRequest) ([][]byte, error) {
	for try := 0; ; try++ {
		answers, err := r.exchange(question())
		if !errors.Is(err, nl.ErrDumpInterrupted) || try == 10 {
			return answers, err
		}
	}
}

// buffers are for what is received: of a list the kernel sends 32 KB at a time at most (netlink_dump in
// net/netlink/af_netlink.c).
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// exchange sends a message and returns the answers without their headers, none where the kernel has only
// acknowledged it.
func (r *rtnl) exchange(m *nl.NetlinkRequest) (answers [][]byte, err error) {
	r.seq++
	m.Seq = r.seq
	if err := unix.Sendto(r.fd, m.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, explainSilence(err)
	}
	buffer := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buffer)
	changed := false
	for {
		n, from, err := unix.Recvfrom(r.fd, buffer[:], unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, explainSilence(err)
		case n > len(buffer):
			return nil, fmt.Errorf("an answer has %d bytes, at most %d are expected", n, len(buffer))
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != nl.PidKernel {
			continue
		}
		all, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			if a.Header.Seq != r.seq { // it is late, and answers a message before
				continue
			}
			changed = changed || a.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			last := a.Header.Flags&unix.NLM_F_MULTI == 0
			switch a.Header.Type {
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				err, last = errorOf(a), true
			default:
				answers = append(answers, bytes.Clone(a.Data))
			}
			if last && err == nil && changed {
				err = nl.ErrDumpInterrupted
			}
			if last {
				return answers, err
			}
		}
	}
}

// errorOf returns what a struct nlmsgerr says, nil where it acknowledges: the errno, and the kernel's words
// for it where there are any (NETLINK_EXT_ACK of netlink(7)). The end of a list has the errno alone.
func errorOf(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return nil
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
	told := m.Data[4:]
	if errno == 0 {
		return nil
	}
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 {
		return errno
	}
	if m.Header.Type == unix.NLMSG_ERROR { // the message that it is about follows, or its header alone
		size := unix.SizeofNlMsghdr
		if m.Header.Flags&unix.NLM_F_CAPPED == 0 && len(told) >= size {
			size = int(binary.NativeEndian.Uint32(told)+3) &^ 3
		}
		told = told[min(size, len(told)):]
	}
	attrs, err := nl.ParseRouteAttrAsMap(told)
	if words, ok := attrs[nl.NLMSGERR_ATTR_MSG]; ok && err == nil {
		return fmt.Errorf("%w: %s", errno, unix.ByteSliceToString(words.Value))
	}
	return errno
}

// indexOf is a cached lookUp. Use it only while building, when no link can be renamed.
func (r *rtnl) indexOf(name string) (int, error) {
	if i, ok := r.index[name]; ok {
		return i, nil
	}
	i, err := r.lookUp(name)
	if err == nil {
		r.index[name] = i
	}
	return i, err
}

// lookUp returns the index of a link.
func (r *rtnl) lookUp(name string) (int, error) {
	index, err := sys.LinkIndex(r.fd, name)
	if errors.Is(err, unix.ENOTTY) { // gVisor has ioctls of links for sockets of other families alone
		var msg *nl.IfInfomsg
		if msg, _, err = r.link(getLink(name)); err == nil {
			index = uint32(msg.Index)
		}
	}
	switch {
	case err == nil:
		return int(index), nil
	case errors.Is(err, unix.EINVAL):
		return 0, fmt.Errorf("link name %q: %w", name, err)
	case errors.Is(err, unix.ENODEV):
		return 0, fmt.Errorf("link %q: %w", name, err)
	}
	return 0, fmt.Errorf("index of link %q: %v", name, err) // no answer to what the link is for
}
