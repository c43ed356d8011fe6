package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// However few NICs a bridge may have, the plan is in order, hosts are built by the same ops but for the
// bridge that a NIC's port is on, and the same NICs are on one network.
func TestSplit(t *testing.T) {
	for seed := range uint64(30) {
		topology := random(rand.New(rand.NewPCG(seed, 0)))
		whole := New(topology)
		for ports := 1; ports <= 5; ports++ {
			p := whole.Split(ports)
			s := newState()
			on := map[string]int{} // NICs, and the links that join bridges
			for _, o := range p.Ops {
				s.apply(t, o)
				if o, ok := o.(AddVeth); ok && o.HostNS != o.NS {
					on[o.Bridge]++
				}
			}
			for b, n := range on {
				if n > ports {
					t.Errorf("bridge %s has %d NICs, want %d at most", b, n, ports)
				}
			}
			for link := range s.links {
				if strings.HasPrefix(link, "random ") && strings.Contains(link, ".up") && !s.up[link] {
					t.Errorf("%s is not up", link)
				}
			}
			for b := range s.bridges {
				if !s.up[b] {
					t.Errorf("bridge %s is not up", b)
				}
			}
			want, got := segments(whole), segments(p)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("NICs that hear one another, -whole +split:\n%s", diff)
			}
			if diff := cmp.Diff(withoutBridges(whole), withoutBridges(p)); diff != "" {
				t.Errorf("hosts: -whole +split:\n%s", diff)
			}
			if t.Failed() {
				t.Fatalf("seed %d, %d ports", seed, ports)
			}
		}
	}
}

// segments returns the NICs that are joined by bridges, and fails by an endless list where there is a loop.
func segments(p Plan) []string {
	const max = 10_000
	next := map[string][]string{}
	join := func(a, b string) { next[a], next[b] = append(next[a], b), append(next[b], a) }
	for _, o := range p.Ops {
		switch o := o.(type) {
		case AddVeth:
			join(o.NS+" "+o.Bridge, o.HostNS+" "+o.NIC)
		case SetMaster:
			join(o.NS+" "+o.Name, o.NS+" "+o.Master)
		}
	}
	var all []string
	for _, start := range slices.Sorted(maps.Keys(next)) {
		if !strings.Contains(start, ".h") {
			continue
		}
		var found []string
		steps := 0
		var walk func(at, from string)
		walk = func(at, from string) {
			if steps++; steps > max {
				return
			}
			if strings.Contains(at, ".h") {
				found = append(found, at)
			}
			for _, n := range next[at] {
				if n != from {
					walk(n, at)
				}
			}
		}
		walk(start, "")
		slices.Sort(found) // a NIC that is found twice is in a loop
		all = append(all, strings.Join(found, ", "))
	}
	return all
}

// withoutBridges returns the ops of hosts, but for the names of bridges.
func withoutBridges(p Plan) []string {
	var all []string
	for _, o := range p.Ops {
		switch o := o.(type) {
		case AddVeth:
			if o.HostNS != o.NS {
				o.Bridge = ""
				all = append(all, o.String())
			}
		case AddBridge, SetMaster:
		case LinkUp:
			if o.NS != p.fabricNS() {
				all = append(all, o.String())
			}
		default:
			all = append(all, o.String())
		}
	}
	return all
}

// A network has as many NICs as two thousand hosts have on it, and more than a bridge takes.
func TestManyHosts(t *testing.T) {
	const hosts, mostPorts = 2000, 1023 // BR_MAX_PORTS
	l := &lab.Layout{Name: "many", Networks: []lab.Network{{Name: "red"}}}
	for i := range hosts {
		l.Hosts = append(l.Hosts, lab.Host{Name: fmt.Sprintf("h%d", i), NICs: []lab.NIC{nic("eth0", "red")}})
	}
	ports := map[string]int{}
	s := newState()
	for _, o := range New(l).Ops {
		s.apply(t, o)
		switch o := o.(type) {
		case AddVeth:
			ports[o.Bridge]++
		case SetMaster:
			ports[o.Master]++
		}
	}
	for b, n := range ports {
		if n > mostPorts {
			t.Errorf("bridge %s has %d ports, it takes %d", b, n, mostPorts)
		}
	}
	if len(ports) < 3 {
		t.Errorf("there are %d bridges", len(ports))
	}
}
