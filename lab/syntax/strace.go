package syntax

import (
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
)

// isStrace reports whether a text is a call as strace(1) prints it, of which fromC loses nothing: all
// values are there, and what it drops is what labrun passes by itself, such as the level of an option
// and the length of an address.
func isStrace(text string) bool {
	name, call, args, result, ok := cutCall(bareCall(text))
	inexact := func(a string) bool { return straceNot().MatchString(a) }
	if !ok || strings.Contains(name, " ") || strings.ContainsAny(call, ". ") || strings.HasSuffix(text, ";") ||
		slices.ContainsFunc(args, inexact) || result != "" && !straceResult().MatchString(result) {
		return false
	}
	is := func(i int, values ...string) bool { return i >= len(args) || slices.Contains(values, args[i]) }
	switch call {
	case "socket":
		return len(args) == 3 && (straceSockets[straceType(args)] || longSocket(args) != nil)
	case "bind", "connect":
		return len(args) == 3 && (args[1] == "NULL" || straceFamily().MatchString(args[1])) && cSize().MatchString(args[2])
	case "setsockopt", "getsockopt":
		return len(args) == 5 && slices.Contains(straceLevels[prefixOf(args[2])], args[1]) && is(4, "4", "[4]")
	case "send", "sendto", "write":
		sent, err := strconv.Unquote(args[min(1, len(args)-1)])
		return err == nil && len(args) > 2 && is(2, strconv.Itoa(len(sent))) && is(3, "0", "MSG_NOSIGNAL")
	case "recv", "recvfrom", "read":
		return len(args) > 2 && is(3, "0")
	case "accept", "accept4", "getsockname", "getpeername":
		return len(args) > 2
	case "sendmsg", "recvmsg":
		m := straceMessage().FindStringSubmatch(args[min(1, len(args)-1)])
		if len(args) != 3 || m == nil {
			return false
		}
		text, err := strconv.Unquote(m[1])
		return err == nil && (call == "recvmsg" && is(2, "0") || m[2] == strconv.Itoa(len(text)))
	case "poll": // which does not wait here
		return len(args) == 3 && stracePoll().MatchString(args[0]) && args[1] == "1" && args[2] == "0"
	case "epoll_create1":
		return len(args) == 1 && args[0] == "0"
	case "epoll_ctl":
		return len(args) == 4 && (args[3] == "NULL" || straceEvents().MatchString(args[3]))
	case "listen", "shutdown":
		return len(args) == 2
	case "close":
		return len(args) == 1
	}
	return false
}

// bareCall returns a line of strace(1) without what its options put around the call and behind descriptors. None of
// that is of the call: who made it (-f), when (-t, -tt, -ttt, -r), where in the program (-i), its number (-n), how
// long it took (-T), and what a descriptor is at that instant (-y, -yy), which the steps before it say.
//
//	[pid 77] 12:00:01.25 listen(3<TCP:[0.0.0.0:80]>, 5) = 0 <0.000012>
//	listen(3, 5) = 0
func bareCall(text string) string {
	text = straceBefore().ReplaceAllString(text, "")
	text = straceTook().ReplaceAllString(text, "")
	return straceDescriptor().ReplaceAllStringFunc(text, func(found string) string {
		if found[0] == '"' {
			return found // a text that is sent may look like a descriptor
		}
		number, _, _ := strings.Cut(found, "<")
		return number
	})
}

// straceOther returns what a line of strace is that is not a call, or not a whole one, and what to do with it; "" for
// every other line. These have marks and blanks about which the grammar of a step would complain one by one.
func straceOther(text string) string {
	text = straceBefore().ReplaceAllString(text, "")
	const out = ", not a call; take the line out"
	switch {
	case straceMessages().MatchString(text):
		return "this is a message of strace's own" + out
	case strings.HasPrefix(text, "+++ ") && strings.HasSuffix(text, " +++"):
		return "this is the end of a process, as strace writes it" + out
	case strings.HasPrefix(text, "--- ") && strings.HasSuffix(text, " ---"):
		return "this is a signal that the process got, as strace writes it" + out
	case straceHalf().MatchString(text):
		return "this is half of a call, which strace writes in two lines (<unfinished ...> and <... resumed>) when another " +
			"process makes one meanwhile; make one line of them, or take both out"
	}
	return ""
}

