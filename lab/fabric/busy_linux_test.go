package fabric

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

// A FIN whose ACK does not come, since the other side's NIC is down, is sent again; the
// reset comes of a second connection. A SYN that is refused makes only the reset.
func TestBusy(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	h0, h1 := l.Host("h0"), l.Host("h1")
	x0, _, _ := addresses(0)
	x1, _, _ := addresses(1)
	busy := func(h *Host) Busy {
		b, err := h.Busy()
		must(t, err)
		return b
	}
	family, nobody := sockaddr(netip.AddrPortFrom(x0, 9))
	refused := mustSocket(t, h1, family, unix.SOCK_STREAM)
	defer unix.Close(refused)
	if err := unix.Connect(refused, nobody); err != unix.ECONNREFUSED {
		t.Fatal(err)
	}
	if got, want := busy(h0), (Busy{Resets: true}); got != want {
		t.Errorf("the host that refused a connection: %+v, want %+v", got, want)
	}
	if got := busy(h1); got != (Busy{}) {
		t.Errorf("the host that was refused: %+v", got)
	}
	at := netip.AddrPortFrom(x1, 80)
	defer unix.Close(mustListen(t, h1, at))
	_, sa := sockaddr(at)
	client := mustSocket(t, h0, family, unix.SOCK_STREAM)
	must(t, unix.Connect(client, sa))
	must(t, h1.SetLink("eth0", false))
	must(t, unix.Close(client))
	for deadline := time.Now().Add(time.Minute); !busy(h0).Again; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no FIN was sent again")
		}
	}
	if busy(h1).Again {
		t.Error("the side that was down sent nothing again")
	}
}
