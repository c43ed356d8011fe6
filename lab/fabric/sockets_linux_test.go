package fabric

import (
	"cmp"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

func mustSockets(t testing.TB, h *Host) []lab.Socket {
	t.Helper()
	s, err := h.Sockets()
	must(t, err)
	return s
}

// inode returns the inode of a socket, as sock_diag shows it.
func inode(t testing.TB, fd int) uint32 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	return uint32(st.Ino)
}

// want collects what Sockets is to answer.
type want struct {
	testing.TB
	host    *Host
	sockets []lab.Socket
}

// made notes a socket, with the owner that any socket of this test has.
func (w *want) made(fd int, s lab.Socket) int {
	w.Cleanup(func() { unix.Close(fd) })
	s.UID, s.Inode = uint32(os.Geteuid()), inode(w, fd)
	if !s.Remote.IsValid() {
		none := netip.IPv6Unspecified()
		if s.Local.Addr().Is4() {
			none = netip.IPv4Unspecified()
		}
		s.Remote = netip.AddrPortFrom(none, 0)
	}
	w.sockets = append(w.sockets, s)
	return fd
}

// bound makes a socket, sets it up, binds it, and makes it listen if it is to.
func (w *want) bound(kind int, s lab.Socket, setUp func(fd int) error) int {
	family, sa := sockaddr(s.Local)
	fd := mustSocket(w, w.host, family, kind)
	if setUp != nil {
		must(w, setUp(fd))
	}
	must(w, unix.Bind(fd, sa))
	if s.State == "LISTEN" {
		must(w, unix.Listen(fd, 5))
	}
	return w.made(fd, s)
}

func TestSockets(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	w := &want{TB: t, host: l.Host("h0")}
	if got := mustSockets(t, w.host); len(got) != 0 {
		t.Fatalf("a new host has sockets: %v", got)
	}
	x, y, y6 := addresses(0)
	at := netip.AddrPortFrom
	web := at(x, 80)
	_, to := sockaddr(web)

	server := w.bound(unix.SOCK_STREAM, lab.Socket{Protocol: "tcp", State: "LISTEN", Local: web}, nil)
	w.bound(unix.SOCK_STREAM, lab.Socket{Protocol: "tcp", State: "LISTEN", Local: at(y, 81), Device: "eth1"}, func(fd int) error {
		return unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "eth1")
	})
	client := w.bound(unix.SOCK_STREAM, lab.Socket{Protocol: "tcp", State: "ESTABLISHED", Local: at(y, 2000), Remote: web, Timer: "keepalive"}, nil)
	must(t, unix.Connect(client, to))
	must(t, unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	accepted, _, err := unix.Accept(server)
	must(t, err)
	w.made(accepted, lab.Socket{Protocol: "tcp", State: "ESTABLISHED", Local: web, Remote: at(y, 2000)})
	w.bound(unix.SOCK_STREAM, lab.Socket{Protocol: "tcp6", State: "LISTEN", Local: at(netip.IPv6Unspecified(), 82)}, nil)
	w.bound(unix.SOCK_STREAM, lab.Socket{Protocol: "tcp6", State: "LISTEN", Local: at(y6, 83), V6Only: true}, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1)
	})
	options := []string{"IP_RECVERR", "IP_FREEBIND", "IP_TRANSPARENT", "IP_BIND_ADDRESS_NO_PORT"}
	w.bound(unix.SOCK_DGRAM, lab.Socket{Protocol: "udp", State: "UNCONN", Local: at(x, 85), Options: options}, func(fd int) error {
		var errs []error
		for _, o := range []int{unix.IP_RECVERR, unix.IP_FREEBIND, unix.IP_TRANSPARENT, unix.IP_BIND_ADDRESS_NO_PORT} {
			errs = append(errs, unix.SetsockoptInt(fd, unix.SOL_IP, o, 1))
		}
		return errors.Join(errs...)
	})
	connected := w.bound(unix.SOCK_DGRAM, lab.Socket{Protocol: "udp", State: "ESTABLISHED", Local: at(x, 86), Remote: web}, nil)
	must(t, unix.Connect(connected, to))
	w.bound(unix.SOCK_DGRAM, lab.Socket{Protocol: "udp6", State: "UNCONN", Local: at(netip.AddrFrom16(x.As16()), 84)}, nil)

	slices.SortFunc(w.sockets, func(a, b lab.Socket) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), compare(a, b)) // tcp, tcp6, udp, udp6
	})
	same := gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := gocmp.Diff(w.sockets, mustSockets(t, w.host), same); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := mustSockets(t, l.Host("h1")); len(got) != 0 {
		t.Errorf("the other host has them too: %v", got)
	}
	sameByTable(t, w.host, w.sockets)
}

