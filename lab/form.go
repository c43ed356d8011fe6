package lab

// Form is one of the ways in which an answer or an address may be written.
type Form struct {
	Form    string
	Doc     string
	Example string // a step that has it
}

// AnswerForms are what may stand behind the = of a step. A new form is a row here and a case of
// package syntax.
var AnswerForms = []Form{
	{"ok", "it succeeded, which is also meant where nothing is written", "bind(a, x:80) = ok"},
	{"ERRNO", "it failed so, errno(3)", "bind(a, x:80) = EADDRINUSE"},
	{"VALUE", "it succeeded and answered this, where the call answers a value", "getsockname(a) = x:80"},
	{"blocked", "it still waited when its limit had passed", "recv(a) = blocked"},
	{"?", "record the answer, expect nothing", "bind(a, x:80) = ?"},
	{"ANSWER | ANSWER", "one of several, with blanks around the bar", "bind(a, x:80) = EADDRINUSE | EACCES"},
	{"LOW..HIGH", "a number within these, both included", "send(a, \"hello\") = 1..5"},
	{"ADDR:LOW-HIGH", "an address with any of these ports", "getsockname(a) = x:40000-40010"},
	{"ADDR:odd", "an address with an odd port, or an even one", "getsockname(a) = x:odd"},
	{"ADDR:$NAME", "an address with a port that is kept by this name", "getsockname(a) = x:$p"},
	{":PORT", "a port, whatever the address", "getsockname(a) = :80"},
	{"none", "no states, no events, or with: nothing that came along", "sockets(x:80) = none"},
	{"~ STATES", "states that have to be among others", "sockets(x:80) ~ TIME_WAIT"},
	{"WORD|WORD", "several flags or events at once, without blanks", "poll(a) = POLLIN|POLLOUT"},
	{"{ANSWER, ANSWER}", "what the calls of together() answer, in any order",
		"together(other: listen(b, 5), listen(a, 5)) = {ok, EADDRINUSE}"},
	{"ANSWER from ADDR", "and who sent it, or connected; from unspec has no address",
		"recvfrom(a) = \"hello\" from peer.x:5353"},
	{"ANSWER from PROCESS", "and which processes sent the signals, from p|q; from p user 1000 also as whom",
		"signals() = SIGUSR1 from p"},
	{"ANSWER with WORDS", "and all that came along with a message", "recvmsg(a) = \"hello\" with ttl(64)"},
	{"bytes(HEX)", "memory as the kernel gave it", "getsockopt(a, SO_REUSEADDR, 4) = bytes(00 00 00 00)"},
	{"[ANSWER on linux OP VERSION]", "behind an answer: another one for these kernels",
		"bind(a, x:80) = ok [EADDRINUSE on linux < 6.2]"},
	{"[ANSWER on KIND NAME]", "behind an answer: another one where the kernel has an option, socket, sysctl or probe",
		"bind(a, x:80) = ok [EADDRINUSE on option IP_LOCAL_PORT_RANGE]"},
	{"[ANSWER on no KIND NAME]", "behind an answer: another one where it lacks that",
		"bind(a, x:80) = ok [EADDRINUSE on no sysctl net.ipv4.tcp_tw_reuse_delay]"},
}

// AddressForms are what may stand for an address.
var AddressForms = []Form{
	{"NAME:PORT", "the address of the caller's host that as: of a NIC names so", "bind(a, x:80)"},
	{"peer.NAME:PORT", "that of the first other host that shares a network", "connect(a, peer.x:80)"},
	{"subject.NAME:PORT", "that of the host whose column the cell is in", "connect(a, subject.x:80)"},
	{"HOST.NAME:PORT", "that of a host of the file", "connect(a, beta.x:80)"},
	{"any:PORT", "the wildcard 0.0.0.0; any6 is ::", "bind(a, any:80)"},
	{"any6:PORT", "the wildcard ::", "bind(a, any6:80)"},
	{"lo:PORT", "127.0.0.1", "bind(a, lo:80)"},
	{"lo6:PORT", "::1", "bind(a, lo6:80)"},
	{"mapped(NAME):PORT", "an IPv4 address in IPv6, ::ffff:192.0.2.1", "bind(a, mapped(x):80)"},
	{"IPV4:PORT", "an address as it is", "bind(a, 192.0.2.1:80)"},
	{"[IPV6]:PORT", "an address as it is", "bind(a, [2001:db8::1]:80)"},
	{"[IPV6%NIC]:PORT", "a link-local one with its NIC, lo or a number", "bind(a, [fe80::1%eth0]:80)"},
	{"ADDR:0", "a port that the kernel chooses", "bind(a, x:0)"},
	{"ADDR:$NAME", "a port that was kept; in a bind before that, one that the kernel chooses and that is kept",
		"bind(a, any:$p)"},
	{"ADDR:$NAME+N", "the port so many behind it", "connect(a, peer.x:$p+1)"},
	{"unspec", "AF_UNSPEC, with which connect undoes a connect", "connect(a, unspec)"},
	{"family(AF_NAME, ADDR):PORT", "an address that says it is of another family", "bind(a, family(AF_UNIX, x):80)"},
	{"\"/tmp/NAME\"", "a path in the lab's /tmp or /run, unix(7)", "bind(a, \"/tmp/app.sock\")"},
	{"\"NAME\"", "a path in the lab's /tmp", "bind(a, \"app.sock\")"},
	{"\"@NAME\"", "an abstract name of unix(7)", "bind(a, \"@app\")"},
	{"\"\"", "a name of unix(7) that the kernel chooses", "bind(a, \"\")"},
	{"\"@$NAME\"", "in an answer: an abstract name that the kernel chose, and that is kept", "getsockname(a) = \"@$n\""},
	{"packet(NIC, PROTOCOL)", "that of a packet socket, packet(7)", "bind(a, packet(eth0, 0x0800))"},
	{"netlink(PORT, GROUPS)", "that of a netlink socket, netlink(7); self is the caller's own port",
		"bind(a, netlink(self, 1))"},
}
