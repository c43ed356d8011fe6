package syntax

import (
	"strings"
	"testing"
)

// A line of strace is read as it is only if nothing of it is lost; all others are told how they are
// written here, or are no calls.
func TestStrace(t *testing.T) {
	for _, tt := range []struct {
		text, want string // "" is a mistake
	}{
		{`socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3`, "3 = socket(tcp) = ok"},
		{`socket(AF_INET6, SOCK_DGRAM|SOCK_NONBLOCK, IPPROTO_IP) = 4`, "4 = socket(udp6, SOCK_NONBLOCK) = ok"},
		{`a = socket(AF_UNIX, SOCK_SEQPACKET, 0)`, "a = socket(unix-seqpacket) = ok"},
		{`[pid  77] socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP) = 5`, "5 = socket(mptcp) = ok"},
		{`socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) = -1 EPROTONOSUPPORT (Protocol not supported)`,
			"a = socket(inet, stream, udp) = EPROTONOSUPPORT"},
		{`socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3`, "3 = socket(netlink, raw|SOCK_CLOEXEC, 0) = ok"},
		{`socket(AF_INET, SOCK_RAW, 253) = 3`, "3 = socket(inet, raw, 253) = ok"},
		{`socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) = 3`, ""},
		{`bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) = 0`,
			"bind(3, 192.0.2.1:80) = ok"},
		{`bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("0.0.0.0")}, 3) = -1 EINVAL (Invalid argument)`,
			"bind(3, any:80, 3) = EINVAL"},
		{`connect(3, {sa_family=AF_INET6, sin6_port=htons(53), sin6_flowinfo=htonl(0), ` +
			`inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = -1 ECONNREFUSED (Connection refused)`,
			"connect(3, lo6:53) = ECONNREFUSED"},
		{`bind(3, (struct sockaddr *)&addr, sizeof(addr))`, ""},
		{`setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0`, "setsockopt(3, SO_REUSEADDR, 1) = ok"},
		{`setsockopt(3, SOL_TCP, TCP_NODELAY, [1], 4) = 0`, "setsockopt(3, TCP_NODELAY, 1) = ok"},
		{`setsockopt(3, SOL_IP, SO_REUSEADDR, [1], 4) = 0`, ""}, // another level: another option
		{`setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 2) = -1 EINVAL (Invalid argument)`, ""},
		{`getsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], [4]) = 0`, "getsockopt(3, SO_REUSEADDR) = 1"},
		{`listen(3, 128) = 0`, "listen(3, 128) = ok"},
		{`listen(3, 128) = ? ERESTARTSYS (To be restarted)`, ""},
		{`accept4(3, NULL, NULL, SOCK_CLOEXEC) = 4`, "4 = accept(3, SOCK_CLOEXEC) = ok"},
		{`sendto(4, "hello", 5, MSG_NOSIGNAL, NULL, 0) = 5`, `send(4, "hello") = ok`},
		{`sendto(4, "hello", 5, MSG_OOB, NULL, 0) = 5`, ""}, // flags are not dropped
		{`sendto(4, "hello", 4, 0, NULL, 0) = 4`, ""},       // nor is a part of the text sent
		{`recvfrom(4, "hello", 4096, 0, NULL, NULL) = 5`, `recv(4) = "hello"`},
		{`recvfrom(4, "hello"..., 4096, 0, NULL, NULL) = 4096`, ""},
		{`recvfrom(4, 0x7ffd, 4096, MSG_DONTWAIT, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)`, ""},
		{`sendmsg(3, {msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}, msg_namelen=16, ` +
			`msg_iov=[{iov_base="hi", iov_len=2}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, MSG_DONTWAIT) = 2`,
			`sendmsg(3, "hi", 192.0.2.1:53, MSG_DONTWAIT) = ok`},
		{`sendmsg(3, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="hi", iov_len=2}], msg_iovlen=1, ` +
			`msg_control=[{cmsg_len=20}], msg_controllen=24, msg_flags=0}, 0) = 2`, ""}, // nor is what goes along
		{`recvmsg(3, {msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}, ` +
			`msg_namelen=128 => 16, msg_iov=[{iov_base="hi", iov_len=64}], msg_iovlen=1, msg_controllen=0, ` +
			`msg_flags=0}, 0) = 2`,
			`recvmsg(3) = "hi" from 192.0.2.1:53`},
		{`poll([{fd=3, events=POLLIN|POLLOUT}], 1, 0) = 1 ([{fd=3, revents=POLLOUT}])`, "poll(3, POLLIN|POLLOUT) = POLLOUT"},
		{`poll([{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout)`, "poll(3, POLLIN) = none"},
		{`poll([{fd=3, events=POLLIN}], 1, 1000) = 0 (Timeout)`, ""}, // which waits
		{`epoll_create1(0) = 4`, "4 = epoll() = ok"},
		{`epoll_ctl(4, EPOLL_CTL_ADD, 3, {EPOLLIN|EPOLLET, {u32=3, u64=3}}) = 0`,
			"epoll_ctl(4, EPOLL_CTL_ADD, 3, EPOLLIN|EPOLLET) = ok"},
		{`epoll_ctl(4, EPOLL_CTL_MOD, 3, {events=EPOLLOUT, data={u32=3, u64=3}}) = -1 ENOENT (No such file or directory)`,
			"epoll_ctl(4, EPOLL_CTL_MOD, 3, EPOLLOUT) = ENOENT"},
		{`epoll_ctl(4, EPOLL_CTL_DEL, 3, NULL) = 0`, "epoll_ctl(4, EPOLL_CTL_DEL, 3, nil) = ok"},
		{`bind(3, NULL, 16) = -1 EFAULT (Bad address)`, "bind(3, nil, 16) = EFAULT"},
		{`close(3) = 0`, "close(3) = ok"},
		// What options of strace put around a call is not of the call: -t, -tt, -ttt, -r, -t -r, -f, -i, -n, -T, -y, -yy.
		{`19:10:39 listen(3, 5) = 0`, "listen(3, 5) = ok"},
		{`19:10:39.792656 close(7)                = 0`, "close(7) = ok"},
		{`1795979440.387573 close(7)              = 0`, "close(7) = ok"},
		{`0.000043 close(7)                  = 0`, "close(7) = ok"},
		{`19:10:39 (+     0.000043) close(7) = 0`, "close(7) = ok"},
		{`[pid 15209] 19:10:43.720411 listen(3, 5) = 0 <0.000012>`, "listen(3, 5) = ok"},
		{`[pid 15440]      0.001641 listen(3, 5) = 0`, "listen(3, 5) = ok"},
		{`15440 19:10:43 listen(3, 5) = 0`, "listen(3, 5) = ok"},
		{`[00007f55005169f0] close(7)             = 0`, "close(7) = ok"},
		{`[   3] close(7)             = 0`, "close(7) = ok"},
		{`close(7)                                = 0 <0.001426>`, "close(7) = ok"},
		{`bind(3, NULL, 16) = -1 EFAULT (Bad address) <0.000049>`, "bind(3, nil, 16) = EFAULT"},
		{`close(7<socket:[101820121]>)            = 0`, "close(7) = ok"},
		{`close(7<UNIX-STREAM:[101821965->101821966]>) = 0`, "close(7) = ok"},
		{`close(6<UNIX:[101821963,"/tmp/u,<x> \"y"]>) = 0`, "close(6) = ok"},
		{`accept4(3<TCP:[127.0.0.1:35231]>, NULL, NULL, 0) = 5<TCP:[127.0.0.1:35231->127.0.0.1:47114]>`, "5 = accept(3) = ok"},
		{`socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3<TCP:[101820113]>`, "3 = socket(tcp) = ok"},
		{`poll([{fd=3<TCPv6:[[::1]:80]>, events=POLLIN}], 1, 0) = 0 (Timeout)`, "poll(3, POLLIN) = none"},
		{`sendto(4<TCP:[1]>, "5<x>", 4, 0, NULL, 0) = 4`, `send(4, "5<x>") = ok`}, // a text stays as it is
		{`recvfrom(4<TCP:[1]>, "hello"..., 4096, 0, NULL, NULL) = 4096 <0.000012>`, ""},
		{`listen(a, 5);`, ""},
		{`s.bind(("", 80))`, ""},
	} {
		s := ParseForeign(tt.text)
		got := ""
		if len(s.Mistakes) == 0 && !s.Foreign {
			got = s.Call.String() + " = " + s.Want.String()
		}
		if got != tt.want {
			t.Errorf("%s\n is %q, want %q %v", tt.text, got, tt.want, s.Mistakes)
		}
	}
}

