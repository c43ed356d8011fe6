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
}

// landing is where a change came into a line of kernels. Between its two versions nobody has looked.
type landing struct{ lacks, has lab.KernelVersion }

// change is what a row of the table is asked about.
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
		[]landing{in(5, 7)}, false, func(c *change) bool { return c.uses("ip_autobind_reuse") }},
	{KnownChange{"5.7",
		"SO_BINDTODEVICE without CAP_NET_RAW, once",
		"sock_bindtoindex_locked"},
		[]landing{in(5, 7)}, false, func(c *change) bool {
			return c.was == "EPERM" && strings.Contains(c.call, "SO_BINDTO") // DEVICE or IFINDEX
		}},
	{KnownChange{"5.14",
		"reuseport groups keep closed listeners for migration, tcp_migrate_req",
		"reuseport_stop_listen_sock"},
		[]landing{in(5, 14)}, false, func(c *change) bool {
			return c.uses("tcp_migrate_req") || c.uses("SO_REUSEPORT") && c.uses("shutdown(", "close(") &&
				slices.Contains([]string{"bind", "listen", "connect", "accept"}, c.name)
		}},
	{KnownChange{"6.13",
		"SO_REUSEPORT on a socket that is not an inet one: EOPNOTSUPP",
		"sk_setsockopt"},
		[]landing{in(6, 13), between(6, 1, 0, 166), between(6, 12, 0, 15)}, true, func(c *change) bool {
			return c.name == "setsockopt" && strings.Contains(c.call, "SO_REUSEPORT") && c.is == "EOPNOTSUPP"
		}},
	{KnownChange{"6.2",
		"a UDP hash table for each network namespace, udp_child_hash_entries",
		"udp_pernet_table_alloc"},
		[]landing{in(6, 2)}, false, func(c *change) bool { return c.uses("udp_child_hash_entries") }},
	{KnownChange{"6.9",
		"IP_LOCAL_PORT_RANGE of MPTCP sockets",
		"mptcp_setsockopt_v4"},
		[]landing{in(6, 9)}, false, func(c *change) bool {
			return c.uses("IP_LOCAL_PORT_RANGE") && c.uses("socket(mptcp")
		}},
	{KnownChange{"6.3, 6.1.32",
		"IP_LOCAL_PORT_RANGE narrows the ports of a socket",
		"inet_sk_get_local_port_range"},
		[]landing{in(6, 3), update(6, 1, 32)}, false, func(c *change) bool { return c.uses("IP_LOCAL_PORT_RANGE") }},
	{KnownChange{"6.8",
		"connect with IP_LOCAL_PORT_RANGE uses every port of the range, not every other one",
		"__inet_hash_connect"},
		[]landing{in(6, 8)}, false, func(c *change) bool { return c.uses("IP_LOCAL_PORT_RANGE") }},
	{KnownChange{"6.8",
		"the fast path of bind is dead: options of an owner count as they are now, not as they were",
		"inet_csk_get_port"},
		[]landing{in(6, 8)}, false, func(c *change) bool {
			return (c.name == "bind" || c.name == "listen") && c.uses("SO_REUSEADDR, 0)", "SO_REUSEPORT, 0)")
		}},
	{KnownChange{"6.8, 6.1 after 6.1.166",
		"an IPV6_V6ONLY socket and then a mapped address: refused",
		"inet_use_bhash2_on_bind"},
		[]landing{in(6, 8), between(6, 1, 166, unreleased)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("IPV6_V6ONLY") && c.uses("mapped(", "::ffff:")
		}},
	{KnownChange{"6.9",
		"an IPV6_V6ONLY socket and then a mapped address: allowed again",
		"inet_bhash2_addr_any_conflict"},
		[]landing{in(6, 9)}, true, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("IPV6_V6ONLY") && c.uses("mapped(", "::ffff:")
		}},
	{KnownChange{"6.1",
		"bhash2: :: with IPV6_V6ONLY and then an IPv4 address is refused",
		"inet_bhash2_conflict"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("IPV6_V6ONLY")
		}},
	{KnownChange{"6.9, 6.1 before 6.1.166",
		":: with IPV6_V6ONLY and then an IPv4 address is allowed again",
		"inet_bhash2_conflict"},
		[]landing{in(6, 9), between(6, 1, 0, 166)}, true, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("IPV6_V6ONLY")
		}},
	{KnownChange{"6.1",
		"bhash2: a mapped address and then the same IPv4 address is not refused",
		"inet_bind2_bucket_match"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("mapped(", "::ffff:")
		}},
	{KnownChange{"6.6, 6.1 before 6.1.166",
		"a mapped address and then the same IPv4 address is refused again",
		"inet_bind2_bucket_match"},
		[]landing{in(6, 6), between(6, 1, 0, 166)}, true, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("mapped(", "::ffff:")
		}},
	{KnownChange{"6.1",
		"bhash2: :: and then an IPv4 address is not refused",
		"inet_bind2_bucket_match_addr_any"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("any6:", "[::]:")
		}},
	{KnownChange{"6.3, 6.1.21",
		":: and then an IPv4 address is refused again",
		"inet_bind2_bucket_match_addr_any"},
		[]landing{in(6, 3), update(6, 1, 21)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("any6:", "[::]:")
		}},
	{KnownChange{"6.1",
		"bhash2 has no TIME_WAIT sockets: a plain bind to a specific address over one succeeds",
		"inet_bind2_bucket_find"},
		[]landing{in(6, 1)}, false, func(c *change) bool {
			return c.name == "bind" && c.opens() && c.uses("connect(") && c.uses("close(", "shutdown(", "exit(")
		}},
	{KnownChange{"6.2, 6.1.5",
		"bhash2 has TIME_WAIT sockets: a plain bind over one is refused again",
		"inet_twsk_hashdance"},
		[]landing{in(6, 2), update(6, 1, 5)}, false, func(c *change) bool {
			return c.name == "bind" && c.closes() && c.uses("connect(") && c.uses("close(", "shutdown(", "exit(")
		}},
	{KnownChange{"6.14",
		"tcp_tw_reuse_delay: how long a TIME_WAIT has to be before a connect uses its port again",
		"tcp_twsk_unique"},
		[]landing{in(6, 14)}, false, func(c *change) bool {
			return c.uses("tcp_tw_reuse_delay") || c.name == "connect" && c.uses("tcp_tw_reuse")
		}},
	{KnownChange{"6.16",
		"DCCP was removed",
		"dccp_init"},
		[]landing{in(6, 16)}, false, func(c *change) bool { return c.uses("dccp", "DCCP") }},
	{KnownChange{"6.17",
		"SO_REUSEPORT compares the user who owns a closed socket, not root",
		"inet_bind_conflict, sk_uid"},
		[]landing{in(6, 17)}, false, func(c *change) bool {
			return (c.name == "bind" || c.name == "listen") && c.uses("SO_REUSEPORT") && c.uses("close(", "exit(", "kill(")
		}},
	{KnownChange{"6.18, 6.17 after 6.17.0",
		"connect shares a port again once its explicit owner has closed",
		"inet_bind2_bucket_destroy"},
		[]landing{in(6, 18), between(6, 17, 0, unreleased)}, false, func(c *change) bool {
			return c.name == "connect" && (c.was == "EADDRNOTAVAIL" || c.is == "EADDRNOTAVAIL" || c.was == "EAGAIN")
		}},
	{KnownChange{"7.0, stable updates of 2026",
		"a UDP wildcard bind after more than 10 specific ones is refused",
		"udp_lib_get_port"},
		[]landing{in(7, 0), between(6, 1, 166, unreleased), between(6, 12, 15, unreleased), between(6, 18, 9, 44)}, true,
		func(c *change) bool { return c.name == "bind" && c.closes() && c.uses("socket(udp") }},
	{KnownChange{"5.10.47 to 5.10.262",
		"after a refused connect the local address is any again; seen in User-mode Linux only",
		"tcp_disconnect"},
		[]landing{between(5, 10, 46, 262)}, false, func(c *change) bool {
			return c.name == "getsockname" && c.uses("connect(")
		}},
	{KnownChange{"after 6.18",
		"listen on a bound and connected unix stream socket succeeds",
		"unix_listen"},
		[]landing{{lab.KernelVersion{6, 18, unreleased}, lab.KernelVersion{unreleased}}}, false, func(c *change) bool {
			return c.name == "listen" && c.was == "EINVAL" && c.is == "ok" && c.uses("unix")
		}},
}

// has reports whether a version has the change, and whether that is known.
func (k *known) has(v lab.KernelVersion) (has, sure bool) {
	of, own := k.in[0], false
	for _, l := range k.in {
		if line := v[:2]; slices.Equal(l.lacks[:2], line) && slices.Equal(l.has[:2], line) {
			of, own = l, true
		}
	}
	switch {
	case v.Compare(of.has) >= 0:
		return true, true
	case v.Compare(of.lacks) <= 0:
		return false, own || !k.stable
	}
	return false, false
}

// explain returns the known change that the last of these steps shows, which the older kernel answered otherwise;
// it is zero when there is none.
func explain(older, newer lab.KernelVersion, steps []StepResult, was string) KnownChange {
	last := &steps[len(steps)-1]
	c := change{call: last.Call, name: lab.CallName(last.Call), was: was, is: last.Got}
	for i := range steps {
		c.calls = append(c.calls, steps[i].Call)
	}
	for i := range knownChanges {
		k := &knownChanges[i]
		had, sureOfOlder := k.has(older)
		has, sureOfNewer := k.has(newer)
		if sureOfOlder && had || sureOfNewer && !has || !k.shows(&c) {
			continue
		}
		return k.KnownChange
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
