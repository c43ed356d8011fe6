package fabric

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// Labs from a pool are as good as others: new hosts, and no first SYN is lost.
func TestPool(t *testing.T) {
	needNetNS(t)
	fds := descriptors(t)
	var pool Pool
	p := plan.New(dual(2))
	fabrics := map[string]bool{}
	hosts := map[string]bool{}
	_, _, y6 := addresses(1)
	at := netip.AddrPortFrom(y6, 80)
	const labs = 40
	for range labs {
		l, err := pool.Up(t.Context(), p)
		must(t, err)
		must(t, l.fabric.Do(func() error { fabrics[netNS(t, threadNS)] = true; return nil }))
		h := l.Host("h1")
		if got := mustSockets(t, h); len(got) != 0 {
			t.Errorf("a new host has sockets: %v", got)
		}
		must(t, h.Do(func() error { hosts[netNS(t, threadNS)] = true; return nil }))
		server := mustListen(t, h, at)
		client := mustSocket(t, l.Host("h0"), unix.AF_INET6, unix.SOCK_STREAM)
		_, sa := sockaddr(at)
		must(t, unix.Connect(client, sa))
		info, err := unix.GetsockoptTCPInfo(client, unix.SOL_TCP, unix.TCP_INFO)
		must(t, err)
		if info.Total_retrans != 0 {
			t.Errorf("%d retransmits", info.Total_retrans)
		}
		unix.Close(client)
		unix.Close(server)
		must(t, l.Close())
		must(t, l.Close())
	}
	if len(fabrics) == labs {
		t.Errorf("no fabric was used twice")
	}
	t.Logf("%d labs: %d fabrics, %d numbers of host namespaces", labs, len(fabrics), len(hosts))
	must(t, pool.Close())
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
}

func TestPoolKeepsNetworksApart(t *testing.T) {
	needNetNS(t)
	var pool Pool
	defer pool.Close()
	all, err := pool.Up(t.Context(), plan.New(dual(1)))
	must(t, err)
	must(t, all.Close())
	renamed := dual(1)
	renamed.Networks[0].Name = "green"
	renamed.Hosts[0].NICs[0].Network = "green"
	l, err := pool.Up(t.Context(), plan.New(renamed))
	must(t, err)
	defer l.Close()
	if l.fabric == all.fabric {
		t.Error("a lab has the fabric of one with other networks")
	}
}

// Whatever a host does to its links, the next lab has a fabric like new.
func TestPoolAfterChanges(t *testing.T) {
	needNetNS(t)
	var pool Pool
	defer pool.Close()
	p := plan.New(dual(2))
	fabrics := map[*Host]bool{}
	const labs = 30
	for i := range labs {
		l, err := pool.Up(t.Context(), p)
		must(t, err)
		fabric := l.fabric
		fabrics[fabric] = true
		h0, h1 := l.Host("h0"), l.Host("h1")
		if diff := cmp.Diff([]string{"0.0", "0.1", "1.0", "1.1", "blue", "lo", "red"}, links(t, fabric)); diff != "" {
			t.Fatalf("links of the fabric: -want +got:\n%s", diff)
		}
		x, y, y6 := addresses(1)
		for _, ip := range []netip.Addr{x, y, y6} {
			dial(t, h0, h1, netip.AddrPortFrom(ip, 80))
		}
		must(t, h1.SetLink("eth0", false))
		switch i % 3 {
		case 0:
			must(t, h0.AddLink("br0", "bridge"))
			must(t, h0.SetMaster("eth0", "br0"))
			must(t, h0.SetMaster("eth1", "br0")) // joins both networks
			must(t, h0.SetLink("br0", true))
		case 1:
			must(t, h0.DelLink("eth0"))
			if got := links(t, fabric); slices.Contains(got, "0.0") {
				t.Errorf("the NIC's port is still there: %v", got)
			}
			must(t, h0.AddLink("eth0", "ifb")) // has no port
			must(t, h0.SetLink("eth0", true))
		case 2:
			for _, nic := range []string{"eth0", "eth1"} {
				must(t, h0.DelLink(nic))
				must(t, ignore(h1.DelLink(nic), unix.ENODEV))
			}
		}
		must(t, l.Close())
	}
	if len(fabrics) == labs {
		t.Error("no fabric was used twice")
	}
}

