package fabric

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

// mustTap listens to a lab. What the function that it returns is called it has
// heard.
func mustTap(t *testing.T, ts *Taps, l *Lab) func() []lab.Packet {
	t.Helper()
	var heard []lab.Packet
	tap, err := ts.On(l, func(packets []lab.Packet) { heard = append(heard, packets...) })
	must(t, err)
	return func() []lab.Packet {
		t.Helper()
		dropped, err := tap.Stop()
		must(t, err)
		if len(dropped) > 0 {
			t.Errorf("dropped %v", dropped)
		}
		return heard
	}
}

func mustTaps(t *testing.T) *Taps {
	t.Helper()
	ts, err := NewTaps()
	must(t, err)
	t.Cleanup(func() { must(t, ts.Close()) })
	return ts
}

// segments says who sent which TCP segments by which link.
func segments(packets []lab.Packet) []string {
	flags := map[byte]string{0x02: "SYN", 0x12: "SYN ACK", 0x10: "ACK"}
	var all []string
	for _, p := range packets {
		at := map[uint16]int{0x0800: 34, 0x86dd: 54}[binary.BigEndian.Uint16(p.Data[12:])]
		if at == 0 || p.Data[at-11] != unix.IPPROTO_TCP && p.Data[at-34] != unix.IPPROTO_TCP {
			continue
		}
		all = append(all, fmt.Sprintf("%s/%s %s", p.Host, p.Link, flags[p.Data[at+13]]))
	}
	return all
}

// A tap has heard the handshake when the connect returns, each segment once, in
// their order, with the NIC that sent it; and of what a host says to itself, too.
func TestTapHearsTheHandshake(t *testing.T) {
	needNetNS(t)
	p := plan.New(dual(2))
	ts := mustTaps(t)
	labs := 20
	if testing.Short() {
		labs = 5
	}
	for range labs {
		l := mustUp(t, p)
		x, y, y6 := addresses(1)
		var open []int
		for _, ip := range []netip.Addr{x, y, y6} {
			open = append(open, mustListen(t, l.Host("h1"), netip.AddrPortFrom(ip, 80)))
		}
		var want []string
		begun := time.Now()
		stop := mustTap(t, ts, l)
		for _, c := range []struct {
			from  string
			to    netip.Addr
			links [2]string
		}{
			{"h0", x, [2]string{"h0/eth0", "h1/eth0"}},
			{"h0", y, [2]string{"h0/eth1", "h1/eth1"}},
			{"h0", y6, [2]string{"h0/eth1", "h1/eth1"}},
			{"h1", x, [2]string{"h1/lo", "h1/lo"}},
		} {
			family, sa := sockaddr(netip.AddrPortFrom(c.to, 80))
			client := mustSocket(t, l.Host(c.from), family, unix.SOCK_STREAM)
			open = append(open, client)
			must(t, unix.Connect(client, sa))
			want = append(want, c.links[0]+" SYN", c.links[1]+" SYN ACK", c.links[0]+" ACK")
		}
		heard := stop()
		for _, fd := range open { // from here on they may say more
			unix.Close(fd)
		}
		if diff := cmp.Diff(want, segments(heard)); diff != "" {
			t.Fatalf("want (-), heard (+):\n%s", diff)
		}
		for i, p := range heard {
			if p.NIC != (p.Link != "lo") || p.Length != len(p.Data) || p.Time.Before(begun.Add(-time.Second)) {
				t.Errorf("%+v", p)
			}
			if i > 0 && p.Time.Before(heard[i-1].Time) {
				t.Errorf("%v after %v", p.Time, heard[i-1].Time)
			}
		}
		if !slices.ContainsFunc(heard, func(p lab.Packet) bool { return p.Unsummed }) {
			t.Error("every checksum is there; veth(4) leaves them out")
		}
		must(t, l.Close())
	}
}

