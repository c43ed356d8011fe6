package guest

import (
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// console keeps what a guest and the program that runs it said last.
type console struct {
	guest io.ReadCloser
	done  chan struct{} // closed when the guest's end is
	n     atomic.Int64  // bytes that were said

	mu   sync.Mutex
	text []byte
}

const (
	consoleKeeps = 16 << 10
	consoleShows = 10 // lines
)

func newConsole(guest io.ReadCloser) *console {
	c := &console{guest: guest, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_, _ = io.Copy(c, guest)
	}()
	return c
}

// Write adds to it. With LABRUN_CONSOLE set it is shown as well, to whoever looks for a reason.
func (c *console) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if os.Getenv("LABRUN_CONSOLE") != "" {
		_, _ = os.Stderr.Write(b)
	}
	c.text = append(c.text, b...)
	if n := len(c.text) - consoleKeeps; n > 0 {
		c.text = append(c.text[:0], c.text[n:]...)
	}
	return len(b), nil
}

// drain waits until everything was read that a guest said before its end. A process of its that is
// left would keep the console open.
func (c *console) drain() {
	select {
	case <-c.done:
	case <-time.After(endGrace):
	}
}

// escapes are those that firmware and decompressors clear a screen with, console_codes(4).
var escapes = regexp.MustCompile("\x1b(\\[[0-9;?=]*[A-Za-z]|c)|\r")

func (c *console) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return escapes.ReplaceAllString(string(c.text), "")
}

func (c *console) Close() {
	c.guest.Close()
	<-c.done
}

// lastLines returns those that a console's text ends with. A trace of calls says nothing to most, and
// what comes before it says why.
func lastLines(said string) string {
	said, _, _ = strings.Cut(said, "Call Trace:")
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(lines[max(0, len(lines)-consoleShows):], "\n")
}

var (
	panicLine = regexp.MustCompile(`(?m)Kernel panic - not syncing: (.*)$`)
	// error in arch/x86/boot/compressed/misc.c says why, and then halts the machine for good.
	haltLine = regexp.MustCompile(`(?m)^(.+)\n+ -- System halted`)
	initLine = regexp.MustCompile(`(?m)^labrun: guest: (.*)$`)
)

// panicOf returns the reason in a console's text: what labrun said as the guest's init, or the kernel at
// its end (panic in kernel/panic.c); "" where neither did.
func panicOf(said string) string {
	if m := initLine.FindStringSubmatch(said); m != nil {
		return m[1]
	}
	if m := panicLine.FindStringSubmatch(said); m != nil {
		return "the guest's kernel panicked: " + m[1]
	}
	return haltOf(said)
}

// haltOf returns why the kernel could not be unpacked, "" where it could or is still at it.
func haltOf(said string) string {
	if m := haltLine.FindStringSubmatch(said); m != nil {
		return "the kernel's image is corrupt: " + m[1]
	}
	return ""
}
