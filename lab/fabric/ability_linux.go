package fabric

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/once"
)

// Abilities is what a kernel can that a lab is built and looked at with, as far as there are kernels that
// cannot: all of Linux, and less where something else answers its system calls, as gVisor does.
type Abilities struct {
	// Parameters is that each host has kernel parameters of its own. Without, /proc/sys/net is about the
	// first namespace whoever reads it, so hosts have what the kernel gives a new one, and nothing can be set.
	Parameters bool
	// SockDiag is that sockets are listed by sock_diag(7), and counted for each host in /proc/net/sockstat; else
	// they are in the tables of /proc/net, which know no device, no option, and no accept queue's length, and
	// nothing tells when a host has none left.
	SockDiag bool
	// Closed is that those are listed, too, which no process has open any more: connections in TIME_WAIT,
	// and those that wait for the other side.
	Closed bool

	queues     bool // links have queues, of which a message may say how many
	everywhere bool // the tables of /proc/net hold the sockets of all namespaces
}

// AbilitiesOf returns those of this machine's kernel, which are found out once, by trying.
func AbilitiesOf() (Abilities, error) { return abilities() }

var abilities = once.Good(func() (a Abilities, err error) {
	err = onThread(func() error {
		a, err = tryAbilities()
		return err
	})
	return a, err
})

// tryAbilities moves the thread to namespaces of its own.
func tryAbilities() (a Abilities, err error) {
	// A parameter of each namespace is a file of each.
	const parameter = "/proc/sys/net/ipv4/ip_local_port_range"
	var outside, inside unix.Stat_t
	if err := unix.Stat(parameter, &outside); err != nil {
		return a, &os.PathError{Op: "stat", Path: parameter, Err: err}
	}
	first, err := newNamespace("abilities")
	if err != nil {
		return a, err
	}
	defer first.Close()
	if err := unix.Stat(parameter, &inside); err != nil {
		return a, &os.PathError{Op: "stat", Path: parameter, Err: err}
	}
	a.Parameters = outside.Ino != inside.Ino || outside.Dev != inside.Dev
	r, err := openRTNL()
	if err != nil {
		return a, err
	}
	defer r.close()
	// Of a link that does not exist, whose attributes the kernel may look at before it says so.
	unknown := linkUp(math.MaxInt32)
	for _, q := range []uint16{unix.IFLA_NUM_TX_QUEUES, unix.IFLA_NUM_RX_QUEUES} {
		unknown.AddData(u32(int(q), 1))
	}
	a.queues = !errors.Is(r.send(unknown), unix.EOPNOTSUPP)
	switch diag, err := openNetlink(unix.NETLINK_INET_DIAG); {
	case err == nil:
		diag.Close()
		a.SockDiag, a.Closed = true, true
		return a, nil
	case !errors.Is(err, unix.EPROTONOSUPPORT):
		return a, err
	}
	return a, a.tryTables(r)
}

// tryTables finds out what the tables of /proc/net tell: of sockets in the thread's namespace, and of the
// same ones when the thread has gone to another one.
func (a *Abilities) tryTables(r *rtnl) error {
	if err := r.send(linkUp(r.index["lo"])); err != nil {
		return err
	}
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(listener)
	if err := unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(listener, 1); err != nil {
		return os.NewSyscallError("listen", err)
	}
	at, err := portOf(listener)
	if err != nil {
		return err
	}
	from, err := connectAndClose(listener, at)
	if err != nil {
		return err
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	server := netip.AddrPortFrom(loopback, uint16(at.Port))
	a.Closed, err = isListed(func(s lab.Socket) bool {
		return s.Local == server && s.Remote == netip.AddrPortFrom(loopback, from)
	})
	if err != nil {
		return err
	}
	second, err := newNamespace("abilities, too")
	if err != nil {
		return err
	}
	defer second.Close()
	a.everywhere, err = isListed(func(s lab.Socket) bool { return s.State == "LISTEN" && s.Local == server })
	return err
}

// connectAndClose makes a connection to a listener on loopback, and closes the listener's side and then the
// other one. Until that has been in TIME_WAIT, the former has one state or another. It returns the client's port.
func connectAndClose(listener int, at *unix.SockaddrInet4) (uint16, error) {
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(client)
	if err := retryInterrupted(func() error { return unix.Connect(client, at) }); err != nil {
		return 0, os.NewSyscallError("connect", err)
	}
	from, err := portOf(client)
	if err != nil {
		return 0, err
	}
	var server int
	if err := retryInterrupted(func() (err error) {
		server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
		return err
	}); err != nil {
		return 0, os.NewSyscallError("accept4", err)
	}
	return uint16(from.Port), unix.Close(server)
}

// retryInterrupted makes a call until no signal comes between; a connect that went on meanwhile is done.
func retryInterrupted(call func() error) error {
	for {
		switch err := call(); {
		case errors.Is(err, unix.EISCONN):
			return nil
		case !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EALREADY):
			return err
		}
	}
}

// portOf returns the address that a socket of IPv4 is bound to.
func portOf(fd int) (*unix.SockaddrInet4, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	at, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return nil, fmt.Errorf("getsockname: %T is not an address of IPv4", name)
	}
	return at, nil
}

// isListed reports whether a socket of TCP is in the table of the thread's namespace.
func isListed(wanted func(lab.Socket) bool) (bool, error) {
	all, err := readTable("tcp")
	return slices.ContainsFunc(all, wanted), err
}
