package lab

import "slices"

// Kind says what an argument, or the value of an answer, may be.
type Kind string

// The kinds. Their values are the words that error messages use.
const (
	KindSock       Kind = "a socket"
	KindSocks      Kind = "sockets"
	KindProcess    Kind = "a process"
	KindAddr       Kind = "an address with a port"
	KindInt        Kind = "a number"
	KindLength     Kind = "a length of the address"
	KindText       Kind = "a string"
	KindPath       Kind = "a path"
	KindDuration   Kind = "a duration"
	KindType       Kind = "a socket type"
	KindSockFlags  Kind = "socket flags"
	KindFlags      Kind = "message flags"
	KindHow        Kind = "a direction"
	KindFcntl      Kind = "a command of fcntl"
	KindFDFlags    Kind = "descriptor flags"
	KindSignal     Kind = "a signal"
	KindHandled    Kind = "a way to handle a signal"
	KindRestart    Kind = "a flag of sigaction"
	KindCaught     Kind = "signals"
	KindRoom       Kind = "room for an address, or a pointer"
	KindUser       Kind = "a user's number"
	KindOption     Kind = "a socket option"
	KindValue      Kind = "a value" // of the option that stands before it
	KindStates     Kind = "socket states"
	KindSysctl     Kind = "a kernel parameter"
	KindNIC        Kind = "a link"
	KindLink       Kind = "a kind of link"
	KindNetem      Kind = "what becomes of packets"
	KindPrefix     Kind = "an address with a length"
	KindAddrFlag   Kind = "an address flag"
	KindDescriptor Kind = "a descriptor's number"
	KindFamily     Kind = "a family"
	KindSockType   Kind = "a type of socket(2)"
	KindProtocol   Kind = "a protocol"
	KindNew        Kind = "a name for a new socket"
	KindEvents     Kind = "events of poll"
	KindEpollOp    Kind = "a command of epoll_ctl"
	KindEpoll      Kind = "events of epoll"
	KindIoctl      Kind = "a command of ioctl"
	KindRequest    Kind = "a number or a link"                    // what the command is about
	KindSetting    Kind = "a number or an address without a port" // that a command sets, or answers
	KindTexts      Kind = "strings"
	KindBare       Kind = "an address without a port"
	KindErrno      Kind = "an errno"
	KindMessage    Kind = "a string or a socket"
	KindNumber     Kind = "the number of a program's descriptor"
	KindPending    Kind = "the name of a call in the background"
	KindAnswer     Kind = "what the call in the background answers"
	KindAct        Kind = "a call, of another process as NAME: CALL"
	KindOutcomes   Kind = "what the calls answer, {ok, EADDRINUSE}"
	KindPart       Kind = "an address, a control message or message flags"
	KindRoute      Kind = "a route"
	KindRule       Kind = "a routing rule"
	KindNeighbour  Kind = "a neighbour"
	KindTarget     Kind = "a destination"
	KindEcho       Kind = "a destination of echo requests"
	KindWay        Kind = "a way"
	KindKnown      Kind = "a link-layer address" // that a host has found for a neighbour
	KindHook       Kind = "a hook of a cgroup"
	KindProgram    Kind = "a program of the hook"
)

// NamesUnix reports whether a string of that kind is a name of unix(7).
func (k Kind) NamesUnix() bool { return k == KindAddr || k == KindPath || k == KindPart }

// Maker says what performs a call.
type Maker string

// The makers of calls.
const (
	ByProcess Maker = ""       // the process that the step names
	ByHost    Maker = "host"   // labrun, in the network namespace of that process's host
	ByLabrun  Maker = "labrun" // labrun, about processes
)