var (
	// straceBefore is what stands before a call: a process, a time, the time since the call before, an instruction's
	// address or the call's number, in this order.
	straceBefore = once.Regexp(`^(?:(?:\[pid +\d+\]|\d+) +)?(?:\d\d:\d\d:\d\d(?:\.\d+)? +|\d+\.\d+ +)?` +
		`(?:\(\+ *\d+\.\d+\) +)?(?:\[ *(?:[0-9a-f]+|\?+)\] +)*`)
	straceTook = once.Regexp(` +<\d+\.\d+>$`)
	// straceDescriptor is a descriptor with what it is, or a text in quotes. What it is may have a text in it, a socket's
	// path, and an arrow to the peer.
	straceDescriptor = once.Regexp(`"(?:[^"\\]|\\.)*"|\b\d+<(?:"(?:[^"\\]|\\.)*"|->|[^">])*>`)
	// straceMessages are those about processes that it follows; one may stand within the line of fork. The name of the
	// program may be missing: in a list of steps it reads as the process that makes the call.
	straceMessages = once.Regexp(`^(?:strace: )?Process \d+ (?:attached|detached)|strace: Process \d+ `)
	straceHalf     = once.Regexp(`<unfinished \.\.\.>|^<\.\.\. .*resumed>`)
	// straceNot finds what strace does not print: variables of C, Python's texts; and what it
	// has cut short.
	straceNot    = once.Regexp(`^&|^\(|sizeof|^'|\.\.\.$|\*`)
	straceFamily = once.Regexp(`sa_family=AF_(INET6?|UNIX),`)
	// straceMessage is a struct msghdr with one text and nothing beside it.
	straceMessage = once.Regexp(`^\{msg_name=(?:NULL|\{sa_family=AF_(?:INET6?|UNIX),[^}]*\}), ` +
		`msg_namelen=[0-9]+(?: => [0-9]+)?, ` +
		`msg_iov=\[\{iov_base=("(?:[^"\\]|\\.)*"), iov_len=([0-9]+)\}\], msg_iovlen=1, msg_controllen=0, msg_flags=0\}$`)
	// straceResult is a number, or the errno.
	straceResult = once.Regexp(`^-1 E[A-Z0-9]+ \(.*\)$|^-?[0-9]+$|^0 \(Timeout\)$|` +
		`^1 \(\[\{fd=[0-9]+, revents=[A-Z|]+\}\]\)$`)
)

// straceLevels are the levels of the options of a prefix, in strace's words.
var straceLevels = map[string][]string{
	"SO": {"SOL_SOCKET"}, "IP": {"SOL_IP", "IPPROTO_IP"}, "IPV6": {"SOL_IPV6", "IPPROTO_IPV6"},
	"TCP": {"SOL_TCP", "IPPROTO_TCP"}, "UDP": {"SOL_UDP", "IPPROTO_UDP"}, "MPTCP": {"SOL_MPTCP"},
}

func prefixOf(option string) string {
	prefix, _, _ := strings.Cut(option, "_")
	return prefix
}

// straceType returns the three arguments of socket(2) without flags and with one word for each
// protocol that is the type's own.
func straceType(args []string) string {
	var kinds []string
	for word := range strings.SplitSeq(args[1], "|") {
		if word = strings.TrimSpace(word); word != "SOCK_CLOEXEC" && word != "SOCK_NONBLOCK" {
			kinds = append(kinds, word)
		}
	}
	domain, kind := strings.Replace(args[0], "PF_", "AF_", 1), strings.Join(kinds, "|")
	protocol := args[2]
	own := map[string]string{"SOCK_STREAM": "IPPROTO_TCP", "SOCK_DGRAM": "IPPROTO_UDP"}[kind]
	if protocol == "0" || protocol == "IPPROTO_IP" || protocol == own {
		protocol = ""
	}
	return strings.Replace(domain, "AF_LOCAL", "AF_UNIX", 1) + " " + kind + " " + protocol
}

// longSocket returns the three arguments of socket(2) in the words of socket(inet, stream, udp), nil when
// one of them has none. Of the protocols of netlink NETLINK_ROUTE alone has one, 0.
func longSocket(args []string) []string {
	if len(args) != 3 {
		return nil
	}
	long := make([]string, 3)
	for i, words := range [][]string{lab.Domains, lab.SocketKinds, lab.Protocols} {
		var all []string
		for word := range strings.SplitSeq(args[i], "|") {
			word = strings.TrimSpace(word)
			if !slices.Contains(lab.SocketFlags, word) {
				_, word, _ = strings.Cut(word, "_")
				word = strings.Replace(strings.ToLower(word), "local", "unix", 1)
			}
			if !slices.Contains(words, word) {
				all = nil
				break
			}
			all = append(all, word)
		}
		long[i] = strings.Join(all, "|")
	}
	switch p := args[2]; {
	case p == "IPPROTO_IP" || p == "NETLINK_ROUTE":
		long[2] = "0"
	case p != "" && strings.Trim(p, "0123456789") == "":
		long[2] = p
	}
	if slices.Contains(long, "") {
		return nil
	}
	return long
}

// straceSockets are those that socketType knows exactly.
var straceSockets = map[string]bool{
	"AF_INET SOCK_STREAM ": true, "AF_INET6 SOCK_STREAM ": true, "AF_INET SOCK_DGRAM ": true, "AF_INET6 SOCK_DGRAM ": true,
	"AF_INET SOCK_STREAM IPPROTO_MPTCP": true, "AF_INET6 SOCK_STREAM IPPROTO_MPTCP": true,
	"AF_INET SOCK_STREAM IPPROTO_SCTP": true, "AF_INET6 SOCK_STREAM IPPROTO_SCTP": true,
	"AF_UNIX SOCK_STREAM ": true, "AF_UNIX SOCK_DGRAM ": true, "AF_UNIX SOCK_SEQPACKET ": true,
}
