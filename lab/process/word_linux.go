package process

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// socketTypes are the arguments of socket(2) for lab.SocketTypes. They are also what SO_DOMAIN,
// SO_TYPE and SO_PROTOCOL tell of a socket, by which protocolOf finds the word again.
var socketTypes = map[string][3]int{
	"tcp":            {unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP},
	"udp":            {unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP},
	"tcp6":           {unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP},
	"udp6":           {unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP},
	"mptcp":          {unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP},
	"mptcp6":         {unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_MPTCP},
	"sctp":           {unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP},
	"sctp6":          {unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_SCTP},
	"dccp":           {unix.AF_INET, unix.SOCK_DCCP, unix.IPPROTO_DCCP},
	"dccp6":          {unix.AF_INET6, unix.SOCK_DCCP, unix.IPPROTO_DCCP},
	"udplite":        {unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE},
	"udplite6":       {unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE},
	"raw":            {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
	"raw6":           {unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6},
	"unix":           {unix.AF_UNIX, unix.SOCK_STREAM, 0},
	"unix-dgram":     {unix.AF_UNIX, unix.SOCK_DGRAM, 0},
	"unix-seqpacket": {unix.AF_UNIX, unix.SOCK_SEQPACKET, 0},
}

// numbers are those of the words that calls take, by what the argument is. They replace the
// words before a request is sent: a process gets what the kernel gets. New words are a row here,
// beside their row in the vocabulary.
var numbers = map[lab.Kind]map[string]int{
	lab.KindSockFlags: {"SOCK_NONBLOCK": unix.SOCK_NONBLOCK, "SOCK_CLOEXEC": unix.SOCK_CLOEXEC},
	lab.KindFlags: {
		"MSG_CMSG_CLOEXEC": unix.MSG_CMSG_CLOEXEC, "MSG_CONFIRM": unix.MSG_CONFIRM, "MSG_CTRUNC": unix.MSG_CTRUNC,
		"MSG_DONTROUTE": unix.MSG_DONTROUTE, "MSG_DONTWAIT": unix.MSG_DONTWAIT, "MSG_EOR": unix.MSG_EOR,
		"MSG_ERRQUEUE": unix.MSG_ERRQUEUE, "MSG_FASTOPEN": unix.MSG_FASTOPEN, "MSG_MORE": unix.MSG_MORE,
		"MSG_NOSIGNAL": unix.MSG_NOSIGNAL, "MSG_OOB": unix.MSG_OOB, "MSG_PEEK": unix.MSG_PEEK,
		"MSG_TRUNC": unix.MSG_TRUNC, "MSG_WAITALL": unix.MSG_WAITALL,
		"MSG_ZEROCOPY": unix.MSG_ZEROCOPY,
	},
	lab.KindHow:     {"SHUT_RD": unix.SHUT_RD, "SHUT_WR": unix.SHUT_WR, "SHUT_RDWR": unix.SHUT_RDWR},
	lab.KindFcntl:   {"F_SETFD": unix.F_SETFD},
	lab.KindFDFlags: {"FD_CLOEXEC": unix.FD_CLOEXEC, "0": 0},
}

// numberOf returns the number that words stand for, joined by '|'; "" is 0.
func numberOf(of map[string]int, joined lab.Word) (n lab.Int, err error) {
	if joined == "" {
		return 0, nil
	}
	for word := range strings.SplitSeq(string(joined), "|") {
		bit, ok := of[word]
		if !ok {
			return 0, errors.New("no number for " + word)
		}
		n |= lab.Int(bit)
	}
	return n, nil
}