// The states that need no owner, or no connection.
func TestSocketStates(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h0, h1 := l.Host("h0"), l.Host("h1")
	x0, _, _ := addresses(0)
	x1, _, _ := addresses(1)
	at := netip.AddrPortFrom(x1, 80)
	server := mustListen(t, h1, at)
	_, to := sockaddr(at)
	client := mustSocket(t, h0, unix.AF_INET, unix.SOCK_STREAM)
	_, from := sockaddr(netip.AddrPortFrom(x0, 2000))
	must(t, unix.Bind(client, from))
	must(t, unix.Connect(client, to))
	accepted, _, err := unix.Accept(server)
	must(t, err)
	states := func(h *Host) (all []string) {
		for _, s := range mustSockets(t, h) {
			all = append(all, s.Protocol+" "+s.State)
			if s.State == "TIME_WAIT" && (s.Inode != 0 || s.Local != netip.AddrPortFrom(x0, 2000) || s.Remote != at) {
				t.Errorf("TIME_WAIT is %+v", s)
			}
		}
		return all
	}
	check := func(h *Host, want ...string) {
		t.Helper()
		got := states(h)
		// An acknowledgement may be late on purpose, tcp(7).
		for end := time.Now().Add(2 * time.Minute); !slices.Equal(got, want) && time.Now().Before(end); got = states(h) {
			time.Sleep(time.Millisecond)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("host %s: -want +got:\n%s", h.Name(), diff)
		}
	}
	must(t, unix.Shutdown(client, unix.SHUT_WR))
	awaitEnd(t, accepted)
	check(h0, "tcp FIN_WAIT2")
	check(h1, "tcp LISTEN", "tcp CLOSE_WAIT")
	unix.Close(accepted)
	awaitEnd(t, client)
	unix.Close(client)
	check(h0, "tcp TIME_WAIT")
	check(h1, "tcp LISTEN")
	for _, h := range []*Host{h0, h1} {
		sameByTable(t, h, mustSockets(t, h))
	}
	unix.Close(server)

	// Nobody answers at an address that no host has: the SYN waits for ARP.
	lost := mustSocket(t, h0, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK)
	defer unix.Close(lost)
	_, nobody := sockaddr(netip.MustParseAddrPort("10.1.9.9:80"))
	if err := unix.Connect(lost, nobody); err != unix.EINPROGRESS {
		t.Errorf("connect = %v, want %v", err, unix.EINPROGRESS)
	}
	check(h0, "tcp SYN_SENT", "tcp TIME_WAIT")
}

// awaitEnd returns when the peer's FIN is there.
func awaitEnd(t *testing.T, fd int) {
	t.Helper()
	if n, err := unix.Read(fd, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("read = %d, %v, want the end", n, err)
	}
}

// A socket that is bound and does nothing is listed since Linux 6.8.
func TestBoundSocket(t *testing.T) {
	needNetNS(t)
	var uts unix.Utsname
	must(t, unix.Uname(&uts))
	k, err := lab.ParseKernelVersion(unix.ByteSliceToString(uts.Release[:]))
	must(t, err)
	if k.Compare(lab.KernelVersion{6, 8}) < 0 {
		t.Skipf("Linux %s does not list bound sockets", k)
	}
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	x, _, _ := addresses(0)
	fd := mustSocket(t, h, unix.AF_INET, unix.SOCK_STREAM)
	defer unix.Close(fd)
	_, sa := sockaddr(netip.AddrPortFrom(x, 2000))
	must(t, unix.Bind(fd, sa))
	got := mustSockets(t, h)
	if len(got) != 1 || got[0].State != "BOUND" || got[0].Local != netip.AddrPortFrom(x, 2000) || got[0].Inode != inode(t, fd) {
		t.Errorf("got %+v, want one socket BOUND to %s:2000", got, x)
	}
}

func TestTCPStatesAreNamed(t *testing.T) {
	for state, name := range tcpStates {
		if !slices.Contains(lab.StateNames, name) {
			t.Errorf("state %d: lab.StateNames has no %q", state, name)
		}
	}
}

