package lab

import "slices"

// ValueKind says what the value of a socket option is.
type ValueKind string

// The kinds of option values. Their values are the words that messages use.
const (
	ValueInt ValueKind = "a number"
	// ValueErrno is what SO_ERROR answers: an errno goes by its name, and 0 stays 0.
	ValueErrno  ValueKind = "0 or an errno's name"
	ValueLinger ValueKind = "a linger, {l_onoff=1, l_linger=0}"
	ValueDevice ValueKind = "the name of a NIC"
	// ValueIndex is written as ValueDevice is; the kernel gets the NIC's index.
	ValueIndex ValueKind = "the name of a NIC (for its index)"
	// ValueRange is written 40000-40010, or 0-0 for none.
	ValueRange      ValueKind = "a port range, 40000-40010"
	ValueMembership ValueKind = "a group and a NIC, {233.252.0.1, eth0}"
	ValueSelector   ValueKind = "a program, index(1), mod(2), cpu or numa"
)

// Option is a socket option that setsockopt and getsockopt know.
type Option struct {
	Name  string
	Value ValueKind
	Doc   string // the manual page, and what it decides here
}

// Options lists every socket option there is. A new one is a row here and a row
// in process, which knows the numbers.
var Options = []Option{
	{"SO_REUSEADDR", ValueInt, "socket(7): share an address while nobody listens, bind over TIME_WAIT"},
	{"SO_REUSEPORT", ValueInt, "socket(7): share an address between sockets of one user, listeners too"},
	{"SO_LINGER", ValueLinger, "socket(7): {1, 0} closes with a reset, so no TIME_WAIT is left"},
	{"SO_BINDTODEVICE", ValueDevice, "socket(7): tie the socket to a NIC, \"\" unties it"},
	{"SO_KEEPALIVE", ValueInt, "socket(7)"},
	{"SO_BROADCAST", ValueInt, "socket(7)"},
	{"SO_DONTROUTE", ValueInt, "socket(7)"},
	{"SO_ERROR", ValueErrno, "socket(7): the pending error by its name, or 0; reading clears it"},
	{"SO_TYPE", ValueInt, "socket(7)"},
	{"SO_PROTOCOL", ValueInt, "socket(7)"},
	{"SO_DOMAIN", ValueInt, "socket(7)"},
	{"SO_ACCEPTCONN", ValueInt, "socket(7): 1 while the socket listens"},
	{"SO_RCVBUF", ValueInt, "socket(7), bytes"},
	{"SO_SNDBUF", ValueInt, "socket(7), bytes"},
	{"SO_MARK", ValueInt, "socket(7)"},
	{"SO_PRIORITY", ValueInt, "socket(7)"},
	{"IPV6_V6ONLY", ValueInt, "ipv6(7): do not take IPv4 along"},
	{"IP_FREEBIND", ValueInt, "ip(7): bind an address that is not there"},
	{"IP_TRANSPARENT", ValueInt, "ip(7): bind a foreign address, needs CAP_NET_ADMIN"},
	{"IP_BIND_ADDRESS_NO_PORT", ValueInt, "ip(7): choose the port at connect, not at bind"},
	{"IP_TTL", ValueInt, "ip(7)"},
	{"TCP_NODELAY", ValueInt, "tcp(7)"},
	{"TCP_DEFER_ACCEPT", ValueInt, "tcp(7), seconds"},
	{"TCP_LINGER2", ValueInt, "tcp(7): seconds in FIN_WAIT2"},
	{"TCP_USER_TIMEOUT", ValueInt, "tcp(7), milliseconds"},
	{"SO_BINDTOIFINDEX", ValueIndex, "socket(7): SO_BINDTODEVICE by index, \"\" unties it"},
	{"SO_INCOMING_CPU", ValueInt, "socket(7): of a SO_REUSEPORT group, prefer the socket of this processor"},
	{"SO_ATTACH_REUSEPORT_CBPF", ValueSelector,
		"socket(7): a classic BPF program picks the socket of a SO_REUSEPORT group"},
	{"SO_ATTACH_REUSEPORT_EBPF", ValueSelector, "socket(7): the same with an extended BPF program, bpf(2)"},
	{"SO_DETACH_REUSEPORT_BPF", ValueInt, "socket(7): the group chooses by hash again"},
	{"SO_OOBINLINE", ValueInt, "socket(7)"},
	{"SO_RCVLOWAT", ValueInt, "socket(7), bytes"},
	{"IP_LOCAL_PORT_RANGE", ValueRange, "ip(7): the ports to choose from, within the host's (Linux 6.3)"},
	{"IP_UNICAST_IF", ValueIndex, "ip(7): send by this NIC unless routing says otherwise"},
	{"IP_MULTICAST_IF", ValueIndex, "ip(7): send multicast by this NIC"},
	{"IP_MULTICAST_LOOP", ValueInt, "ip(7): hear one's own multicast"},
	{"IP_MULTICAST_TTL", ValueInt, "ip(7)"},
	{"IP_MULTICAST_ALL", ValueInt, "ip(7): hear the groups that any socket of the host has joined"},
	{"IP_ADD_MEMBERSHIP", ValueMembership, "ip(7): join a multicast group"},
	{"IP_DROP_MEMBERSHIP", ValueMembership, "ip(7): leave it"},
	{"IP_TOS", ValueInt, "ip(7)"},
	{"IP_RECVERR", ValueInt, "ip(7)"},
	{"IP_MTU_DISCOVER", ValueInt, "ip(7)"},
	{"IPV6_FREEBIND", ValueInt, "IP_FREEBIND for IPv6"},
	{"IPV6_TRANSPARENT", ValueInt, "IP_TRANSPARENT for IPv6"},
	{"IPV6_UNICAST_IF", ValueIndex, "IP_UNICAST_IF for IPv6"},
	{"IPV6_MULTICAST_IF", ValueIndex, "ipv6(7)"},
	{"IPV6_MULTICAST_LOOP", ValueInt, "ipv6(7)"},
	{"IPV6_MULTICAST_HOPS", ValueInt, "ipv6(7)"},
	{"IPV6_MULTICAST_ALL", ValueInt, "IP_MULTICAST_ALL for IPv6"},
	{"IPV6_ADD_MEMBERSHIP", ValueMembership, "ipv6(7): join a multicast group"},
	{"IPV6_DROP_MEMBERSHIP", ValueMembership, "ipv6(7): leave it"},
	{"IPV6_ADDRFORM", ValueInt, "ipv6(7): turn the socket into one of AF_INET"},
	{"TCP_FASTOPEN", ValueInt, "tcp(7): how many connections may wait that came with data in their SYN"},
	{"TCP_FASTOPEN_CONNECT", ValueInt, "tcp(7): connect waits for the first data"},
	{"TCP_MAXSEG", ValueInt, "tcp(7), bytes"},
	{"TCP_CORK", ValueInt, "tcp(7)"},
	{"TCP_QUICKACK", ValueInt, "tcp(7)"},
	{"TCP_SYNCNT", ValueInt, "tcp(7)"},
	{"TCP_REPAIR", ValueInt, "the socket binds over everything, TCP_REPAIR of tcp(7)"},
	{"TCP_SAVE_SYN", ValueInt, "tcp(7)"},
	{"SO_PASSPIDFD", ValueInt, "unix(7): recvmsg tells the sender's process (Linux 6.5)"},
	{"IP_RECVORIGDSTADDR", ValueInt, "ip(7): recvmsg tells the address and port that it was sent to"},
	{"IPV6_RECVORIGDSTADDR", ValueInt, "IP_RECVORIGDSTADDR for IPv6"},
	{"SO_PASSCRED", ValueInt, "unix(7): recvmsg tells the sender's credentials"},
	{"SO_TIMESTAMP", ValueInt, "socket(7): recvmsg tells when it came"},
	{"SO_TIMESTAMPNS", ValueInt, "SO_TIMESTAMP in nanoseconds"},
	{"SO_RCVMARK", ValueInt, "recvmsg tells the mark (Linux 6.3)"},
	{"IP_PKTINFO", ValueInt, "ip(7): recvmsg tells the address and NIC it came to"},
	{"IP_RECVTTL", ValueInt, "ip(7): recvmsg tells the TTL"},
	{"IP_RECVTOS", ValueInt, "ip(7): recvmsg tells the TOS"},
	{"IPV6_RECVPKTINFO", ValueInt, "ipv6(7): IP_PKTINFO for IPv6"},
	{"IPV6_RECVHOPLIMIT", ValueInt, "ipv6(7): recvmsg tells the hop limit"},
	{"IPV6_RECVTCLASS", ValueInt, "recvmsg tells the traffic class"},
	{"IPV6_RECVERR", ValueInt, "ipv6(7): IP_RECVERR for IPv6"},
	{"UDP_SEGMENT", ValueInt, "udp(7): cut what is sent into datagrams of so many bytes"},
	{"UDP_GRO", ValueInt, "udp(7): receive several datagrams as one"},
}

// OptionOf returns the option of that name.
func OptionOf(name string) (Option, bool) {
	i := slices.IndexFunc(Options, func(o Option) bool { return o.Name == name })
	if i < 0 {
		return Option{}, false
	}
	return Options[i], true
}
