package local

import (
	"net/netip"
	"testing"

	"labrun/lab"
)

// TestMoving tells sockets that the next segment changes from those for which none
// will come.
func TestMoving(t *testing.T) {
	top := mustParse(t, `experiments: {e: {steps: ['sysctl(net.core.somaxconn, "0")', sysctl(net.ipv4.tcp_abort_on_overflow), "sockets(any:80) = none", a = socket(tcp)]}}`)
	q := mustAsk(t, top)
	at := func(host string, port string) netip.AddrPort {
		a, ok := top.Host(host).Alias("x")
		if !ok {
			t.Fatalf("host %s has no x", host)
		}
		return netip.MustParseAddrPort(a.String() + ":" + port)
	}
	client, server, nobody := at("alpha", "50000"), at("beta", "80"), netip.MustParseAddrPort("192.0.2.99:80")
	on := func(host, state string, local, remote netip.AddrPort) hostSocket {
		return hostSocket{lab.Socket{Protocol: "tcp", State: state, Local: local, Remote: remote}, host}
	}
	listener := func(host, at string, full bool) hostSocket {
		s := on(host, "LISTEN", netip.MustParseAddrPort(at), netip.AddrPort{})
		s.Full = full
		return s
	}
	waiting := func(s hostSocket) hostSocket { s.Timer = "on"; return s }
	probing := func(s hostSocket) hostSocket { s.Timer = "persist"; return s }
	syn, request := on("alpha", "SYN_SENT", client, server), on("beta", "SYN_RECV", server, client)
	connected := on("alpha", "ESTABLISHED", client, server)
	for _, c := range []struct {
		name string
		all  []hostSocket
		want int // how many move
	}{
		{"a SYN under way to a listener", []hostSocket{syn, listener("beta", "0.0.0.0:80", false)}, 1},
		{"a SYN to a full listener", []hostSocket{syn, listener("beta", "0.0.0.0:80", true)}, 0},
		{"a SYN to a full listener and one that is not", []hostSocket{
			syn, listener("beta", "0.0.0.0:80", true), listener("beta", server.String(), false)}, 1},
		{"a SYN to a host beside that of the full listener", []hostSocket{syn, listener("alpha", "0.0.0.0:80", true)}, 1},
		{"a SYN to the full listener of another address", []hostSocket{syn, listener("beta", "198.51.100.9:80", true)}, 1},
		{"a SYN to an address that no host has", []hostSocket{on("alpha", "SYN_SENT", client, nobody)}, 0},
		{"a SYN to a link-local address, which hosts have beside the file's",
			[]hostSocket{on("alpha", "SYN_SENT", client, netip.MustParseAddrPort("[fe80::1]:80"))}, 1},
		{"a SYN that was answered", []hostSocket{syn, request, listener("beta", "0.0.0.0:80", true)}, 2},
		{"a request whose last ACK was dropped", []hostSocket{connected, request, listener("beta", "0.0.0.0:80", true)}, 0},
		{"a request whose last ACK was dropped, of a listener that has room again",
			[]hostSocket{connected, request, listener("beta", "0.0.0.0:80", false)}, 1},
		{"data to a server that dropped the last ACK", []hostSocket{waiting(connected), request, listener("beta", "0.0.0.0:80", true)}, 0},
		{"data under way", []hostSocket{waiting(connected), on("beta", "ESTABLISHED", server, client)}, 1},
		{"a FIN behind data that the other side has no room for", []hostSocket{probing(on("alpha", "FIN_WAIT1", client, server))}, 0},
		{"a FIN under way", []hostSocket{on("alpha", "LAST_ACK", client, server)}, 1},
		{"what stays", []hostSocket{connected, on("beta", "CLOSE_WAIT", server, client), on("beta", "TIME_WAIT", server, client)}, 0},
	} {
		cell := newCell(q, 0, lab.Kernel{})
		cell.room = newRoom()
		moving := cell.moving(c.all)
		if len(moving) != c.want {
			t.Errorf("%s: %v move, want %d", c.name, moving, c.want)
		}
		// What nothing came for in all the time that there was is waited for no longer, in this state.
		for _, s := range moving {
			cell.stuck[s.connection()] = s.State
		}
		if again := cell.moving(c.all); len(again) > 0 {
			t.Errorf("%s: %v move after they were waited for", c.name, again)
		}
		for s := range cell.stuck {
			cell.stuck[s] = "FIN_WAIT2"
		}
		if again := cell.moving(c.all); len(again) != c.want {
			t.Errorf("%s: %v move in another state than the one waited for, want %d", c.name, again, c.want)
		}
	}
}