// A line of strace that is not a whole call is one mistake, which says what it is.
func TestStraceOther(t *testing.T) {
	for text, want := range map[string]string{
		`+++ exited with 0 +++`:                                               "the end of a process",
		`[pid 15209] 19:10:43.720411 +++ exited with 3 +++`:                   "the end of a process",
		`+++ killed by SIGPIPE (core dumped) +++`:                             "the end of a process",
		`--- SIGPIPE {si_signo=SIGPIPE, si_code=SI_USER} ---`:                 "a signal",
		`0.000078 --- SIGCHLD {si_signo=SIGCHLD} ---`:                         "a signal",
		`--- stopped by SIGSTOP ---`:                                          "a signal",
		`[pid 77] accept(3,  <unfinished ...>`:                                "half of a call",
		`recvfrom(4<TCP:[1]>, <unfinished ...>) = ?`:                          "half of a call",
		`[pid 77] <... accept resumed>NULL, NULL) = 4`:                        "half of a call",
		`strace: Process 1234 attached`:                                       "a message of strace's own",
		`Process 1234 attached`:                                               "a message of strace's own",
		`strace: Process 1234 detached`:                                       "a message of strace's own",
		`clone(child_stack=NULL, flags=SIGCHLDstrace: Process 15209 attached`: "a message of strace's own",
	} {
		s := ParseForeign(text)
		if len(s.Mistakes) != 1 || !strings.HasPrefix(s.Mistakes[0].Msg, "this is "+want) {
			t.Errorf("%s\n is %v, want one mistake: this is %s", text, s.Mistakes, want)
		}
	}
	for _, text := range []string{`send(a, "<unfinished ...>")`, `sendto(4, "--- a ---", 9, 0, NULL, 0) = 9`} {
		if s := ParseForeign(text); len(s.Mistakes) > 0 {
			t.Errorf("%s: %v", text, s.Mistakes)
		}
	}
}
