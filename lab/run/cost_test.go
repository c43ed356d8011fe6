package run

import (
	"testing"
	"time"

	"labrun/lab"
)

// TestCost: what runs costs add up, and what waits or is of many processes costs more than what does not.
func TestCost(t *testing.T) {
	top := mustParse(t, `
experiments:
  quick: {steps: [a = socket(tcp)]}
  sleeps: {steps: [a = socket(tcp), sleep(60s)]}
  many: {axes: {n: [1, 2, 3, 4, 5, 6, 7, 8]}, steps: [{other: "a = socket(udp)"}, {other: "bind(a, x:${n})"}, {other: "recv(a) = blocked", limit: 2s}]}
`)
	cost := func(o Options, names ...string) time.Duration {
		o.Only = func(e *lab.Experiment, _ lab.Combo) bool {
			for _, n := range names {
				if e.Name == n {
					return true
				}
			}
			return false
		}
		d, err := Cost([]*lab.Topology{top}, o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	quick, sleeps, many := cost(Options{}, "quick"), cost(Options{}, "sleeps"), cost(Options{}, "many")
	if all := cost(Options{}, "quick", "sleeps", "many"); all != quick+sleeps+many || quick <= 0 {
		t.Errorf("all cost %s, and apart %s, %s and %s", all, quick, sleeps, many)
	}
	if sleeps < quick+2*time.Second || many < 2*quick {
		t.Errorf("quick %s, sleeps %s, many %s", quick, sleeps, many)
	}
	if one := cost(Options{Hosts: []string{"beta"}}, "quick"); 2*one != quick {
		t.Errorf("in one host %s, in two %s", one, quick)
	}
	if none := cost(Options{}); none != 0 {
		t.Errorf("nothing costs %s", none)
	}
}
