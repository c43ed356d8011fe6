package lab

import "net/netip"

// Socket is a socket of a host as sock_diag(7) shows it, with what labrun knows
// of its owner.
type Socket struct {
	Protocol string         // tcp, udp, tcp6, udp6
	State    string         // one of StateNames
	Local    netip.AddrPort // as the kernel compares it, ::ffff:a.b.c.d for a mapped one
	Remote   netip.AddrPort // port 0 when there is none
	Device   string         // the NIC that SO_BINDTODEVICE tied it to, or ""
	UID      uint32         // owner
	Inode    uint32         // 0 when no process holds it (TIME_WAIT, orphans)
	V6Only   bool           // IPV6_V6ONLY is set
	// of a listener: its accept queue is full, so it drops SYNs and the last ACK of a handshake
	// (sk_acceptq_is_full)
	Full bool
	// what the kernel waits for, in the words of ss(8): "on" (for an ACK), "keepalive", "timewait",
	// "persist", or ""
	Timer   string
	Options []string // other options that are set, those of inet_diag_sockopt: "IP_FREEBIND"
}

// UnixSocket is a socket of unix(7) with a name, as sock_diag(7) shows it.
type UnixSocket struct {
	Protocol  string // unix, unix-dgram, unix-seqpacket
	State     string // LISTEN, ESTABLISHED, BOUND; UNCONN of a unix-dgram
	Name      string // as a step writes it: "/tmp/app.sock", "@name"
	Dev       uint32 // with File, of a path: the file that it made when it was bound, as the kernel writes dev_t
	File      uint32
	UID       uint32
	Inode     uint32 // 0 of one that waits to be accepted
	PeerNamed bool   // what it is connected to has a name
}
