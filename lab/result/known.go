package result

import (
	"slices"
	"strings"

	"labrun/lab"
)

// KnownChange is a change of Linux that is known to change answers.
type KnownChange struct {
	Versions string `json:"versions"` // that have it first, of the stable lines too: "6.3, 6.1.32"
	Says     string `json:"says"`
	Function string `json:"function,omitempty"` // of the kernel
}

func (k KnownChange) String() string {
	s := k.Versions + ": " + k.Says
	if k.Function != "" {
		s += " (" + k.Function + ")"
	}
	return s
}

// known is a row of the table of known changes.
type known struct {
	KnownChange
	in     []landing
	stable bool // stable lines took it too, and which of their updates is known of those in only
	shows  func(s *change) bool
	mended []landing // kernels that have this too are as they were before
}

// landing is where a change came into a line of kernels. Between its two versions nobody has looked: a kernel there
// may have it, and then it may explain an answer, which is more to a reader than "not known".
type landing struct{ lacks, has lab.KernelVersion }

// change is what a row of the table is asked about. A row goes by calls and answers alone, as a report has no more:
// it can be wrong about a cell that uses what the row asks for, and changed for another reason. So a row asks for all
// that the change needs to be seen.
type change struct {
	call    string // the one that was answered otherwise
	name    string // of the call
	was, is string
	calls   []string // of the cell, up to that one
}

// uses reports whether one of the calls has one of the words.
func (c *change) uses(words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.ContainsFunc(c.calls, func(call string) bool { return strings.Contains(call, word) })
	})
}

// v6only reports whether a socket that has been bound has IPV6_V6ONLY.
func (c *change) v6only() bool {
	return slices.ContainsFunc(c.calls, func(call string) bool {
		socket, ok := strings.CutSuffix(call, ", IPV6_V6ONLY, 1)")
		return ok && c.uses("bind("+strings.TrimPrefix(socket, "setsockopt(")+",")
	})
}

// opens and closes: a bind or listen that was refused succeeds, and the other way round.
func (c *change) opens() bool  { return c.was == "EADDRINUSE" && c.is == "ok" }
func (c *change) closes() bool { return c.was == "ok" && c.is == "EADDRINUSE" }

// in is a change that came with a release of Linus Torvalds, 6.8.
func in(major, minor int) landing {
	before := lab.KernelVersion{major, minor - 1, unreleased}
	if minor == 0 {
		before = lab.KernelVersion{major - 1, unreleased, unreleased}
	}
	return landing{before, lab.KernelVersion{major, minor, 0}}
}

// unreleased is more updates than a release gets.
const unreleased = 1 << 20

// update is a change that came with an update of a stable release, 6.1.32.
func update(major, minor, patch int) landing { return between(major, minor, patch-1, patch) }

// between is a change that came with an update after the first and not after the last.
func between(major, minor, first, last int) landing {
	return landing{lab.KernelVersion{major, minor, first}, lab.KernelVersion{major, minor, last}}
}

