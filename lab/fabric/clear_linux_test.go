package fabric

import (
	"errors"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// Whatever processes leave in a lab, it is clear once that is gone, and never before.
func TestClear(t *testing.T) {
	needNetNS(t)
	x0, _, _ := addresses(0)
	x1, _, y61 := addresses(1)
	connect := func(t *testing.T, l *Lab, at netip.AddrPort) (server, client, accepted int) {
		family, to := sockaddr(at)
		server = mustListen(t, l.Host("h1"), at)
		client = mustSocket(t, l.Host("h0"), family, unix.SOCK_STREAM)
		must(t, unix.Connect(client, to))
		accepted, _, err := unix.Accept(server)
		must(t, err)
		return server, client, accepted
	}
	ended := func(at netip.AddrPort) func(*testing.T, *Lab) func() {
		return func(t *testing.T, l *Lab) func() {
			server, client, accepted := connect(t, l, at)
			unix.Close(client)
			awaitEnd(t, accepted)
			unix.Close(accepted)
			unix.Close(server)
			return nil
		}
	}
	const ( // whether the lab is clear in the end
		yes         = iota
		afterwards  // once what leave returned has been called
		unlessAlone // not in a user namespace, which may not empty tcp_metrics
		never
	)
	for _, s := range []struct {
		name  string
		leave func(t *testing.T, l *Lab) func()
		clear int
	}{
		{"nothing", func(*testing.T, *Lab) func() { return nil }, yes},
		{"a socket", func(t *testing.T, l *Lab) func() {
			fd := mustSocket(t, l.Host("h0"), unix.AF_INET, unix.SOCK_DGRAM)
			return func() { unix.Close(fd) }
		}, afterwards},
		{"a name of unix(7)", func(t *testing.T, l *Lab) func() {
			fd := mustSocket(t, l.Host("h1"), unix.AF_UNIX, unix.SOCK_STREAM)
			must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: "@name"}))
			return func() { unix.Close(fd) }
		}, afterwards},
		{"a listener", func(t *testing.T, l *Lab) func() {
			fd := mustListen(t, l.Host("h1"), netip.AddrPortFrom(y61, 80))
			return func() { unix.Close(fd) }
		}, afterwards},
		{"TIME_WAIT", ended(netip.AddrPortFrom(x1, 80)), unlessAlone},
		{"TIME_WAIT of IPv6", ended(netip.AddrPortFrom(y61, 80)), unlessAlone},
		{"a connection that waits to be accepted", func(t *testing.T, l *Lab) func() {
			at := netip.AddrPortFrom(x1, 80)
			family, to := sockaddr(at)
			server := mustListen(t, l.Host("h1"), at)
			client := mustSocket(t, l.Host("h0"), family, unix.SOCK_STREAM)
			must(t, unix.Connect(client, to))
			unix.Close(server)
			unix.Close(client)
			return nil
		}, unlessAlone},
		{"FIN_WAIT2 of a client that is gone", func(t *testing.T, l *Lab) func() {
			server, client, accepted := connect(t, l, netip.AddrPortFrom(x1, 80))
			unix.Close(server)
			unix.Close(client)
			awaitEnd(t, accepted)
			return func() { unix.Close(accepted) }
		}, unlessAlone},
		{"a refusal", func(t *testing.T, l *Lab) func() {
			fd := mustSocket(t, l.Host("h0"), unix.AF_INET, unix.SOCK_STREAM)
			_, to := sockaddr(netip.AddrPortFrom(x1, 80))
			if err := unix.Connect(fd, to); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("connect = %v", err)
			}
			unix.Close(fd)
			return nil
		}, unlessAlone},
		{"a SYN that nobody has received", func(t *testing.T, l *Lab) func() {
			fd := mustSocket(t, l.Host("h0"), unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK)
			_, to := sockaddr(netip.MustParseAddrPort("10.1.9.9:80"))
			if err := unix.Connect(fd, to); !errors.Is(err, unix.EINPROGRESS) {
				t.Errorf("connect = %v", err)
			}
			unix.Close(fd)
			return nil
		}, never},
		{"a connection to itself", func(t *testing.T, l *Lab) func() {
			fd := mustSocket(t, l.Host("h0"), unix.AF_INET, unix.SOCK_STREAM)
			_, to := sockaddr(netip.AddrPortFrom(x0, 2000))
			must(t, unix.Bind(fd, to))
			must(t, unix.Connect(fd, to)) // two active sides and no passive one
			unix.Close(fd)
			return nil
		}, never},
		{"an ICMP message", func(t *testing.T, l *Lab) func() {
			fd := mustSocket(t, l.Host("h0"), unix.AF_INET, unix.SOCK_DGRAM)
			_, to := sockaddr(netip.AddrPortFrom(x1, 53))
			must(t, unix.Connect(fd, to))
			_, err := unix.Write(fd, []byte("x"))
			must(t, err)
			if _, err := unix.Read(fd, make([]byte, 1)); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("read = %v", err)
			}
			unix.Close(fd)
			return nil
		}, never},
		{"a FIN that was sent again", func(t *testing.T, l *Lab) func() {
			server, client, accepted := connect(t, l, netip.AddrPortFrom(x1, 80))
			must(t, l.Host("h1").SetLink("eth0", false))
			unix.Close(client)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if b, err := l.Host("h0").Busy(); b.Again || err != nil || time.Now().After(deadline) {
					must(t, err)
					break
				}
			}
			must(t, l.Host("h1").SetLink("eth0", true))
			awaitEnd(t, accepted) // as many are received as were sent
			unix.Close(accepted)
			unix.Close(server)
			return nil
		}, never},
		{"a segment that was lost", func(t *testing.T, l *Lab) func() {
			server, client, accepted := connect(t, l, netip.AddrPortFrom(x1, 80))
			must(t, l.Host("h1").SetLink("eth0", false))
			for _, fd := range []int{client, accepted} { // by a reset, which is not sent again
				must(t, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
				unix.Close(fd)
			}
			unix.Close(server)
			must(t, l.Host("h1").SetLink("eth0", true))
			return nil
		}, never},
		{"a SYN that was dropped", func(t *testing.T, l *Lab) func() {
			at := netip.AddrPortFrom(x1, 80)
			family, to := sockaddr(at)
			server := mustSocket(t, l.Host("h1"), family, unix.SOCK_STREAM)
			must(t, unix.Bind(server, to))
			must(t, unix.Listen(server, 0)) // which takes one
			first := mustSocket(t, l.Host("h0"), family, unix.SOCK_STREAM)
			must(t, unix.Connect(first, to))
			second := mustSocket(t, l.Host("h0"), family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK)
			if err := unix.Connect(second, to); !errors.Is(err, unix.EINPROGRESS) {
				t.Errorf("connect = %v", err)
			}
			for _, fd := range []int{second, first, server} {
				unix.Close(fd)
			}
			return nil
		}, never},
	} {
		t.Run(s.name, func(t *testing.T) {
			l := mustUp(t, plan.New(dual(2)))
			clear := func(within time.Duration) bool {
				t.Helper()
				clear, err := l.Clear(t.Context(), within)
				must(t, err)
				return clear
			}
			const ample, short = time.Minute, 100 * time.Millisecond
			if !clear(ample) {
				t.Fatal("a new lab is not clear")
			}
			alone := errors.Is(l.Host("h0").forgetPeers(), unix.EPERM)
			then := s.leave(t, l)
			if then != nil && clear(short) {
				t.Error("clear while a socket is open")
			}
			if then != nil {
				then()
			}
			want := s.clear == yes || s.clear == afterwards || s.clear == unlessAlone && !alone
			within := short
			if want {
				within = ample
			}
			if got := clear(within); got != want {
				t.Errorf("clear: %v, want %v", got, want)
			}
			if !want {
				return
			}
			for _, h := range []*Host{l.Host("h0"), l.Host("h1")} {
				if got := mustSockets(t, h); len(got) != 0 {
					t.Errorf("host %s has sockets: %v", h.Name(), got)
				}
				if b, err := h.Busy(); err != nil || b != (Busy{}) {
					t.Errorf("host %s: %+v, %v", h.Name(), b, err)
				}
			}
			dial(t, l.Host("h0"), l.Host("h1"), netip.AddrPortFrom(x1, 80))
		})
	}
}

