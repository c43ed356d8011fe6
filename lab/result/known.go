package result

import (
	"fmt"
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
	says     string
	function string // of the kernel
	in       []landing
	stable   bool        // stable lines took it too, and which of their updates is known of those in only
	shows    []sign      // one of them is enough
	mended   []landing   // kernels that have this too are as they were before
	reported KnownChange // see written
}

// landing is where a change came into a line of kernels. Between its two versions nobody has looked: a kernel there
// may have it, and then it may explain an answer, which is more to a reader than "not known".
type landing struct{ lacks, has lab.KernelVersion }

// String returns the first version that has the change, "6.1.32", or those of which one is the
// first, "6.1.1 to 6.1.166".
func (l landing) String() string {
	name := func(v lab.KernelVersion) string { return strings.TrimSuffix(v.String(), ".0") }
	first := l.lacks // and then the version after it
	for i := 2; i >= 0; i-- {
		if first[i] != unreleased {
			first[i]++
			break
		}
		first[i] = 0
	}
	switch {
	case l.has == first:
		return name(first)
	case l.has[2] == unreleased:
		return fmt.Sprintf("%d.%d after %s", l.lacks[0], l.lacks[1], l.lacks)
	}
	return name(first) + " to " + name(l.has)
}

// change is what a row of the table is asked about. A row goes by calls and answers alone, as a report has no more:
// it can be wrong about a cell that uses what the row asks for, and changed for another reason. So a row asks for all
// that the change needs to be seen.
type change struct {
	call    string // the one that was answered otherwise
	name    string // of the call
	was, is string
	calls   []string // of the cell, up to that one
}

// sign is what a change is known by. A field that is empty asks for nothing, and "a|b" for one of the two.
type sign struct {
	call    string   // the name of the call
	arg     string   // stands in the call
	was, is string   // its answers
	cell    []string // each stands in a call of the cell, up to that one
	v6only  bool     // a socket that has been bound has IPV6_V6ONLY
}

// fits reports whether a change has all that the sign asks for.
func (s *sign) fits(c *change) bool {
	return oneOf(s.call, func(name string) bool { return name == c.name }) &&
		oneOf(s.arg, func(word string) bool { return strings.Contains(c.call, word) }) &&
		oneOf(s.was, func(answer string) bool { return answer == c.was }) &&
		oneOf(s.is, func(answer string) bool { return answer == c.is }) &&
		!slices.ContainsFunc(s.cell, func(words string) bool { return !oneOf(words, c.uses) }) &&
		(!s.v6only || c.v6only())
}

// oneOf reports whether one of "a|b" is so, or nothing is asked for.
func oneOf(words string, is func(word string) bool) bool {
	for word := range strings.SplitSeq(words, "|") {
		if word == "" || is(word) {
			return true
		}
	}
	return false
}

// uses reports whether one of the calls has a word.
func (c *change) uses(word string) bool {
	return slices.ContainsFunc(c.calls, func(call string) bool { return strings.Contains(call, word) })
}

// v6only reports whether a socket that has been bound has IPV6_V6ONLY.
func (c *change) v6only() bool {
	return slices.ContainsFunc(c.calls, func(call string) bool {
		socket, ok := strings.CutSuffix(call, ", IPV6_V6ONLY, 1)")
		return ok && c.uses("bind("+strings.TrimPrefix(socket, "setsockopt(")+",")
	})
}

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

// never is a change that the mainline has not got.
var never = landing{lab.KernelVersion{unreleased}, lab.KernelVersion{unreleased + 1}}

