package syntax

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// fromC returns a step as it is written here that was pasted from strace(1), C or Python,
//
//	bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}, 16) = -1 EADDRINUSE (...)
//	bind(3, any:80) = EADDRINUSE
//
// "" when it does not look like that or cannot be said here. It takes a step apart by its
// brackets and quotes alone, since nothing else is common to the three, and what it returns is
// a proposal: the caller reads it as a step and shows it only when it is one. What a pasted text
// does not say, such as what is in the variable behind &addr, becomes the most usual value.
func fromC(text string) string {
	text = bareCall(text)
	name, call, args, result, ok := cutCall(text)
	if !ok {
		return ""
	}
	object, method, isC := strings.Cut(call, ".") // a.bind(("", 80))
	if isC {
		call = method
		if object != "socket" {
			args = append([]string{object}, args...)
		}
	}
	isC = isC || slices.ContainsFunc(args, cArgument().MatchString) ||
		len(args) > 0 && strings.Trim(args[0], "0123456789") == "" && cResult().MatchString(result)
	if !isC || len(args) == 0 {
		return ""
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	answer := ""
	if m := errnoAfter().FindStringSubmatch(result); m != nil {
		answer = m[1]
	}
	value := answer // where a success has one
	switch call {
	case "socket":
		if long := longSocket(args); long != nil && !straceSockets[straceType(args)] {
			args = long
			break
		}
		kind, flags := socketType(args)
		if args = []string{kind}; flags != "" {
			args = append(args, flags)
		}
	case "bind", "connect":
		length := arg(2)
		usual := map[bool]string{true: "16", false: "28"}[strings.Contains(arg(1), "AF_INET,")]
		args = []string{args[0], cmp.Or(cAddress(arg(1)), "nil")}
		if cSize().MatchString(length) && length != usual && !cPath().MatchString(arg(1)) {
			args = append(args, length)
		}
	case "accept", "accept4":
		call = "accept"
		flags := slices.DeleteFunc(slices.Clone(args[1:]),
			func(a string) bool { return !strings.HasPrefix(a, "SOCK_") })
		args = append(args[:1], flags...)
	case "getsockname", "getpeername":
		value, args = cmp.Or(answer, cAddress(arg(1))), args[:1]
	case "setsockopt", "getsockopt":
		if cLevel().MatchString(arg(1)) {
			args = slices.Delete(args, 1, 2)
		}
		option := strings.Trim(arg(2), "[]")
		if strings.HasPrefix(option, "&") {
			option = "1" // what the variable holds is not to be seen
		}
		if call == "setsockopt" {
			args = []string{args[0], arg(1), option}
			break
		}
		value, args = cmp.Or(answer, option), []string{args[0], arg(1)}
	case "send", "write", "sendto":
		to := cAddress(arg(4))
		call = "send"
		if args = []string{args[0], arg(1)}; to != "" {
			call, args = "sendto", append(args, to)
		}
	case "recv", "read", "recvfrom":
		from := cAddress(arg(4))
		if call = "recv"; from != "" {
			call = "recvfrom"
		}
		value, args = cmp.Or(answer, arg(1)), args[:1]
	case "sendmsg", "recvmsg":
		text, to := straceText().FindString(arg(1)), ""
		if m := straceName().FindStringSubmatch(arg(1)); m != nil {
			to = cAddress(m[1])
		}
		_, text, _ = strings.Cut(text, "=")
		flags := slices.DeleteFunc(slices.Clone(args[min(2, len(args)):]), func(a string) bool { return a == "0" })
		if args = args[:1]; call == "recvmsg" {
			if to != "" {
				text += " from " + to
			}
			value = cmp.Or(answer, text)
			break
		}
		if args = append(args, text); to != "" {
			args = append(args, to)
		}
		args = append(args, flags...)
	case "poll":
		m := stracePoll().FindStringSubmatch(arg(0))
		if m == nil {
			return ""
		}
		args = m[1:]
		if value = answer; value == "" {
			_, value, _ = strings.Cut(result, "revents=")
			value = cmp.Or(strings.TrimRight(value, "}])"), "none")
		}
	case "epoll_create1", "epoll_create":
		call, args = "epoll", nil
	case "epoll_ctl":
		events := strings.Trim(straceEvents().FindString(arg(3)), "{,")
		events = strings.TrimPrefix(events, "events=")
		if arg(3) == "NULL" {
			events = "nil"
		}
		args = append(args[:min(3, len(args))], events)
	case "listen", "shutdown", "close":
	default:
		return ""
	}
	step := call + "(" + strings.Join(args, ", ") + ")"
	if sig, _ := lab.SignatureOf(call); sig.Makes && !sig.Unnamed {
		if answer == "" && cResult().MatchString(result) {
			name = result
		}
		step = cmp.Or(name, "a") + " = " + step
	}
	if value != "" {
		step += " = " + value
	}
	if step == text {
		return ""
	}
	return step
}

var (
	// cArgument finds what only C or Python write in the place of an argument.
	cArgument = once.Regexp(`sa_family=|^[AP]F_[A-Z]|^SOCK_|\| *SOCK_|^SOL_|^IPPROTO_|^NULL$|^\(.*\)|^&|^sizeof|` +
		`^\{msg_name=|^\[\{fd=|^EPOLL_CLOEXEC$|^\{(events=)?EPOLL`)
	// cLevel is the level of setsockopt(2), which an option's name says already.
	cLevel = once.Regexp(`^(SOL|IPPROTO)_[A-Z0-9]+$|^(socket\.)?SOL_`)
	// cResult is a number that strace prints behind a call: a descriptor, bytes, -1.
	cResult = once.Regexp(`^-?[0-9]+\b`)
	// What strace prints of a struct msghdr with one text, of a struct pollfd and of a struct epoll_event.
	straceText   = once.Regexp(`iov_base="(?:[^"\\]|\\.)*"`)
	straceName   = once.Regexp(`msg_name=(\{[^}]*\})`)
	stracePoll   = once.Regexp(`^\[\{fd=(\d+), events=([A-Z|]+)\}\]$`)
	straceEvents = once.Regexp(`^\{(?:events=)?[A-Z|]+,`)
	// cSize is a length.
	cSize = once.Regexp(`^[0-9]+$`)
	// errnoAfter finds the errno in "-1 EADDRINUSE (Address already in use)".
	errnoAfter = once.Regexp(`^-1 (E[A-Z0-9]+)\b`)
)

// CutCall cuts a line of strace(1) into the call, its arguments and its result, without what strace's options put
// around the call and behind descriptors. ok is false for a line that has no whole call.
func CutCall(line string) (call string, args []string, result string, ok bool) {
	line = bareCall(line)
	_, call, args, result, ok = cutCall(line)
	return call, args, result, ok
}

// cutCall cuts "name = call(arguments) = result;" into its parts. It is no use to lex the text:
// C has marks that no step has, and those are what shows that it is C.
func cutCall(text string) (name, call string, args []string, result string, ok bool) {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return
	}
	call = strings.TrimSpace(text[:open])
	if before, after, found := strings.Cut(call, "="); found {
		fields := strings.Fields(before) // "int a = socket("
		if len(fields) == 0 {
			return
		}
		name, call = fields[len(fields)-1], strings.TrimSpace(after)
	}
	depth, begin, mark := 0, open+1, byte(0)
	for i := open; i < len(text); i++ {
		switch c := text[i]; {
		case mark != 0:
			if c == '\\' {
				i++
			} else if c == mark {
				mark = 0
			}
		case c == '"', c == '\'':
			mark = c
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case c == ',' && depth == 1:
			args = append(args, strings.TrimSpace(text[begin:i]))
			begin = i + 1
		case strings.IndexByte(")]}", c) >= 0:
			if depth--; depth > 0 {
				continue
			}
			if last := strings.TrimSpace(text[begin:i]); last != "" {
				args = append(args, last)
			}
			result = strings.Trim(text[i+1:], " =;")
			return name, call, args, result, true
		}
	}
	return
}

