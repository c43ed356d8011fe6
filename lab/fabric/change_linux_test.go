package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

// dial connects to an address of another host and fails the test when the
// first SYN is lost.
func dial(t *testing.T, from, to *Host, at netip.AddrPort) {
	t.Helper()
	defer unix.Close(mustListen(t, to, at))
	family, sa := sockaddr(at)
	client := mustSocket(t, from, family, unix.SOCK_STREAM)
	defer unix.Close(client)
	if err := unix.Connect(client, sa); err != nil {
		t.Fatalf("connect from %s to %s = %v", from.Name(), at, err)
	}
	info, err := unix.GetsockoptTCPInfo(client, unix.SOL_TCP, unix.TCP_INFO)
	must(t, err)
	if info.Total_retrans != 0 {
		t.Errorf("%s to %s: %d retransmits", from.Name(), at, info.Total_retrans)
	}
}

// A link that went down and up carries the first SYN, in either direction, and
// so does an address that is new.
func TestChangesTakeEffect(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h0, h1 := l.Host("h0"), l.Host("h1")
	x0, y0, _ := addresses(0)
	x1, y1, y61 := addresses(1)
	more := netip.MustParsePrefix("10.1.77.7/16")
	more6 := netip.MustParsePrefix("2001:db8::77/64")
	for range 20 {
		for _, nic := range []string{"eth0", "eth1"} {
			must(t, h1.SetLink(nic, false))
			must(t, h1.SetLink(nic, true))
		}
		dial(t, h0, h1, netip.AddrPortFrom(x1, 80))
		dial(t, h1, h0, netip.AddrPortFrom(y0, 80))
		must(t, h1.SetLink("eth1", false))
		must(t, h1.AddAddress("eth1", more6, "nodad")) // while it is down
		must(t, h1.SetLink("eth1", true))
		must(t, h1.AddAddress("eth0", more, ""))
		dial(t, h0, h1, netip.AddrPortFrom(more6.Addr(), 80))
		dial(t, h1, h1, netip.AddrPortFrom(more6.Addr(), 80))
		dial(t, h0, h1, netip.AddrPortFrom(more.Addr(), 80))
		must(t, h1.DelAddress("eth1", more6))
		must(t, h1.DelAddress("eth0", more))
	}
	// The kernel takes IPv6 addresses away with the link, and no others.
	for ip, want := range map[netip.Addr]error{y61: unix.EADDRNOTAVAIL, y1: nil, x1: nil, x0: unix.EADDRNOTAVAIL, more6.Addr(): unix.EADDRNOTAVAIL} {
		if got := bound(t, h1, ip); got != want {
			t.Errorf("bind to %s = %v, want %v", ip, got, want)
		}
	}
	must(t, h1.AddAddress("eth1", netip.PrefixFrom(y61, 64), "nodad"))
	must(t, h1.WriteSysctl("net.ipv6.conf.eth1.keep_addr_on_down", "1"))
	for range 20 {
		must(t, h1.SetLink("eth1", false))
		must(t, h1.SetLink("eth1", true))
		dial(t, h0, h1, netip.AddrPortFrom(y61, 80))
	}
}

// bound returns what bind answers.
func bound(t *testing.T, h *Host, ip netip.Addr) error {
	t.Helper()
	family, sa := sockaddr(netip.AddrPortFrom(ip, 0))
	fd := mustSocket(t, h, family, unix.SOCK_STREAM)
	defer unix.Close(fd)
	return unix.Bind(fd, sa)
}

// A bridge in a host joins its NICs, and the host's address moves there.
func TestSetMaster(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h0, h1 := l.Host("h0"), l.Host("h1")
	must(t, h1.AddLink("br0", "bridge"))
	must(t, h1.SetMaster("eth0", "br0"))
	x, _, _ := addresses(1)
	must(t, h1.DelAddress("eth0", netip.PrefixFrom(x, 16)))
	must(t, h1.AddAddress("br0", netip.PrefixFrom(x, 16), ""))
	must(t, h1.SetLink("br0", true))
	for range 20 {
		dial(t, h0, h1, netip.AddrPortFrom(x, 80))
		must(t, h1.SetLink("eth0", false))
		must(t, h1.SetLink("eth0", true))
	}
	must(t, h1.SetMaster("eth0", ""))
	must(t, h1.DelLink("br0"))
	must(t, h1.AddAddress("eth0", netip.PrefixFrom(x, 16), ""))
	dial(t, h0, h1, netip.AddrPortFrom(x, 80))
}