func BenchmarkSockets(b *testing.B) {
	needNetNS(b)
	h := mustUp(b, plan.New(dual(1))).Host("h0")
	x, _, _ := addresses(0)
	defer unix.Close(mustListen(b, h, netip.AddrPortFrom(x, 80)))
	b.ReportAllocs()
	for b.Loop() {
		mustSockets(b, h)
	}
}

func BenchmarkNoSockets(b *testing.B) {
	needNetNS(b)
	h := mustUp(b, plan.New(dual(1))).Host("h0")
	awaitVacant(b, h)
	b.ReportAllocs()
	for b.Loop() {
		mustSockets(b, h)
	}
}

// awaitVacant waits until the sockets that built the host are gone: the kernel
// frees those of netlink after a grace period of RCU.
func awaitVacant(t testing.TB, h *Host) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !h.IsVacant(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Skip("this kernel does not count sockets per namespace")
		}
	}
}

// A host with any socket at all, and after them, is not taken for vacant.
func TestVacant(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h, other := l.Host("h0"), l.Host("h1")
	awaitVacant(t, h)
	must(t, h.SetLink("eth0", true)) // labrun's own socket does not count
	awaitVacant(t, h)
	x, _, _ := addresses(0)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX} {
		for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			fd := mustSocket(t, h, family, kind)
			if h.IsVacant() {
				t.Errorf("vacant with a socket of family %d, kind %d", family, kind)
			}
			unix.Close(fd)
			awaitVacant(t, h)
		}
	}
	at := netip.AddrPortFrom(x, 80)
	server := mustListen(t, h, at)
	client := mustSocket(t, other, unix.AF_INET, unix.SOCK_STREAM)
	defer unix.Close(client)
	_, sa := sockaddr(at)
	must(t, unix.Connect(client, sa))
	accepted, _, err := unix.Accept(server)
	must(t, err)
	unix.Close(server)
	unix.Close(accepted) // an orphan, in FIN_WAIT1 or FIN_WAIT2
	for _, closed := range []bool{false, true} {
		if closed { // TIME_WAIT
			awaitEnd(t, client)
			must(t, unix.Shutdown(client, unix.SHUT_WR))
		}
		if got := mustSockets(t, h); len(got) != 1 || h.IsVacant() {
			t.Errorf("vacant: %t with %v, want one connection", h.IsVacant(), got)
		}
	}
}

func TestSocketsOf(t *testing.T) {
	needNetNS(t)
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	var want []string
	for _, p := range protocols() {
		family, kind, protocol := unix.AF_INET, unix.SOCK_DGRAM, 0
		if strings.HasSuffix(p, "6") {
			family = unix.AF_INET6
		}
		if strings.HasPrefix(p, "tcp") {
			kind = unix.SOCK_STREAM
		}
		if strings.HasPrefix(p, "udplite") {
			protocol = unix.IPPROTO_UDPLITE
		}
		err := h.Do(func() error {
			fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
			if err != nil {
				return err
			}
			t.Cleanup(func() { unix.Close(fd) })
			_, sa := sockaddr(netip.AddrPortFrom(netip.IPv6Unspecified(), 80))
			if family == unix.AF_INET {
				_, sa = sockaddr(netip.AddrPortFrom(netip.IPv4Unspecified(), 80))
			} else if err := unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
				return err
			}
			if err := unix.Bind(fd, sa); err != nil || kind != unix.SOCK_STREAM {
				return err
			}
			return unix.Listen(fd, 1)
		})
		if errors.Is(err, unix.EPROTONOSUPPORT) {
			continue // a kernel without UDP-Lite
		}
		must(t, err)
		want = append(want, p)
		names := func(of ...string) (got []string) {
			sockets, err := h.SocketsOf(of...)
			must(t, err)
			for _, s := range sockets {
				got = append(got, s.Protocol)
			}
			return got
		}
		if got := names(p); !slices.Equal(got, []string{p}) {
			t.Errorf("sockets of %s are %v", p, got)
		}
		if got := names(protocols()...); !slices.Equal(got, want) {
			t.Errorf("all sockets are %v, want %v", got, want)
		}
	}
	if _, err := h.SocketsOf("tcp", "smoke"); err == nil || !strings.Contains(err.Error(), `no protocol "smoke"`) {
		t.Errorf("SocketsOf smoke signals = %v", err)
	}
}
