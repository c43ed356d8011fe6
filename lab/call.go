package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is one system call as strace(1) would write it: bind(a, x:80). The calls
// that there are, and what each takes, stand in Signatures.
type Call struct {
	Makes string // the socket it makes: w = socket(tcp)
	Name  string
	Args  []Arg
}

func (c Call) String() string {
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		args[i] = a.String()
	}
	s := c.Name + "(" + strings.Join(args, ", ") + ")"
	if c.Makes != "" {
		return c.Makes + " = " + s
	}
	return s
}

// Dials reports whether the address of the call is where something is sent to.
func (c Call) Dials() bool { return c.Name == "connect" || c.Name == "sendto" || c.Name == "sendmsg" }

// CallName returns the name of a call from what String writes, which is all that a report
// keeps of it: "accept" of "b = accept(a)".
func CallName(call string) string {
	before, _, _ := strings.Cut(call, "(")
	if _, name, ok := strings.Cut(before, " = "); ok {
		return name
	}
	return before
}

// Arg is an argument of a call, or the value that one answers. The types are Sock, Socks, New,
// Pending, ProcessName, Signallers, Addr, Bare, PacketAddr, NetlinkAddr, Control, Int, Text, Texts, Word, Name,
// Prefix, Linger, Range, Membership, Selector, Duration, Bytes, States, Containing, Between, OneOf, Act,
// Outcomes, Pointer, Room, Spec and Finish.
type Arg interface {
	String() string
	arg()
}

type (
	// Sock is the name of a socket.
	Sock string
	// New is the name of a socket that the call makes, where it makes several.
	New string
	// Texts are the messages that recvmmsg() answers.
	Texts []Text
	// Pending is the name of a call in the background, whose answer is asked for later.
	Pending string
	// Act is a call that is made at the same instant as others, by that process: p: listen(a, 5). Without
	// a name it is the process whose step it is in.
	Act struct {
		Process Process
		Call    Call
	}
	// Outcomes are what calls made at the same instant answer, each as often as it is answered, whichever
	// call that is: {EADDRINUSE, ok}. They are sorted by their words.
	Outcomes []Answer
	// Pointer stands where memory is passed to the kernel, one of Pointers.
	Pointer string
	// Room is how many bytes there are for an address that the kernel answers.
	Room int64
	// ProcessName is the name of a process on the caller's own host.
	ProcessName string
	// Int is a whole number.
	Int int64
	// Text is a string of bytes, "hello".
	Text string
	// Signallers are the senders of signals, each once, joined by '|': names of processes on the receiver's host,
	// SentByKernel and SentByOther; and the users that sent them, "" when nothing asks.
	Signallers struct{ Names, Users string }
	// Word is one of a few names, or several joined by '|': tcp, SO_REUSEADDR,
	// MSG_PEEK|MSG_DONTWAIT.
	Word string
	// Name is the name of a link or of a kernel parameter.
	Name string
	// Prefix is an address with the length of its subnet: 192.0.2.77/24.
	Prefix netip.Prefix
	// Socks is what who() answers: names of sockets in the order of the call.
	Socks []Sock
	// Duration is a time: 100ms.
	Duration time.Duration
	// States is what sockets() answers: the states of sockets in netstat's
	// words, in the order of StateNames. None at all is written "none".
	States []string
	// Containing is States that have to be among those which sockets() answers: ~ TIME_WAIT.
	Containing States
	// Between is a number that an answer may be, both ends included: 1..10.
	Between struct{ Low, High int64 }
	// Bytes is memory as the kernel gets it or gives it: bytes(01 00).
	Bytes string
	// OneOf is several answers, one of which is expected: EADDRINUSE | EINVAL.
	OneOf []Answer
	// Linger is the value of SO_LINGER, socket(7).
	Linger struct {
		On      int32
		Seconds int32
	}
	// Range is the value of IP_LOCAL_PORT_RANGE, ip(7): 40000-40010. 0 at either
	// end leaves that end as the host has it.
	Range struct{ Low, High uint16 }
	// Membership is the value of IP_ADD_MEMBERSHIP and its like, ip(7) and
	// ipv6(7): {233.252.0.1, eth0}.
	Membership struct {
		Group netip.Addr
		NIC   string
	}
	// Selector is a program for SO_ATTACH_REUSEPORT_CBPF and _EBPF, which picks a
	// socket of a group: index(1) the second one to have joined it, mod(2) the
	// first four bytes of the payload modulo 2, cpu the processor's number,
	// numa that of the memory node, which extended programs alone learn.
	Selector struct {
		Op string // index, mod, cpu or numa
		N  uint32
	}
)

