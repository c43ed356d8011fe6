package sys_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

func TestLinks(t *testing.T) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if i, err := sys.LinkIndex(fd, "lo"); i != 1 || err != nil { // LOOPBACK_IFINDEX of net/flow.h
		t.Errorf("the index of lo is %d, %v", i, err)
	}
	if name, err := sys.LinkName(fd, 1); name != "lo" || err != nil {
		t.Errorf("link 1 is %q, %v", name, err)
	}
	if _, err := sys.LinkIndex(fd, "none"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("a link that does not exist: %v", err)
	}
	if _, err := sys.LinkIndex(fd, strings.Repeat("x", unix.IFNAMSIZ)); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a name that is too long: %v", err)
	}
	if _, err := sys.LinkName(fd, 1<<31-1); !errors.Is(err, unix.ENODEV) {
		t.Errorf("an index that does not exist: %v", err)
	}
}

func TestCount(t *testing.T) {
	text, err := os.ReadFile("/proc/thread-self/net/sockstat")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{sys.SocketsUsed, sys.TCPInUse, sys.TimeWait, sys.UDPInUse} {
		if sys.Count(text, word) < 0 {
			t.Errorf("no number behind %q in:\n%s", word, text)
		}
	}
	const six = "TCP6: inuse 12\nUDP6: inuse 3\n"
	for word, want := range map[string]int{sys.TCP6InUse: 12, "UDP6: inuse ": 3, sys.TCPInUse: -1, "UDP6: ": -1} {
		if got := sys.Count([]byte(six), word); got != want {
			t.Errorf("%q: %d, want %d", word, got, want)
		}
	}
}

func TestErrnos(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
		ok   bool
	}{
		{nil, "ok", true},
		{&os.PathError{Op: "open", Path: "/x", Err: unix.ENOENT}, "ENOENT", true},
		{unix.EWOULDBLOCK, "EAGAIN", true},
		{errors.New("no number"), "", false},
		{unix.Errno(4000), "", false},
	} {
		got, ok := sys.AnswerOf(c.err)
		if ok != c.ok || ok && got.String() != c.want {
			t.Errorf("%v is %s, %t, want %s, %t", c.err, got, ok, c.want, c.ok)
		}
	}
	for _, name := range lab.Signals {
		if _, ok := sys.Signals[name]; !ok {
			t.Errorf("signal %s has no number", name)
		}
	}
}
