package trace_test

import (
	"strings"
	"testing"

	"labrun/lab/draft"
	"labrun/lab/trace"
)

// Values of options become what a step has for them, whether strace printed them or a program was recorded.
func TestOptions(t *testing.T) {
	layout := draft.DualNIC("lab")
	x, _ := layout.Hosts[0].Alias("x")
	for _, tt := range []struct {
		args, result, want string // want begins with "left out" when no step can say it
	}{
		{`setsockopt(3, SOL_SOCKET, SO_RCVTIMEO_OLD, {tv_sec=1, tv_usec=500000}, 16)`,
			"0", "setsockopt(a, SO_RCVTIMEO, 1.5s)"},
		{`getsockopt(3, SOL_SOCKET, SO_SNDTIMEO, {tv_sec=0, tv_usec=0}, [16])`,
			"0", "getsockopt(a, SO_SNDTIMEO) = 0s"},
		{`setsockopt(3, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=-1, tv_usec=0}, 16)`,
			"0", "left out: its value is not a time"},
		{`getsockopt(3, SOL_SOCKET, SO_RCVTIMEO, 0x7ffd, [16])`,
			"-1 EFAULT (Bad address)", "getsockopt(a, SO_RCVTIMEO) = EFAULT"},
		{`setsockopt(3, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}, 8)`,
			"0", "setsockopt(a, SO_LINGER, {l_onoff=1, l_linger=5})"},
		{`getsockopt(3, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}, [8])`,
			"0", "getsockopt(a, SO_LINGER) = {l_onoff=1, l_linger=5}"},
		{`setsockopt(3, SOL_IP, IP_LOCAL_PORT_RANGE, [-1672831936], 4)`,
			"0", "setsockopt(a, IP_LOCAL_PORT_RANGE, 40000-40010)"},
		{`setsockopt(3, SOL_IP, IP_MULTICAST_TTL, [7], 1)`, "0", "setsockopt(a, IP_MULTICAST_TTL, 7)"},
		{`setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 1)`,
			"-1 EINVAL (Invalid argument)", "left out: not all of it can be said"},
		{`getsockopt(3, SOL_TCP, TCP_CONGESTION, "reno\x00\x00", [6])`,
			"0", `getsockopt(a, TCP_CONGESTION) = "reno"`},
		{`setsockopt(3, SOL_SOCKET, SO_BINDTOIFINDEX, if_nametoindex("eth1"), 4)`,
			"0", "setsockopt(a, SO_BINDTOIFINDEX, \"eth1\")"},
		{`setsockopt(3, SOL_SOCKET, SO_BINDTOIFINDEX, [0], 4)`, "0", `setsockopt(a, SO_BINDTOIFINDEX, "")`},
		{`setsockopt(3, SOL_SOCKET, SO_BINDTOIFINDEX, [7], 4)`, "0", "left out: it has the index of a NIC"},
		{`setsockopt(3, SOL_IP, IP_MULTICAST_IF, inet_addr("X"), 4)`,
			"0", "setsockopt(a, IP_MULTICAST_IF, \"eth0\")"},
		{`setsockopt(3, SOL_IP, IP_MULTICAST_IF, inet_addr("203.0.113.9"), 4)`,
			"-1 EADDRNOTAVAIL (Cannot assign requested address)",
			"left out: it names a NIC by an address, 203.0.113.9"},
		{`getsockopt(3, SOL_IP, IP_MULTICAST_IF, inet_addr("X"), [4])`, "0", "getsockopt(a, IP_MULTICAST_IF) = ?"},
		{`setsockopt(3, SOL_IP, IP_ADD_MEMBERSHIP, {imr_multiaddr=inet_addr("233.252.0.1"), ` +
			`imr_interface=inet_addr("X")}, 8)`,
			"0", "setsockopt(a, IP_ADD_MEMBERSHIP, {233.252.0.1, eth0})"},
		{`setsockopt(3, SOL_IP, IP_ADD_MEMBERSHIP, {imr_multiaddr=inet_addr("233.252.0.1"), ` +
			`imr_interface=inet_addr("0.0.0.0")}, 8)`,
			"-1 ENODEV (No such device)", `setsockopt(a, IP_ADD_MEMBERSHIP, {233.252.0.1, ""}) = ENODEV`},
		{`setsockopt(3, SOL_IPV6, IPV6_ADD_MEMBERSHIP, {inet_pton(AF_INET6, "ff02::1234", &ipv6mr_multiaddr), ` +
			`ipv6mr_interface=if_nametoindex("eth1")}, 20)`, "0", "setsockopt(a, IPV6_ADD_MEMBERSHIP, {ff02::1234, eth1})"},
	} {
		call := strings.ReplaceAll(tt.args, `"X"`, `"`+x.String()+`"`)
		name, args, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
		var list []string
		if before, last, ok := strings.Cut(args, ", {"); ok { // a structure is one argument
			value, length, _ := strings.Cut(last, "}, ")
			list = append(strings.Split(before, ", "), "{"+value+"}", length)
		} else {
			list = strings.Split(args, ", ")
		}
		m := trace.Import([]trace.Event{
			{Thread: 1, Begin: 1, End: 1, Name: "socket", Args: []string{"AF_INET", "SOCK_STREAM", "IPPROTO_IP"}, Result: "3"},
			{Thread: 1, Begin: 2, End: 2, Name: name, Args: list, Result: tt.result, Text: call},
		}, trace.Options{Layout: &layout, Host: "alpha"})
		got := ""
		switch s := m.Lines[1].Step; {
		case len(m.Left) > 0:
			got = "left out: " + m.Left[0].Why
		case len(s.Want) > 0 && s.Want.String() != "ok":
			got = s.Call.String() + " = " + s.Want.String()
		default:
			got = s.Call.String()
		}
		if got != tt.want && (len(m.Left) == 0 || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s = %s\n becomes %s\n want    %s", call, tt.result, got, tt.want)
		}
	}
}
