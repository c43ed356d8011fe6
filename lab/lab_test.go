package lab_test

import (
	"net/netip"
	"slices"
	"testing"

	"labrun/lab"
)

func TestKernelVersion(t *testing.T) {
	for release, want := range map[string]lab.KernelVersion{
		"6.18.44-fc-v445": {6, 18, 44}, "6.2": {6, 2, 0}, "5.10.0-8-amd64": {5, 10, 0}, "6.18.0-rc3": {6, 18, 0},
		"6.1-rc3": {6, 1, 0},
	} {
		got, err := lab.ParseKernelVersion(release)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", release, got, err, want)
		}
	}
	for _, release := range []string{"", "6", "x.y", "-6.1", "6.-1"} {
		if got, err := lab.ParseKernelVersion(release); err == nil {
			t.Errorf("%q is taken for %v", release, got)
		}
	}
}

func TestKernelVersionOf(t *testing.T) {
	for _, c := range []struct {
		release, version string
		want             lab.KernelVersion
	}{
		{"6.1.0-56-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-08-29)", lab.KernelVersion{6, 1, 192}},
		{"6.12.107+deb13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.12.107-1 (2026-08-29)",
			lab.KernelVersion{6, 12, 107}},
		{"6.18.44", "#1 SMP PREEMPT_DYNAMIC @0", lab.KernelVersion{6, 18, 44}},
		{"6.18.44", "#1 SMP by Debian fans", lab.KernelVersion{6, 18, 44}},
	} {
		if got, err := lab.KernelVersionOf(c.release, c.version); err != nil || got != c.want {
			t.Errorf("%s, %s: %v, %v, want %v", c.release, c.version, got, err, c.want)
		}
	}
}

func TestWantOn(t *testing.T) {
	errno := func(name string) lab.Answer { return lab.Answer{Outcome: lab.Failed, Errno: name} }
	want := lab.Want{
		{Answer: errno("EADDRINUSE"), On: []lab.VersionBound{{Op: "<", Version: lab.KernelVersion{6, 2}}}},
		{Answer: errno("EACCES"), On: []lab.VersionBound{
			{Op: ">=", Version: lab.KernelVersion{6, 2}}, {Op: "<=", Version: lab.KernelVersion{6, 3, 4}}}},
		{Answer: errno("EPERM"), On: []lab.VersionBound{{Op: "==", Version: lab.KernelVersion{6, 5, 0}}}},
		{Answer: errno("EINVAL"), On: []lab.VersionBound{{Op: ">", Version: lab.KernelVersion{6, 17, 9}}}},
		{Answer: lab.Answer{Outcome: lab.OK}},
	}
	for kernel, answer := range map[lab.KernelVersion]string{
		{6, 1, 99}: "EADDRINUSE", {6, 2, 0}: "EACCES", {6, 3, 4}: "EACCES", {6, 3, 5}: "ok",
		{6, 5, 0}: "EPERM", {6, 5, 1}: "ok", {6, 17, 9}: "ok", {6, 18, 0}: "EINVAL",
	} {
		if got := want.On(lab.Kernel{Version: kernel}).String(); got != answer {
			t.Errorf("on %s: %s, want %s", kernel, got, answer)
		}
	}
	const text = "ok [EADDRINUSE on linux < 6.2] [EACCES on linux >= 6.2 <= 6.3.4] [EPERM on linux == 6.5] [EINVAL " +
		"on linux > 6.17.9]"
	if got := want.String(); got != text {
		t.Errorf("printed as %q, want %q", got, text)
	}
}

// The hosts of the tests: alpha and beta on red, gamma on green alone.
func layout() *lab.Layout {
	nic := func(network, cidr, alias string) []lab.NIC {
		return []lab.NIC{{Name: "eth0", Network: network,
			Addresses: []lab.Address{{Prefix: netip.MustParsePrefix(cidr), Alias: alias}}}}
	}
	return &lab.Layout{Hosts: []lab.Host{
		{Name: "alpha", NICs: nic("red", "192.0.2.1/24", "x")},
		{Name: "beta", NICs: nic("red", "192.0.2.2/24", "x")},
		{Name: "gamma", NICs: nic("green", "2001:db8::3/64", "x")},
	}}
}

