package labtest

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"

	"labrun/lab/fabric"
	"labrun/lab/kernel/local"
)

// A thread that was in a lab is thrown away, and the main thread cannot be.
func init() { runtime.LockOSThread() }

// inMain is whether Main has been called: without it the processes of a lab would
// run the tests.
var inMain bool

// Main is a whole TestMain: it runs the tests and ends the program. A user who is
// not root gets them run in a user namespace, where they may make network
// namespaces; where the system forbids that too, tests that need one are skipped.
// Call it first thing in TestMain, before flags are parsed.
func Main(m *testing.M) {
	local.Main() // does not return in a process of a lab
	inMain = true
	if errors.Is(fabric.Probe(), fs.ErrPermission) {
		if status, err := fabric.ReexecInUserNS(false); err == nil {
			os.Exit(status)
		}
	}
	os.Exit(m.Run())
}

// NeedNetNS skips a test where no network namespace can be made, with the command
// to type. With LABRUN_NETNS=required in the environment that is a failure.
func NeedNetNS(t testing.TB) {
	t.Helper()
	switch err := fabric.Probe(); {
	case err == nil:
	case os.Getenv("LABRUN_NETNS") == "required":
		t.Fatalf("LABRUN_NETNS=required: %v", err)
	case !inMain && errors.Is(err, fs.ErrPermission):
		t.Skipf("no network namespaces here (%v); let TestMain call labtest.Main, or type: go test -exec 'unshare "+
			"-Urn' .", err)
	default:
		t.Skipf("no network namespaces here (%v); type: go test -exec 'sudo -E' .", err)
	}
}
