package fabric

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// nl finds the byte order out at its first message and writes it down without a
// lock (v1.3.1): labs that go up at the same time would race for it.
var _ = nl.NativeEndian()

// rtnl is a socket that speaks rtnetlink(7) in the namespace where it was
// opened.
type rtnl struct {
	sockets map[int]*nl.SocketHandle // the one socket, as nl wants to be given it
	index   map[string]int           // of the links by name
}

// openRTNL opens a socket in the calling thread's namespace.
func openRTNL() (*rtnl, error) {
	s, err := openNetlink(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	_ = s.SetExtAck(true) // only the words of an error depend on it
	return &rtnl{
		sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}},
		index:   map[string]int{"lo": 1},
	}, nil
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
	if r != nil {
		r.sockets[unix.NETLINK_ROUTE].Close()
	}
}

// send sends a message and returns what the kernel says to it.
func (r *rtnl) send(m *nl.NetlinkRequest) error {
	m.Sockets = r.sockets
	_, err := m.Execute(unix.NETLINK_ROUTE, 0)
	return explainSilence(err)
}

// ask sends a question that has one answer and returns it.
func (r *rtnl) ask(m *nl.NetlinkRequest) ([]byte, error) {
	m.Sockets = r.sockets
	answers, err := m.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return nil, explainSilence(err)
	}
	if len(answers) != 1 {
		return nil, fmt.Errorf("%d answers, want 1", len(answers))
	}
	return answers[0], nil
}

// dump asks for a list, again when that changed meanwhile.
func (r *rtnl) dump(question func() *nl.NetlinkRequest) ([][]byte, error) {
	for try := 0; ; try++ {
		m := question()
		m.Sockets = r.sockets
		answers, err := m.Execute(unix.NETLINK_ROUTE, 0)
		if !errors.Is(err, nl.ErrDumpInterrupted) || try == 10 {
			return answers, explainSilence(err)
		}
	}
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
	index, err := sys.LinkIndex(r.sockets[unix.NETLINK_ROUTE].Socket.GetFd(), name)
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
