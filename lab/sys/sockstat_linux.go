package sys

import (
	"bytes"
	"strconv"
)

// Words of /proc/net/sockstat and sockstat6, each before a number (sockstat_seq_show in
// net/ipv4/proc.c).
const (
	SocketsUsed = "sockets: used " // of every family, until the last reference is gone
	TCPInUse    = "TCP: inuse "    // with those that no process has open
	TCP6InUse   = "TCP6: inuse "
	UDPInUse    = "UDP: inuse "
	TimeWait    = " tw " // connections of either family, which are not sockets any more
)

// Count returns the number behind one of the words, -1 when it is not there.
func Count(sockstat []byte, word string) int {
	_, after, _ := bytes.Cut(sockstat, []byte(word))
	if end := bytes.IndexAny(after, " \n"); end >= 0 {
		after = after[:end]
	}
	n, err := strconv.Atoi(string(after))
	if err != nil {
		return -1
	}
	return n
}

// Counters takes counters from the text of /proc/net/snmp or /proc/net/netstat: of returns the place of the one with
// that name, such as "Tcp:InSegs", nil for one that is not wanted.
func Counters(text []byte, of func(protocol, name []byte) *int) {
	for len(text) > 0 { // a line with the names of a protocol's is followed by one with their values
		var names, values []byte
		names, text, _ = bytes.Cut(text, []byte("\n"))
		values, text, _ = bytes.Cut(text, []byte("\n"))
		protocol, names, _ := bytes.Cut(names, []byte(" "))
		_, values, _ = bytes.Cut(values, []byte(" "))
		for len(names) > 0 {
			var name, value []byte
			name, names, _ = bytes.Cut(names, []byte(" "))
			value, values, _ = bytes.Cut(values, []byte(" "))
			if c := of(protocol, name); c != nil {
				*c, _ = strconv.Atoi(string(value))
			}
		}
	}
}
