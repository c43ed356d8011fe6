// Package labtest is labrun for go test: it runs the experiments of a topology
// file as tests, one for every cell, and gets tests a place where they may make
// network namespaces.
//
//	func TestMain(m *testing.M) { labtest.Main(m) }
//
//	func TestKernel(t *testing.T) { labtest.Run(t, "testdata/ports.yaml") }
//
// A cell that fails says what a text report says of it; one that is skipped says
// what the kernel or the machine lacks. The processes of a lab are the test binary
// started again, which is why TestMain has to call Main.
//
// Tests that want more than a file can say build its lab with Up, and run Go code in one
// of its hosts with Host.Do:
//
//	func TestUp(t *testing.T) {
//		alpha := labtest.Up(t, "testdata/ports.yaml").Host("alpha")
//		x, _ := alpha.Alias("x")
//		err := alpha.Do(func() error { return bindBeside(x.As4()) })
//		if !errors.Is(err, unix.EADDRINUSE) {
//			t.Errorf("any:80 beside x:80: %v, want EADDRINUSE", err)
//		}
//	}
//
// Such code makes raw calls of golang.org/x/sys/unix: what package net starts in other
// goroutines is not in the host.
//
// Importing it locks the main goroutine to the main thread, which then is in the
// caller's namespaces for good. On other systems than Linux tests are skipped.
package labtest

import "testing"

// Run runs the experiments of a topology file. Every cell is a subtest of t, called
// TOPOLOGY/EXPERIMENT/HOST. All cells have run when the first of them reports.
func Run(t *testing.T, file string) {
	t.Helper()
	Options{}.Run(t, file)
}