// A tap is not a socket of the host's own, and all of it is gone at the end.
func TestTapLeavesNothing(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h := l.Host("h0")
	awaitVacant(t, h) // opens what it looks by
	ts, err := NewTaps()
	must(t, err)
	before := descriptors(t)
	for range 3 {
		stop := mustTap(t, ts, l)
		if n := h.OpenSockets(); n != 2 {
			t.Errorf("%d sockets of labrun's own, want those of sock_diag and of the tap", n)
		}
		awaitVacant(t, h)
		stop()
		ts.closes.Wait()
	}
	if diff := cmp.Diff(before, descriptors(t)); diff != "" {
		t.Error(diff)
	}
	must(t, ts.Close())
	if h.OpenSockets() != 1 {
		t.Errorf("%d sockets of labrun's own at the end", h.OpenSockets())
	}
}

// Links that are made later are heard too, by their names; one that has the name of
// a NIC is none. More packets than are held at once come all, in their order.
func TestTapHearsOtherLinks(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(1)))
	h := l.Host("h0")
	var batches int
	var heard []lab.Packet
	tap, err := mustTaps(t).On(l, func(packets []lab.Packet) {
		batches++
		heard = append(heard, packets...)
	})
	must(t, err)
	must(t, h.DelLink("eth0"))
	must(t, h.AddLink("eth0", "bridge"))
	must(t, h.SetMaster("eth1", "eth0"))
	must(t, h.SetLink("eth0", true))
	must(t, h.AddAddress("eth0", netip.MustParsePrefix("203.0.113.1/24"), ""))
	client := mustSocket(t, h, unix.AF_INET, unix.SOCK_DGRAM)
	defer unix.Close(client)
	must(t, unix.SetsockoptInt(client, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	const packets, size = 4000, 1400
	_, sa := sockaddr(netip.MustParseAddrPort("203.0.113.255:9"))
	for i := range packets {
		must(t, unix.Sendto(client, binary.BigEndian.AppendUint32(make([]byte, size), uint32(i)), 0, sa))
	}
	dropped, err := tap.Stop()
	must(t, err)
	next := map[string]int{}
	for _, p := range heard {
		if len(p.Data) != 14+20+8+size+4 {
			continue // the bridge's own
		}
		link := fmt.Sprintf("%s, a NIC %t", p.Link, p.NIC)
		n := int(binary.BigEndian.Uint32(p.Data[len(p.Data)-4:]))
		if n < next[link] || n > next[link] && len(dropped) == 0 {
			t.Errorf("%s: packet %d in the place of %d", link, n, next[link])
		}
		next[link] = n + 1
	}
	if len(dropped) > 0 { // an ordinary user has a short queue
		t.Logf("dropped %v", dropped)
		return
	}
	if diff := cmp.Diff(map[string]int{"eth0, a NIC false": packets, "eth1, a NIC true": packets}, next); diff != "" {
		t.Error(diff)
	}
	if batches < 2 {
		t.Errorf("%d batch of more than %d bytes", batches, mostHeld)
	}
}

// What finds the queue full is counted.
func TestTapCountsDrops(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(1)))
	h := l.Host("h0")
	var e *listener
	must(t, onThread(func() (err error) { // nobody reads
		e, err = listen(h)
		return err
	}))
	defer e.close()
	must(t, unix.SetsockoptInt(int(e.file.Fd()), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096))
	at := netip.MustParseAddrPort("127.0.0.1:9")
	family, sa := sockaddr(at)
	client := mustSocket(t, h, family, unix.SOCK_DGRAM)
	defer unix.Close(client)
	const sent = 100
	for range sent {
		if err := unix.Sendto(client, make([]byte, 1000), 0, sa); err != nil && err != unix.ECONNREFUSED {
			t.Fatal(err)
		}
	}
	if n, err := e.dropped(); err != nil || n == 0 {
		t.Errorf("%d packets dropped, %v", n, err)
	}
}