// Signature says what a call takes and what it answers.
type Signature struct {
	Name     string
	Args     []Kind
	Long     []Kind // or these, in a call with as many arguments: socket(inet, stream, 0)
	Optional int    // how many of the last Args may be left out
	Repeats  bool   // the last of Args may stand any number of times
	Makes    bool   // "name = call(...)" names a new socket
	Unnamed  bool   // or none: the name may be left out
	Answers  Kind   // the value it answers on success; "" when it answers only ok
	Counts   bool   // that value is a number of bytes sent: no report shows it unasked
	Waits    bool   // it may wait, and answers "blocked" when its limit has passed
	Sender   bool   // its answer may say who sent it, "from ADDR"
	Controls bool   // and what came along, "with ttl(64)"
	Hears    bool   // what it waits for may be an error that the network tells of: EHOSTUNREACH after 3 s, icmp(7)
	By       Maker
	Touches  bool   // it may change more of a lab than its sockets, or more of a process
	Doc      string // one line, with the manual page
}

// Signatures lists every call there is. A new call is a row here and one in process,
// or in kernel/local where labrun makes it.
var Signatures = []Signature{
	{Name: "socket", Args: []Kind{KindType, KindSockFlags}, Long: []Kind{KindFamily, KindSockType, KindProtocol},
		Optional: 1, Makes: true,
		Doc: "make a socket, socket(2); or socket(inet, stream|SOCK_NONBLOCK, 0), by words or numbers"},
	{Name: "socketpair", Args: []Kind{KindType, KindNew, KindNew},
		Long: []Kind{KindFamily, KindSockType, KindProtocol, KindNew, KindNew},
		Doc:  "make two sockets that are connected, socketpair(2)"},
	{Name: "file", Makes: true, Touches: true, Doc: "open a file, a descriptor that is not a socket, memfd_create(2)"},
	{Name: "fd", Args: []Kind{KindDescriptor}, Makes: true, Touches: true,
		Doc: "name a descriptor that is not open: fd(-1)"},
	{Name: "dup", Args: []Kind{KindSock}, Makes: true, Doc: "another descriptor of the same socket, dup(2)"},
	{Name: "setsockopt", Args: []Kind{KindSock, KindOption, KindValue, KindLength}, Optional: 1,
		Doc: "set an option, of another length than its value's if that is said, setsockopt(2)"},
	{Name: "getsockopt", Args: []Kind{KindSock, KindOption, KindLength, KindLength}, Optional: 2, Answers: KindValue,
		Doc: "read an option; with room for so many bytes, answers the bytes that the kernel gave, getsockopt(2)"},
	{Name: "bind", Args: []Kind{KindSock, KindAddr, KindLength}, Optional: 1,
		Doc: "give a socket its local address, bind(2)"},
	{Name: "listen", Args: []Kind{KindSock, KindInt}, Doc: "open passively, with a backlog, listen(2)"},
	{Name: "accept", Args: []Kind{KindSock, KindSockFlags}, Optional: 1, Makes: true, Waits: true,
		Sender: true,
		Doc:    "take a connection off the queue, accept(2)"},
	{Name: "connect", Args: []Kind{KindSock, KindAddr, KindLength}, Optional: 1, Waits: true, Hears: true,
		Doc: "open actively, connect(2); to unspec: undo that"},
	{Name: "send", Args: []Kind{KindSock, KindText, KindFlags}, Optional: 1, Answers: KindInt, Counts: true,
		Waits: true, Hears: true,
		Doc: "send, answers the number of bytes, send(2)"},
	{Name: "recv", Args: []Kind{KindSock, KindInt, KindFlags}, Optional: 2, Answers: KindText, Waits: true, Hears: true,
		Doc: "receive, \"\" is the end of the stream, recv(2)"},
	{Name: "sendto", Args: []Kind{KindSock, KindText, KindAddr, KindFlags}, Optional: 1, Answers: KindInt,
		Counts: true, Waits: true, Hears: true,
		Doc: "send to an address, sendto(2); with MSG_FASTOPEN connect along with it"},
	{Name: "recvfrom", Args: []Kind{KindSock, KindInt, KindFlags}, Optional: 2, Answers: KindText, Waits: true,
		Hears: true, Sender: true,
		Doc: "receive a datagram, recvfrom(2)"},
	{Name: "sendmsg", Args: []Kind{KindSock, KindMessage, KindPart}, Optional: 1, Repeats: true, Answers: KindInt,
		Counts: true, Waits: true, Hears: true,
		Doc: "send a text, to an address and with control messages, or a descriptor over a unix socket, sendmsg(2)"},
	{Name: "recvmsg", Args: []Kind{KindSock, KindInt, KindFlags}, Optional: 2, Makes: true, Unnamed: true,
		Answers: KindText, Waits: true, Hears: true, Sender: true, Controls: true,
		Doc: "receive with all that came along, or, with a name, a descriptor over a unix socket, recvmsg(2)"},
	{Name: "who", Args: []Kind{KindSock}, Repeats: true, Answers: KindSocks, Waits: true, Hears: true,
		Doc: "which of the sockets have something to receive or to accept; waits for the first, poll(2)"},
	{Name: "sendmmsg", Args: []Kind{KindSock, KindText}, Repeats: true, Answers: KindInt, Counts: true, Waits: true,
		Hears: true,
		Doc:   "send several messages, answers how many went out, sendmmsg(2)"},
	{Name: "recvmmsg", Args: []Kind{KindSock, KindInt}, Answers: KindTexts, Waits: true, Hears: true,
		Doc: "wait for a message, and take as many as that which are there, recvmmsg(2)"},
	{Name: "fill", Args: []Kind{KindSock}, Waits: true,
		Doc: "send until a call would block: the buffers of both sides are full, EAGAIN of send(2)"},
	{Name: "drain", Args: []Kind{KindSock}, Waits: true, Hears: true,
		Doc: "receive until nothing more comes: what fill() has sent"},
	{Name: "poll", Args: []Kind{KindSock, KindEvents}, Optional: 1, Answers: KindEvents,
		Doc: "the events of a socket as they are now, those asked for or all, or none, poll(2)"},
	{Name: "epoll", Makes: true, Doc: "make an epoll instance, epoll_create(2)"},
	{Name: "epoll_ctl", Args: []Kind{KindSock, KindEpollOp, KindSock, KindEpoll}, Optional: 1,
		Doc: "have an epoll instance watch a socket, epoll_ctl(2)"},
	{Name: "epoll_wait", Args: []Kind{KindSock}, Answers: KindSocks, Waits: true, Hears: true,
		Doc: "which watched sockets have events; waits for the first, epoll_wait(2)"},
	{Name: "ioctl", Args: []Kind{KindSock, KindIoctl, KindRequest, KindSetting}, Optional: 2, Answers: KindSetting,
		Touches: true,
		Doc:     "bytes of a queue, whether the urgent byte is next, FIONBIO, what a link has, ioctl(2), netdevice(7)"},
	{Name: "answer", Args: []Kind{KindPending}, Answers: KindAnswer, Waits: true, Sender: true, Controls: true,
		Touches: true,
		Doc:     "what a call in the background answers, when it does; blocked while it still waits, to be asked again"},
	{Name: "together", Args: []Kind{KindAct, KindAct}, Repeats: true, Answers: KindOutcomes, Waits: true, By: ByLabrun,
		Touches: true,
		Doc: "calls of several processes, or threads of one, released at the same instant; which of them answers what " +
			"is left open"},
	{Name: "shutdown", Args: []Kind{KindSock, KindHow}, Doc: "close one direction or both, shutdown(2)"},
	{Name: "close", Args: []Kind{KindSock}, Waits: true, Doc: "close the process's descriptor, close(2)"},
	{Name: "getsockname", Args: []Kind{KindSock, KindRoom, KindRoom}, Optional: 2, Answers: KindAddr,
		Doc: "the local address, getsockname(2); with so much room, or a pointer to it and one to the length, the length " +
			"that the kernel answers"},
	{Name: "getpeername", Args: []Kind{KindSock, KindRoom, KindRoom}, Optional: 2, Answers: KindAddr,
		Doc: "the remote address, getpeername(2); the rest as of getsockname()"},
	{Name: "fchown", Args: []Kind{KindSock, KindUser}, Doc: "make the socket somebody else's, fchown(2)"},
	{Name: "unlink", Args: []Kind{KindPath}, Touches: true, Doc: "remove a unix socket's name, unlink(2)"},
	{Name: "fcntl", Args: []Kind{KindSock, KindFcntl, KindFDFlags}, Optional: 1, Answers: KindFDFlags, Touches: true,
		Doc: "flags of a descriptor or of what it is open on, fcntl(2): with FD_CLOEXEC exec() closes it"},
	{Name: "seteuid", Args: []Kind{KindUser}, Touches: true,
		Doc: "go on as that user, seteuid(2); sockets made from now on are that user's"},
	{Name: "exec", Touches: true, Doc: "become another program: sockets that are not close-on-exec stay, execve(2)"},
	{Name: "fork", Args: []Kind{KindProcess, KindSock}, Optional: 1, Repeats: true, By: ByLabrun, Touches: true,
		Doc: "make a child that inherits the sockets, all or those named, fork(2)"},
	{Name: "exit", Args: []Kind{KindInt}, Optional: 1, By: ByLabrun, Touches: true,
		Doc: "end the calling process, _exit(2)"},
	{Name: "kill", Args: []Kind{KindProcess, KindSignal}, Optional: 1, By: ByLabrun, Touches: true,
		Doc: "end a process or a program by SIGKILL, or send it the signal, kill(2)"},
	{Name: "sigaction", Args: []Kind{KindSignal, KindHandled, KindRestart}, Optional: 1, Touches: true,
		Doc: "what the process does on a signal, raise(SIGUSR1) sends it another one; kill() interrupts the call that " +
			"has waited longest in the background, sigaction(2)"},
	{Name: "signals", Answers: KindCaught, Sender: true, Touches: true,
		Doc: "which signals the handlers have had since this was last asked, none or joined by |, signal(7); " +
			"from p says which processes sent them, from p user 1000 as whom, sigaction(2)"},
	{Name: "cgroup_bpf", Args: []Kind{KindHook, KindProgram}, Touches: true,
		Doc: "run a small BPF program at a hook of the process's cgroup; in guests alone, bpf(2)"},
	{Name: "wait", Args: []Kind{KindProcess}, Answers: KindInt, Waits: true, By: ByLabrun, Touches: true,
		Doc: "wait for a program in the background to end, answers its exit status, 128 and the signal when one " +
			"ended it"},
	{Name: "pidfd_getfd", Args: []Kind{KindProcess, KindNumber}, Makes: true, By: ByLabrun, Touches: true,
		Doc: "a socket of a program in the background, by its descriptor's number there, pidfd_getfd(2)"},
	{Name: "sleep", Args: []Kind{KindDuration}, Doc: "do nothing for a while, nanosleep(2)"},
	{Name: "sockets", Args: []Kind{KindAddr}, Answers: KindStates, By: ByHost,
		Doc: "what netstat shows at an address (any: all of them), from sock_diag(7); waits for the states that " +
			"are expected; " +
			"BOUND, which netstat does not show, where that is expected"},
	{Name: "sysctl", Args: []Kind{KindSysctl, KindText}, Optional: 1, Answers: KindText, By: ByHost, Touches: true,
		Doc: "read or set a parameter of the host's network namespace, sysctl(8)"},
	{Name: "addr_add", Args: []Kind{KindNIC, KindPrefix, KindAddrFlag}, Optional: 1, By: ByHost, Touches: true,
		Doc: "give a link an address, ip-address(8); IPv6's is tentative at first, unless nodad follows"},
	{Name: "addr_del", Args: []Kind{KindNIC, KindPrefix}, By: ByHost, Touches: true,
		Doc: "take an address away, ip-address(8)"},
	{Name: "route_add", Args: []Kind{KindRoute}, By: ByHost, Touches: true, Doc: "ip route add, ip-route(8)"},
	{Name: "route_del", Args: []Kind{KindRoute}, By: ByHost, Touches: true, Doc: "ip route del, ip-route(8)"},
	{Name: "rule_add", Args: []Kind{KindRule}, By: ByHost, Touches: true, Doc: "ip rule add, ip-rule(8)"},
	{Name: "rule_del", Args: []Kind{KindRule}, By: ByHost, Touches: true, Doc: "ip rule del, ip-rule(8)"},
	{Name: "neigh_add", Args: []Kind{KindNeighbour}, By: ByHost, Touches: true,
		Doc: "ip neighbour add: a static entry, ip-neighbour(8)"},
	{Name: "neigh_del", Args: []Kind{KindNeighbour}, By: ByHost, Touches: true,
		Doc: "ip neighbour del, ip-neighbour(8)"},
	{Name: "route", Args: []Kind{KindTarget}, Answers: KindWay, By: ByHost,
		Doc: "which way packets go there, and with which source, ip route get, ip-route(8)"},
	{Name: "neigh", Args: []Kind{KindNeighbour}, Answers: KindKnown, By: ByHost,
		Doc: "whose link-layer address the host has for an address, ip neighbour get; ENOENT where it has none"},
	{Name: "ping", Args: []Kind{KindEcho}, Waits: true, Hears: true, By: ByHost, Touches: true,
		Doc: "an echo request of ICMP: ok when the answer came, else the error that the network tells of, ping(8)"},
	{Name: "link_up", Args: []Kind{KindNIC}, By: ByHost, Touches: true, Doc: "ip link set NIC up, ip-link(8)"},
	{Name: "link_down", Args: []Kind{KindNIC}, By: ByHost, Touches: true, Doc: "ip link set NIC down, ip-link(8)"},
	{Name: "link_mtu", Args: []Kind{KindNIC, KindInt}, By: ByHost, Touches: true,
		Doc: "ip link set NIC mtu: how long a packet may be, ip-link(8)"},
	{Name: "link_add", Args: []Kind{KindNIC, KindLink}, By: ByHost, Touches: true,
		Doc: "make a link, down: dummy, vrf table 7, vlan id 5 link eth0, ..., ip-link(8)"},
	{Name: "link_del", Args: []Kind{KindNIC}, By: ByHost, Touches: true, Doc: "remove a link, ip-link(8)"},
	{Name: "link_master", Args: []Kind{KindNIC, KindNIC}, By: ByHost, Touches: true,
		Doc: "put a link under a bridge or into a VRF, ip link set NIC master, ip-link(8)"},
}

