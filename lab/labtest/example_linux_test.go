package labtest_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/labtest"
)

// t is the test's own.
var t *testing.T

// A lab that is built for a test, and driven by calls of one's own.
func ExampleUp() {
	l := labtest.Up(t, "testdata/ports.yaml")
	alpha := l.Host("alpha")
	x, _ := alpha.Alias("x")
	err := alpha.Do(func() error { // on a thread in alpha's network namespace
		return bindBeside(x.As4())
	})
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("the wildcard address beside x: %v, want EADDRINUSE", err)
	}
}

// bindBeside listens on an address of the host and binds another socket to the
// wildcard address, same port.
func bindBeside(x [4]byte) error {
	a, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(a)
	if err := errors.Join(unix.Bind(a, &unix.SockaddrInet4{Port: 80, Addr: x}), unix.Listen(a, 5)); err != nil {
		return err
	}
	b, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(b)
	return unix.Bind(b, &unix.SockaddrInet4{Port: 80})
}
