package process

import (
	"encoding/json"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// TestKeeperGone closes the keeper's end of the pair with an answer unread, as when labrun
// is killed before it has the answer. unix(7) tells the process so by ECONNRESET, and it
// leaves as at an end of file: it ends the host's connections, and says nothing.
func TestKeeperGone(t *testing.T) {
	p, err := start(Spec{Name: "alpha/main", In: func(f func() error) error {
		done := make(chan error, 1)
		go func() {
			runtime.LockOSThread() // it ends with the thread's namespace
			err := unix.Unshare(unix.CLONE_NEWNET)
			if err == nil {
				err = f()
			}
			done <- err
		}()
		return <-done
	}})
	if p == nil {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(request{Call: "knows", Args: []value{{lab.Word("SIGKILL")}}})
	if err == nil {
		_, err = p.conn.Write(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for n := 0; n == 0 && err == nil; { // a signal may come
			if n, err = unix.Poll(fds, -1); err == unix.EINTR {
				n, err = 0, nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.conn.Close()
	if err := p.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Wait4(p.pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
	unix.Close(p.pidfd)
	defer p.last.Close()
	if words := p.words(); words != "" {
		t.Errorf("it said %q", words)
	}
}