// CgroupPrograms returns the words of the programs of BPF that a hook of a cgroup may have. deny is of all: its call
// answers EPERM. Where the program sees the address, next-port puts the port after the one that was asked for there;
// and at bind, any-port permits ports below ip_unprivileged_port_start (BPF_CGROUP_RUN_PROG_INET_BIND_LOCK, Linux
// 5.12).
func CgroupPrograms(hook string) []string {
	switch hook {
	case "bind4", "bind6":
		return []string{"deny", "next-port", "any-port"}
	case "connect4", "connect6", "sendmsg4", "sendmsg6":
		return []string{"deny", "next-port"}
	}
	return []string{"deny"}
}

// For returns the signature of a call with so many arguments.
func (s Signature) For(n int) Signature {
	if s.Answers == KindAddr && n > 1 {
		s.Answers = KindInt // the length of the address
	}
	if s.Long != nil && n == len(s.Long) {
		s.Args, s.Optional = s.Long, 0
	}
	return s
}

// Reads reports whether a call with so many arguments answers a value. Of those that read or set, the
// last argument is what they set.
func (s Signature) Reads(n int) bool {
	return s.Answers != "" && (s.Name != "sysctl" && s.Name != "fcntl" && s.Name != "ioctl" || n < len(s.Args))
}

