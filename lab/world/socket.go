package world

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
)

// Socket is an open file of socket(7), or what is left of one.
type Socket struct {
	Host     string
	Type     string // tcp, udp6, unix-dgram; "" where no step says; file, epoll and none are no sockets
	User     uint32 // owner
	Names    []Name // that processes have for it; none after the last close, or before accept
	Was      Name   // the first of them
	Local    Endpoint
	Remote   Endpoint
	Bound    bool   // bind gave it its address
	AutoPort bool   // the kernel chose its port: with the state LISTEN goes the port (tcp_set_state)
	State    string // one of lab.StateNames; "" of TCP that is neither bound nor connected
	Options  map[string]string
	Device   string // SO_BINDTODEVICE, or the zone of a link-local address
	V6Only   bool
	Listener *Socket // in whose queue it waits for accept
	Peer     *Socket // the other end, where that is in the lab and known
	Backlog  int
	Queue    int  // messages or bytes sent to it that nothing has received
	ShutRD   bool // shutdown(2), or the peer's end of the stream
	ShutWR   bool
	Reset    string // why the peer has reset the connection, one of the causes below; "" when it has not
	Told     bool   // and a call has told of that: the error is read once (sock_error)
	Nonblock bool   // O_NONBLOCK
	Group    bool   // it had a program for a group of SO_REUSEPORT before it was bound
	Doubt    bool   // some answer does not say what became of it
	Opaque   bool   // which options it has is not known, as of a program\'s
	cloexec  bool
}

// The causes of a reset.
const (
	ResetQueue  = "queue"  // the listener was closed before accept took the connection
	ResetUnread = "unread" // the peer was closed with something that it had not read
	ResetLinger = "linger" // the peer was closed with SO_LINGER {1, 0}
	ResetClosed = "closed" // what was sent came to a socket that was closed
	ResetUndone = "undone" // the peer undid its connect
)

// Removed stands before the name of a device that a socket is tied to and that has been removed.
const Removed = "the removed "

// Name is a descriptor: a process, with the name of its host, and its name for the socket.
type Name struct {
	Process lab.Process
	Sock    string
}

// Endpoint is an address with a port, or a name of unix(7).
type Endpoint struct {
	Addr netip.Addr // invalid when it is not known, or there is none
	Port Port
	Unix string
}

// Port is a number, or the name of one that the kernel chose: "$p" as the file keeps it, "?1" where it keeps none.
type Port struct {
	Number uint16
	Name   string
}

// Chosen reports whether the kernel chose the port and no step has learned which.
func (p Port) Chosen() bool { return strings.HasPrefix(p.Name, "?") }

// IsZero reports whether there is no port.
func (p Port) IsZero() bool { return p == Port{} }

func (p Port) String() string {
	switch {
	case p.Chosen():
		return "ephemeral"
	case p.Name != "":
		return p.Name
	}
	return fmt.Sprint(p.Number)
}

// PortOf returns the port of an address as a step writes it.
func PortOf(p lab.Port) Port {
	if p.Var == "" {
		return Port{Number: p.Number}
	}
	return Port{Name: p.String()}
}

// Clone returns the socket as it is now, whatever further steps do to it.
func (s *Socket) Clone() *Socket {
	c := *s
	c.Names, c.Options = slices.Clone(s.Names), maps.Clone(s.Options)
	return &c
}

// Stream reports whether the socket is one of TCP, or of MPTCP, whose ports are TCP's.
func (s *Socket) Stream() bool { return s.Ports() == "tcp" }

// Ports names the protocol whose ports the socket has, "" for one without ports that labrun knows.
func (s *Socket) Ports() string {
	switch p := strings.TrimPrefix(strings.TrimSuffix(s.Type, "6"), "mp"); p {
	case "tcp", "udp", "sctp", "dccp", "udplite":
		return p
	}
	return ""
}

// IsUnix reports whether it is a socket of unix(7).
func (s *Socket) IsUnix() bool { return strings.HasPrefix(s.Type, "unix") }

// Is6 reports whether it is a socket of ipv6(7).
func (s *Socket) Is6() bool { return strings.HasSuffix(s.Type, "6") }

// Set reports whether an option that is on or off is on.
func (s *Socket) Set(option string) bool {
	v, ok := s.Options[option]
	return ok && v != "0" && v != `""`
}

// Place returns where the socket is, but for its port.
func (s *Socket) Place() Place {
	return Place{Addr: netip.AddrPortFrom(s.Local.Addr, 0), V6Only: s.V6Only, Device: s.Device}
}