func (s Sock) String() string { return string(s) }
func (n New) String() string  { return string(n) }
func (t Texts) String() string {
	words := make([]string, len(t))
	for i, text := range t {
		words[i] = text.String()
	}
	return strings.Join(words, " ")
}
func (a Act) String() string {
	if a.Process.Name == "" {
		return a.Call.String()
	}
	return a.Process.String() + ": " + a.Call.String()
}

// String writes them in their order, so that what came first is not to be seen.
func (o Outcomes) String() string {
	words := make([]string, len(o))
	for i, a := range o {
		words[i] = a.String()
	}
	slices.Sort(words)
	return "{" + strings.Join(words, ", ") + "}"
}

// What sends signals and is not a process of the experiment: the kernel by itself, and any other process.
const (
	SentByKernel = "kernel"
	SentByOther  = "other"
)

// SignallersOf returns the senders of those names and users, each once and in the order of their words.
func SignallersOf(names, users []string) Signallers {
	once := func(words []string) string {
		return strings.Join(slices.Compact(slices.Sorted(slices.Values(words))), "|")
	}
	return Signallers{Names: once(names), Users: once(users)}
}

func (s Signallers) String() string {
	if s.Users == "" {
		return s.Names
	}
	return s.Names + " user " + s.Users
}
func (p Pointer) String() string     { return string(p) }
func (r Room) String() string        { return strconv.FormatInt(int64(r), 10) }
func (p ProcessName) String() string { return string(p) }
func (p Pending) String() string     { return string(p) }
func (i Int) String() string         { return strconv.FormatInt(int64(i), 10) }
func (w Word) String() string        { return string(w) }
func (d Duration) String() string {
	if t := time.Duration(d); t < time.Minute || t%time.Second != 0 {
		return t.String()
	}
	return fmt.Sprintf("%ds", time.Duration(d)/time.Second) // 1m0s, as Go has it, says no more
}

// String prints a text as a step has it. One that is the same again and again, longer than a line has
// room for beside the call, is printed as "x"*3000.
func (t Text) String() string {
	const short = 40
	for size := 1; len(t) > short && size <= len(t)/2; size++ {
		if len(t)%size == 0 && strings.Repeat(string(t[:size]), len(t)/size) == string(t) {
			return strconv.Quote(string(t[:size])) + "*" + strconv.Itoa(len(t)/size)
		}
	}
	return strconv.Quote(string(t))
}

func (l Linger) String() string {
	return fmt.Sprintf("{l_onoff=%d, l_linger=%d}", l.On, l.Seconds)
}
func (n Name) String() string {
	if n == "" {
		return `""`
	}
	return string(n)
}
func (p Prefix) String() string     { return netip.Prefix(p).String() }
func (r Range) String() string      { return fmt.Sprintf("%d-%d", r.Low, r.High) }
func (m Membership) String() string { return fmt.Sprintf("{%s, %s}", m.Group, Name(m.NIC)) }
func (s Selector) String() string {
	if s.Op == "cpu" || s.Op == "numa" {
		return s.Op
	}
	return fmt.Sprintf("%s(%d)", s.Op, s.N)
}
func (s Socks) String() string {
	words := make([]string, len(s))
	for i, name := range s {
		words[i] = string(name)
	}
	return strings.Join(words, " ")
}
func (s States) String() string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, " ")
}

func (c Containing) String() string { return "~ " + States(c).String() }
func (b Between) String() string    { return fmt.Sprintf("%d..%d", b.Low, b.High) }
func (o OneOf) String() string {
	words := make([]string, len(o))
	for i, a := range o {
		words[i] = a.String()
	}
	return strings.Join(words, " | ")
}

func (b Bytes) String() string { return fmt.Sprintf("bytes(% x)", string(b)) }

func (Bytes) arg()       {}
func (Containing) arg()  {}
func (Between) arg()     {}
func (OneOf) arg()       {}
func (Pointer) arg()     {}
func (Signallers) arg()  {}
func (Room) arg()        {}
func (Act) arg()         {}
func (Outcomes) arg()    {}
func (Sock) arg()        {}
func (New) arg()         {}
func (Texts) arg()       {}
func (Pending) arg()     {}
func (ProcessName) arg() {}
func (Int) arg()         {}
func (Text) arg()        {}
func (Word) arg()        {}
func (Duration) arg()    {}
func (States) arg()      {}
func (Linger) arg()      {}
func (Name) arg()        {}
func (Prefix) arg()      {}
func (Socks) arg()       {}
func (Range) arg()       {}
func (Membership) arg()  {}
func (Selector) arg()    {}
