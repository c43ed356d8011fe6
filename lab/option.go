package lab

import (
	"slices"
	"strconv"
	"strings"
)

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
	// ValueTime is a struct timeval.
	ValueTime ValueKind = "a time, 100ms or 0s"
	ValueText ValueKind = "a text"
	// ValueBytes is a struct or text of C as it lies in memory.
	ValueBytes ValueKind = "bytes, bytes(01 00)"
	// ValueAny is of an option that has no row here: what it answers is a number when it is as long
	// as one.
	ValueAny ValueKind = "a number or bytes, bytes(01 00)"
	// ValueInfo is a part of struct tcp_info, which can only be read.
	ValueInfo ValueKind = "a word or a number"
)

// InfoWords are the words of the parts of TCP_INFO that have some, in the order of the kernel's numbers
// (include/net/tcp_states.h, linux/tcp.h). Those of options are the bits of one number.
var InfoWords = map[string][]string{
	"state": {"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
		"LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"},
	"ca_state": {"Open", "Disorder", "CWR", "Recovery", "Loss"},
	"options":  {"timestamps", "sack", "wscale", "ecn", "ecn-seen", "syn-data", "usec-ts"},
}

// Option is a socket option that setsockopt and getsockopt know.
type Option struct {
	Name   string
	Level  string // one of OptionLevels
	Number int    // as amd64, arm64, riscv64, loong64 and s390x have it; of SO_* others differ
	Value  ValueKind
	Doc    string // the manual page, and what it decides here
}

// OptionLevels are the levels of options, by the names that an option without a row has before its
// number: SOL_TCP:5.
var OptionLevels = map[string]int{
	"SOL_SOCKET": 1, "SOL_IP": 0, "SOL_TCP": 6, "SOL_UDP": 17, "SOL_IPV6": 41, "SOL_ICMPV6": 58, "SOL_SCTP": 132,
	"SOL_UDPLITE": 136, "SOL_RAW": 255, "SOL_PACKET": 263, "SOL_NETLINK": 270, "SOL_TLS": 282, "SOL_MPTCP": 284,
	"SOL_DCCP": 269, "SOL_VSOCK": 287,
}

