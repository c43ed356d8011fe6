package lab

import "slices"

// ValueKind says what the value of a socket option is.
type ValueKind string

// The kinds of option values. Their values are the words that messages use.
const (
	ValueInt    ValueKind = "a number"
	ValueLinger ValueKind = "a linger, {l_onoff=1, l_linger=0}"
	ValueDevice ValueKind = "the name of a NIC"
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
	{"SO_ERROR", ValueInt, "socket(7): the pending error, reading clears it"},
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
}

// OptionOf returns the option of that name.
func OptionOf(name string) (Option, bool) {
	i := slices.IndexFunc(Options, func(o Option) bool { return o.Name == name })
	if i < 0 {
		return Option{}, false
	}
	return Options[i], true
}
