package process

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
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
	"ping":           {unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP},
	"ping6":          {unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_ICMPV6},
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
	lab.KindCaught:  caughtBits(),
	lab.KindRestart: {"SA_RESTART": saRestart, "SA_NODEFER": saNoDefer, "SA_RESETHAND": saResetHand},
	lab.KindHow:     {"SHUT_RD": unix.SHUT_RD, "SHUT_WR": unix.SHUT_WR, "SHUT_RDWR": unix.SHUT_RDWR},
	lab.KindFcntl: {
		"F_GETFD": unix.F_GETFD, "F_SETFD": unix.F_SETFD, "F_GETFL": unix.F_GETFL, "F_SETFL": unix.F_SETFL,
	},
	lab.KindFDFlags: {
		"FD_CLOEXEC": unix.FD_CLOEXEC, "O_RDWR": unix.O_RDWR, "O_NONBLOCK": unix.O_NONBLOCK, "O_ASYNC": unix.O_ASYNC,
		"O_LARGEFILE": 0x8000, "0": 0, // x/sys has O_LARGEFILE as open(2) takes it on 64 bits, not at all
	},
	lab.KindFamily: {
		"unspec": unix.AF_UNSPEC, "unix": unix.AF_UNIX, "inet": unix.AF_INET, "inet6": unix.AF_INET6,
		"netlink": unix.AF_NETLINK, "packet": unix.AF_PACKET, "vsock": unix.AF_VSOCK,
	},
	lab.KindSockType: {
		"stream": unix.SOCK_STREAM, "dgram": unix.SOCK_DGRAM, "raw": unix.SOCK_RAW, "rdm": unix.SOCK_RDM,
		"seqpacket": unix.SOCK_SEQPACKET, "dccp": unix.SOCK_DCCP, "packet": unix.SOCK_PACKET,
		"SOCK_NONBLOCK": unix.SOCK_NONBLOCK, "SOCK_CLOEXEC": unix.SOCK_CLOEXEC,
	},
	lab.KindProtocol: {
		"icmp": unix.IPPROTO_ICMP, "igmp": unix.IPPROTO_IGMP, "ipip": unix.IPPROTO_IPIP, "tcp": unix.IPPROTO_TCP,
		"udp": unix.IPPROTO_UDP, "dccp": unix.IPPROTO_DCCP, "icmpv6": unix.IPPROTO_ICMPV6, "sctp": unix.IPPROTO_SCTP,
		"udplite": unix.IPPROTO_UDPLITE, "mptcp": unix.IPPROTO_MPTCP,
	},
	lab.KindEvents: {
		"POLLIN": unix.POLLIN, "POLLPRI": unix.POLLPRI, "POLLOUT": unix.POLLOUT, "POLLERR": unix.POLLERR,
		"POLLHUP": unix.POLLHUP, "POLLNVAL": unix.POLLNVAL, "POLLRDHUP": unix.POLLRDHUP,
	},
	lab.KindEpollOp: {
		"EPOLL_CTL_ADD": unix.EPOLL_CTL_ADD, "EPOLL_CTL_MOD": unix.EPOLL_CTL_MOD, "EPOLL_CTL_DEL": unix.EPOLL_CTL_DEL,
	},
	lab.KindEpoll: {
		"EPOLLIN": unix.EPOLLIN, "EPOLLPRI": unix.EPOLLPRI, "EPOLLOUT": unix.EPOLLOUT, "EPOLLRDHUP": unix.EPOLLRDHUP,
		"EPOLLET": unix.EPOLLET, "EPOLLONESHOT": unix.EPOLLONESHOT, "EPOLLEXCLUSIVE": unix.EPOLLEXCLUSIVE,
	},
	lab.KindIoctl: {
		"SIOCINQ": unix.SIOCINQ, "SIOCOUTQ": unix.SIOCOUTQ, "SIOCOUTQNSD": unix.SIOCOUTQNSD, "SIOCATMARK": siocatmark,
		"FIONBIO": fionbio, "SIOCGIFADDR": unix.SIOCGIFADDR, "SIOCSIFADDR": unix.SIOCSIFADDR,
		"SIOCGIFNETMASK": unix.SIOCGIFNETMASK, "SIOCSIFNETMASK": unix.SIOCSIFNETMASK,
		"SIOCGIFBRDADDR": unix.SIOCGIFBRDADDR, "SIOCSIFBRDADDR": unix.SIOCSIFBRDADDR,
		"SIOCGIFMTU": unix.SIOCGIFMTU, "SIOCSIFMTU": unix.SIOCSIFMTU,
	},
}

// What asm-generic/sockios.h and ioctls.h have and x/sys has not.
const (
	siocatmark = 0x8905
	fionbio    = 0x5421
)

// caughtBits are the signals as bits of a set.
func caughtBits() map[string]int {
	bits := map[string]int{}
	for name, s := range sys.Signals {
		bits[name] = 1 << s
	}
	return bits
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

// wordsOf returns the words that a number is made of, joined by '|' in the order of the table; none is
// the word for no bit at all.
func wordsOf(kind lab.Kind, order []string, number int, none string) (lab.Word, error) {
	var words []string
	for _, word := range order {
		if bit := numbers[kind][word]; bit != 0 && number&bit == bit {
			words = append(words, word)
			number &^= bit
		}
	}
	if number != 0 {
		return "", fmt.Errorf("flags %#x have no words", number)
	}
	if words == nil {
		return lab.Word(none), nil
	}
	return lab.Word(strings.Join(words, "|")), nil
}
