package process_test

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/labtest"
	"labrun/lab/plan"
	"labrun/lab/process"
)

func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) { labtest.Main(m) }

// The lab of these tests: alpha 192.0.2.1 <-> red <-> beta 192.0.2.2.
func newLab(t testing.TB) *fabric.Lab {
	t.Helper()
	labtest.NeedNetNS(t)
	host := func(name, cidr string) lab.Host {
		return lab.Host{Name: name, NICs: []lab.NIC{{Name: "eth0", Network: "red", Addresses: []lab.Address{
			{Prefix: netip.MustParsePrefix(cidr), Alias: "x"},
		}}}}
	}
	l, err := fabric.Up(t.Context(), plan.New(&lab.Layout{
		Name:     "test",
		Networks: []lab.Network{{Name: "red", Subnet: netip.MustParsePrefix("192.0.2.0/24")}},
		Hosts:    []lab.Host{host("alpha", "192.0.2.1/24"), host("beta", "192.0.2.2/24")},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	// A SYN to an address that no host has is to wait for ARP as long as a test may
	// take, and not three seconds, after which connect says EHOSTUNREACH, arp(7).
	if err := l.Host("alpha").WriteSysctl("net.ipv4.neigh.eth0.mcast_solicit", "3600"); err != nil {
		t.Fatal(err)
	}
	return l
}

// newGroup returns a group whose end takes no process of ours with it.
func newGroup(t testing.TB) *process.Group {
	t.Helper()
	g := new(process.Group)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func mustStart(t testing.TB, g *process.Group, h *fabric.Host, name string) *process.Process {
	t.Helper()
	p, err := g.Start(process.Spec{Name: h.Name() + "/" + name, In: h.Do})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask makes a call and returns its answer as text. addr is the address among the
// arguments, which need not have it.
func ask(t testing.TB, p *process.Process, call lab.Call, addr string, limit time.Duration) string {
	t.Helper()
	got, err := try(t, p, call, addr, limit)
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	return got
}

func try(t testing.TB, p *process.Process, call lab.Call, addr string, limit time.Duration) (string, error) {
	a := process.Args{Call: call, Limit: limit}
	if addr != "" {
		a.Addr = netip.MustParseAddrPort(addr)
		if !slices.ContainsFunc(call.Args, func(a lab.Arg) bool { _, ok := a.(lab.Addr); return ok }) {
			sig, _ := lab.SignatureOf(call.Name)
			at := slices.Index(sig.Args, lab.KindAddr)
			a.Call.Args = slices.Insert(slices.Clone(call.Args), at, lab.Arg(lab.Addr{IP: a.Addr.Addr()}))
		}
	}
	answer, got, err := p.Call(t.Context(), a)
	if got.IsValid() {
		return got.String(), err
	}
	return answer.String(), err
}

// expected is a call and its answer as text.
type expected struct {
	p     *process.Process
	call  lab.Call
	addr  string
	limit time.Duration
	want  string
}

// expect makes the calls one after the other.
func expect(t *testing.T, calls []expected) {
	t.Helper()
	for i, e := range calls {
		if got := ask(t, e.p, e.call, e.addr, e.limit); got != e.want {
			t.Errorf("%d: %.60s %s = %s, want %s", i, e.call, e.addr, got, e.want)
		}
	}
}

func call(makes, name string, args ...lab.Arg) lab.Call {
	return lab.Call{Makes: makes, Name: name, Args: args}
}

const (
	a = lab.Sock("a")
	b = lab.Sock("b")
	c = lab.Sock("c")
)

func TestCalls(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p := mustStart(t, g, l.Host("alpha"), "main")
	q := mustStart(t, g, l.Host("beta"), "main")
	const soon, ample = 20 * time.Millisecond, time.Minute
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("tcp")), "", ample, "ok"},
		{p, call("", "setsockopt", a, lab.Word("SO_REUSEADDR"), lab.Int(1)), "", ample, "ok"},
		{p, call("", "getsockopt", a, lab.Word("SO_REUSEADDR")), "", ample, "1"},
		// ipv6_setsockopt is not for AF_INET
		{p, call("", "setsockopt", a, lab.Word("IPV6_V6ONLY"), lab.Int(1)), "", ample, "ENOPROTOOPT"},
		{p, call("", "setsockopt", a, lab.Word("SO_LINGER"), lab.Linger{On: 1, Seconds: 7}), "", ample, "ok"},
		{p, call("", "getsockopt", a, lab.Word("SO_LINGER")), "", ample, "{l_onoff=1, l_linger=7}"},
		{p, call("", "setsockopt", a, lab.Word("SO_LINGER"), lab.Linger{}), "", ample, "ok"},
		{p, call("", "setsockopt", a, lab.Word("SO_BINDTODEVICE"), lab.Text("eth7")), "", ample, "ENODEV"},
		{p, call("", "setsockopt", a, lab.Word("SO_BINDTODEVICE"), lab.Text("eth0")), "", ample, "ok"},
		{p, call("", "getsockopt", a, lab.Word("SO_BINDTODEVICE")), "", ample, `"eth0"`},
		{p, call("", "bind", a), "192.0.2.2:80", ample, "EADDRNOTAVAIL"}, // beta's
		{p, call("", "bind", a), "192.0.2.1:80", ample, "ok"},
		{p, call("", "bind", a), "192.0.2.1:81", ample, "EINVAL"}, // bound already
		{p, call("", "getsockname", a), "", ample, "192.0.2.1:80"},
		{p, call("", "getpeername", a), "", ample, "ENOTCONN"},
		{p, call("", "accept", a), "", ample, "EINVAL"}, // does not listen
		{p, call("", "listen", a, lab.Int(5)), "", ample, "ok"},
		{p, call("c", "accept", a), "", soon, "blocked"},
		{q, call("b", "socket", lab.Word("tcp")), "", ample, "ok"},
		{q, call("", "connect", b), "192.0.2.1:81", ample, "ECONNREFUSED"},
		{q, call("", "connect", b), "192.0.2.1:80", ample, "ok"}, // after a refusal it may try again
		{q, call("", "connect", b), "192.0.2.1:80", ample, "EISCONN"},
		{p, call("c", "accept", a), "", ample, "ok"},
		{p, call("", "getpeername", a), "", ample, "ENOTCONN"},
		{q, call("", "send", b, lab.Text("hello")), "", ample, "5"},
		{p, call("", "recv", c, lab.Int(3)), "", ample, `"hel"`},
		{p, call("", "recv", c), "", ample, `"lo"`},
		{p, call("", "recv", c), "", soon, "blocked"},
		{q, call("", "shutdown", b, lab.Word("SHUT_WR")), "", ample, "ok"},
		{q, call("", "send", b, lab.Text("x")), "", ample, "EPIPE"},
		{p, call("", "recv", c), "", ample, `""`},
		{p, call("", "close", c), "", ample, "ok"},
		{p, call("u", "socket", lab.Word("udp6")), "", ample, "ok"},
		{p, call("", "bind", lab.Sock("u")), "[::]:53", ample, "ok"},
		{q, call("u", "socket", lab.Word("udp")), "", ample, "ok"},
		{q, call("", "sendto", lab.Sock("u"), lab.Text("hi")), "192.0.2.1:53", ample, "2"},
		{p, call("", "recvfrom", lab.Sock("u")), "", ample, `"hi"`},
		{p, call("", "listen", lab.Sock("u"), lab.Int(1)), "", ample, "EOPNOTSUPP"},
		{p, call("", "sleep", lab.Duration(time.Millisecond)), "", ample, "ok"},
	})
}

// TestBlocking has calls that only a blocking socket answers as most programs
// know them: a non-blocking one says EAGAIN, a short count, or EALREADY.
func TestBlocking(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p, q := mustStart(t, g, l.Host("alpha"), "main"), mustStart(t, g, l.Host("beta"), "main")
	const soon, ample = 50 * time.Millisecond, time.Minute
	many := lab.Text(strings.Repeat("x", 64<<10))
	expect(t, []expected{
		{p, call("a", "socket", lab.Word("udp")), "", ample, "ok"},
		{p, call("", "connect", a), "127.0.0.1:5001", ample, "ok"},
		{p, call("", "shutdown", a, lab.Word("SHUT_RD")), "", ample, "ok"},
		{p, call("", "recv", a), "", ample, `""`}, // __skb_wait_for_more_packets

		{q, call("a", "socket", lab.Word("tcp")), "", ample, "ok"},
		{q, call("", "setsockopt", a, lab.Word("SO_RCVBUF"), lab.Int(4096)), "", ample, "ok"},
		{q, call("", "bind", a), "192.0.2.2:80", ample, "ok"},
		{q, call("", "listen", a, lab.Int(5)), "", ample, "ok"},
		{p, call("b", "socket", lab.Word("tcp")), "", ample, "ok"},
		{p, call("", "setsockopt", b, lab.Word("SO_SNDBUF"), lab.Int(4096)), "", ample, "ok"},
		{p, call("", "connect", b), "192.0.2.2:80", ample, "ok"},
		{p, call("", "send", b, many), "", soon, "blocked"}, // nobody receives

		{p, call("c", "socket", lab.Word("tcp")), "", ample, "ok"},
		{p, call("", "connect", c), "192.0.2.99:80", soon, "blocked"}, // nobody is there
		{p, call("", "connect", c), "192.0.2.99:80", soon, "blocked"},
	})
}

// TestNoPortLeft tells an EAGAIN that is the answer from one that means "wait".
func TestNoPortLeft(t *testing.T) {
	l := newLab(t)
	err := l.Host("alpha").Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40000"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	ask(t, p, call("a", "socket", lab.Word("udp")), "", 0)
	ask(t, p, call("b", "socket", lab.Word("udp")), "", 0)
	ask(t, p, call("c", "socket", lab.Word("udp")), "", 0)
	if got := ask(t, p, call("", "bind", a), "0.0.0.0:40000", 0); got != "ok" {
		t.Fatalf("bind = %s", got)
	}
	if got := ask(t, p, call("", "connect", b), "192.0.2.2:53", time.Minute); got != "EAGAIN" { // inet_autobind
		t.Errorf("connect = %s, want EAGAIN", got)
	}
	if got := ask(t, p, call("", "sendto", c, lab.Text("x")), "192.0.2.2:53", time.Minute); got != "EAGAIN" {
		t.Errorf("sendto = %s, want EAGAIN", got)
	}
}

// TestLingeringClose has a close that waits for a peer who is out of reach: it
// is blocked when its limit is over, and does not keep the group from ending.
func TestLingeringClose(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p, q := mustStart(t, g, l.Host("alpha"), "main"), mustStart(t, g, l.Host("beta"), "main")
	for _, s := range []struct {
		p    *process.Process
		call lab.Call
		addr string
	}{
		{q, call("a", "socket", lab.Word("tcp")), ""},
		{q, call("", "bind", a), "192.0.2.2:80"},
		{q, call("", "listen", a, lab.Int(5)), ""},
		{p, call("b", "socket", lab.Word("tcp")), ""},
		{p, call("", "connect", b), "192.0.2.2:80"},
		{p, call("", "setsockopt", b, lab.Word("SO_LINGER"), lab.Linger{On: 1, Seconds: 3600}), ""},
	} {
		if got := ask(t, s.p, s.call, s.addr, time.Minute); got != "ok" {
			t.Fatalf("%s = %s", s.call, got)
		}
	}
	err := l.Host("beta").Do(func() error { return exec.Command("ip", "link", "set", "eth0", "down").Run() })
	if err != nil {
		t.Skipf("ip(8) is needed to cut the line: %v", err)
	}
	if got := ask(t, p, call("", "close", b), "", 50*time.Millisecond); got != "blocked" {
		t.Errorf("close = %s, want blocked", got)
	}
}

func TestForkAndExit(t *testing.T) {
	l := newLab(t)
	g := newGroup(t)
	p := mustStart(t, g, l.Host("alpha"), "server")
	q := mustStart(t, g, l.Host("alpha"), "other")
	ask(t, p, call("a", "socket", lab.Word("tcp")), "", 0)
	ask(t, p, call("", "bind", a), "192.0.2.1:80", 0)
	child, answer, err := g.Fork(t.Context(), p, "alpha/child", nil)
	if err != nil || answer.String() != "ok" {
		t.Fatal(answer, err)
	}
	grandchild, _, err := g.Fork(t.Context(), child, "alpha/grandchild", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := inode(t, child), inode(t, p); got != want {
		t.Errorf("the child's socket has inode %d, its parent's %d", got, want)
	}
	ask(t, p, call("", "close", a), "", 0)
	if answer, err := p.Exit(t.Context(), 3); err != nil || answer.String() != "ok" {
		t.Fatal(answer, err)
	}
	ask(t, q, call("b", "socket", lab.Word("tcp")), "", 0)
	if got := ask(t, q, call("", "bind", b), "192.0.2.1:80", 0); got != "EADDRINUSE" {
		t.Errorf("with a child that has the socket, bind = %s", got)
	}
	if answer, err := q.Kill(t.Context(), child, "SIGKILL"); err != nil || answer.String() != "ok" {
		t.Fatal(answer, err)
	}
	if got := ask(t, q, call("", "bind", b), "192.0.2.1:80", 0); got != "EADDRINUSE" {
		t.Errorf("with a grandchild that has the socket, bind = %s", got)
	}
	if _, err := q.Kill(t.Context(), grandchild, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, q, call("", "bind", b), "192.0.2.1:80", 0); got != "ok" {
		t.Errorf("with nobody left, bind = %s", got)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("after Close this process still has children: %v", err)
	}
}

func inode(t *testing.T, p *process.Process) uint32 {
	t.Helper()
	owned, err := p.Owned(t.Context(), []uint16{80})
	if err != nil || len(owned) != 1 {
		t.Fatal(owned, err)
	}
	want := process.Owned{Name: "a", FD: owned[0].FD, Inode: owned[0].Inode, Protocol: "tcp",
		Local: netip.MustParseAddrPort("192.0.2.1:80")}
	if diff := cmp.Diff(want, owned[0], cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	return owned[0].Inode
}

// TestCancel ends a wait from outside.
func TestCancel(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	_, _, err := p.Call(ctx, process.Args{Call: call("", "sleep", lab.Duration(time.Hour))})
	if err != context.Canceled {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// BenchmarkStart is the cost of a process: start, first answer, end. Its floor,
// taken turn by turn, is this program started bare, which ends at once.
func BenchmarkStart(b *testing.B) {
	l := newLab(b)
	var g process.Group
	var floor, own time.Duration
	for b.Loop() {
		began := time.Now()
		if err := exec.Command("/proc/self/exe", "-test.run=^$").Run(); err != nil {
			b.Fatal(err)
		}
		floor += time.Since(began)
		began = time.Now()
		p := mustStart(b, &g, l.Host("alpha"), "main")
		ask(b, p, call("a", "socket", lab.Word("tcp")), "", 0)
		if err := g.Close(); err != nil {
			b.Fatal(err)
		}
		own += time.Since(began)
	}
	b.ReportMetric(float64(own.Microseconds())/float64(b.N), "us/process")
	b.ReportMetric(float64(floor.Microseconds())/float64(b.N), "us/bare-exec")
	b.ReportMetric(float64(own)/float64(floor), "x-floor")
	b.ReportMetric(0, "ns/op") // both together, which says nothing
}
