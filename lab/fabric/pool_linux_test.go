package fabric

import (
	"net/netip"
	"slices"
	"testing"

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
