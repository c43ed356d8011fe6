package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/plan"
)

const threadNS = "/proc/thread-self/ns/net"

func netNS(t testing.TB, path string) string {
	t.Helper()
	link, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestDo(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(2)))
	caller := netNS(t, threadNS)
	seen := map[string]bool{caller: true}
	for _, name := range []string{"h0", "h1"} {
		h := l.Host(name)
		want := netNS(t, fmt.Sprintf("/proc/self/fd/%d", h.NetNS()))
		if h.Name() != name || seen[want] {
			t.Errorf("host %q: name %q, namespace %s", name, h.Name(), want)
		}
		seen[want] = true
		err := h.Do(func() error {
			if got := netNS(t, threadNS); got != want {
				t.Errorf("Do runs in %s, want %s", got, want)
			}
			out, err := exec.Command("readlink", "/proc/self/ns/net").Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != want {
				t.Errorf("a process of the host is in %s, want %s (%v)", got, want, err)
			}
			return fs.ErrInvalid
		})
		if err != fs.ErrInvalid {
			t.Errorf("Do = %v, want the error of its function", err)
		}
	}
	if got := netNS(t, threadNS); got != caller {
		t.Errorf("the caller is in %s, was in %s", got, caller)
	}
	if got := netNS(t, "/proc/self/ns/net"); got != caller {
		t.Errorf("the main thread is in %s, was in %s", got, caller)
	}
}

func TestNoHost(t *testing.T) {
	needNetNS(t)
	l := mustUp(t, plan.New(dual(1)))
	h := l.Host("h0")
	l.Close()
	for _, h := range []*Host{nil, l.Host("none"), l.Host(""), h} {
		ran := false
		if err := h.Do(func() error { ran = true; return nil }); err == nil || ran {
			t.Errorf("Do on %v = %v, ran: %v", h, err, ran)
		}
		if _, err := h.Sockets(); err == nil {
			t.Errorf("Sockets on %v: no error", h)
		}
		if h.IsVacant() {
			t.Errorf("%v is vacant", h)
		}
	}
	if err := h.Do(func() error { return nil }); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Do after Close = %v, want %v", err, fs.ErrClosed)
	}
}

// The threads of functions that panic or call Goexit are thrown away as well,
// and the caller learns how they ended.
func TestDoEndsBadly(t *testing.T) {
	needNetNS(t)
	h := mustUp(t, plan.New(dual(1))).Host("h0")
	tids := map[int]bool{}
	err := func() (err error) {
		defer func() { err, _ = recover().(error) }()
		return h.Do(func() error {
			tids[unix.Gettid()] = true
			panic(fs.ErrInvalid)
		})
	}()
	if !errors.Is(err, fs.ErrInvalid) || !strings.Contains(err.Error(), "TestDoEndsBadly") {
		t.Errorf("the panic came out as %v, want one with its value and stack", err)
	}
	exited := make(chan bool)
	go func() {
		came := false
		defer func() { exited <- !came }()
		_ = h.Do(func() error {
			tids[unix.Gettid()] = true
			runtime.Goexit()
			return nil
		})
		came = true
	}()
	if !<-exited {
		t.Error("Do returned after Goexit")
	}
	for tid := range tids {
		path := fmt.Sprintf("/proc/self/task/%d", tid)
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				break
			}
			if time.Now().After(end) {
				t.Errorf("thread %d is still there", tid)
				break
			}
		}
	}
}

var children = map[string]func() error{
	"free-main-thread": freeMainThread,
	"few-files":        fewFiles,
	"few-namespaces":   fewNamespaces,
	"low-limits":       lowLimits,
	"no-leak":          noLeak,
}

func TestMainThreadIsLeftAlone(t *testing.T) {
	needNetNS(t)
	if out := child(t, "free-main-thread", nil); out != "" {
		t.Error(out)
	}
}

// freeMainThread calls onThread when nothing keeps the main thread from being
// the one that runs it.
func freeMainThread() error {
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	for range 200 {
		err := onThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				return errors.New("ran on the main thread")
			}
			return unix.Unshare(unix.CLONE_NEWNET)
		})
		if err != nil {
			return err
		}
	}
	if after, err := os.Readlink("/proc/self/ns/net"); err != nil || after != before {
		return fmt.Errorf("the main thread is in %s, was in %s (%v)", after, before, err)
	}
	return nil
}
