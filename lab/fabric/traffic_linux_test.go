package fabric

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

func sockaddr(a netip.AddrPort) (family int, sa unix.Sockaddr) {
	if a.Addr().Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// mustSocket makes a socket in the host. It may be used from anywhere.
func mustSocket(t testing.TB, h *Host, family, kind int) int {
	t.Helper()
	var fd int
	err := h.Do(func() (err error) {
		fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustListen(t testing.TB, h *Host, at netip.AddrPort) int {
	t.Helper()
	family, sa := sockaddr(at)
	fd := mustSocket(t, h, family, unix.SOCK_STREAM)
	must(t, unix.Bind(fd, sa))
	must(t, unix.Listen(fd, 5))
	return fd
}

// As soon as Up returns, the first SYN arrives: from host to host over both
// networks and both families, and from a host to itself. So it does over a cable.
func TestFirstSYNArrives(t *testing.T) {
	needNetNS(t)
	plans := []plan.Plan{plan.New(dual(2)), plan.New(cabled())}
	for i := range 60 {
		l := mustUp(t, plans[i%2])
		x, y, y6 := addresses(1)
		for _, ip := range []netip.Addr{y6, x, y} {
			at := netip.AddrPortFrom(ip, 80)
			family, sa := sockaddr(at)
			server := mustListen(t, l.Host("h1"), at)
			for _, from := range []string{"h0", "h1"} {
				client := mustSocket(t, l.Host(from), family, unix.SOCK_STREAM)
				must(t, unix.Connect(client, sa))
				info, err := unix.GetsockoptTCPInfo(client, unix.SOL_TCP, unix.TCP_INFO)
				must(t, err)
				if info.Total_retrans != 0 {
					t.Errorf("%s to %s: %d retransmits", from, at, info.Total_retrans)
				}
				unix.Close(client)
			}
			unix.Close(server)
		}
		l.Close()
	}
}

// Networks are apart: what is on red cannot be reached over blue, since no
// host forwards.
func TestNetworksAreApart(t *testing.T) {
	needNetNS(t)
	topology := dual(2)
	topology.Hosts[0].NICs = topology.Hosts[0].NICs[:1]
	l := mustUp(t, plan.New(topology))
	_, y, _ := addresses(1)
	family, sa := sockaddr(netip.AddrPortFrom(y, 80))
	defer unix.Close(mustListen(t, l.Host("h1"), netip.AddrPortFrom(y, 80)))
	client := mustSocket(t, l.Host("h0"), family, unix.SOCK_STREAM)
	defer unix.Close(client)
	if err := unix.Connect(client, sa); err != unix.ENETUNREACH {
		t.Errorf("connect to a network that the host is not on = %v, want %v", err, unix.ENETUNREACH)
	}
}
