package labtest_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/labtest"
)

// TestUp is the test in the package's comment, where a reader of its documentation finds it.
func TestUp(t *testing.T) {
	alpha := labtest.Up(t, "testdata/ports.yaml").Host("alpha")
	x, _ := alpha.Alias("x")
	err := alpha.Do(func() error { return bindBeside(x.As4()) })
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("any:80 beside x:80: %v, want EADDRINUSE", err)
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

// TestHost finds the hosts of the file and no others.
func TestHost(t *testing.T) {
	l := labtest.Up(t, "testdata/ports.yaml")
	if l.Host("beta") == nil || l.Host("gamma") != nil {
		t.Errorf("beta is %v, gamma is %v", l.Host("beta"), l.Host("gamma"))
	}
}
