// Package packetdrill reads scripts of packetdrill, of which it takes the socket calls with their answers, into the
// events of package trace; pure.
//
// A script is about one host: it makes calls there, and is itself the network, injecting packets (<) and expecting
// others (>), each at a time. A lab has a kernel at both ends, so packets are not carried over: the peer's calls make
// those that matter to a call, its connect the handshake, its send the data. Times go, the order of the calls stays.
package packetdrill

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/trace"
)

// What "..." stands for, by packetdrill's defaults.
const (
	local4, remote4 = "192.168.0.1", "192.0.2.1"
	local6, remote6 = "fd3d:a0b:17d6::1", "fd3d:fa7b:d17d::1"
	port            = 8080
)

var (
	// when is the time of an event: 0, +.1, 0.100, +0.1~+0.2, 0...0.200, *.
	when = once.Regexp(`^(?:\*|\+?(?:\d+\.?\d*|\.\d+)(?:(?:~|\.\.\.)\+?(?:\d+\.?\d*|\.\d+))?)\s+`)
	// packet has the flags of a packet, behind which are the numbers of its first and last byte and its length.
	packet = once.Regexp(`^[<>]\s*(?:\[[^\]]*\]\s*|\(\w+\)\s*)*([SFRPEWAUC.]+)\s+(?:\d+:\d+\((\d+)\))?`)
	option = once.Regexp(`^--(\w+)(?:=(\S*))?$`)
	called = once.Regexp(`^[a-z_0-9]+\(`)
)

// Parse returns the calls of a script, and what of it is not carried over, by lines.
func Parse(text string) (events []trace.Event, left []trace.Left) {
	p := &parser{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		p.line(number, strings.TrimRight(line, "\r\n"))
	}
	if p.until != "" {
		p.leave(number, "", p.until+" is missing at the end")
	}
	return p.events, p.left
}

type parser struct {
	events []trace.Event
	left   []trace.Left
	six    bool
	until  string // what ends a comment, a command or Python that goes over several lines
}

func (p *parser) leave(number int, line, why string) {
	text := strings.TrimSpace(line)
	at := max(0, strings.Index(line, text))
	p.left = append(p.left, trace.Left{Line: number, Col: 1 + utf8.RuneCountInString(line[:at]), Text: text, Why: why})
}

func (p *parser) line(number int, line string) {
	text := strings.TrimSpace(line)
	if p.until != "" {
		_, rest, ok := strings.Cut(text, p.until)
		if !ok {
			return
		}
		p.until, text = "", strings.TrimSpace(rest)
	}
	text = uncommented(text)
	if before, after, ok := strings.Cut(text, "/*"); ok {
		_, rest, closed := strings.Cut(after, "*/")
		if text = strings.TrimSpace(before + rest); !closed {
			p.until = "*/"
			text = strings.TrimSpace(before)
		}
	}
	if text == "" {
		return
	}
	if m := option().FindStringSubmatch(text); m != nil {
		p.option(number, line, m[1], m[2])
		return
	}
	rest := text[len(when().FindString(text)):]
	switch {
	case strings.HasPrefix(rest, "`"):
		p.block(rest[1:], "`")
		p.leave(number, line, "a command; a parameter that it sets is sysctl(NAME, VALUE) as a step, or sysctls of the host")
	case strings.HasPrefix(rest, "%{"):
		p.block(rest[2:], "}%")
		p.leave(number, line, "a check in Python; of TCP_INFO a step asks as getsockopt(NAME, TCP_INFO.state) does")
	case strings.HasPrefix(rest, "<"), strings.HasPrefix(rest, ">"):
		p.packet(number, line, rest)
	case called().MatchString(rest):
		p.call(number, line, rest)
	default:
		p.leave(number, line, "this is neither a call, a packet, a command nor a check, with its time before it")
	}
}

// uncommented returns a line without the comment behind it, which begins outside of quotes.
func uncommented(text string) string {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case quoted:
		case text[i] == '#' && i == 0, strings.HasPrefix(text[i:], "//"):
			return strings.TrimSpace(text[:i])
		}
	}
	return text
}

