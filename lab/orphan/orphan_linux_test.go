package orphan

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain gets somebody who is not root network namespaces in a user namespace.
func TestMain(m *testing.M) {
	const again = "LABRUN_TEST_ORPHAN"
	if os.Geteuid() != 0 && os.Getenv(again) == "" {
		cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
		cmd.Env = append(os.Environ(), again+"=1")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		}
		if err := cmd.Start(); err == nil {
			_ = cmd.Wait() // its status says it
			os.Exit(cmd.ProcessState.ExitCode())
		}
	}
	os.Exit(m.Run())
}

// inNamespace runs a test on a thread with a network namespace of its own, where the
// loopback device is up.
func inNamespace(t *testing.T, name string, f func(t *testing.T, h Host)) {
	t.Run(name, func(t *testing.T) {
		runtime.LockOSThread() // it ends with the test
		err := unix.Unshare(unix.CLONE_NEWNET)
		switch {
		case err != nil && os.Getenv("LABRUN_NETNS") == "required":
			t.Fatalf("LABRUN_NETNS=required: unshare: %v", err)
		case err != nil:
			t.Skipf("unshare: %v; type: sudo go test ./lab/orphan", err)
		}
		set(t, "lo", unix.IFF_UP)
		f(t, Host{})
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// set gives a device flags.
func set(t *testing.T, device string, flags uint16) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(device)
	must(t, err)
	ifr.SetUint16(flags)
	must(t, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr))
}

func parameter(t *testing.T, file, value string) {
	t.Helper()
	f, err := Host{}.open(file, unix.O_WRONLY)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString(value)
	must(t, err)
}

// connection returns the two ends of a connection through the loopback device.
func connection(t *testing.T, family int) (client, server int) {
	t.Helper()
	socket := func() int {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		return fd
	}
	listener := socket()
	defer unix.Close(listener)
	must(t, unix.Listen(listener, 1))
	at, err := unix.Getsockname(listener)
	must(t, err)
	client = socket()
	must(t, unix.Connect(client, at))
	server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	must(t, err)
	return client, server
}

// orphanOne leaves a connection that no process has open and whose peer never answers,
// on a host whose kernel would try for hours.
func orphanOne(t *testing.T, family int) {
	t.Helper()
	parameter(t, "sys/net/ipv4/tcp_orphan_retries", "200")
	client, server := connection(t, family)
	set(t, "lo", 0)
	_, err := unix.Write(client, []byte("hello"))
	must(t, err)
	must(t, unix.Close(client))
	must(t, unix.Close(server))
}

// awaitEmpty waits until the kernel has given up.
func awaitEmpty(t *testing.T, h Host) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !h.isEmpty(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			text, _ := h.read("thread-self/net/sockstat")
			t.Errorf("connections are left after a minute:\n%s", text)
			return
		}
	}
}

// wantAborted expects that the ends of a connection were ended by tcp_abort (net/ipv4/tcp.c):
// the first one answers ECONNABORTED, and resets the other one.
func wantAborted(t *testing.T, ends ...int) {
	t.Helper()
	var got []error
	for _, fd := range ends {
		_, err := unix.Read(fd, make([]byte, 1))
		got = append(got, err)
		if err != unix.ECONNABORTED && err != unix.ECONNRESET {
			t.Errorf("read answers %v", err)
		}
	}
	if !slices.Contains(got, error(unix.ECONNABORTED)) {
		t.Errorf("reads answer %v, want ECONNABORTED once", got)
	}
}

func TestLast(t *testing.T) {
	for _, c := range []struct {
		file, value string
		last        bool
	}{
		{"sys/net/ipv4/tcp_orphan_retries", "0", false},
		{"sys/net/ipv4/tcp_orphan_retries", "1", true},
		{"sys/net/ipv4/tcp_fin_timeout", "60", false},
		{"sys/net/ipv4/tcp_fin_timeout", "61", true},
		{"sys/net/mptcp/close_timeout", "60", false},
		{"sys/net/mptcp/close_timeout", "61", true},
	} {
		inNamespace(t, c.file+"="+c.value, func(t *testing.T, h Host) {
			if f, err := h.open(c.file, unix.O_RDONLY); errors.Is(err, os.ErrNotExist) {
				t.Skip(err)
			} else if err == nil {
				f.Close()
			}
			parameter(t, c.file, c.value)
			proc, err := unix.Open("/proc", unix.O_PATH|unix.O_CLOEXEC, 0)
			must(t, err)
			defer unix.Close(proc)
			if got := h.Last(); got != c.last {
				t.Errorf("Last is %t", got)
			}
			if got := (Host{Proc: proc}).Last(); got != c.last {
				t.Errorf("by a descriptor of /proc Last is %t", got)
			}
		})
	}
}

