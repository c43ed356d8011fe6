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
