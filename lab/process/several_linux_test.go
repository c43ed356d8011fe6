package process_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/process"
)

// Calls in one message are answered as they are one by one, up to the first that does not
// answer ok.
func TestSeveral(t *testing.T) {
	l := newLab(t)
	p := mustStart(t, newGroup(t), l.Host("alpha"), "main")
	bind := func(sock lab.Sock, port uint16) process.Args {
		at := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)
		return process.Args{Call: call("", "bind", sock, lab.Addr{IP: at.Addr()}), Addr: at}
	}
	plain := func(c lab.Call) process.Args { return process.Args{Call: c} }
	for _, s := range []struct {
		calls []process.Args
		want  []string
	}{
		{[]process.Args{plain(call("a", "socket", lab.Word("tcp"))), bind(a, 80), plain(call("", "getsockname", a)),
			plain(call("", "listen", a, lab.Int(1)))}, []string{"ok", "ok", "192.0.2.1:80", "ok"}},
		{[]process.Args{plain(call("b", "socket", lab.Word("tcp"))), bind(b, 80), bind(b, 81)}, []string{"ok", "EADDRINUSE"}},
		{[]process.Args{bind(b, 82), plain(call("", "close", c)), bind(b, 83)}, []string{"ok", "socket c was never made"}},
		{[]process.Args{plain(call("", "getsockname", b))}, []string{"192.0.2.1:82"}},
	} {
		replies, err := p.Calls(t.Context(), s.calls)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range replies {
			switch {
			case r.Err != nil:
				got = append(got, strings.TrimPrefix(r.Err.Error(), "process alpha/main: "))
			case r.Addr.IsValid():
				got = append(got, r.Addr.String())
			default:
				got = append(got, r.Answer.String())
			}
		}
		if diff := cmp.Diff(s.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	wrong := []process.Args{plain(call("c", "socket", lab.Word("tcp"))), plain(call("", "fly"))}
	if _, err := p.Calls(t.Context(), wrong); err == nil {
		t.Error("a call that does not exist was made")
	}
	if got, err := try(t, p, call("", "close", c), "", 0); err == nil {
		t.Errorf("after calls that could not all be made, one was: close = %s", got)
	}
}