// The kernel remembers round-trip times of peers. A lab that is clear has none.
func TestForgetPeers(t *testing.T) {
	needNetNS(t)
	need(t, "ip")
	l := mustUp(t, plan.New(dual(2)))
	h := l.Host("h0")
	metrics := func() (text string) {
		must(t, h.Do(func() error {
			out, err := exec.Command("ip", "tcp_metrics", "show").Output()
			text = string(out)
			return err
		}))
		return text
	}
	x1, _, _ := addresses(1)
	at := netip.AddrPortFrom(x1, 80)
	server := mustListen(t, l.Host("h1"), at)
	client := mustSocket(t, h, unix.AF_INET, unix.SOCK_STREAM)
	_, to := sockaddr(at)
	must(t, unix.Connect(client, to))
	accepted, _, err := unix.Accept(server)
	must(t, err)
	unix.Close(client) // the side that is the first to end saves them, tcp_time_wait
	awaitEnd(t, accepted)
	unix.Close(accepted)
	for deadline := time.Now().Add(time.Minute); metrics() == ""; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("this kernel remembers nothing")
		}
	}
	unix.Close(server)
	clear, err := l.Clear(t.Context(), time.Minute)
	if must(t, err); !clear && errors.Is(h.forgetPeers(), unix.EPERM) {
		t.Skip("a user namespace may not")
	}
	if left := metrics(); !clear || left != "" {
		t.Errorf("clear: %v, left: %s", clear, left)
	}
}