// TestNames resolves addresses as a process on a host sees them, and back.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		addr        lab.Addr
		at, subject string
		ip          string
		name        string // when it is not what addr prints
	}{
		{lab.Addr{Name: "x"}, "alpha", "alpha", "192.0.2.1", ""},
		{lab.Addr{Name: "x"}, "beta", "alpha", "192.0.2.2", ""}, // its own, not the subject's
		{lab.Addr{Host: "peer", Name: "x"}, "alpha", "alpha", "192.0.2.2", ""},
		{lab.Addr{Host: "peer", Name: "x"}, "beta", "alpha", "192.0.2.2", "x"},
		{lab.Addr{Host: "subject", Name: "x"}, "beta", "alpha", "192.0.2.1", ""},
		{lab.Addr{Host: "gamma", Name: "x"}, "alpha", "alpha", "2001:db8::3", ""},
		{lab.Addr{Host: "alpha", Name: "x"}, "gamma", "gamma", "192.0.2.1", ""},
		{lab.Addr{Name: "any"}, "alpha", "alpha", "0.0.0.0", ""},
		{lab.Addr{Name: "any6"}, "alpha", "alpha", "::", ""},
		{lab.Addr{Name: "lo"}, "alpha", "alpha", "127.0.0.1", ""},
		{lab.Addr{Name: "lo6"}, "alpha", "alpha", "::1", ""},
		{lab.Addr{Name: "x", Mapped: true}, "alpha", "alpha", "::ffff:192.0.2.1", ""},
		{lab.Addr{Name: "any", Mapped: true}, "alpha", "alpha", "::ffff:0.0.0.0", ""},
		{lab.Addr{IP: netip.MustParseAddr("203.0.113.1")}, "alpha", "alpha", "203.0.113.1", ""},
		{lab.Addr{IP: netip.MustParseAddr("2001:db8::9")}, "alpha", "alpha", "2001:db8::9", ""},
		{lab.Addr{IP: netip.MustParseAddr("192.0.2.2")}, "alpha", "alpha", "192.0.2.2", "peer.x"},
	} {
		top := layout()
		ip, err := top.Resolve(c.addr, c.at, c.subject)
		if err != nil || ip != netip.MustParseAddr(c.ip) {
			t.Errorf("%s on %s: %v, %v, want %s", c.addr.Base(), c.at, ip, err, c.ip)
			continue
		}
		want := c.name
		if want == "" {
			want = c.addr.Base()
		}
		if got := top.NameOf(ip, c.at, c.subject); got != want {
			t.Errorf("%s on %s has the name %s, want %s", ip, c.at, got, want)
		}
	}
	for _, a := range []lab.Addr{{Name: "y"}, {Host: "delta", Name: "x"}, {Host: "gamma", Name: "x", Mapped: true}} {
		if ip, err := layout().Resolve(a, "alpha", "alpha"); err == nil {
			t.Errorf("%s is %s", a.Base(), ip)
		}
	}
}

func TestHostsUsed(t *testing.T) {
	step := func(host string, args ...lab.Arg) lab.Step {
		return lab.Step{Process: lab.Process{Host: host, Name: "main"}, Call: lab.Call{Name: "bind", Args: args}}
	}
	for _, c := range []struct {
		subject string
		steps   []lab.Step
		want    []string
	}{
		{"alpha", []lab.Step{step("")}, []string{"alpha"}},
		{"beta", []lab.Step{step("peer")}, []string{"alpha", "beta"}},
		{"alpha", []lab.Step{step("", lab.Addr{Host: "gamma", Name: "x"})}, []string{"alpha", "gamma"}},
		{"alpha", []lab.Step{step("", lab.Addr{IP: netip.MustParseAddr("192.0.2.2")})}, []string{"alpha", "beta"}},
		{"alpha", []lab.Step{step("", lab.Addr{IP: netip.MustParseAddr("::ffff:192.0.2.2")})},
			[]string{"alpha", "beta"}},
		{"alpha", []lab.Step{step("gamma", lab.Addr{Name: "x"})}, []string{"alpha", "gamma"}},
	} {
		e := lab.Experiment{Slots: []lab.Slot{{Variants: [][]lab.Step{c.steps}}}}
		if got := e.HostsUsed(layout(), c.subject); !slices.Equal(got, c.want) {
			t.Errorf("on %s: %v, want %v", c.subject, got, c.want)
		}
	}
}

