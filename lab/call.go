package lab

import (
	"fmt"
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

// Arg is an argument of a call, or the value that one answers. The types are
// Sock, ProcessName, Addr, Int, Text, Word, Linger, Duration and States.
type Arg interface {
	String() string
	arg()
}

type (
	// Sock is the name of a socket.
	Sock string
	// ProcessName is the name of a process on the caller's own host.
	ProcessName string
	// Int is a whole number.
	Int int64
	// Text is a string of bytes, "hello".
	Text string
	// Word is one of a few names: tcp, SO_REUSEADDR, SHUT_WR.
	Word string
	// Duration is a time: 100ms.
	Duration time.Duration
	// States is what sockets() answers: the states of sockets in netstat's
	// words, in the order of StateNames. None at all is written "none".
	States []string
	// Linger is the value of SO_LINGER, socket(7).
	Linger struct {
		On      int32
		Seconds int32
	}
)

func (s Sock) String() string        { return string(s) }
func (p ProcessName) String() string { return string(p) }
func (i Int) String() string         { return strconv.FormatInt(int64(i), 10) }
func (t Text) String() string        { return strconv.Quote(string(t)) }
func (w Word) String() string        { return string(w) }
func (d Duration) String() string    { return time.Duration(d).String() }
func (l Linger) String() string {
	return fmt.Sprintf("{l_onoff=%d, l_linger=%d}", l.On, l.Seconds)
}
func (s States) String() string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, " ")
}

func (Sock) arg()        {}
func (ProcessName) arg() {}
func (Int) arg()         {}
func (Text) arg()        {}
func (Word) arg()        {}
func (Duration) arg()    {}
func (States) arg()      {}
func (Linger) arg()      {}

// Kind says what an argument, or the value of an answer, may be.
type Kind string

// The kinds. Their values are the words that error messages use.
const (
	KindSock     Kind = "a socket"
	KindProcess  Kind = "a process"
	KindAddr     Kind = "an address with a port"
	KindInt      Kind = "a number"
	KindText     Kind = "a string"
	KindDuration Kind = "a duration"
	KindType     Kind = "a socket type"
	KindHow      Kind = "a direction"
	KindOption   Kind = "a socket option"
	KindValue    Kind = "a value" // of the option that stands before it
	KindStates   Kind = "socket states"
)

// Signature says what a call takes and what it answers.
type Signature struct {
	Name     string
	Args     []Kind
	Optional int    // how many of the last Args may be left out
	Makes    bool   // "name = call(...)" names a new socket
	Answers  Kind   // the value it answers on success; "" when it answers only ok
	Doc      string // one line, with the manual page
}

// Signatures lists every call there is. A new call is a row here and a case in
// process.
var Signatures = []Signature{
	{Name: "socket", Args: []Kind{KindType}, Makes: true, Doc: "make a socket, socket(2)"},
	{Name: "setsockopt", Args: []Kind{KindSock, KindOption, KindValue}, Doc: "set an option, setsockopt(2)"},
	{Name: "getsockopt", Args: []Kind{KindSock, KindOption}, Answers: KindValue, Doc: "read an option, getsockopt(2)"},
	{Name: "bind", Args: []Kind{KindSock, KindAddr}, Doc: "give a socket its local address, bind(2)"},
	{Name: "listen", Args: []Kind{KindSock, KindInt}, Doc: "open passively, with a backlog, listen(2)"},
	{Name: "accept", Args: []Kind{KindSock}, Makes: true, Doc: "take a connection off the queue, accept(2)"},
	{Name: "connect", Args: []Kind{KindSock, KindAddr}, Doc: "open actively, connect(2)"},
	{Name: "send", Args: []Kind{KindSock, KindText}, Answers: KindInt, Doc: "send, answers the number of bytes, send(2)"},
	{Name: "recv", Args: []Kind{KindSock, KindInt}, Optional: 1, Answers: KindText, Doc: "receive, \"\" is the end of the stream, recv(2)"},
	{Name: "sendto", Args: []Kind{KindSock, KindText, KindAddr}, Answers: KindInt, Doc: "send a datagram to an address, sendto(2)"},
	{Name: "recvfrom", Args: []Kind{KindSock, KindInt}, Optional: 1, Answers: KindText, Doc: "receive a datagram, recvfrom(2)"},
	{Name: "shutdown", Args: []Kind{KindSock, KindHow}, Doc: "close one direction or both, shutdown(2)"},
	{Name: "close", Args: []Kind{KindSock}, Doc: "close the process's descriptor, close(2)"},
	{Name: "getsockname", Args: []Kind{KindSock}, Answers: KindAddr, Doc: "the local address, getsockname(2)"},
	{Name: "getpeername", Args: []Kind{KindSock}, Answers: KindAddr, Doc: "the remote address, getpeername(2)"},
	{Name: "fork", Args: []Kind{KindProcess}, Doc: "make a child that inherits the sockets, fork(2)"},
	{Name: "exit", Args: []Kind{KindInt}, Optional: 1, Doc: "end the calling process, _exit(2)"},
	{Name: "kill", Args: []Kind{KindProcess}, Doc: "end a process by SIGKILL, kill(2)"},
	{Name: "sleep", Args: []Kind{KindDuration}, Doc: "do nothing for a while, nanosleep(2)"},
	{Name: "sockets", Args: []Kind{KindAddr}, Answers: KindStates,
		Doc: "what netstat shows at an address (any: all of them), from sock_diag(7); waits for the states that are expected"},
}

// SignatureOf returns the signature of the call of that name.
func SignatureOf(name string) (Signature, bool) {
	i := slices.IndexFunc(Signatures, func(s Signature) bool { return s.Name == name })
	if i < 0 {
		return Signature{}, false
	}
	return Signatures[i], true
}

// SocketTypes are the words that socket() takes.
var SocketTypes = []string{"tcp", "udp", "tcp6", "udp6"}

// ShutdownHows are the words that shutdown() takes, shutdown(2).
var ShutdownHows = []string{"SHUT_RD", "SHUT_WR", "SHUT_RDWR"}

// StateNames are the states of sockets in netstat(8)'s words, in the order in
// which sockets() lists them. UNCONN is a UDP socket that is not connected.
var StateNames = []string{
	"LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2",
	"CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT", "UNCONN",
}
