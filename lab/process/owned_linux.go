package process

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// Owns returns one of the process's sockets, the zero Owned when it has none of
// that name.
func (p *Process) Owns(ctx context.Context, name string) (Owned, error) {
	socks, err := p.owned(ctx, ownedArgs{Name: name})
	if err != nil || len(socks) == 0 {
		return Owned{}, err
	}
	return socks[0], nil
}

// Owned returns the sockets that the process has at those ports, not more than a
// few hundred; none when it has ended.
func (p *Process) Owned(ctx context.Context, ports []uint16) ([]Owned, error) {
	return p.owned(ctx, ownedArgs{Ports: ports})
}

// OwnedUnix returns the sockets of unix(7) that the process has, as Owned does.
func (p *Process) OwnedUnix(ctx context.Context) ([]Owned, error) {
	return p.owned(ctx, ownedArgs{Unix: true})
}

func (p *Process) owned(ctx context.Context, which ownedArgs) ([]Owned, error) {
	if p.dead {
		return nil, nil
	}
	answer, err := p.ask(ctx, request{Call: "owned", Args: []value{{which}}}, nil)
	if p.dead { // of a signal whose effect was not waited for
		return nil, nil
	}
	socks, _ := valueOf[ownedSockets](answer)
	return socks, err
}

// manyOwned is how many sockets a process tells of: a reply is one message.
const manyOwned = 256

// owned lists the process's sockets that are asked for, as it sees them itself: sock_diag(7)
// knows neither the names of an experiment nor IP_LOCAL_PORT_RANGE, and does not list a socket
// that has no port yet.
func owned(a *agent, r *request) reply {
	which := arg[ownedArgs](r, 0)
	var socks ownedSockets
	for _, name := range a.socks.names() {
		fd := a.socks[name].fd
		var st unix.Stat_t
		switch err := unix.Fstat(fd, &st); {
		case err == unix.EBADF:
			continue // closed
		case err != nil:
			return reply{Broken: "stat socket " + name + ": " + err.Error()}
		}
		o := Owned{Name: name, FD: fd, Inode: uint32(st.Ino), UID: st.Uid, Protocol: protocolOf(fd)}
		o.Local, _ = valueOf[netip.AddrPort](nameOf(&request{fds: []int{fd}}, unix.SYS_GETSOCKNAME))
		asked := o.Local.IsValid() && slices.Contains(which.Ports, o.Local.Port()) ||
			which.Unix && strings.HasPrefix(o.Protocol, "unix")
		if name != which.Name && !asked || len(socks) == manyOwned {
			continue
		}
		o.Remote, _ = valueOf[netip.AddrPort](nameOf(&request{fds: []int{fd}}, unix.SYS_GETPEERNAME))
		o.V6Only = isSet(fd, "IPV6_V6ONLY")
		o.Device, _ = unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE) // none of what is not a socket
		if v, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE); err == nil {
			o.Range = lab.Range{Low: uint16(v), High: uint16(v >> 16)}
		}
		for _, name := range []string{"SO_REUSEADDR", "SO_REUSEPORT"} {
			if isSet(fd, name) {
				o.Options = append(o.Options, name)
			}
		}
		socks = append(socks, o)
	}
	if len(which.Ports) > 0 && len(socks) < manyOwned {
		socks = append(socks, a.held()...)
	}
	return okWith(socks)
}

// isSet reports whether an option is on. On what is not a socket, or a socket of a family
// without the option, it is not.
func isSet(fd int, name string) bool {
	o := optionNamed(name)
	v, err := unix.GetsockoptInt(fd, o.level, o.number)
	return err == nil && v != 0
}

// protocolOf returns the word of lab.SocketTypes that made the socket, "?" when
// it is none.
func protocolOf(fd int) string {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return "?"
	}
	kind, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	protocol, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	for word, t := range socketTypes {
		if t == [3]int{domain, kind, protocol} {
			return word
		}
	}
	return "?"
}