// Options lists the socket options by name: all that the headers of Linux 6.18 have for sockets,
// IP, IPv6, TCP, UDP, MPTCP and packets. How a value of a kind goes to the kernel is a row in process.
var Options = []Option{
	{"SO_DEBUG", "SOL_SOCKET", 1, ValueInt, "socket(7), needs CAP_NET_ADMIN"},
	{"SO_REUSEADDR", "SOL_SOCKET", 2, ValueInt, "socket(7): share an address while nobody listens, bind over TIME_WAIT"},
	{"SO_TYPE", "SOL_SOCKET", 3, ValueInt, "socket(7)"},
	{"SO_ERROR", "SOL_SOCKET", 4, ValueErrno, "socket(7): the pending error by its name, or 0; reading clears it"},
	{"SO_DONTROUTE", "SOL_SOCKET", 5, ValueInt, "socket(7)"},
	{"SO_BROADCAST", "SOL_SOCKET", 6, ValueInt, "socket(7)"},
	{"SO_SNDBUF", "SOL_SOCKET", 7, ValueInt, "socket(7), bytes"},
	{"SO_RCVBUF", "SOL_SOCKET", 8, ValueInt, "socket(7), bytes"},
	{"SO_KEEPALIVE", "SOL_SOCKET", 9, ValueInt, "socket(7)"},
	{"SO_OOBINLINE", "SOL_SOCKET", 10, ValueInt, "socket(7)"},
	{"SO_NO_CHECK", "SOL_SOCKET", 11, ValueInt, "socket(7): send UDP without a checksum"},
	{"SO_PRIORITY", "SOL_SOCKET", 12, ValueInt, "socket(7)"},
	{"SO_LINGER", "SOL_SOCKET", 13, ValueLinger, "socket(7): {1, 0} closes with a reset, so no TIME_WAIT is left"},
	{"SO_BSDCOMPAT", "SOL_SOCKET", 14, ValueInt, "socket(7): obsolete, and does nothing"},
	{"SO_REUSEPORT", "SOL_SOCKET", 15, ValueInt,
		"socket(7): share an address between sockets of one user, listeners too"},
	{"SO_PASSCRED", "SOL_SOCKET", 16, ValueInt, "unix(7): recvmsg tells the sender's credentials"},
	{"SO_PEERCRED", "SOL_SOCKET", 17, ValueBytes, "unix(7): pid, uid and gid of the peer"},
	{"SO_RCVLOWAT", "SOL_SOCKET", 18, ValueInt, "socket(7), bytes"},
	{"SO_SNDLOWAT", "SOL_SOCKET", 19, ValueInt, "socket(7): 1 on Linux, and not to be changed"},
	{"SO_RCVTIMEO", "SOL_SOCKET", 20, ValueTime,
		"socket(7): how long to wait for data or a connection, then EAGAIN; 0s is for ever"},
	{"SO_SNDTIMEO", "SOL_SOCKET", 21, ValueTime,
		"socket(7): how long to wait for room or, at connect, for an answer (EINPROGRESS)"},
	{"SO_BINDTODEVICE", "SOL_SOCKET", 25, ValueDevice, "socket(7): tie the socket to a NIC, \"\" unties it"},
	{"SO_ATTACH_FILTER", "SOL_SOCKET", 26, ValueBytes, "socket(7): a classic BPF program"},
	{"SO_DETACH_FILTER", "SOL_SOCKET", 27, ValueInt, "socket(7)"},
	{"SO_PEERNAME", "SOL_SOCKET", 28, ValueBytes, "socket(7): getpeername(2) as an option"},
	{"SO_TIMESTAMP", "SOL_SOCKET", 29, ValueInt, "socket(7): recvmsg tells when it came"},
	{"SO_ACCEPTCONN", "SOL_SOCKET", 30, ValueInt, "socket(7): 1 while the socket listens"},
	{"SO_PEERSEC", "SOL_SOCKET", 31, ValueText, "unix(7): the peer's security context"},
	{"SO_SNDBUFFORCE", "SOL_SOCKET", 32, ValueInt, "socket(7): SO_SNDBUF over the limit, needs CAP_NET_ADMIN"},
	{"SO_RCVBUFFORCE", "SOL_SOCKET", 33, ValueInt, "socket(7): SO_RCVBUF over the limit, needs CAP_NET_ADMIN"},
	{"SO_PASSSEC", "SOL_SOCKET", 34, ValueInt, "unix(7)"},
	{"SO_TIMESTAMPNS", "SOL_SOCKET", 35, ValueInt, "SO_TIMESTAMP in nanoseconds"},
	{"SO_MARK", "SOL_SOCKET", 36, ValueInt, "socket(7)"},
	{"SO_TIMESTAMPING", "SOL_SOCKET", 37, ValueInt, "socket(7)"},
	{"SO_PROTOCOL", "SOL_SOCKET", 38, ValueInt, "socket(7)"},
	{"SO_DOMAIN", "SOL_SOCKET", 39, ValueInt, "socket(7)"},
	{"SO_RXQ_OVFL", "SOL_SOCKET", 40, ValueInt, "socket(7)"},
	{"SO_WIFI_STATUS", "SOL_SOCKET", 41, ValueInt, "socket(7)"},
	{"SO_PEEK_OFF", "SOL_SOCKET", 42, ValueInt, "socket(7): where MSG_PEEK begins, -1 turns it off"},
	{"SO_NOFCS", "SOL_SOCKET", 43, ValueInt, "socket(7)"},
	{"SO_LOCK_FILTER", "SOL_SOCKET", 44, ValueInt, "socket(7): no other filter from now on"},
	{"SO_SELECT_ERR_QUEUE", "SOL_SOCKET", 45, ValueInt, "socket(7)"},
	{"SO_BUSY_POLL", "SOL_SOCKET", 46, ValueInt, "socket(7), microseconds"},
	{"SO_MAX_PACING_RATE", "SOL_SOCKET", 47, ValueInt, "socket(7), bytes a second"},
	{"SO_BPF_EXTENSIONS", "SOL_SOCKET", 48, ValueInt, "socket(7)"},
	{"SO_INCOMING_CPU", "SOL_SOCKET", 49, ValueInt,
		"socket(7): of a SO_REUSEPORT group, prefer the socket of this processor"},
	{"SO_ATTACH_BPF", "SOL_SOCKET", 50, ValueInt, "socket(7)"},
	{"SO_ATTACH_REUSEPORT_CBPF", "SOL_SOCKET", 51, ValueSelector,
		"socket(7): a classic BPF program picks the socket of a SO_REUSEPORT group"},
	{"SO_ATTACH_REUSEPORT_EBPF", "SOL_SOCKET", 52, ValueSelector,
		"socket(7): the same with an extended BPF program, bpf(2)"},
	{"SO_CNX_ADVICE", "SOL_SOCKET", 53, ValueInt, "socket(7)"},
	{"SO_MEMINFO", "SOL_SOCKET", 55, ValueBytes, "socket(7): what the socket takes"},
	{"SO_INCOMING_NAPI_ID", "SOL_SOCKET", 56, ValueInt, "socket(7)"},
	{"SO_COOKIE", "SOL_SOCKET", 57, ValueBytes, "socket(7): a number of the socket"},
	{"SO_PEERGROUPS", "SOL_SOCKET", 59, ValueBytes, "socket(7)"},
	{"SO_ZEROCOPY", "SOL_SOCKET", 60, ValueInt, "socket(7)"},
	{"SO_TXTIME", "SOL_SOCKET", 61, ValueBytes, "socket(7)"},
	{"SO_BINDTOIFINDEX", "SOL_SOCKET", 62, ValueIndex, "socket(7): SO_BINDTODEVICE by index, \"\" unties it"},
	{"SO_TIMESTAMP_NEW", "SOL_SOCKET", 63, ValueInt, "socket(7)"},
	{"SO_TIMESTAMPNS_NEW", "SOL_SOCKET", 64, ValueInt, "socket(7)"},
	{"SO_TIMESTAMPING_NEW", "SOL_SOCKET", 65, ValueInt, "socket(7)"},
	{"SO_RCVTIMEO_NEW", "SOL_SOCKET", 66, ValueTime,
		"SO_RCVTIMEO with 64 bits for the time, as every program has it here"},
	{"SO_SNDTIMEO_NEW", "SOL_SOCKET", 67, ValueTime, "SO_SNDTIMEO with 64 bits for the time"},
	{"SO_DETACH_REUSEPORT_BPF", "SOL_SOCKET", 68, ValueInt, "socket(7): the group chooses by hash again"},
	{"SO_PREFER_BUSY_POLL", "SOL_SOCKET", 69, ValueInt, "socket(7)"},
	{"SO_BUSY_POLL_BUDGET", "SOL_SOCKET", 70, ValueInt, "socket(7)"},
	{"SO_NETNS_COOKIE", "SOL_SOCKET", 71, ValueBytes, "socket(7): a number of the network namespace"},
	{"SO_BUF_LOCK", "SOL_SOCKET", 72, ValueInt, "socket(7): do not adapt the sizes of buffers"},
	{"SO_RESERVE_MEM", "SOL_SOCKET", 73, ValueInt, "socket(7), bytes"},
	{"SO_TXREHASH", "SOL_SOCKET", 74, ValueInt, "socket(7): another hash after a time-out"},
	{"SO_RCVMARK", "SOL_SOCKET", 75, ValueInt, "recvmsg tells the mark (Linux 6.3)"},
	{"SO_PASSPIDFD", "SOL_SOCKET", 76, ValueInt, "unix(7): recvmsg tells the sender's process (Linux 6.5)"},
	{"SO_PEERPIDFD", "SOL_SOCKET", 77, ValueInt, "unix(7): a pidfd of the peer (Linux 6.5)"},
	{"SO_DEVMEM_LINEAR", "SOL_SOCKET", 78, ValueBytes, "socket(7)"},
	{"SO_DEVMEM_DMABUF", "SOL_SOCKET", 79, ValueBytes, "socket(7)"},
	{"SO_DEVMEM_DONTNEED", "SOL_SOCKET", 80, ValueBytes, "socket(7)"},
	{"SO_RCVPRIORITY", "SOL_SOCKET", 82, ValueInt, "receive SO_PRIORITY (Linux 6.14)"},
	{"SO_PASSRIGHTS", "SOL_SOCKET", 83, ValueInt, "unix(7): receive SCM_RIGHTS, 1 unless turned off (Linux 6.16)"},
	{"SO_INQ", "SOL_SOCKET", 84, ValueInt, "unix(7): receive how much is left (Linux 6.17)"},
	{"IP_TOS", "SOL_IP", 1, ValueInt, "ip(7)"},
	{"IP_TTL", "SOL_IP", 2, ValueInt, "ip(7)"},
	{"IP_HDRINCL", "SOL_IP", 3, ValueInt, "ip(7)"},
	{"IP_OPTIONS", "SOL_IP", 4, ValueBytes, "ip(7)"},
	{"IP_ROUTER_ALERT", "SOL_IP", 5, ValueInt, "ip(7)"},
	{"IP_RECVOPTS", "SOL_IP", 6, ValueInt, "ip(7)"},
	{"IP_RETOPTS", "SOL_IP", 7, ValueInt, "ip(7)"},
	{"IP_PKTINFO", "SOL_IP", 8, ValueInt, "ip(7): recvmsg tells the address and NIC it came to"},
	{"IP_PKTOPTIONS", "SOL_IP", 9, ValueBytes, "ip(7)"},
	{"IP_MTU_DISCOVER", "SOL_IP", 10, ValueInt, "ip(7)"},
	{"IP_RECVERR", "SOL_IP", 11, ValueInt, "ip(7)"},
	{"IP_RECVTTL", "SOL_IP", 12, ValueInt, "ip(7): recvmsg tells the TTL"},
	{"IP_RECVTOS", "SOL_IP", 13, ValueInt, "ip(7): recvmsg tells the TOS"},
	{"IP_MTU", "SOL_IP", 14, ValueInt, "ip(7): of a connected socket"},
	{"IP_FREEBIND", "SOL_IP", 15, ValueInt, "ip(7): bind an address that is not there"},
	{"IP_IPSEC_POLICY", "SOL_IP", 16, ValueBytes, "ip(7)"},
	{"IP_XFRM_POLICY", "SOL_IP", 17, ValueBytes, "ip(7)"},
	{"IP_PASSSEC", "SOL_IP", 18, ValueInt, "ip(7)"},
	{"IP_TRANSPARENT", "SOL_IP", 19, ValueInt, "ip(7): bind a foreign address, needs CAP_NET_ADMIN"},
	{"IP_RECVORIGDSTADDR", "SOL_IP", 20, ValueInt, "ip(7): recvmsg tells the address and port that it was sent to"},
	{"IP_MINTTL", "SOL_IP", 21, ValueInt, "ip(7): drop what has come too far"},
	{"IP_NODEFRAG", "SOL_IP", 22, ValueInt, "ip(7)"},
	{"IP_CHECKSUM", "SOL_IP", 23, ValueInt, "ip(7)"},
	{"IP_BIND_ADDRESS_NO_PORT", "SOL_IP", 24, ValueInt, "ip(7): choose the port at connect, not at bind"},
	{"IP_RECVFRAGSIZE", "SOL_IP", 25, ValueInt, "ip(7)"},
	{"IP_RECVERR_RFC4884", "SOL_IP", 26, ValueInt, "ip(7)"},
	{"IP_MULTICAST_IF", "SOL_IP", 32, ValueIndex, "ip(7): send multicast by this NIC"},
	{"IP_MULTICAST_TTL", "SOL_IP", 33, ValueInt, "ip(7)"},
	{"IP_MULTICAST_LOOP", "SOL_IP", 34, ValueInt, "ip(7): hear one's own multicast"},
	{"IP_ADD_MEMBERSHIP", "SOL_IP", 35, ValueMembership, "ip(7): join a multicast group"},
	{"IP_DROP_MEMBERSHIP", "SOL_IP", 36, ValueMembership, "ip(7): leave it"},
	{"IP_UNBLOCK_SOURCE", "SOL_IP", 37, ValueBytes, "ip(7)"},
	{"IP_BLOCK_SOURCE", "SOL_IP", 38, ValueBytes, "ip(7)"},
	{"IP_ADD_SOURCE_MEMBERSHIP", "SOL_IP", 39, ValueBytes, "ip(7)"},
	{"IP_DROP_SOURCE_MEMBERSHIP", "SOL_IP", 40, ValueBytes, "ip(7)"},
	{"IP_MSFILTER", "SOL_IP", 41, ValueBytes, "ip(7)"},
	{"IP_MULTICAST_ALL", "SOL_IP", 49, ValueInt, "ip(7): hear the groups that any socket of the host has joined"},
	{"IP_UNICAST_IF", "SOL_IP", 50, ValueIndex, "ip(7): send by this NIC unless routing says otherwise"},
	{"IP_LOCAL_PORT_RANGE", "SOL_IP", 51, ValueRange, "ip(7): the ports to choose from, within the host's (Linux 6.3)"},
	{"IP_PROTOCOL", "SOL_IP", 52, ValueInt, "ip(7): the protocol of a raw socket (Linux 6.4)"},
	{"MCAST_JOIN_GROUP", "SOL_IP", 42, ValueBytes, "RFC 3678"},
	{"MCAST_BLOCK_SOURCE", "SOL_IP", 43, ValueBytes, "RFC 3678"},
	{"MCAST_UNBLOCK_SOURCE", "SOL_IP", 44, ValueBytes, "RFC 3678"},
	{"MCAST_LEAVE_GROUP", "SOL_IP", 45, ValueBytes, "RFC 3678"},
	{"MCAST_JOIN_SOURCE_GROUP", "SOL_IP", 46, ValueBytes, "RFC 3678"},
	{"MCAST_LEAVE_SOURCE_GROUP", "SOL_IP", 47, ValueBytes, "RFC 3678"},
	{"MCAST_MSFILTER", "SOL_IP", 48, ValueBytes, "RFC 3678"},
	{"IPV6_ADDRFORM", "SOL_IPV6", 1, ValueInt, "ipv6(7): turn the socket into one of AF_INET"},
	{"IPV6_2292PKTINFO", "SOL_IPV6", 2, ValueInt, "ipv6(7)"},
	{"IPV6_2292HOPOPTS", "SOL_IPV6", 3, ValueInt, "ipv6(7)"},
	{"IPV6_2292DSTOPTS", "SOL_IPV6", 4, ValueInt, "ipv6(7)"},
	{"IPV6_2292RTHDR", "SOL_IPV6", 5, ValueInt, "ipv6(7)"},
	{"IPV6_2292PKTOPTIONS", "SOL_IPV6", 6, ValueBytes, "ipv6(7)"},
	{"IPV6_CHECKSUM", "SOL_IPV6", 7, ValueInt, "ipv6(7)"},
	{"IPV6_2292HOPLIMIT", "SOL_IPV6", 8, ValueInt, "ipv6(7)"},
	{"IPV6_NEXTHOP", "SOL_IPV6", 9, ValueBytes, "ipv6(7)"},
	{"IPV6_AUTHHDR", "SOL_IPV6", 10, ValueInt, "ipv6(7)"},
	{"IPV6_FLOWINFO", "SOL_IPV6", 11, ValueInt, "ipv6(7)"},
	{"IPV6_UNICAST_HOPS", "SOL_IPV6", 16, ValueInt, "ipv6(7)"},
	{"IPV6_MULTICAST_IF", "SOL_IPV6", 17, ValueIndex, "ipv6(7)"},
	{"IPV6_MULTICAST_HOPS", "SOL_IPV6", 18, ValueInt, "ipv6(7)"},
	{"IPV6_MULTICAST_LOOP", "SOL_IPV6", 19, ValueInt, "ipv6(7)"},
	{"IPV6_ADD_MEMBERSHIP", "SOL_IPV6", 20, ValueMembership, "ipv6(7): join a multicast group"},
	{"IPV6_DROP_MEMBERSHIP", "SOL_IPV6", 21, ValueMembership, "ipv6(7): leave it"},
	{"IPV6_ROUTER_ALERT", "SOL_IPV6", 22, ValueInt, "ipv6(7)"},
	{"IPV6_MTU_DISCOVER", "SOL_IPV6", 23, ValueInt, "ipv6(7)"},
	{"IPV6_MTU", "SOL_IPV6", 24, ValueInt, "ipv6(7)"},
	{"IPV6_RECVERR", "SOL_IPV6", 25, ValueInt, "ipv6(7): IP_RECVERR for IPv6"},
	{"IPV6_V6ONLY", "SOL_IPV6", 26, ValueInt, "ipv6(7): do not take IPv4 along"},
	{"IPV6_JOIN_ANYCAST", "SOL_IPV6", 27, ValueMembership, "ipv6(7): take an anycast address"},
	{"IPV6_LEAVE_ANYCAST", "SOL_IPV6", 28, ValueMembership, "ipv6(7): give it back"},
	{"IPV6_MULTICAST_ALL", "SOL_IPV6", 29, ValueInt, "IP_MULTICAST_ALL for IPv6"},
	{"IPV6_ROUTER_ALERT_ISOLATE", "SOL_IPV6", 30, ValueInt, "ipv6(7)"},
	{"IPV6_RECVERR_RFC4884", "SOL_IPV6", 31, ValueInt, "ipv6(7)"},
	{"IPV6_FLOWLABEL_MGR", "SOL_IPV6", 32, ValueBytes, "ipv6(7)"},
	{"IPV6_FLOWINFO_SEND", "SOL_IPV6", 33, ValueInt, "ipv6(7)"},
	{"IPV6_IPSEC_POLICY", "SOL_IPV6", 34, ValueBytes, "ipv6(7)"},
	{"IPV6_XFRM_POLICY", "SOL_IPV6", 35, ValueBytes, "ipv6(7)"},
	{"IPV6_HDRINCL", "SOL_IPV6", 36, ValueInt, "ipv6(7)"},
	{"IPV6_RECVPKTINFO", "SOL_IPV6", 49, ValueInt, "ipv6(7): IP_PKTINFO for IPv6"},
	{"IPV6_PKTINFO", "SOL_IPV6", 50, ValueBytes, "ipv6(7)"},
	{"IPV6_RECVHOPLIMIT", "SOL_IPV6", 51, ValueInt, "ipv6(7): recvmsg tells the hop limit"},
	{"IPV6_HOPLIMIT", "SOL_IPV6", 52, ValueInt, "ipv6(7)"},
	{"IPV6_RECVHOPOPTS", "SOL_IPV6", 53, ValueInt, "ipv6(7)"},
	{"IPV6_HOPOPTS", "SOL_IPV6", 54, ValueBytes, "ipv6(7)"},
	{"IPV6_RTHDRDSTOPTS", "SOL_IPV6", 55, ValueBytes, "ipv6(7)"},
	{"IPV6_RECVRTHDR", "SOL_IPV6", 56, ValueInt, "ipv6(7)"},
	{"IPV6_RTHDR", "SOL_IPV6", 57, ValueBytes, "ipv6(7)"},
	{"IPV6_RECVDSTOPTS", "SOL_IPV6", 58, ValueInt, "ipv6(7)"},
	{"IPV6_DSTOPTS", "SOL_IPV6", 59, ValueBytes, "ipv6(7)"},
	{"IPV6_RECVPATHMTU", "SOL_IPV6", 60, ValueInt, "ipv6(7)"},
	{"IPV6_PATHMTU", "SOL_IPV6", 61, ValueBytes, "ipv6(7)"},
	{"IPV6_DONTFRAG", "SOL_IPV6", 62, ValueInt, "ipv6(7)"},
	{"IPV6_RECVTCLASS", "SOL_IPV6", 66, ValueInt, "recvmsg tells the traffic class"},
	{"IPV6_TCLASS", "SOL_IPV6", 67, ValueInt, "ipv6(7)"},
	{"IPV6_AUTOFLOWLABEL", "SOL_IPV6", 70, ValueInt, "ipv6(7)"},
	{"IPV6_ADDR_PREFERENCES", "SOL_IPV6", 72, ValueInt, "RFC 5014: which source address"},
	{"IPV6_MINHOPCOUNT", "SOL_IPV6", 73, ValueInt, "ipv6(7)"},
	{"IPV6_RECVORIGDSTADDR", "SOL_IPV6", 74, ValueInt, "IP_RECVORIGDSTADDR for IPv6"},
	{"IPV6_TRANSPARENT", "SOL_IPV6", 75, ValueInt, "IP_TRANSPARENT for IPv6"},
	{"IPV6_UNICAST_IF", "SOL_IPV6", 76, ValueIndex, "IP_UNICAST_IF for IPv6"},
	{"IPV6_RECVFRAGSIZE", "SOL_IPV6", 77, ValueInt, "ipv6(7)"},
	{"IPV6_FREEBIND", "SOL_IPV6", 78, ValueInt, "IP_FREEBIND for IPv6"},
	{"TCP_NODELAY", "SOL_TCP", 1, ValueInt, "tcp(7)"},
	{"TCP_MAXSEG", "SOL_TCP", 2, ValueInt, "tcp(7), bytes"},
	{"TCP_CORK", "SOL_TCP", 3, ValueInt, "tcp(7)"},
	{"TCP_KEEPIDLE", "SOL_TCP", 4, ValueInt, "tcp(7), seconds"},
	{"TCP_KEEPINTVL", "SOL_TCP", 5, ValueInt, "tcp(7), seconds"},
	{"TCP_KEEPCNT", "SOL_TCP", 6, ValueInt, "tcp(7)"},
	{"TCP_SYNCNT", "SOL_TCP", 7, ValueInt, "tcp(7)"},
	{"TCP_LINGER2", "SOL_TCP", 8, ValueInt, "tcp(7): seconds in FIN_WAIT2"},
	{"TCP_DEFER_ACCEPT", "SOL_TCP", 9, ValueInt, "tcp(7), seconds"},
	{"TCP_WINDOW_CLAMP", "SOL_TCP", 10, ValueInt, "tcp(7), bytes"},
	{"TCP_INFO", "SOL_TCP", 11, ValueBytes, "tcp(7): a struct tcp_info; TCP_INFO.state and its like are its parts"},
	{"TCP_QUICKACK", "SOL_TCP", 12, ValueInt, "tcp(7)"},
	{"TCP_CONGESTION", "SOL_TCP", 13, ValueText, "tcp(7): \"cubic\", \"reno\""},
	{"TCP_MD5SIG", "SOL_TCP", 14, ValueBytes, "tcp(7)"},
	{"TCP_THIN_LINEAR_TIMEOUTS", "SOL_TCP", 16, ValueInt, "tcp(7)"},
	{"TCP_THIN_DUPACK", "SOL_TCP", 17, ValueInt, "tcp(7)"},
	{"TCP_USER_TIMEOUT", "SOL_TCP", 18, ValueInt, "tcp(7), milliseconds"},
	{"TCP_REPAIR", "SOL_TCP", 19, ValueInt, "the socket binds over everything, TCP_REPAIR of tcp(7)"},
	{"TCP_REPAIR_QUEUE", "SOL_TCP", 20, ValueInt, "0 none, 1 receive, 2 send (TCP_REPAIR)"},
	{"TCP_QUEUE_SEQ", "SOL_TCP", 21, ValueInt, "the sequence number of that queue (TCP_REPAIR)"},
	{"TCP_REPAIR_OPTIONS", "SOL_TCP", 22, ValueBytes, "tcp(7)"},
	{"TCP_FASTOPEN", "SOL_TCP", 23, ValueInt, "tcp(7): how many connections may wait that came with data in their SYN"},
	{"TCP_TIMESTAMP", "SOL_TCP", 24, ValueInt, "tcp(7)"},
	{"TCP_NOTSENT_LOWAT", "SOL_TCP", 25, ValueInt, "tcp(7), bytes"},
	{"TCP_CC_INFO", "SOL_TCP", 26, ValueBytes, "tcp(7)"},
	{"TCP_SAVE_SYN", "SOL_TCP", 27, ValueInt, "tcp(7)"},
	{"TCP_SAVED_SYN", "SOL_TCP", 28, ValueBytes, "tcp(7): the SYN that TCP_SAVE_SYN kept"},
	{"TCP_REPAIR_WINDOW", "SOL_TCP", 29, ValueBytes, "tcp(7)"},
	{"TCP_FASTOPEN_CONNECT", "SOL_TCP", 30, ValueInt, "tcp(7): connect waits for the first data"},
	{"TCP_ULP", "SOL_TCP", 31, ValueText, "tcp(7): \"tls\""},
	{"TCP_MD5SIG_EXT", "SOL_TCP", 32, ValueBytes, "tcp(7)"},
	{"TCP_FASTOPEN_KEY", "SOL_TCP", 33, ValueBytes, "tcp(7)"},
	{"TCP_FASTOPEN_NO_COOKIE", "SOL_TCP", 34, ValueInt, "tcp(7)"},
	{"TCP_ZEROCOPY_RECEIVE", "SOL_TCP", 35, ValueBytes, "tcp(7)"},
	{"TCP_INQ", "SOL_TCP", 36, ValueInt, "tcp(7)"},
	{"TCP_TX_DELAY", "SOL_TCP", 37, ValueInt, "tcp(7), microseconds"},
	{"TCP_AO_ADD_KEY", "SOL_TCP", 38, ValueBytes, "tcp(7)"},
	{"TCP_AO_DEL_KEY", "SOL_TCP", 39, ValueBytes, "tcp(7)"},
	{"TCP_AO_INFO", "SOL_TCP", 40, ValueBytes, "tcp(7)"},
	{"TCP_AO_GET_KEYS", "SOL_TCP", 41, ValueBytes, "tcp(7)"},
	{"TCP_AO_REPAIR", "SOL_TCP", 42, ValueBytes, "tcp(7)"},
	{"TCP_IS_MPTCP", "SOL_TCP", 43, ValueInt, "1 while MPTCP has not fallen back (Linux 6.2)"},
	{"TCP_RTO_MAX_MS", "SOL_TCP", 44, ValueInt, "tcp(7), milliseconds (Linux 6.15)"},
	{"TCP_RTO_MIN_US", "SOL_TCP", 45, ValueInt, "tcp(7), microseconds (Linux 6.15)"},
	{"TCP_DELACK_MAX_US", "SOL_TCP", 46, ValueInt, "tcp(7), microseconds (Linux 6.15)"},
	{"TCP_INFO.state", "SOL_TCP", 11, ValueInfo, "tcp(7): the state, in netstat's words"},
	{"TCP_INFO.ca_state", "SOL_TCP", 11, ValueInfo, "tcp(7): of the congestion control: Open, Disorder, CWR, Recovery or Loss"},
	{"TCP_INFO.retransmits", "SOL_TCP", 11, ValueInfo, "tcp(7): time-outs in a row"},
	{"TCP_INFO.probes", "SOL_TCP", 11, ValueInfo, "tcp(7): unanswered probes of the window or of keepalive"},
	{"TCP_INFO.backoff", "SOL_TCP", 11, ValueInfo, "tcp(7): how often the time-out was doubled"},
	{"TCP_INFO.options", "SOL_TCP", 11, ValueInfo, "tcp(7): timestamps, sack, wscale, ecn, ecn-seen, syn-data, usec-ts"},
	{"TCP_INFO.snd_wscale", "SOL_TCP", 11, ValueInfo, "tcp(7): by how many bits the peer's window is shifted"},
	{"TCP_INFO.rcv_wscale", "SOL_TCP", 11, ValueInfo, "tcp(7): by how many bits the own window is shifted"},
	{"TCP_INFO.snd_mss", "SOL_TCP", 11, ValueInfo, "tcp(7): bytes"},
	{"TCP_INFO.rcv_mss", "SOL_TCP", 11, ValueInfo, "tcp(7): bytes"},
	{"TCP_INFO.unacked", "SOL_TCP", 11, ValueInfo, "tcp(7): segments not acknowledged; of a listener, connections to accept"},
	{"TCP_INFO.sacked", "SOL_TCP", 11, ValueInfo, "tcp(7): segments; of a listener, its backlog"},
	{"TCP_INFO.lost", "SOL_TCP", 11, ValueInfo, "tcp(7): segments"},
	{"TCP_INFO.retrans", "SOL_TCP", 11, ValueInfo, "tcp(7): segments sent again and not acknowledged"},
	{"TCP_INFO.total_retrans", "SOL_TCP", 11, ValueInfo, "tcp(7): segments sent again"},
	{"TCP_INFO.pmtu", "SOL_TCP", 11, ValueInfo, "tcp(7): bytes"},
	{"UDP_CORK", "SOL_UDP", 1, ValueInt, "udp(7)"},
	{"UDP_ENCAP", "SOL_UDP", 100, ValueInt, "udp(7)"},
	{"UDP_NO_CHECK6_TX", "SOL_UDP", 101, ValueInt, "udp(7)"},
	{"UDP_NO_CHECK6_RX", "SOL_UDP", 102, ValueInt, "udp(7)"},
	{"UDP_SEGMENT", "SOL_UDP", 103, ValueInt, "udp(7): cut what is sent into datagrams of so many bytes"},
	{"UDP_GRO", "SOL_UDP", 104, ValueInt, "udp(7): receive several datagrams as one"},
	{"MPTCP_INFO", "SOL_MPTCP", 1, ValueBytes, "mptcp(7)"},
	{"MPTCP_TCPINFO", "SOL_MPTCP", 2, ValueBytes, "mptcp(7)"},
	{"MPTCP_SUBFLOW_ADDRS", "SOL_MPTCP", 3, ValueBytes, "mptcp(7)"},
	{"MPTCP_FULL_INFO", "SOL_MPTCP", 4, ValueBytes, "mptcp(7)"},
	{"PACKET_ADD_MEMBERSHIP", "SOL_PACKET", 1, ValueBytes, "packet(7)"},
	{"PACKET_DROP_MEMBERSHIP", "SOL_PACKET", 2, ValueBytes, "packet(7)"},
	{"PACKET_RECV_OUTPUT", "SOL_PACKET", 3, ValueInt, "packet(7)"},
	{"PACKET_RX_RING", "SOL_PACKET", 5, ValueBytes, "packet(7)"},
	{"PACKET_STATISTICS", "SOL_PACKET", 6, ValueBytes, "packet(7)"},
	{"PACKET_COPY_THRESH", "SOL_PACKET", 7, ValueInt, "packet(7)"},
	{"PACKET_AUXDATA", "SOL_PACKET", 8, ValueInt, "packet(7)"},
	{"PACKET_ORIGDEV", "SOL_PACKET", 9, ValueInt, "packet(7)"},
	{"PACKET_VERSION", "SOL_PACKET", 10, ValueInt, "packet(7)"},
	{"PACKET_HDRLEN", "SOL_PACKET", 11, ValueInt, "packet(7)"},
	{"PACKET_RESERVE", "SOL_PACKET", 12, ValueInt, "packet(7)"},
	{"PACKET_TX_RING", "SOL_PACKET", 13, ValueBytes, "packet(7)"},
	{"PACKET_LOSS", "SOL_PACKET", 14, ValueInt, "packet(7)"},
	{"PACKET_VNET_HDR", "SOL_PACKET", 15, ValueInt, "packet(7)"},
	{"PACKET_TX_TIMESTAMP", "SOL_PACKET", 16, ValueInt, "packet(7)"},
	{"PACKET_TIMESTAMP", "SOL_PACKET", 17, ValueInt, "packet(7)"},
	{"PACKET_FANOUT", "SOL_PACKET", 18, ValueInt, "packet(7)"},
	{"PACKET_TX_HAS_OFF", "SOL_PACKET", 19, ValueInt, "packet(7)"},
	{"PACKET_QDISC_BYPASS", "SOL_PACKET", 20, ValueInt, "packet(7)"},
	{"PACKET_ROLLOVER_STATS", "SOL_PACKET", 21, ValueBytes, "packet(7)"},
	{"PACKET_FANOUT_DATA", "SOL_PACKET", 22, ValueBytes, "packet(7)"},
	{"PACKET_IGNORE_OUTGOING", "SOL_PACKET", 23, ValueInt, "packet(7)"},
	{"PACKET_VNET_HDR_SZ", "SOL_PACKET", 24, ValueInt, "packet(7)"},
}

// OptionOf returns the option of that name, or the one that LEVEL:NUMBER says.
// It looks through Options: a map of them costs a process of a lab more at its start than all that it ever asks.
func OptionOf(name string) (Option, bool) {
	if i := slices.IndexFunc(Options, func(o Option) bool { return o.Name == name }); i >= 0 {
		return Options[i], true
	}
	level, number, ok := strings.Cut(name, ":")
	_, known := OptionLevels[level]
	n, err := strconv.ParseInt(number, 10, 32)
	if !ok || !known || err != nil || number != strconv.FormatInt(n, 10) {
		return Option{}, false
	}
	return Option{Name: name, Level: level, Number: int(n), Value: ValueAny}, true
}