// A lab that was left is there again for the same plan, when it is clear.
func TestAgain(t *testing.T) {
	needNetNS(t)
	fds := descriptors(t)
	var pool Pool
	p := plan.New(dual(2))
	again := func(p plan.Plan) *Lab {
		t.Helper()
		l, err := pool.Again(t.Context(), p)
		must(t, err)
		return l
	}
	leave := func(l *Lab) {
		t.Helper()
		must(t, l.Leave())
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if clear, _, err := l.isClear(); clear || err != nil { // sockets that built it may count for a while
				break
			}
		}
	}
	first := again(p)
	leave(first)
	if l := again(p); l != first {
		t.Error("a lab that was left is not there again")
	}
	if l := again(p); l == first {
		t.Error("a lab has two users")
	} else {
		must(t, l.Close())
	}
	leave(first)
	other := again(plan.New(dual(1)))
	if other == first {
		t.Error("a plan has the lab of another one")
	}
	must(t, other.Close())
	fd := mustSocket(t, first.Host("h0"), unix.AF_INET, unix.SOCK_DGRAM)
	second := again(p)
	if second == first {
		t.Error("a lab is there again with a socket in it")
	}
	unix.Close(fd)
	second.Spoil()
	must(t, second.Leave())
	l, err := pool.takeLab(describe(p.Ops))
	if l == second || err != nil {
		t.Errorf("a spoilt lab is there again: %v", err)
	}
	must(t, l.Close())
	up, err := pool.Up(t.Context(), p)
	must(t, err)
	must(t, up.Leave()) // as Close does
	many := make([]*Lab, idleHosts/2+3)
	for i := range many {
		many[i] = again(p)
	}
	for _, l := range many {
		must(t, l.Leave())
	}
	kept := 0
	for _, l := range pool.labs {
		kept += len(l.hosts)
	}
	if kept > idleHosts {
		t.Errorf("%d hosts are kept, %d may be", kept, idleHosts)
	}
	late := again(p)
	must(t, pool.Close())
	must(t, late.Leave()) // the pool keeps nothing any more
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
}
