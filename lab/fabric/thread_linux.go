package fabric

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of its own that ends with it, so f may change
// the thread's namespaces. A panic of f is the caller's panic, and when f calls
// runtime.Goexit, as t.Fatal does, the caller's goroutine ends too.
func onThread(f func() error) error {
	ended := make(chan ending, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The runtime cannot end the main thread, it would stay behind in the
			// namespace and hold it. Sit on it, so that another one is taken.
			defer runtime.UnlockOSThread()
			run(func() error { return onThread(f) }, ended)
			return
		}
		run(f, ended)
	}()
	e := <-ended
	switch {
	case e.panicked != nil:
		panic(e.panicked)
	case e.exited:
		runtime.Goexit()
	}
	return e.err
}

// ending is how a function ended.
type ending struct {
	err      error
	panicked *threadPanic
	exited   bool
}

func run(f func() error, ended chan<- ending) {
	e := ending{exited: true}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *threadPanic:
			e = ending{panicked: p}
		default:
			e = ending{panicked: &threadPanic{p, debug.Stack()}}
		}
		ended <- e
	}()
	err := f()
	e = ending{err: err}
}

// threadPanic carries a panic from the thread where it happened to the caller,
// with the stack that would be lost otherwise.
type threadPanic struct {
	value any
	stack []byte
}

func (p *threadPanic) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

func (p *threadPanic) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// newNamespace moves the thread into a new network namespace and returns what
// holds it.
func newNamespace(name string) (*os.File, error) {
	h, err := netns.New()
	if err != nil {
		return nil, explainNamespaces(err)
	}
	return os.NewFile(uintptr(h), "netns "+name), nil
}

// enter moves the thread into the namespace that f holds.
func enter(f *os.File) error {
	conn, err := f.SyscallConn()
	if err == nil {
		// Control keeps the descriptor from being closed, and its number from
		// being some other namespace's, until the thread has moved.
		if conn.Control(func(fd uintptr) { err = netns.Set(netns.NsHandle(fd)) }) != nil {
			err = fs.ErrClosed
		}
	}
	if err != nil {
		return fmt.Errorf("setns %s: %w", f.Name(), err)
	}
	return nil
}

// Probe reports why this process cannot make a network namespace, nil when it
// can. An error that is fs.ErrPermission means that privilege is missing.
func Probe() error {
	return onThread(func() error {
		f, err := newNamespace("probe")
		if err != nil {
			return fmt.Errorf("unshare --net: %w", err)
		}
		return f.Close()
	})
}