// socketType returns the type that socket(2) is asked for by these arguments, and its flags.
// The words may come in any order and with Python's prefix; what is not said is TCP over IPv4,
// as in socket.socket().
func socketType(args []string) (kind, flags string) {
	all := strings.ReplaceAll(strings.Join(args, "|"), "socket.", "")
	var list []string
	for _, w := range strings.FieldsFunc(all, func(r rune) bool { return r == '|' || r == ' ' }) {
		if slices.Contains(lab.SocketFlags, w) {
			list = append(list, w)
		}
		if slices.Contains(lab.SocketTypes, w) {
			kind = w
		}
	}
	has := func(word string) bool { return strings.Contains(all, word) }
	switch {
	case kind != "":
	case has("F_UNIX") || has("F_LOCAL"):
		kind = "unix"
		if has("SOCK_DGRAM") {
			kind = "unix-dgram"
		} else if has("SOCK_SEQPACKET") {
			kind = "unix-seqpacket"
		}
	default:
		kind = "tcp"
		for word, other := range map[string]string{"SOCK_DGRAM": "udp", "IPPROTO_MPTCP": "mptcp", "SOCK_RAW": "raw",
			"IPPROTO_SCTP": "sctp"} {
			if has(word) {
				kind = other
			}
		}
		if has("F_INET6") {
			kind += "6"
		}
	}
	return kind, strings.Join(list, "|")
}

// The pieces of a socket address as strace and Python print it.
var (
	cPort  = once.Regexp(`htons\((\d+)\)`)
	cHost  = once.Regexp(`inet_addr\("([^"]*)"\)|inet_pton\(AF_INET6, *"([^"]*)"`)
	cPath  = once.Regexp(`sun_path=(@?)"([^"]*)"`)
	pyAddr = once.Regexp(`^\( *["']([^"']*)["'] *, *(\d+) *\)$`)
)

// cAddress returns a socket address as it is written here; an argument that is none stays
// as it is, one that a program computes becomes x:80, and NULL nothing.
func cAddress(text string) string {
	host, port := "", ""
	switch {
	case text == "NULL" || text == "":
		return ""
	case cPath().MatchString(text):
		m := cPath().FindStringSubmatch(text)
		return `"` + m[1] + m[2] + `"`
	case strings.Contains(text, "sa_family="):
		host, port = anyOf(cHost().FindStringSubmatch(text)), anyOf(cPort().FindStringSubmatch(text))
	case pyAddr().MatchString(text):
		m := pyAddr().FindStringSubmatch(text)
		host, port = m[1], m[2]
	case strings.ContainsAny(text, "&*"):
		return "x:80"
	default:
		return text
	}
	if words := WellKnown(host); words != "" {
		return words + ":" + port
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// anyOf returns the group that matched, of a pattern in which one does at most.
func anyOf(groups []string) string { return strings.Join(groups[min(1, len(groups)):], "") }

// WellKnown returns what an address is called here that has a name elsewhere, "" for others.
func WellKnown(elsewhere string) string { return wording.Synonym(wellKnown, elsewhere) }

var wellKnown = map[string][]string{
	"any":  {"", "*", "0", "0.0.0.0", "INADDR_ANY", "all"},
	"any6": {"::", "in6addr_any"},
	"lo":   {"127.0.0.1", "localhost", "loopback", "INADDR_LOOPBACK"},
	"lo6":  {"::1", "localhost6", "in6addr_loopback"},
}