// knownChanges are the changes of the rules for bind, listen and connect since 5.7 that have been found in the
// sources of the kernel or in its history. The first one that fits explains an answer, so those that ask for more
// stand before those that ask for less. A change that was mended later has a row for either.
var knownChanges = []known{
	{KnownChange{"5.7",
		"ip_autobind_reuse: a bind to port 0 may share a port with SO_REUSEADDR sockets",
		"inet_csk_find_open_port"},
		[]landing{in(5, 7)}, false, func(c *change) bool { return c.uses("ip_autobind_reuse") }, nil},
	{KnownChange{"5.7",
		"SO_BINDTODEVICE without CAP_NET_RAW, once",
		"sock_bindtoindex_locked"},
		[]landing{in(5, 7)}, false, func(c *change) bool {
			return c.was == "EPERM" && strings.Contains(c.call, "SO_BINDTO") // DEVICE or IFINDEX
		}, nil},
	{KnownChange{"5.14",
		"a refused bind of a unix socket that has a name leaves no file behind",
		"unix_bind, c0c3b8d380a8"},
		[]landing{in(5, 14)}, false, func(c *change) bool { return c.name == "unlink" && c.uses("socket(unix") }, nil},
	{KnownChange{"5.14",
		"the first address of a subnet is not a broadcast address any more",
		"fib_add_ifaddr"},
		[]landing{in(5, 14)}, false, func(c *change) bool {
			return c.name == "bind" && c.is == "EADDRNOTAVAIL" && strings.Contains(c.call, ".0:")
		}, nil},
	{KnownChange{"5.15, 5.14.12, 5.10.73",
		"a socket that is tied to the NIC of a packet gets it, whichever was bound last",
		"compute_score, 8d6c414cd2fb"},
		[]landing{in(5, 15), update(5, 14, 12), update(5, 10, 73)}, false, func(c *change) bool {
			return c.name == "who" && c.uses("SO_BINDTO")
		}, nil},
	{KnownChange{"5.17",
		"bind of a raw socket heeds IP_FREEBIND",
		"raw_bind, 8ff978b8b222"},
		[]landing{in(5, 17)}, false, func(c *change) bool {
			return c.name == "bind" && c.uses("socket(raw") && c.uses("IP_FREEBIND")
		}, nil},
	{KnownChange{"5.17",
		"a bind that a BPF program refuses after it got its port gives the port back",
		"BPF_CGROUP_RUN_PROG_INET4_POST_BIND, 91a760b26926"},
		[]landing{in(5, 17)}, false, func(c *change) bool { return c.opens() && c.uses("cgroup_bpf(post_bind") }, nil},
	{KnownChange{"5.14",
		"reuseport groups keep closed listeners for migration, tcp_migrate_req",
		"reuseport_stop_listen_sock, reuseport_migrate_sock"},
		[]landing{in(5, 14)}, false, func(c *change) bool {
			return c.uses("tcp_migrate_req") || c.uses("SO_REUSEPORT") && c.uses("shutdown(") &&
				slices.Contains([]string{"bind", "listen", "connect", "accept"}, c.name)
		}, nil},
	{KnownChange{"6.13, 6.12.9, 6.6.70, 6.1.124, 5.15.176",
		"SO_REUSEPORT on a socket that is not an inet one: EOPNOTSUPP",
		"sk_setsockopt, 5b0af621c3f6"},
		[]landing{in(6, 13), update(6, 12, 9), update(6, 6, 70), update(6, 1, 124), update(5, 15, 176)}, false,
		func(c *change) bool {
			return c.name == "setsockopt" && strings.Contains(c.call, "SO_REUSEPORT") && c.is == "EOPNOTSUPP"
		}, nil},
	// Parameters and options that older kernels do not know: whatever such a cell was answered then, ENOENT,
	// ENOPROTOOPT or the answer without the option, is explained by their absence.
	{KnownChange{"6.2",
		"a UDP hash table for each network namespace, udp_child_hash_entries",
		"udp_pernet_table_alloc"},
		[]landing{in(6, 2)}, false, func(c *change) bool { return c.uses("udp_child_hash_entries") }, nil},
	{KnownChange{"6.9",
		"IP_LOCAL_PORT_RANGE of MPTCP sockets",
		"mptcp_setsockopt_v4"},
		[]landing{in(6, 9)}, false, func(c *change) bool {
			return c.uses("IP_LOCAL_PORT_RANGE") && c.uses("socket(mptcp")
		}, nil},
	{KnownChange{"6.3, 6.1.32",
		"IP_LOCAL_PORT_RANGE narrows the ports of a socket",
		"inet_sk_get_local_port_range"},
		[]landing{in(6, 3), update(6, 1, 32)}, false, func(c *change) bool {
			return c.uses("IP_LOCAL_PORT_RANGE")
		}, nil},
	{KnownChange{"6.8",
		"connect with IP_LOCAL_PORT_RANGE uses every port of the range, not every other one",
		"__inet_hash_connect"},
		[]landing{in(6, 8)}, false, func(c *change) bool { return c.uses("IP_LOCAL_PORT_RANGE") }, nil},
	// The summary of a port's owners, tb->fastreuse and fastreuseport, is written at bind. Until 6.7 it was believed
	// after an owner had changed its options; since 8002d44fe84d it never says that a newcomer need not be looked at.
	{KnownChange{"6.8",
		"the fast path of bind is dead: options of an owner count as they are now, not as they were",
		"inet_csk_get_port"},
		[]landing{in(6, 8)}, false, func(c *change) bool {
			return (c.name == "bind" || c.name == "listen") && c.uses("SO_REUSEADDR, 0)", "SO_REUSEPORT, 0)")
		}, nil},
	// 28044fc1d495 of 6.1 gave TCP a second table of owners, by address. It was to answer as before, and each of these
	// rows is an overlap that it missed, or saw where there was none, until somebody noticed. Wildcards and mapped
	// addresses are in it under addresses of their own, so the rows go by the addresses that a cell binds. Those that
	// need an option or two kinds of addresses come first.
	{KnownChange{"6.1 after 6.1.166",
		"mapped addresses are in bhash2, where ::ffff:0.0.0.0 is not a wildcard to another mapped address",
		"inet_bind2_bucket_match_addr_any"},
		[]landing{{lab.KernelVersion{unreleased}, lab.KernelVersion{unreleased + 1}}, between(6, 1, 166, 176)}, false,
		func(c *change) bool { // in no line but this one
			return c.name == "bind" && c.opens() && strings.Contains(c.call, "mapped(") && c.uses("mapped(any):")
		}, nil},
	{KnownChange{"6.8, 6.1 after 6.1.166",
		"an IPV6_V6ONLY socket and then a mapped address: refused",
		"inet_use_bhash2_on_bind"},
		[]landing{in(6, 8), between(6, 1, 166, unreleased)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.v6only() && c.uses("mapped(", "::ffff:")
		}, []landing{in(6, 9)}},
	{KnownChange{"6.9",
		"an IPV6_V6ONLY socket and then a mapped address: allowed again",
		"inet_bhash2_addr_any_conflict"},
		[]landing{in(6, 9)}, true, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.v6only() && c.uses("mapped(", "::ffff:")
		}, nil},
	{KnownChange{"6.1",
		"bhash2: :: with IPV6_V6ONLY and then an IPv4 address is refused",
		"inet_bhash2_conflict"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.v6only()
		}, []landing{in(6, 9), update(6, 8, 3), between(6, 1, 0, 166)}},
	{KnownChange{"6.9, 6.8.3, 6.1 before 6.1.166",
		":: with IPV6_V6ONLY and then an IPv4 address is allowed again",
		"inet_bhash2_conflict, d91ef1e1b55f"},
		[]landing{in(6, 9), update(6, 8, 3), between(6, 1, 0, 166)}, true, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.v6only()
		}, nil},
	{KnownChange{"6.1",
		"bhash2: a mapped address and then the same IPv4 address is not refused",
		"inet_bind2_bucket_match"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("mapped(", "::ffff:")
		}, []landing{in(6, 6), update(6, 1, 54)}},
	{KnownChange{"6.6, 6.1.54",
		"a mapped address and then the same IPv4 address is refused again",
		"inet_bind2_bucket_match, aa99e5f87bd5 and c48ef9c4aed3"},
		[]landing{in(6, 6), update(6, 1, 54)}, true, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("mapped(", "::ffff:")
		}, nil},
	{KnownChange{"6.1",
		"bhash2: :: and then an IPv4 address is not refused",
		"inet_bind2_bucket_match_addr_any"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("any6:", "[::]:")
		}, []landing{in(6, 3), update(6, 1, 21)}},
	{KnownChange{"6.3, 6.1.21",
		":: and then an IPv4 address is refused again",
		"inet_bind2_bucket_match_addr_any"},
		[]landing{in(6, 3), update(6, 1, 21)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("any6:", "[::]:")
		}, nil},
	{KnownChange{"6.1",
		"bhash2 has no TIME_WAIT sockets: a plain bind to a specific address over one succeeds",
		"inet_bind2_bucket_find"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("connect(") && c.uses("close(", "shutdown(", "exit(")
		}, []landing{in(6, 2), update(6, 1, 5)}},
	{KnownChange{"6.2, 6.1.5",
		"bhash2 has TIME_WAIT sockets: a plain bind over one is refused again",
		"inet_twsk_hashdance"},
		[]landing{in(6, 2), update(6, 1, 5)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("connect(") && c.uses("close(", "shutdown(", "exit(")
		}, nil},
	// What came after the second table.
	{KnownChange{"6.14",
		"tcp_tw_reuse_delay: how long a TIME_WAIT has to be before a connect uses its port again",
		"tcp_twsk_unique"},
		[]landing{in(6, 14)}, false, func(c *change) bool {
			return c.uses("tcp_tw_reuse_delay") || c.name == "connect" && c.uses("tcp_tw_reuse")
		}, nil},
	{KnownChange{"6.16",
		"DCCP was removed",
		"dccp_init"},
		[]landing{in(6, 16)}, false, func(c *change) bool { return c.uses("dccp", "DCCP") }, nil},
	{KnownChange{"6.17, 6.16 after 6.16.3",
		"SO_REUSEPORT compares the user who owns a closed socket, not root",
		"inet_bind_conflict, sk_uid"},
		[]landing{in(6, 17), between(6, 16, 3, 12)}, false, func(c *change) bool {
			return (c.name == "bind" || c.name == "listen") && c.uses("SO_REUSEPORT") && c.uses("close(", "exit(", "kill(")
		}, nil},
	{KnownChange{"6.18, 6.17 after 6.17.0",
		"connect shares a port again once its explicit owner has closed",
		"inet_bind2_bucket_destroy"},
		[]landing{in(6, 18), between(6, 17, 0, unreleased)}, false, func(c *change) bool {
			return c.name == "connect" && (c.was == "EADDRNOTAVAIL" || c.is == "EADDRNOTAVAIL" || c.was == "EAGAIN")
		}, nil},
	{KnownChange{"7.0, 6.19.11, 6.18.21, 6.12.80, 6.6.131, 6.1.168",
		"a UDP wildcard bind after more than 10 specific ones is refused",
		"udp_lib_get_port, e537dd15d0d4"},
		[]landing{in(7, 0), update(6, 19, 11), update(6, 18, 21), update(6, 12, 80), update(6, 6, 131), update(6, 1, 168)},
		false, func(c *change) bool { return c.name == "bind" && c.closes() && c.uses("socket(udp") }, nil},
	{KnownChange{"5.10.47 to 5.10.218",
		"after a connect that failed for want of a tuple the local address is any again",
		"tcp_v4_connect, 77934dc6db0d"},
		[]landing{between(5, 10, 46, 218)}, false, func(c *change) bool {
			return c.name == "getsockname" && c.uses("connect(")
		}, nil},
	// Seen from outside, in answers: the commits are not known.
	{KnownChange{"6.16",
		"listen on a bound and connected unix stream socket says that it succeeds, and does nothing",
		"unix_listen"},
		[]landing{in(6, 16)}, false, func(c *change) bool {
			return c.name == "listen" && c.was == "EINVAL" && c.is == "ok" && c.uses("socket(unix")
		}, []landing{{lab.KernelVersion{6, 18, unreleased}, lab.KernelVersion{7, 2, 0}}, between(6, 18, 15, 44)}},
	{KnownChange{"6.18.16 to 6.18.44, 6.19 to 7.2",
		"listen on a bound and connected unix stream socket is refused again",
		"unix_listen"},
		[]landing{{lab.KernelVersion{6, 18, unreleased}, lab.KernelVersion{7, 2, 0}}, between(6, 18, 15, 44)}, false,
		func(c *change) bool {
			return c.name == "listen" && c.was == "ok" && c.is == "EINVAL" && c.uses("socket(unix")
		}, nil},
	{KnownChange{"6.4",
		"connect to AF_UNSPEC under a connect that waits: EBUSY",
		"tcp_disconnect"},
		[]landing{in(6, 4)}, true, func(c *change) bool {
			return c.name == "connect" && c.is == "EBUSY"
		}, []landing{in(6, 7)}},
	{KnownChange{"6.7",
		"a connect that waits is told when another process disconnects its socket",
		"tcp_disconnect"},
		[]landing{in(6, 7)}, true, func(c *change) bool { return c.is == "EPIPE" || c.was == "EBUSY" }, nil},
}