// knownChanges are the changes of the rules for bind, listen and connect since 5.7 that have been found in the
// sources of the kernel or in its history. The first one that fits explains an answer, so those that ask for more
// stand before those that ask for less. A change that was mended later has a row for either.
var knownChanges = written([]known{
	{says: "ip_autobind_reuse: a bind to port 0 may share a port with SO_REUSEADDR sockets",
		function: "inet_csk_find_open_port", in: []landing{in(5, 7)},
		shows: []sign{{cell: []string{"ip_autobind_reuse"}}}},
	{says: "SO_BINDTODEVICE without CAP_NET_RAW, once",
		function: "sock_bindtoindex_locked", in: []landing{in(5, 7)},
		shows: []sign{{arg: "SO_BINDTODEVICE|SO_BINDTOIFINDEX", was: "EPERM"}}},
	{says: "a refused bind of a unix socket that has a name leaves no file behind",
		function: "unix_bind, c0c3b8d380a8", in: []landing{in(5, 14)},
		shows: []sign{{call: "unlink", cell: []string{"socket(unix"}}}},
	{says: "the first address of a subnet is not a broadcast address any more",
		function: "fib_add_ifaddr", in: []landing{in(5, 14)},
		shows: []sign{{call: "bind", arg: ".0:", is: "EADDRNOTAVAIL"}}},
	{says: "a socket that is tied to the NIC of a packet gets it, whichever was bound last",
		function: "compute_score, 8d6c414cd2fb",
		in:       []landing{in(5, 15), update(5, 14, 12), update(5, 10, 73)},
		shows:    []sign{{call: "who", cell: []string{"SO_BINDTODEVICE|SO_BINDTOIFINDEX"}}}},
	{says: "bind of a raw socket heeds IP_FREEBIND",
		function: "raw_bind, 8ff978b8b222", in: []landing{in(5, 17)},
		shows: []sign{{call: "bind", cell: []string{"socket(raw", "IP_FREEBIND"}}}},
	{says: "a bind that a BPF program refuses after it got its port gives the port back",
		function: "BPF_CGROUP_RUN_PROG_INET4_POST_BIND, 91a760b26926", in: []landing{in(5, 17)},
		shows: []sign{{was: "EADDRINUSE", is: "ok", cell: []string{"cgroup_bpf(post_bind"}}}},
	{says: "reuseport groups keep closed listeners for migration, tcp_migrate_req",
		function: "reuseport_stop_listen_sock, reuseport_migrate_sock", in: []landing{in(5, 14)},
		shows: []sign{{cell: []string{"tcp_migrate_req"}},
			{call: "bind|listen|connect|accept", cell: []string{"SO_REUSEPORT", "shutdown("}}}},
	{says: "SO_REUSEPORT on a socket that is not an inet one: EOPNOTSUPP",
		function: "sk_setsockopt, 5b0af621c3f6",
		in:       []landing{in(6, 13), update(6, 12, 9), update(6, 6, 70), update(6, 1, 124), update(5, 15, 176)},
		shows:    []sign{{call: "setsockopt", arg: "SO_REUSEPORT", is: "EOPNOTSUPP"}}},
	// Parameters and options that older kernels do not know: whatever such a cell was answered then, ENOENT,
	// ENOPROTOOPT or the answer without the option, is explained by their absence.
	{says: "a UDP hash table for each network namespace, udp_child_hash_entries",
		function: "udp_pernet_table_alloc", in: []landing{in(6, 2)},
		shows: []sign{{cell: []string{"udp_child_hash_entries"}}}},
	{says: "IP_LOCAL_PORT_RANGE of MPTCP sockets",
		function: "mptcp_setsockopt_v4", in: []landing{in(6, 9)},
		shows: []sign{{cell: []string{"IP_LOCAL_PORT_RANGE", "socket(mptcp"}}}},
	{says: "IP_LOCAL_PORT_RANGE narrows the ports of a socket",
		function: "inet_sk_get_local_port_range", in: []landing{in(6, 3), update(6, 1, 32)},
		shows: []sign{{cell: []string{"IP_LOCAL_PORT_RANGE"}}}},
	{says: "connect with IP_LOCAL_PORT_RANGE uses every port of the range, not every other one",
		function: "__inet_hash_connect", in: []landing{in(6, 8)},
		shows: []sign{{cell: []string{"IP_LOCAL_PORT_RANGE"}}}},
	// The summary of a port's owners, tb->fastreuse and fastreuseport, is written at bind. Until 6.7 it was believed
	// after an owner had changed its options; since 8002d44fe84d it never says that a newcomer need not be looked at.
	{says: "the fast path of bind is dead: options of an owner count as they are now, not as they were",
		function: "inet_csk_get_port", in: []landing{in(6, 8)},
		shows: []sign{{call: "bind|listen", cell: []string{"SO_REUSEADDR, 0)|SO_REUSEPORT, 0)"}}}},
	// 28044fc1d495 of 6.1 gave TCP a second table of owners, by address. It was to answer as before, and each of these
	// rows is an overlap that it missed, or saw where there was none, until somebody noticed. Wildcards and mapped
	// addresses are in it under addresses of their own, so the rows go by the addresses that a cell binds. Those that
	// need an option or two kinds of addresses come first.
	{says: "mapped addresses are in bhash2, where ::ffff:0.0.0.0 is not a wildcard to another mapped address",
		function: "inet_bind2_bucket_match_addr_any", in: []landing{never, between(6, 1, 166, 176)},
		shows: []sign{{call: "bind", arg: "mapped(", was: "EADDRINUSE", is: "ok", cell: []string{"mapped(any):"}}}},
	{says: "an IPV6_V6ONLY socket and then a mapped address: refused",
		function: "inet_use_bhash2_on_bind", in: []landing{in(6, 8), between(6, 1, 166, unreleased)},
		shows:  []sign{{call: "bind", was: "ok", is: "EADDRINUSE", v6only: true, cell: []string{"mapped(|::ffff:"}}},
		mended: []landing{in(6, 9)}},
	{says: "an IPV6_V6ONLY socket and then a mapped address: allowed again",
		function: "inet_bhash2_addr_any_conflict", in: []landing{in(6, 9)},
		stable: true,
		shows:  []sign{{call: "bind", was: "EADDRINUSE", is: "ok", v6only: true, cell: []string{"mapped(|::ffff:"}}}},
	{says: "bhash2: :: with IPV6_V6ONLY and then an IPv4 address is refused",
		function: "inet_bhash2_conflict", in: []landing{in(6, 1)},
		shows:  []sign{{call: "bind", was: "ok", is: "EADDRINUSE", v6only: true}},
		mended: []landing{in(6, 9), update(6, 8, 3), between(6, 1, 0, 166)}},
	{says: ":: with IPV6_V6ONLY and then an IPv4 address is allowed again",
		function: "inet_bhash2_conflict, d91ef1e1b55f",
		in:       []landing{in(6, 9), update(6, 8, 3), between(6, 1, 0, 166)},
		stable:   true,
		shows:    []sign{{call: "bind", was: "EADDRINUSE", is: "ok", v6only: true}}},
	{says: "bhash2: a mapped address and then the same IPv4 address is not refused",
		function: "inet_bind2_bucket_match", in: []landing{in(6, 1)},
		shows:  []sign{{call: "bind", was: "EADDRINUSE", is: "ok", cell: []string{"mapped(|::ffff:"}}},
		mended: []landing{in(6, 6), update(6, 1, 54)}},
	{says: "a mapped address and then the same IPv4 address is refused again",
		function: "inet_bind2_bucket_match, aa99e5f87bd5 and c48ef9c4aed3",
		in:       []landing{in(6, 6), update(6, 1, 54)},
		stable:   true,
		shows:    []sign{{call: "bind", was: "ok", is: "EADDRINUSE", cell: []string{"mapped(|::ffff:"}}}},
	{says: "bhash2: :: and then an IPv4 address is not refused",
		function: "inet_bind2_bucket_match_addr_any", in: []landing{in(6, 1)},
		shows:  []sign{{call: "bind", was: "EADDRINUSE", is: "ok", cell: []string{"any6:|[::]:"}}},
		mended: []landing{in(6, 3), update(6, 1, 21)}},
	{says: ":: and then an IPv4 address is refused again",
		function: "inet_bind2_bucket_match_addr_any", in: []landing{in(6, 3), update(6, 1, 21)},
		shows: []sign{{call: "bind", was: "ok", is: "EADDRINUSE", cell: []string{"any6:|[::]:"}}}},
	{says: "bhash2 has no TIME_WAIT sockets: a plain bind to a specific address over one succeeds",
		function: "inet_bind2_bucket_find", in: []landing{in(6, 1)},
		shows:  []sign{{call: "bind", was: "EADDRINUSE", is: "ok", cell: []string{"connect(", "close(|shutdown(|exit("}}},
		mended: []landing{in(6, 2), update(6, 1, 5)}},
	{says: "bhash2 has TIME_WAIT sockets: a plain bind over one is refused again",
		function: "inet_twsk_hashdance", in: []landing{in(6, 2), update(6, 1, 5)},
		shows: []sign{{call: "bind", was: "ok", is: "EADDRINUSE", cell: []string{"connect(", "close(|shutdown(|exit("}}}},
	// What came after the second table.
	{says: "tcp_tw_reuse_delay: how long a TIME_WAIT has to be before a connect uses its port again",
		function: "tcp_twsk_unique", in: []landing{in(6, 14)},
		shows: []sign{{cell: []string{"tcp_tw_reuse_delay"}}, {call: "connect", cell: []string{"tcp_tw_reuse"}}}},
	{says: "DCCP was removed",
		function: "dccp_init", in: []landing{in(6, 16)},
		shows: []sign{{cell: []string{"dccp|DCCP"}}}},
	{says: "SO_REUSEPORT compares the user who owns a closed socket, not root",
		function: "inet_bind_conflict, sk_uid", in: []landing{in(6, 17), between(6, 16, 3, 12)},
		shows: []sign{{call: "bind|listen", cell: []string{"SO_REUSEPORT", "close(|exit(|kill("}}}},
	{says: "connect shares a port again once its explicit owner has closed",
		function: "inet_bind2_bucket_destroy", in: []landing{in(6, 18), between(6, 17, 0, unreleased)},
		shows: []sign{{call: "connect", was: "EADDRNOTAVAIL|EAGAIN"}, {call: "connect", is: "EADDRNOTAVAIL"}}},
	{says: "a UDP wildcard bind after more than 10 specific ones is refused",
		function: "udp_lib_get_port, e537dd15d0d4",
		in: []landing{in(7, 0), update(6, 19, 11), update(6, 18, 21), update(6, 12, 80), update(6, 6, 131),
			update(6, 1, 168)},
		shows: []sign{{call: "bind", was: "ok", is: "EADDRINUSE", cell: []string{"socket(udp"}}}},
	{says: "after a connect that failed for want of a tuple the local address is any again",
		function: "tcp_v4_connect, 77934dc6db0d", in: []landing{between(5, 10, 46, 218)},
		shows: []sign{{call: "getsockname", cell: []string{"connect("}}}},
	// Seen from outside, in answers: the commits are not known.
	{says: "listen on a bound and connected unix stream socket says that it succeeds, and does nothing",
		function: "unix_listen", in: []landing{in(6, 16)},
		shows:  []sign{{call: "listen", was: "EINVAL", is: "ok", cell: []string{"socket(unix"}}},
		mended: []landing{{lab.KernelVersion{6, 18, unreleased}, lab.KernelVersion{7, 2, 0}}, between(6, 18, 15, 44)}},
	{says: "listen on a bound and connected unix stream socket is refused again",
		function: "unix_listen",
		in:       []landing{{lab.KernelVersion{6, 18, unreleased}, lab.KernelVersion{7, 2, 0}}, between(6, 18, 15, 44)},
		shows:    []sign{{call: "listen", was: "ok", is: "EINVAL", cell: []string{"socket(unix"}}}},
	{says: "connect to AF_UNSPEC under a connect that waits: EBUSY",
		function: "tcp_disconnect", in: []landing{in(6, 4)},
		stable: true,
		shows:  []sign{{call: "connect", is: "EBUSY"}},
		mended: []landing{in(6, 7)}},
	{says: "a connect that waits is told when another process disconnects its socket",
		function: "tcp_disconnect", in: []landing{in(6, 7)},
		stable: true,
		shows:  []sign{{is: "EPIPE"}, {was: "EBUSY"}}},
})

// written fills in what reports say of each row.
func written(rows []known) []known {
	for i := range rows {
		k := &rows[i]
		var versions []string
		for _, l := range k.in {
			if l != never {
				versions = append(versions, l.String())
			}
		}
		k.reported = KnownChange{strings.Join(versions, ", "), k.says, k.function}
	}
	return rows
}

// fits reports whether a change of an answer may be this one.
func (k *known) fits(c *change) bool {
	return slices.ContainsFunc(k.shows, func(s sign) bool { return s.fits(c) })
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
		if !(sureOfOne && had || sureOfOther && !has) && k.fits(c) {
			return k.reported
		}
	}
	return KnownChange{}
}
