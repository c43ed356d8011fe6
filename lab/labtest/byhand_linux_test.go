package labtest_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/labtest"
)

// TestByHand runs what the example shows.
func TestByHand(t *testing.T) {
	labtest.NeedNetNS(t)
	if err := bindBeside(t.Context()); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("bind = %v, want EADDRINUSE", err)
	}
}
