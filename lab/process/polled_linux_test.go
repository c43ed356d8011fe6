package process

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// TestConnectPolled: a connect that does not block answers what one that does would, and the socket blocks again.
func TestConnectPolled(t *testing.T) {
	newSocket := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	loopback := func(fd int) *unix.SockaddrInet4 {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		name, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		return name.(*unix.SockaddrInet4)
	}
	deaf, server := newSocket(), newSocket()
	refused, at := loopback(deaf), loopback(server)
	if err := unix.Listen(server, 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		to   *unix.SockaddrInet4
		want string
	}{
		{"a listener", at, "ok"},
		{"nobody", refused, "ECONNREFUSED"},
		{"a full accept queue", at, "blocked"}, // it has the first one: of a backlog of 0 there is room for one
	} {
		fd := newSocket()
		r := connectPolled(&agent{}, fd, 50*time.Millisecond, func() unix.Errno {
			err := unix.Connect(fd, c.to)
			errno, _ := err.(unix.Errno)
			return errno
		})
		got := r.Errno
		if got == "" {
			got = string(r.Outcome)
		}
		if got != c.want || r.Broken != "" {
			t.Errorf("%s: %s %s, want %s", c.name, got, r.Broken, c.want)
		}
		if nonblocking(fd) {
			t.Errorf("%s: the socket does not block any more", c.name)
		}
	}
	if r := connectPolled(&agent{}, -1, 0, func() unix.Errno { return unix.EBADF }); r.Errno != "EBADF" || r.Outcome != lab.Failed {
		t.Errorf("a descriptor that is closed: %+v", r)
	}
}