func TestWithoutIPv6(t *testing.T) {
	top := layout()
	top.Hosts[0].NICs[0].Addresses = append(top.Hosts[0].NICs[0].Addresses, top.Hosts[2].NICs[0].Addresses...)
	four := top.WithoutIPv6()
	if got := four.Hosts[0].NICs[0].Addresses; len(got) != 1 || !got[0].Prefix.Addr().Is4() {
		t.Errorf("alpha has %v", got)
	}
	if n := len(four.Hosts[2].NICs[0].Addresses); n != 0 {
		t.Errorf("gamma has %d addresses", n)
	}
	if len(top.Hosts[0].NICs[0].Addresses) != 2 || len(top.Hosts[2].NICs[0].Addresses) != 1 {
		t.Error("the layout itself has changed")
	}
}

func TestPorts(t *testing.T) {
	addr := func(port uint16) lab.Addr { return lab.Addr{Name: "x", Port: lab.Port{Number: port}} }
	e := lab.Experiment{Slots: []lab.Slot{{Variants: [][]lab.Step{{
		{Call: lab.Call{Args: []lab.Arg{lab.Sock("a"), addr(80)}}},
		{Call: lab.Call{Args: []lab.Arg{addr(0)}}, Want: lab.Want{{Answer: lab.Answer{Value: addr(22)}},
			{Answer: lab.Answer{Value: addr(80)}}}},
	}}}}}
	if got := e.Ports(); !slices.Equal(got, []uint16{22, 80}) {
		t.Errorf("ports %v, want 22 and 80", got)
	}
}

// TestErrnoNames holds the list to what a file may say.
func TestErrnoNames(t *testing.T) {
	names := lab.ErrnoNames()
	if !slices.IsSorted(names) {
		t.Error("the names are not sorted")
	}
	for alias, name := range map[string]string{"EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP", "EINVAL": "EINVAL"} {
		if got, ok := lab.CanonicalErrno(alias); !ok || got != name || !slices.Contains(names, got) {
			t.Errorf("%s is %s, %v, want %s", alias, got, ok, name)
		}
	}
	if _, ok := lab.CanonicalErrno("ENOSUCH"); ok {
		t.Error("ENOSUCH is an errno")
	}
}

// TestCallName takes the name of every call that there is from what String writes.
func TestCallName(t *testing.T) {
	args := []lab.Arg{lab.Sock("a"), lab.Text("b = c(d)")}
	for _, s := range lab.Signatures {
		for _, makes := range []string{"", "a"} {
			c := lab.Call{Makes: makes, Name: s.Name, Args: args}
			if got := lab.CallName(c.String()); got != s.Name {
				t.Errorf("%s is a call of %q", c, got)
			}
		}
	}
}

func TestRadix(t *testing.T) {
	r := lab.Shape{2, 3, 4}
	for c := range lab.Combo(24) {
		values := r.Values(c)
		if back := r.Join(values); back != c || r.Index([]int{0, 1, 2}, values) != int(c) {
			t.Errorf("combination %d has the values %v, which are combination %d", c, values, back)
		}
	}
	if all, some, none := r.Size([]int{0, 1, 2}), r.Size([]int{0, 2}), r.Size(nil); all != 24 || some != 8 || none != 1 {
		t.Errorf("sizes %d, %d, %d, want 24, 8, 1", all, some, none)
	}
}
