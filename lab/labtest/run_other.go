//go:build !linux

package labtest

import (
	"os"
	"runtime"
	"testing"

	"labrun/lab"
	"labrun/lab/topology"
)

// Main is a whole TestMain: it runs the tests and ends the program.
func Main(m *testing.M) { os.Exit(m.Run()) }

// NeedNetNS skips a test: this system has no network namespaces. With
// LABRUN_NETNS=required in the environment that is a failure.
func NeedNetNS(t testing.TB) {
	t.Helper()
	if os.Getenv("LABRUN_NETNS") == "required" {
		t.Fatalf("LABRUN_NETNS=required, and %s has no network namespaces", runtime.GOOS)
	}
	t.Skipf("network namespaces need Linux, and this is %s", runtime.GOOS)
}

// Run finds the mistakes in a file, and runs nothing.
func (o Options) Run(t *testing.T, file string) {
	t.Helper()
	top, err := topology.Load(topology.Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	o.selection(t, file, top)
	NeedNetNS(t)
}

// Lab is the lab of a topology file.
type Lab struct{ Topology *lab.Topology }

// Up finds the mistakes in a file, and skips the test.
func Up(t testing.TB, file string) *Lab {
	t.Helper()
	top, err := topology.Load(topology.Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	NeedNetNS(t)
	return &Lab{top}
}

// Host is a host of a lab.
type Host struct{ *lab.Host }

// Host returns a host of the lab, nil when there is none of that name.
func (l *Lab) Host(name string) *Host {
	if h := l.Topology.Host(name); h != nil {
		return &Host{h}
	}
	return nil
}

// Do is never called here: Up skips the test.
func (h *Host) Do(f func() error) error { return f() }