func TestPoolAfterFailure(t *testing.T) {
	needNetNS(t)
	var pool Pool
	p := plan.New(dual(1))
	bad := plan.Plan{Name: p.Name, Ops: append(slices.Clone(p.Ops), plan.LinkUp{NS: "dual.h0", Name: "none"})}
	l, err := pool.Up(t.Context(), p)
	must(t, err)
	must(t, pool.Close())
	must(t, l.Close()) // the pool is closed: it takes nothing back
	fds := descriptors(t)
	for range 20 {
		var pool Pool
		l, err := pool.Up(t.Context(), p)
		must(t, err)
		must(t, l.Close())
		for range 3 {
			if l, err := pool.Up(t.Context(), bad); err == nil || l != nil {
				t.Fatalf("Up of a bad plan = %v, %v", l, err)
			}
		}
		must(t, pool.Close())
	}
	if diff := cmp.Diff(fds, descriptors(t)); diff != "" {
		t.Errorf("descriptors: -before +after:\n%s", diff)
	}
}

// TestSpoilt gives no bridges to the next lab that somebody may have changed.
func TestSpoilt(t *testing.T) {
	needNetNS(t)
	var p Pool
	defer p.Close()
	for _, spoil := range []bool{false, true} {
		l, err := p.Up(t.Context(), plan.New(dual(1)))
		must(t, err)
		if spoil {
			l.Spoil()
		}
		must(t, l.Close())
		if kept := len(p.idle) == 1; kept == spoil {
			t.Errorf("spoilt %v, kept for the next lab: %v", spoil, kept)
		}
		for _, g := range p.idle {
			must(t, g.host.close())
		}
		p.idle = nil
	}
}

// TestTimeWaitStays: a lab with a TIME_WAIT that the kernel does not end is not used again, and Leave returns nil.
func TestTimeWaitStays(t *testing.T) {
	needNetNS(t)
	defer func(f func(int) (bool, error)) { endConnections = f }(endConnections)
	stays := false
	endConnections = func(int) (bool, error) { return stays, nil }
	var pool Pool
	p := plan.New(dual(2))
	x1, _, _ := addresses(1)
	at := netip.AddrPortFrom(x1, 80)
	begin := func() *Lab {
		l, err := pool.Again(t.Context(), p)
		must(t, err)
		family, to := sockaddr(at)
		server, client := mustListen(t, l.Host("h1"), at), mustSocket(t, l.Host("h0"), family, unix.SOCK_STREAM)
		must(t, unix.Connect(client, to))
		accepted, _, err := unix.Accept(server)
		must(t, err)
		unix.Close(client)
		awaitEnd(t, accepted)
		unix.Close(accepted)
		unix.Close(server)
		return l
	}
	stays = true
	l := begin()
	if clear, err := l.Clear(t.Context(), time.Hour); clear || err != nil { // it does not wait
		t.Errorf("the lab is clear: %t, %v", clear, err)
	}
	must(t, l.Leave())
	if len(pool.labs) != 0 {
		t.Errorf("%d labs are kept", len(pool.labs))
	}
	// Nor is one used again of which that is found out when it has been kept.
	stays = false
	l = begin()
	must(t, l.Leave())
	stays = true
	next, err := pool.Again(t.Context(), p)
	must(t, err)
	if next == l {
		t.Error("a lab with a TIME_WAIT is used again")
	}
	if len(pool.labs) != 0 {
		t.Errorf("%d labs are kept", len(pool.labs))
	}
	must(t, next.Close())
	must(t, pool.Close())
}