// block looks whether something ends in its line.
func (p *parser) block(rest, end string) {
	if !strings.Contains(rest, end) {
		p.until = end
	}
}

func (p *parser) option(number int, line, name, value string) {
	if name == "ip_version" {
		p.six = value == "ipv6"
		if value == "ipv4" || value == "ipv6" {
			return
		}
	}
	p.leave(number, line, "an option of packetdrill's own")
}

// packet says what becomes of a packet.
func (p *parser) packet(number int, line, text string) {
	m := packet().FindStringSubmatch(text)
	why := "no call of a peer makes just this packet"
	switch {
	case text[0] == '>':
		why = "what the kernel sends is not looked at; labrun --capture FOLDER keeps it"
	case m == nil:
	case strings.Contains(m[1], "S") && strings.Contains(m[1], "."):
		why = "the listening peer's kernel makes it"
	case strings.Contains(m[1], "S"):
		why = "the peer's connect() makes it"
	case strings.Contains(m[1], "R"):
		why = "the peer's close() with SO_LINGER makes it, where a call sees it"
	case strings.Contains(m[1], "F"):
		why = "the peer's shutdown() makes it, where a call sees it"
	case m[2] != "" && m[2] != "0":
		why = "the peer's send() makes it, where a call receives it"
	case m[1] == ".":
		why = "the peer's kernel acknowledges by itself"
	}
	p.leave(number, line, why)
}

// address is what "..." stands for in the place of a struct sockaddr.
func (p *parser) address(remote bool) string {
	local4, local6 := local4, local6
	if remote {
		local4, local6 = remote4, remote6
	}
	if p.six {
		return fmt.Sprintf(`{sa_family=AF_INET6, sin6_port=htons(%d), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "%s", `+
			`&sin6_addr), sin6_scope_id=0}`, port, local6)
	}
	return fmt.Sprintf(`{sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr("%s")}`, port, local4)
}

func (p *parser) length() string {
	if p.six {
		return "28"
	}
	return "16"
}

// call reads a call, and puts in the place of "..." what packetdrill does.
func (p *parser) call(number int, line, text string) {
	name, args, result, ok := syntax.CutCall(text)
	if !ok || result == "" {
		p.leave(number, line, "a call ends with its answer: listen(3, 1) = 0")
		return
	}
	e := trace.Event{
		Thread: 1, Begin: number, End: number, Line: number, Name: name, Args: args, Result: result, Text: text}
	open := func(i int, value string) {
		if i < len(args) && args[i] == "..." {
			args[i] = value
		}
	}
	switch name {
	case "socket":
		open(0, map[bool]string{false: "AF_INET", true: "AF_INET6"}[p.six])
	case "bind":
		open(1, p.address(false))
		open(2, p.length())
	case "connect":
		open(1, p.address(true))
		open(2, p.length())
	case "accept", "accept4":
		open(1, p.address(true))
		open(2, "["+p.length()+"]")
	case "getsockname", "getpeername":
		open(1, p.address(name == "getpeername"))
		open(2, "["+p.length()+"]")
	case "read", "recv", "recvfrom", "write", "send", "sendto":
		// The bytes do not matter to packetdrill, only how many they are.
		length := result
		if name == "write" || strings.HasPrefix(name, "send") {
			length = arg(args, 2)
		}
		if n, err := strconv.Atoi(length); err == nil && n >= 0 && n <= 1<<16 {
			open(1, `"`+strings.Repeat("x", n)+`"`)
		}
		open(4, "NULL")
		open(5, map[bool]string{false: "0", true: "NULL"}[name == "recvfrom"])
	}
	p.events = append(p.events, e)
}

func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// Sniff reports whether a text looks like a script: one of its lines is a packet or a call with a time before it.
func Sniff(text string) bool {
	times, lines := 0, 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := when().FindString(line)
		if line == "" {
			continue
		}
		lines++
		if rest := line[len(at):]; at != "" && (strings.HasPrefix(rest, "<") || strings.HasPrefix(rest, ">") ||
			called().MatchString(rest) && strings.Contains(rest, ", ...")) {
			times++
		}
	}
	return times > 0 && 20*times > lines
}
