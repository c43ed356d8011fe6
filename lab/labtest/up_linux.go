package labtest

import (
	"testing"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/plan"
	"labrun/lab/topology"
)

// Lab is the lab of a topology file, up until the test ends.
type Lab struct {
	Topology *lab.Topology
	lab      *fabric.Lab
}

// Up builds the lab of a file. Where no network namespaces can be made the test is
// skipped, as NeedNetNS has it.
func Up(t testing.TB, file string) *Lab {
	t.Helper()
	top, err := topology.Load(topology.Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	NeedNetNS(t)
	l, err := fabric.Up(t.Context(), plan.New(&top.Layout))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Lab{top, l}
}

// Host is a host of a lab.
type Host struct {
	*lab.Host
	in *fabric.Host
}

// Host returns a host of the lab, nil when there is none of that name.
func (l *Lab) Host(name string) *Host {
	h := l.Topology.Host(name)
	if h == nil {
		return nil
	}
	return &Host{h, l.lab.Host(name)}
}

// Do runs Go code in the network namespace of the host: on a thread of its own, which is
// thrown away. Code that package net starts in other goroutines is not in the host.
func (h *Host) Do(f func() error) error { return h.in.Do(f) }
