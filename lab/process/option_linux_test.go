package process_test

import (
	"net/netip"
	"runtime"
	"testing"

	"labrun/lab"
)

var (
	group  = lab.Membership{Group: netip.MustParseAddr("233.252.0.1"), NIC: "eth0"}
	group6 = lab.Membership{Group: netip.MustParseAddr("ff0e::db8:1"), NIC: "lo"}
)

// settings are options of every kind of value, set and read one after the other
// on one socket of each kind.
var settings = []struct {
	kind, option string
	value        lab.Arg
	set, get     string // "": not asked
}{
	{"tcp", "SO_REUSEPORT", lab.Int(1), "ok", "1"},
	{"tcp", "TCP_SYNCNT", lab.Int(3), "ok", "3"},
	{"tcp", "TCP_FASTOPEN", lab.Int(5), "ok", "5"},
	{"tcp", "SO_TYPE", lab.Int(1), "ENOPROTOOPT", "1"},
	{"tcp", "SO_DOMAIN", nil, "", "2"},
	{"tcp", "SO_LINGER", lab.Linger{On: 1, Seconds: 2}, "ok", "{l_onoff=1, l_linger=2}"},
	{"tcp", "SO_BINDTODEVICE", lab.Text("eth0"), "ok", `"eth0"`},
	{"tcp", "SO_BINDTODEVICE", lab.Text(""), "ok", `""`},
	{"tcp", "SO_BINDTODEVICE", lab.Text("eth7"), "ENODEV", ""},
	{"tcp", "SO_BINDTOIFINDEX", lab.Text("eth0"), "ok", `"eth0"`},
	{"tcp", "SO_BINDTOIFINDEX", lab.Text(""), "ok", `""`},
	{"tcp", "SO_BINDTOIFINDEX", lab.Text("eth7"), "ENODEV", ""},
	{"tcp", "SO_BINDTOIFINDEX", lab.Text("a-name-that-no-link-has"), "ENODEV", ""},
	{"udp", "IP_UNICAST_IF", lab.Text("eth0"), "ok", `"eth0"`},
	{"udp6", "IPV6_UNICAST_IF", lab.Text("eth0"), "ok", `"eth0"`},
	{"udp", "IP_MULTICAST_IF", lab.Text("eth0"), "ok", `"0.0.0.0"`}, // the kernel tells no index
	{"udp6", "IPV6_MULTICAST_IF", lab.Text("eth0"), "ok", `"eth0"`},
	{"udp", "IP_MULTICAST_ALL", lab.Int(0), "ok", "0"},
	{"udp", "IP_MULTICAST_TTL", lab.Int(7), "ok", "7"},
	{"udp6", "IPV6_MULTICAST_HOPS", lab.Int(7), "ok", "7"},
	{"udp6", "IPV6_ADDRFORM", lab.Int(2), "ENOTCONN", "ENOTCONN"},
	{"udp", "IP_LOCAL_PORT_RANGE", lab.Range{Low: 40000, High: 40010}, "ok", "40000-40010"},
	{"udp", "IP_LOCAL_PORT_RANGE", lab.Range{Low: 2, High: 1}, "EINVAL", "40000-40010"},
	{"udp", "IP_LOCAL_PORT_RANGE", lab.Range{}, "ok", "0-0"},
	{"udp", "IP_DROP_MEMBERSHIP", group, "EADDRNOTAVAIL", ""},
	{"udp", "IP_ADD_MEMBERSHIP", group, "ok", "ENOPROTOOPT"},
	{"udp", "IP_ADD_MEMBERSHIP", group, "EADDRINUSE", ""},
	{"udp", "IP_DROP_MEMBERSHIP", group, "ok", ""},
	{"udp", "IP_ADD_MEMBERSHIP", lab.Membership{Group: group.Group, NIC: "eth7"}, "ENODEV", ""},
	{"udp", "IP_ADD_MEMBERSHIP", lab.Membership{Group: netip.MustParseAddr("192.0.2.1"), NIC: "eth0"}, "EINVAL", ""},
	{"udp6", "IPV6_ADD_MEMBERSHIP", group6, "ok", "ENOPROTOOPT"},
	{"udp6", "IPV6_ADD_MEMBERSHIP", group6, "EADDRINUSE", ""},
	{"udp6", "IPV6_DROP_MEMBERSHIP", group6, "ok", ""},
	{"udp", "SO_ATTACH_REUSEPORT_CBPF", lab.Selector{Op: "index", N: 1}, "EINVAL", "ENOPROTOOPT"}, // in no group
	{"udp", "SO_DETACH_REUSEPORT_BPF", lab.Int(0), "EINVAL", "ENOPROTOOPT"},                       // the same
}

