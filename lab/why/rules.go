package why

// rules are the conditions that labrun knows, by errno. Of one errno those stand first which the kernel looks at
// first, or which say more. Functions are those of Linux 6.18; where another version has another rule the sentence
// says so.
//
// "f of W V" names a function that kinds of sockets, or calls, have for themselves: W or V. Without "of" it is all of
// theirs. See moment.functions.
var rules = []rule{
	// What a call is given, which the kernel looks at before any socket.
	{"EFAULT", "", badPointer, "copy_from_user, copy_to_user", "intro(2)", "pointers-and-lengths"},
	{"EBADF", "", notOpen, "fdget", "close(2)", "ltp-bind"},
	{"ENOTSOCK", "", notASocket, "sock_from_file", "socket(2)", "ltp-bind"},
	{"EINVAL", "bind", tooShort, "move_addr_to_kernel, inet_bind_sk of ipv4, inet6_bind_sk of ipv6", "bind(2)",
		"pointers-and-lengths"},
	{"EINVAL", "connect", tooShort, "move_addr_to_kernel, inet_stream_connect of tcp mptcp, inet_dgram_connect of udp",
		"connect(2)", "pointers-and-lengths"},
	{"EINVAL", "setsockopt getsockopt", wrongLength, "sk_setsockopt of setsockopt, sk_getsockopt of getsockopt",
		"setsockopt(2)", "pointers-and-lengths"},
	{"EINVAL", "getsockname getpeername accept", wrongRoom, "move_addr_to_user, __sys_accept4", "getsockname(2)",
		"pointers-and-lengths"},

	{"EPERM", "socket bind connect sendto sendmsg", deniedByProgram,
		"__cgroup_bpf_run_filter_sk of socket, __cgroup_bpf_run_filter_sock_addr of bind connect sendto sendmsg", "bpf(2)",
		"cgroup-bpf"},
	{"EPERM", "kill", otherUser, "kill_ok_by_cred", "kill(2)", "signals"},
	{"ENOKEY", "sendto connect", noPeerKey, "wg_xmit, wg_allowedips_lookup_dst", "sendto(2)", "wireguard"},
	{"ENOENT", "cgroup_bpf", noCgroup, "cgroup_get_from_fd", "cgroups(7)", ""},

	// socket
	{"EACCES", "socket", pingGroup, "ping_init_sock", "icmp(7)", "socket-numbers"},
	{"EAFNOSUPPORT", "socket socketpair", noFamily, "__sock_create", "socket(2)", "socket-numbers"},
	{"ENOPROTOOPT", "socket", mptcpOff, "mptcp_init_sock", "socket(2)", "mptcp"},
	{"EINVAL", "socket socketpair", numberTooHigh, "__sock_create, inet_create", "socket(2)", "socket-numbers"},
	{"ESOCKTNOSUPPORT", "socket", noType, "inet_create", "socket(2)", "socket-numbers"},
	{"EPROTONOSUPPORT", "socket", noProtocol, "inet_create, unix_create", "socket(2)", "socket-numbers"},
	{"EOPNOTSUPP", "socketpair", noPairs, "sock_no_socketpair", "socketpair(2)", "socket-numbers"},

	// bind, in the order of __inet_bind's checks
	{"EAFNOSUPPORT", "bind", wrongFamily, "__inet_bind of ipv4, __inet6_bind of ipv6", "bind(2)", "ltp-bind"},
	{"EADDRNOTAVAIL", "bind", scopeElsewhere, "__inet6_bind, ipv6_chk_addr", "ipv6(7)", "devices"},
	{"EADDRNOTAVAIL", "bind", tentative, "__inet6_bind, ipv6_chk_addr_and_flags", "ipv6(7)", "addresses-come-and-go"},
	{"EADDRNOTAVAIL", "bind", notLocal, "inet_addr_valid_or_nonlocal of ipv4, __inet6_bind of ipv6", "bind(2)",
		"nonlocal"},
	{"EACCES", "bind", privilegedPort, "inet_port_requires_bind_service", "ip(7)", "privileged"},
	{"EINVAL", "bind", multicastStream, "__inet6_bind", "ipv6(7)", "multicast"},
	{"EINVAL", "bind", boundAlready, "__inet_bind of ipv4, __inet6_bind of ipv6", "bind(2)", "privileged"},
	{"EINVAL", "bind", namedAlready, "unix_bind_bsd, unix_bind_abstract", "unix(7)", "unix"},
	{"EINVAL", "bind", mappedV6Only, "__inet6_bind", "ipv6(7)", "privileged"},
	{"EINVAL", "bind", linkLocal, "__inet6_bind", "ipv6(7)", "devices"},
	{"ENOTDIR", "bind", notAFolder, "kern_path_create", "unix(7)", "ltp-bind"},
	{"EADDRINUSE", "bind", netlinkPort, "netlink_insert", "netlink(7)", "socket-numbers"},
	{"EADDRINUSE", "bind", pathExists, "unix_bind_bsd", "unix(7)", "unix"},
	{"EADDRINUSE", "bind", abstractTaken, "unix_bind_abstract", "unix(7)", "unix"},
	{"EADDRINUSE", "bind listen", rangeUsedUp, "inet_csk_find_open_port of tcp mptcp, udp_lib_get_port of udp", "ip(7)",
		"port-zero"},
	{"EADDRINUSE", "bind", inUseTCP, "inet_csk_get_port, inet_bind_conflict", "bind(2)", "reuseaddr"},
	{"EADDRINUSE", "bind", inUseUDP, "udp_lib_get_port, udp_lib_lport_inuse", "bind(2)", "udp"},
	{"EADDRINUSE", "listen", inUse, "inet_csk_listen_start, inet_bind_conflict", "listen(2)", "reuseaddr"},
	{"ok", "bind", allowedTCP, "inet_csk_get_port, inet_bind_conflict", "socket(7)", "reuseaddr"},
	{"ok", "bind", allowedUDP, "udp_lib_get_port, udp_lib_lport_inuse", "socket(7)", "udp"},
	{"ok", "listen", allowed, "inet_csk_listen_start, inet_bind_conflict", "socket(7)", "reuseport"},

	{"EADDRINUSE EADDRNOTAVAIL", "together", atOnce,
		"lock_sock_nested, inet_csk_get_port, __inet_check_established", "bind(2)", "at-once"},

	// listen and accept
	{"EOPNOTSUPP", "listen", datagramListens, "sock_no_listen", "listen(2)", "udp"},
	{"EINVAL", "listen", noNameYet, "unix_listen", "listen(2)", "unix"},
	{"EINVAL", "listen", connectedListens, "__inet_listen_sk of inet, unix_listen of unix", "listen(2)",
		"mptcp of inet"},
	{"EINVAL", "accept", notListening, "inet_csk_accept of inet, unix_accept of unix", "accept(2)", "pending"},
	{"EAGAIN", "accept", nothingToAccept, "inet_csk_accept of inet, unix_accept of unix", "accept(2)", "wakeups"},

	// connect
	{"EINTR", "", interrupted, "sock_intr_errno", "signal(7)", "signals"},
	{"EISCONN", "connect", connectedAlready, "__inet_stream_connect", "connect(2)", "signals"},
	{"EISCONN", "connect", unixConnected, "unix_stream_connect", "unix(7)", "unix"},
	{"EALREADY", "connect", stillConnecting, "__inet_stream_connect", "connect(2)", "sapi-sockets"},
	{"EINPROGRESS", "connect", doesNotWait, "__inet_stream_connect", "connect(2)", "readiness"},
	{"ENOENT", "connect", noFile, "kern_path", "unix(7)", "unix"},
	{"EPROTOTYPE", "connect", otherType, "unix_find_bsd", "unix(7)", "unix"},
	{"ECONNREFUSED", "connect", noUnixListener, "unix_find_bsd, unix_stream_connect", "unix(7)", "unix"},
	{"EAGAIN", "connect sendto send", noPortForDatagram, "inet_autobind", "udp(7)", "port-zero"},
	{"EADDRNOTAVAIL", "connect sendto", tupleTaken, "__inet_check_established", "connect(2)", "four-tuple"},
	{"EADDRNOTAVAIL", "connect sendto", noPortForTuple, "__inet_hash_connect", "ip(7)", "port-zero"},
	{"ECONNREFUSED", "connect", nobodyListens, "tcp_v4_send_reset, tcp_reset", "connect(2)", "four-tuple"},
	{"ECONNREFUSED", "connect", refusedByRule, "nf_send_reset, nf_send_unreach", "nft(8)", "nat"},
	{"ECONNRESET", "connect", shutWhileConnecting, "inet_shutdown, tcp_disconnect", "connect(2)", "pending"},
	{"EPIPE", "connect", undoneWhileConnecting, "__inet_stream_connect, tcp_disconnect", "connect(2)", "pending"},

	// routes
	{"EACCES", "connect sendto send sendmsg", broadcast, "ip_route_connect, udp_sendmsg", "ip(7)", "multicast"},
	{"ENETUNREACH", "connect", toManyByStream, "tcp_v4_connect", "tcp(7)", "multicast"},
	{"ENETUNREACH", "sendmsg", foreignSource, "ip_route_output_key_hash_rcu", "ip(7)", "multihomed-udp"},
	{"ENETUNREACH", "connect sendto send sendmsg", sourceGone, "ip_route_output_key_hash_rcu", "ip(7)", "nonlocal"},
	{"ENETUNREACH", "connect sendto sendmsg", noRouteByDevice, "fib_lookup, ip6_route_output", "ip(7)", "devices"},
	{"ENETUNREACH", "connect sendto sendmsg ping route", noRoute, "fib_lookup, fib6_rule_lookup", "ip-route(8)",
		"routing-and-ports"},
	{"EHOSTUNREACH", "connect sendto sendmsg ping route", routeSays("unreachable"), "fib_props", "ip-route(8)",
		"routing-and-ports"},
	{"EACCES", "connect sendto sendmsg ping route", routeSays("prohibit"), "fib_props", "ip-route(8)",
		"routing-and-ports"},
	{"EINVAL", "connect sendto sendmsg ping route", routeSays("blackhole"), "fib_props", "ip-route(8)",
		"routing-and-ports"},
	{"ENETUNREACH", "connect ping", routerSays("none", "unreachable"), "ip_error, tcp_v4_err", "icmp(7)",
		"routing-and-ports"},
	{"EHOSTUNREACH", "connect ping", routerSays("unreachable", "prohibit"), "ip_error, tcp_v4_err", "icmp(7)",
		"routing-and-ports"},
	{"EACCES", "connect ping", routerSays("prohibit"), "ip6_pkt_prohibit, tcp_v6_err", "icmp(7)", "routing-and-ports"},

	// Errors that a socket was told of, and that the next call tells.
	{"ECONNREFUSED EHOSTUNREACH ENETUNREACH EHOSTDOWN ENONET ENOPROTOOPT EOPNOTSUPP EPROTO",
		"send sendmsg recv recvfrom recvmsg",
		icmpSays, "icmp_err_convert, __udp4_lib_err", "icmp(7)", "sapi-sockets"},
	{"EHOSTUNREACH", "connect sendto send sendmsg ping", noNeighbour, "neigh_timer_handler, arp_error_report",
		"arp(7)", "strong-host"},
	{"ECONNREFUSED", "send sendmsg recv recvfrom recvmsg", nobodyReceives, "icmp_send, __udp4_lib_err", "udp(7)", "udp"},
	{"ECONNREFUSED", "getsockopt", refusedBefore, "tcp_reset", "connect(2)", "readiness"},
	{"ECONNRESET", "recv recvfrom recvmsg send sendmsg getsockopt", resetByPeer, "tcp_reset", "tcp(7)", "restart"},
	{"EPIPE", "send sendto sendmsg sendmmsg fill", shutForWriting, "tcp_sendmsg_locked of tcp, mptcp_sendmsg of mptcp, " +
		"unix_stream_sendmsg of unix-stream, unix_dgram_sendmsg of unix-dgram unix-seqpacket, " +
		"sock_alloc_send_pskb of udp udplite raw ping", "send(2)",
		"signals of inet unix-stream, gvisor-sockets of unix-dgram unix-seqpacket"},
	{"EPIPE", "send sendto sendmsg sendmmsg fill", neverConnected, "sk_stream_wait_connect", "send(2)", ""},
	{"ETIMEDOUT", "recv recvfrom send connect", gaveUp, "tcp_write_err", "tcp(7)", "sapi-sockets"},
	{"ENETDOWN", "getsockopt", linkIsDown, "packet_do_bind, packet_notifier", "packet(7)", "socket-numbers"},

	// What a connection has or lacks.
	{"ENOTCONN", "getpeername", notConnected, "inet_getname of ipv4, inet6_getname of ipv6, unix_getname of unix",
		"getpeername(2)", "gvisor-sockets"},
	{"ENOTCONN", "shutdown", notConnected, "inet_shutdown of inet", "shutdown(2)", "gvisor-sockets"},
	{"ENOTCONN", "recv recvfrom recvmsg recvmmsg", notConnected, "tcp_recvmsg_locked of tcp, mptcp_recvmsg of mptcp, " +
		"unix_seqpacket_recvmsg of unix-seqpacket", "recv(2)", ""},
	{"ENOTCONN", "send sendto sendmsg sendmmsg", notConnected, "unix_stream_sendmsg of unix-stream, " +
		"unix_dgram_sendmsg of unix-dgram, unix_seqpacket_sendmsg of unix-seqpacket", "send(2)", ""},
	{"EINVAL", "recv recvfrom recvmsg recvmmsg", unixStreamAlone, "unix_stream_read_generic", "unix(7)", ""},
	{"EDESTADDRREQ", "send sendto sendmsg sendmmsg", noDestination, "udp_sendmsg of udp4 udplite4, " +
		"udpv6_sendmsg of udp6 udplite6, raw_sendmsg of raw4, rawv6_sendmsg of raw6, ping_v4_sendmsg of ping4, " +
		"ping_v6_sendmsg of ping6", "send(2)", "pointers-and-lengths"},
	{"EAGAIN", "recv recvfrom recvmsg recvmmsg", nothingToReceive, "tcp_recvmsg_locked of tcp, mptcp_recvmsg of mptcp, " +
		"unix_stream_read_generic of unix-stream, __skb_recv_udp of udp udplite, __skb_try_recv_datagram of unix-dgram " +
		"unix-seqpacket raw ping packet netlink, sctp_skb_recv_datagram of sctp", "recv(2)",
		"gvisor-sockets of tcp mptcp unix-stream udp udplite sctp, selftests-unix of unix-dgram unix-seqpacket"},
	{"EAGAIN", "send sendto sendmsg", noRoom,
		"tcp_sendmsg_locked of tcp, mptcp_sendmsg of mptcp, sock_alloc_send_pskb of unix udp", "send(2)", "readiness"},
	{"EINVAL", "recv", noUrgentByte, "tcp_recv_urg", "recv(2)", "readiness"},
	{"EINVAL", "ioctl", queueOfListener, "tcp_ioctl", "tcp(7)", "readiness"},
	{"EINVAL", "sendto", portZero, "udp_sendmsg of ipv4, udpv6_sendmsg of ipv6", "udp(7)", "gvisor-sockets"},
	{"EINVAL", "sendto", shortEcho, "ping_common_sendmsg", "icmp(7)", "socket-numbers"},

	// Options
	{"EINVAL", "setsockopt", v6OnlyTooLate, "do_ipv6_setsockopt", "ipv6(7)", "overlap"},
	{"EINVAL", "setsockopt", notAGroup, "ip_mc_join_group", "ip(7)", "multicast"},
	{"EINVAL", "setsockopt", badRange, "do_ip_setsockopt", "ip(7)", "ip-local-port-range"},
	{"EINVAL", "setsockopt", outside, "do_ip_setsockopt, do_tcp_setsockopt", "ip(7)", "gvisor-sockets"},
	{"EADDRINUSE", "setsockopt", joinedAlready, "ip_mc_join_group", "ip(7)", "multicast"},
	{"EADDRNOTAVAIL", "setsockopt", notJoined, "ip_mc_leave_group", "ip(7)", "multicast"},
	{"EPROTO", "setsockopt", streamJoins, "do_ip_setsockopt, do_ipv6_setsockopt", "ip(7)", "multicast"},
	{"ENODEV", "setsockopt", noDevice, "sock_setbindtodevice", "socket(7)", "devices"},
	{"ENODEV", "getsockopt", deviceGone, "sock_getbindtodevice", "socket(7)", "addresses-come-and-go"},
	{"ENOPROTOOPT", "setsockopt getsockopt", otherFamily, "do_ip_setsockopt, tcp_setsockopt", "ipv6(7)", "nonlocal"},
	{"EOPNOTSUPP", "setsockopt", reuseportElsewhere, "sk_setsockopt", "socket(7)", "unix"},
	{"EPERM", "setsockopt", lacksCapability, "sk_setsockopt, do_ip_setsockopt, sockopt_ns_capable",
		"capabilities(7)", "devices"},

	// What is not of sockets alone.
	{"EEXIST", "epoll_ctl", watchedAlready, "ep_insert", "epoll_ctl(2)", "readiness"},
	{"ENOENT", "epoll_ctl", notWatched, "do_epoll_ctl", "epoll_ctl(2)", "readiness"},
	{"EINVAL", "epoll_ctl", badOperation, "do_epoll_ctl", "epoll_ctl(2)", "sapi-sockets"},
	{"EINVAL", "sigaction", notHandled, "do_sigaction", "sigaction(2)", "signals"},
	{"EINVAL", "sysctl", borderAndRange, "ipv4_privileged_ports, ipv4_local_port_range", "ip(7)", "privileged"},
	{"ENOENT", "unlink", noName, "do_unlinkat", "unlink(2)", "ltp-bind"},
	{"ENOENT", "neigh", unknownNeighbour, "neigh_get", "arp(7)", "strong-host"},
	{"EOPNOTSUPP", "link_add", noLinkKind, "rtnl_newlink", "ip-link(8)", ""},
}