// TestShortage has no descriptor left to look with.
func TestShortage(t *testing.T) {
	inNamespace(t, "", func(t *testing.T, h Host) {
		var limit unix.Rlimit
		must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
		none := unix.Rlimit{Max: limit.Max}
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
		last, empty, err := h.Last(), h.isEmpty(), h.End()
		must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		if !last || empty || !errors.Is(err, unix.EMFILE) {
			t.Errorf("without descriptors: Last %t, empty %t, End %v", last, empty, err)
		}
	})
}

func TestEnd(t *testing.T) {
	families := map[string]int{"tcp": unix.AF_INET, "tcp6": unix.AF_INET6}
	for name, family := range families {
		inNamespace(t, name+"/nothing", func(t *testing.T, h Host) {
			if !h.isEmpty() {
				t.Error("a new namespace is not empty")
			}
			must(t, h.End())
		})
		inNamespace(t, name+"/open", func(t *testing.T, h Host) {
			client, server := connection(t, family)
			defer unix.Close(client)
			defer unix.Close(server)
			if h.isEmpty() {
				t.Error("empty with a connection")
			}
			must(t, h.End())
			wantAborted(t, client, server)
			if !h.isEmpty() {
				t.Error("not empty after End")
			}
		})
		inNamespace(t, name+"/listener", func(t *testing.T, h Host) {
			fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			must(t, err)
			defer unix.Close(fd)
			must(t, unix.Listen(fd, 1))
			must(t, h.End())
			if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); n != 1 || err != nil {
				t.Errorf("it does not listen any more: %d, %v", n, err)
			}
		})
		inNamespace(t, name+"/time-wait", func(t *testing.T, h Host) {
			client, server := connection(t, family)
			must(t, unix.Close(client))
			_, err := unix.Read(server, make([]byte, 1)) // it has the FIN
			must(t, err)
			must(t, unix.Close(server))
			awaitEmpty(t, h) // of all but TIME_WAIT, which is the kernel's own
			text, err := h.read("thread-self/net/sockstat")
			must(t, err)
			if !strings.Contains(text, " tw 1 ") {
				t.Errorf("no TIME_WAIT:\n%s", text)
			}
			must(t, h.End())
		})
		inNamespace(t, name+"/orphan", func(t *testing.T, h Host) {
			orphanOne(t, family)
			if h.isEmpty() {
				t.Error("empty with an orphan")
			}
			if !h.Last() {
				t.Error("it does not last")
			}
			must(t, h.End())
			awaitEmpty(t, h)
		})
		inNamespace(t, name+"/all", func(t *testing.T, h Host) {
			orphanOne(t, family)
			h.EndAll()
			if !h.isEmpty() {
				t.Error("not empty after EndAll")
			}
		})
	}
}

// TestTimeWaitStays: of a TIME_WAIT that the kernel does not end it is known that it stays, and of no other connection.
func TestTimeWaitStays(t *testing.T) {
	inNamespace(t, "", func(t *testing.T, _ Host) {
		defer func(f func(diag, []byte) error) { destroy = f }(destroy)
		d, err := open()
		must(t, err)
		defer unix.Close(int(d))
		try := func(what string, want bool) {
			t.Helper()
			destroy = func(diag, []byte) error { return unix.EOPNOTSUPP }
			if got, err := EndWithTimeWait(int(d)); err != nil || got != want {
				t.Errorf("%s stays: %t, %v, want %t", what, got, err, want)
			}
		}
		try("nothing", false)
		client, server := connection(t, unix.AF_INET)
		try("a connection", false)
		must(t, unix.Close(client))
		_, err = unix.Read(server, make([]byte, 1))
		must(t, err)
		must(t, unix.Close(server))
		try("TIME_WAIT", true)
	})
}

// TestOldKernels ends orphans as a kernel has to that keeps them for ever after
// SOCK_DESTROY, as before Linux 6.11, or does not have that at all.
func TestOldKernels(t *testing.T) {
	for name, family := range map[string]int{"tcp": unix.AF_INET, "tcp6": unix.AF_INET6} {
		inNamespace(t, name+"/before-6.11", func(t *testing.T, h Host) {
			defer func(f func() bool) { endsOrphans = f }(endsOrphans)
			endsOrphans = func() bool { return false }
			client, server := connection(t, family)
			defer unix.Close(client)
			defer unix.Close(server)
			orphanOne(t, family)
			must(t, h.End())
			wantAborted(t, client, server)
			awaitEmpty(t, h)
		})
		for words, answer := range map[string]unix.Errno{"without-destroy": unix.EOPNOTSUPP, "refused": unix.EPERM} {
			inNamespace(t, name+"/"+words, func(t *testing.T, h Host) {
				defer func(f func(diag, []byte) error) { destroy = f }(destroy)
				destroy = func(diag, []byte) error { return answer }
				orphanOne(t, family)
				if err := h.End(); errors.Is(err, unix.EPERM) != (answer == unix.EPERM) {
					t.Errorf("End answers %v", err)
				}
				awaitEmpty(t, h)
			})
		}
	}
}