func TestOptions(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	for _, s := range settings {
		sock := lab.Sock(s.kind)
		if owned, err := p.Owns(t.Context(), s.kind); err != nil || owned.Name == "" {
			if got := ask(t, p, call(s.kind, "socket", lab.Word(s.kind)), "", 0); got != "ok" {
				t.Fatalf("socket(%s) = %s, %v", s.kind, got, err)
			}
		}
		if known, err := p.HasOption(t.Context(), s.option); err != nil || !known {
			t.Logf("no option %s here: %v", s.option, err)
			continue
		}
		if s.set != "" {
			if got := ask(t, p, call("", "setsockopt", sock, lab.Word(s.option), s.value), "", 0); got != s.set {
				t.Errorf("%s: setsockopt %s %s = %s, want %s", s.kind, s.option, s.value, got, s.set)
			}
		}
		if s.get != "" {
			if got := ask(t, p, call("", "getsockopt", sock, lab.Word(s.option)), "", 0); got != s.get {
				t.Errorf("%s: getsockopt %s = %s, want %s", s.kind, s.option, got, s.get)
			}
		}
	}
}

// TestHasOption asks for every option. Those that have been in every kernel since
// long before the oldest that has network namespaces must be there.
func TestHasOption(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	for _, o := range lab.Options {
		known, err := p.HasOption(t.Context(), o.Name)
		if err != nil {
			t.Error(err)
		}
		switch o.Name {
		case "SO_REUSEADDR", "SO_ATTACH_REUSEPORT_CBPF", "SO_BINDTODEVICE", "IP_ADD_MEMBERSHIP", "IP_DROP_MEMBERSHIP",
			"TCP_REPAIR":
			if !known {
				t.Errorf("this kernel has no %s", o.Name)
			}
		}
		if !known {
			t.Logf("no option %s here", o.Name)
		}
	}
	if _, err := p.HasOption(t.Context(), "SO_FLY"); err == nil {
		t.Error("SO_FLY is an option")
	}
}

// TestSelectors has programs that pick a socket of a group, by what was sent.
func TestSelectors(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	names := []lab.Sock{a, b, c}
	for _, option := range []string{"SO_ATTACH_REUSEPORT_CBPF", "SO_ATTACH_REUSEPORT_EBPF"} {
		for _, name := range names {
			expect(t, []expected{
				{p, call(string(name), "socket", lab.Word("udp")), "", 0, "ok"},
				{p, call("", "setsockopt", name, lab.Word("SO_REUSEPORT"), lab.Int(1)), "", 0, "ok"},
				{p, call("", "bind", name), "192.0.2.1:53", 0, "ok"},
			})
		}
		ask(t, p, call("d", "socket", lab.Word("udp")), "", 0)
		for _, s := range []struct {
			program lab.Selector
			text    lab.Text
			want    lab.Sock
		}{
			{lab.Selector{Op: "index", N: 1}, "text", b},
			{lab.Selector{Op: "index", N: 2}, "text", c},
			{lab.Selector{Op: "mod", N: 3}, "\x00\x00\x00\x04", b},
			{lab.Selector{Op: "mod", N: 3}, "\x00\x01\x00\x04", c}, // 65540
			{lab.Selector{Op: "mod", N: 2}, "\x00\x00\x00\x04", a},
			{lab.Selector{Op: "cpu"}, "text", ""},
		} {
			got := ask(t, p, call("", "setsockopt", b, lab.Word(option), s.program), "", 0)
			if got == "EPERM" && option == "SO_ATTACH_REUSEPORT_EBPF" {
				t.Skip("bpf(2) is not allowed here")
			}
			expect(t, []expected{{p, call("", "sendto", d, s.text), "192.0.2.1:53", ample, "4"}})
			who := lab.Sock(ask(t, p, call("", "who", a, b, c), "", ample))
			if got != "ok" || s.want != "" && who != s.want || s.want == "" && runtime.NumCPU() <= 3 && len(who) != 1 {
				t.Errorf("%s %s = %s, %q went to %s, want %s", option, s.program, got, s.text, who, s.want)
			}
			ask(t, p, call("", "recv", who), "", ample)
		}
		if got := ask(t, p, call("", "setsockopt", a, lab.Word(option), lab.Selector{Op: "mod"}), "", 0); got != "EINVAL" {
			t.Errorf("%s mod(0) = %s, want EINVAL", option, got) // a division by zero
		}
		if err := p.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