// MayPend reports whether the call may be in the background. close is not one: what waits in it is no
// longer a socket of the process, and nothing that another thread does would end that. fill and drain are
// more calls than one.
func (s Signature) MayPend() bool {
	return s.Waits && s.By == ByProcess && !slices.Contains([]string{"close", "answer", "fill", "drain"}, s.Name)
}

// MayRace reports whether the call may be one of several that are made at the same instant. What seteuid and
// exec change is the thread's, or ends all others.
func (s Signature) MayRace() bool {
	return s.By == ByProcess && !slices.Contains([]string{"answer", "exec", "seteuid"}, s.Name)
}

// Kind returns the kind of an argument by its place.
func (s Signature) Kind(i int) Kind { return s.Args[min(i, len(s.Args)-1)] }

// SignatureOf returns the signature of the call of that name.
func SignatureOf(name string) (Signature, bool) {
	i := slices.IndexFunc(Signatures, func(s Signature) bool { return s.Name == name })
	if i < 0 {
		return Signature{}, false
	}
	return Signatures[i], true
}

// SocketTypes are the words that socket() takes. raw is a raw socket of ICMP's, ping
// one of datagrams, icmp(7).
var SocketTypes = []string{
	"tcp", "udp", "tcp6", "udp6", "mptcp", "mptcp6", "sctp", "sctp6", "dccp", "dccp6", "udplite", "udplite6",
	"raw", "raw6", "ping", "ping6", "unix", "unix-dgram", "unix-seqpacket",
}