// links names the links of a namespace.
func links(t *testing.T, h *Host) (names []string) {
	t.Helper()
	must(t, h.Do(func() error {
		all, err := net.Interfaces()
		for _, l := range all {
			names = append(names, l.Name)
		}
		return err
	}))
	slices.Sort(names)
	return names
}

func TestAddLink(t *testing.T) {
	needNetNS(t)
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	made := []string{"lo", "eth0", "eth1"}
	for _, kind := range []lab.Spec{"dummy", "vrf", "bridge", "ifb"} {
		for i := range 2 {
			name := fmt.Sprint(kind, i)
			switch err := h.AddLink(name, kind); {
			case errors.Is(err, unix.EOPNOTSUPP):
				t.Logf("this kernel lacks %s: %v", kind, err)
			case err != nil:
				t.Errorf("AddLink of a %s = %v", kind, err)
			default:
				made = append(made, name)
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(made)), links(t, h)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range made[1:] {
		must(t, h.DelLink(name))
	}
	if got := links(t, h); !slices.Equal(got, []string{"lo"}) {
		t.Errorf("still there: %v", got)
	}
}

func TestChangeErrors(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(1)))
	h := l.Host("h0")
	x, _, y6 := addresses(0)
	at := func(ip netip.Addr) netip.Prefix { return netip.PrefixFrom(ip, 32) }
	gone := netip.MustParsePrefix("192.0.2.1/24")
	long := "sixteen-letters-"
	for i, c := range []struct {
		err  error
		want unix.Errno
	}{
		{h.AddAddress("none", at(x), ""), unix.ENODEV},
		{h.AddAddress("", at(x), ""), unix.ENODEV},
		{h.AddAddress("eth0", netip.PrefixFrom(x, 16), ""), unix.EEXIST},
		{h.AddAddress("eth1", netip.PrefixFrom(y6, 64), ""), unix.EEXIST},
		{h.AddAddress("eth0", netip.Prefix{}, ""), unix.EINVAL},
		{h.DelAddress("eth0", gone), unix.EADDRNOTAVAIL},
		{h.DelAddress("none", gone), unix.ENODEV},
		{h.DelAddress("eth0", netip.Prefix{}), unix.EINVAL},
		{h.SetLink("none", true), unix.ENODEV},
		{h.SetLink("none", false), unix.ENODEV},
		{h.SetLink(long, true), unix.EINVAL},
		{h.AddLink("eth0", "bridge"), unix.EEXIST},
		{h.AddLink("x%d", "bridge"), unix.EINVAL},
		{h.AddLink("", "bridge"), unix.EINVAL},
		{h.AddLink("a/b", "bridge"), unix.EINVAL},
		{h.AddLink(long, "bridge"), unix.ERANGE},
		{h.AddLink("t0", "gretap"), unix.EOPNOTSUPP},
		{h.DelLink("none"), unix.ENODEV},
		{h.DelLink("lo"), unix.EOPNOTSUPP},
		{h.SetMaster("eth0", "none"), unix.ENODEV},
		{h.SetMaster("none", ""), unix.ENODEV},
		{h.SetMaster("eth0", "eth1"), unix.EOPNOTSUPP},
	} {
		var errno unix.Errno
		if !errors.As(c.err, &errno) || errno != c.want {
			t.Errorf("error %d = %v, want %v", i, c.err, c.want)
		}
	}
	if err := h.SetLink("none", true); err.Error() != `ip -n h0 link set dev none up: link "none": no such device` {
		t.Errorf("got %v", err)
	}
	must(t, l.Close())
	for _, h := range []*Host{nil, h} {
		for _, err := range []error{
			h.AddAddress("eth0", gone, ""), h.DelAddress("eth0", gone), h.SetLink("eth0", true), h.SetLink("eth0", false),
			h.AddLink("d0", "bridge"), h.DelLink("eth0"), h.SetMaster("eth0", ""), h.WriteSysctl("net.ipv4.ip_forward", "1"),
		} {
			if err == nil {
				t.Errorf("a change to %v: no error", h)
			}
		}
	}
}
