//go:build !linux

package labtest

import (
	"os"
	"runtime"
	"testing"

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
	if _, err := topology.Load(topology.Source{File: file}); err != nil {
		t.Fatal(err)
	}
	NeedNetNS(t)
}