// TakesPointer reports whether an argument of a call is, or has in it, memory of the process: a Pointer may
// stand in its place.
func (s Signature) TakesPointer(i int) bool {
	if s.By != ByProcess {
		return false
	}
	switch k := s.Kind(i); k {
	case KindAddr, KindValue, KindMessage, KindEpoll, KindRoom, KindPart:
		return true
	case KindText:
		return s.Name == "send" || s.Name == "sendto"
	case KindInt: // the size of the memory that is received into
		return i == 1 && (s.Name == "recv" || s.Name == "recvfrom")
	case KindLength:
		return s.Name == "getsockopt"
	case KindSockFlags:
		return s.Name == "accept"
	}
	return false
}

// Pointers are the words for a pointer: NULL, and one to memory that the process may not touch.
var Pointers = []string{"nil", "bad"}

// The words that flags and such arguments are made of; flags are joined by '|'.
var (
	// SocketFlags are the words of the second argument of socket() and accept(), socket(2).
	SocketFlags = []string{"SOCK_NONBLOCK", "SOCK_CLOEXEC"}
	// MessageFlags are those that send() and recv() take, send(2) and recv(2).
	MessageFlags = []string{"MSG_CMSG_CLOEXEC", "MSG_CONFIRM", "MSG_CTRUNC", "MSG_DONTROUTE", "MSG_DONTWAIT",
		"MSG_EOR", "MSG_ERRQUEUE", "MSG_FASTOPEN", "MSG_MORE", "MSG_NOSIGNAL", "MSG_OOB", "MSG_PEEK",
		"MSG_TRUNC", "MSG_WAITALL", "MSG_ZEROCOPY"}
	// ShutdownHows are the words that shutdown() takes, shutdown(2).
	ShutdownHows = []string{"SHUT_RD", "SHUT_WR", "SHUT_RDWR"}
	// FcntlCommands are the words that fcntl() takes, fcntl(2).
	FcntlCommands = []string{"F_GETFD", "F_SETFD", "F_GETFL", "F_SETFL"}
	// DescriptorFlags are the words of its last argument and its answers; 0 clears them.
	DescriptorFlags = []string{"FD_CLOEXEC", "O_RDWR", "O_NONBLOCK", "O_ASYNC", "O_LARGEFILE", "0"}
	// Domains, SocketKinds and Protocols are the words of a socket by numbers, socket(2). Each may be a
	// number instead, one that the kernel does not know too.
	Domains     = []string{"unspec", "unix", "inet", "inet6", "netlink", "packet", "vsock"}
	SocketKinds = []string{"stream", "dgram", "raw", "rdm", "seqpacket", "dccp", "packet", "SOCK_NONBLOCK",
		"SOCK_CLOEXEC"}
	Protocols = []string{"icmp", "igmp", "ipip", "tcp", "udp", "dccp", "icmpv6", "sctp", "udplite", "mptcp"}
	// PollEvents are the words of poll(2), in the order in which it answers them.
	PollEvents = []string{"POLLIN", "POLLPRI", "POLLOUT", "POLLERR", "POLLHUP", "POLLNVAL", "POLLRDHUP"}
	// EpollCommands and EpollEvents are those of epoll_ctl(2).
	EpollCommands = []string{"EPOLL_CTL_ADD", "EPOLL_CTL_MOD", "EPOLL_CTL_DEL"}
	EpollEvents   = []string{"EPOLLIN", "EPOLLPRI", "EPOLLOUT", "EPOLLRDHUP", "EPOLLET", "EPOLLONESHOT",
		"EPOLLEXCLUSIVE"}
	// IoctlCommands are those of tcp(7), udp(7) and unix(7), and of netdevice(7).
	IoctlCommands = []string{"SIOCINQ", "SIOCOUTQ", "SIOCOUTQNSD", "SIOCATMARK", "FIONBIO",
		"SIOCGIFADDR", "SIOCSIFADDR", "SIOCGIFNETMASK", "SIOCSIFNETMASK", "SIOCGIFBRDADDR", "SIOCSIFBRDADDR",
		"SIOCGIFMTU", "SIOCSIFMTU"}
	// Signals are those that kill() takes, signal(7).
	Signals = []string{"SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGTERM",
		"SIGWINCH"}
	// Handlings are what sigaction() has a process do on a signal; SIG_DFL ends it, mostly, and raise(SIGNAL) is a
	// handler that sends another one, raise(3). RestartFlags are its flags.
	Handlings = []string{"handler", "SIG_IGN", "SIG_DFL", "raise(SIGHUP)", "raise(SIGINT)", "raise(SIGQUIT)",
		"raise(SIGUSR1)", "raise(SIGUSR2)", "raise(SIGPIPE)", "raise(SIGTERM)", "raise(SIGWINCH)"}
	RestartFlags = []string{"SA_RESTART", "SA_RESETHAND", "SA_NODEFER"}
	// CgroupHooks are where the kernel asks the programs of a cgroup, enum bpf_attach_type in linux/bpf.h.
	CgroupHooks = []string{"sock_create", "bind4", "bind6", "post_bind4", "post_bind6", "connect4", "connect6",
		"sendmsg4", "sendmsg6"}
	// AddressFlags are the words that addr_add() takes after an address, ip-address(8).
	AddressFlags = []string{"nodad", "optimistic"}
	// Families are the words that family() takes in an address, socket(2).
	Families = []string{"AF_UNSPEC", "AF_UNIX", "AF_INET", "AF_INET6"}
)

// StateBound is the state of sockets that sockets() answers only where it is expected.
const StateBound = "BOUND"

// StateNames are the states of sockets in netstat(8)'s words, in the order in
// which sockets() lists them. UNCONN is a UDP socket that is not connected. BOUND is
// labrun's word for a TCP socket with a port that neither listens nor connects, which
// netstat does not show.
var StateNames = []string{
	StateBound, "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2",
	"CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT", "UNCONN",
}
