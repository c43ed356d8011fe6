package fabric

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/plan"
)

// cabled is dual(2) with a cable in the place of the network blue.
func cabled() *lab.Layout {
	t := dual(2)
	t.Networks[1].Link = true
	return t
}

// The other end of a cable has carrier while this one is up, and when SetLink returns
// routes and IPv6 have heard of it. On a bridge nobody hears of it.
func TestCarrier(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(cabled(), "h0"))
	flags := func(host, nic string) (f uint32) {
		must(t, l.Host(host).withRTNL(func(r *rtnl) error {
			msg, _, err := r.link(getLink(nic))
			if err == nil {
				f = msg.Flags & (unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING)
			}
			return err
		}))
		return f
	}
	const all = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING
	check := func(when, host, nic string, want uint32) {
		t.Helper()
		if got := flags(host, nic); got != want {
			t.Errorf("%s: %s of %s has the flags %#x, want %#x", when, nic, host, got, want)
		}
	}
	for _, host := range []string{"h0", "h1"} {
		for _, nic := range []string{"eth0", "eth1"} {
			check("at first", host, nic, all)
		}
	}
	for range 3 {
		must(t, l.Host("h0").SetLink("eth0", false))
		must(t, l.Host("h0").SetLink("eth1", false))
		check("eth0 of h0 is down", "h1", "eth0", all)
		check("eth1 of h0 is down", "h1", "eth1", unix.IFF_UP)
		check("eth1 of h0 is down", "h0", "eth1", 0)
		must(t, l.Host("h1").SetLink("eth1", false))
		check("both are down", "h1", "eth1", 0)
		must(t, l.Host("h0").SetLink("eth1", true))
		check("eth1 of h1 is down", "h0", "eth1", unix.IFF_UP)
		must(t, l.Host("h1").SetLink("eth1", true))
		check("both are up", "h0", "eth1", all)
		check("both are up", "h1", "eth1", all)
		must(t, l.Host("h0").SetLink("eth0", true))
	}
	must(t, l.Host("h0").DelLink("eth1"))
	must(t, l.Host("h1").Do(func() error {
		out, err := exec.Command("ip", "-o", "link").Output()
		if strings.Contains(string(out), "eth1") {
			t.Errorf("the other end is there without this one: %s", out)
		}
		return err
	}))
}