// has reports whether a version has the change, and whether that is known.
func (k *known) has(v lab.KernelVersion) (has, sure bool) {
	if len(k.mended) > 0 {
		if mended, sure := landed(k.mended, false, v); mended && sure {
			return false, true
		}
	}
	return landed(k.in, k.stable, v)
}

// landed reports whether a version has what came into lines of kernels so, and whether that is known.
func landed(in []landing, stable bool, v lab.KernelVersion) (has, sure bool) {
	of, own := in[0], false
	for _, l := range in {
		if line := v[:2]; slices.Equal(l.lacks[:2], line) && slices.Equal(l.has[:2], line) {
			of, own = l, true
		}
	}
	// A line without a landing of its own went the way of the mainline: 6.3 has what 6.2 got, and 6.1 lacks it.
	switch {
	case v.Compare(of.has) >= 0:
		return true, true
	case v.Compare(of.lacks) <= 0:
		return false, own || !stable
	}
	return false, false
}

// explain returns the known change that the last of these steps shows, which the older kernel answered otherwise;
// it is zero when there is none. A kernel of an older line may have a change as an update that one of a newer line
// is still without: then the newer one answers as kernels did before the change.
func explain(older, newer lab.KernelVersion, steps []StepResult, was string) (of KnownChange, lacking bool) {
	if !older.IsLinux() || !newer.IsLinux() {
		return KnownChange{}, false // they are changes of Linux
	}
	last := &steps[len(steps)-1]
	c := change{call: last.Call, name: lab.CallName(last.Call), was: was, is: last.Got}
	for i := range steps {
		c.calls = append(c.calls, steps[i].Call)
	}
	if of = c.between(older, newer); of != (KnownChange{}) {
		return of, false
	}
	c.was, c.is = c.is, c.was
	of = c.between(newer, older)
	return of, of != KnownChange{}
}

// between returns the known change that one kernel has and the other has not.
func (c *change) between(without, with lab.KernelVersion) KnownChange {
	for i := range knownChanges {
		k := &knownChanges[i]
		had, sureOfOne := k.has(without)
		has, sureOfOther := k.has(with)
		if !(sureOfOne && had || sureOfOther && !has) && k.shows(c) {
			return k.KnownChange
		}
	}
	return KnownChange{}
}

// KnownChanges returns the table of known changes.
func KnownChanges() []KnownChange {
	var all []KnownChange
	for i := range knownChanges {
		all = append(all, knownChanges[i].KnownChange)
	}
	return all
}
