package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPrompt types into "labrun try" on a terminal: completion, history, ^C on a line and in a call that waits.
func TestPrompt(t *testing.T) {
	needNetNS(t)
	state := t.TempDir()
	start := func() *typist { return newTypist(t, state, "try") }

	p := start()
	p.until("^D ends.")
	p.types("a = soc\ttcp)\r")
	p.until("a = socket(tcp) = ok")
	p.types("bi\ta\tx:80)\r")
	p.until("bind(a, x:80) = ok")
	p.types("setsockopt(a, SO_REUSEA\t1)\r")
	p.until("setsockopt(a, SO_REUSEADDR, 1) = ok")
	p.types("getsockopt(a, SO_REUSE\t\t") // nothing to add, so a list
	p.until("SO_REUSEADDR)  SO_REUSEPORT)")
	p.types("nonsense\x03")
	p.types("listen(a, 5)\r")
	p.until("listen(a, 5) = ok")
	p.types("{main: c = accept(a), limit: 60s}\r")
	p.until("limit: 60s}\r\n")
	p.interrupts()
	p.until("stopped; the calls before this one are made again, in a new lab")
	p.types("sockets\r")
	p.until("tcp LISTEN x:80 SO_REUSEADDR on host alpha, process main (a), user 0")
	p.types("undo\r")
	p.until("taken back: listen(a, 5)")
	p.types("sockets\r")
	p.until("tcp BOUND x:80 SO_REUSEADDR on host alpha, process main (a), user 0")
	p.types("explain bind\r")
	p.until("nothing refused it")
	p.types("\x04")
	p.ends()

	// the history is that of the last time
	p = start()
	p.until("^D ends.")
	p.types("a = socket(udp)\r")
	p.until("a = socket(udp) = ok")
	p.types("\x1b[A\x1b[A\r") // two lines up
	p.until("explain: no call begins with \"bind\"")
	p.types("help foo\r") // a terminal of 100 columns would break a word
	p.until("labrun: help: \"foo\" is not a call; there are socket, socketpair, file, fd, dup, setsockopt,\r\ngetsockopt,")
	p.types("quit\r")
	p.ends()
	text, err := os.ReadFile(filepath.Join(state, "labrun", "try_history"))
	if err != nil || !strings.HasSuffix(string(text), "explain bind\na = socket(udp)\nexplain bind\nhelp foo\nquit\n") {
		t.Errorf("the history is %q, %v", text, err)
	}
}

// typist types into a labrun on a terminal, and reads what it shows.
type typist struct {
	t     *testing.T
	pty   *os.File
	shown chan []byte
	rest  string
	done  chan error
}

// newTypist starts labrun on a terminal of 100 columns.
func newTypist(t *testing.T, state string, args ...string) *typist {
	t.Helper()
	pty, tty := openTerminal(t)
	cmd := labrun(t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+state, "TERM=dumb")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	p := &typist{t: t, pty: pty, shown: make(chan []byte, 64), done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	go func() {
		defer close(p.shown)
		for {
			b := make([]byte, 4096)
			n, err := pty.Read(b)
			if err != nil {
				return // EIO: the other end is closed
			}
			p.shown <- b[:n]
		}
	}()
	t.Cleanup(func() { pty.Close() }) // which hangs up, if it still runs
	return p
}

// openTerminal returns both ends of a new terminal, pty(7).
func openTerminal(t *testing.T) (pty, tty *os.File) {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	fd := int(pty.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100})
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pty, tty
}

// types presses keys at the prompt. The terminal is in raw mode there, or ^D would be the terminal's own.
func (p *typist) types(keys string) {
	p.t.Helper()
	p.mode(true)
	p.press(keys)
}

func (p *typist) press(keys string) {
	p.t.Helper()
	if _, err := p.pty.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// interrupts presses ^C while a call waits. The terminal is not in raw mode any more then, or ^C is a key: what has
// come back to it says which.
func (p *typist) interrupts() {
	p.t.Helper()
	p.mode(false)
	p.press("\x03")
}

// mode waits until the terminal is in raw mode, or is not.
func (p *typist) mode(raw bool) {
	p.t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		if time.Now().After(limit) {
			p.t.Fatalf("the terminal is not in raw mode: %t; shown is %q", raw, p.rest)
		}
		attributes, err := unix.IoctlGetTermios(int(p.pty.Fd()), unix.TCGETS)
		if err != nil {
			p.t.Fatal(err)
		}
		if raw == (attributes.Lflag&unix.ISIG == 0) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// until reads until the text is shown.
func (p *typist) until(text string) {
	p.t.Helper()
	limit := time.After(2 * time.Minute)
	for !strings.Contains(p.rest, text) {
		select {
		case b, ok := <-p.shown:
			if !ok {
				p.t.Fatalf("labrun has ended, and has not shown %q but %q", text, p.rest)
			}
			p.rest += string(b)
		case <-limit:
			p.t.Fatalf("not shown: %q; but %q", text, p.rest)
		}
	}
	_, p.rest, _ = strings.Cut(p.rest, text)
}

// ends waits for the end, which has to be a success.
func (p *typist) ends() {
	p.t.Helper()
	select {
	case err := <-p.done:
		if err != nil {
			p.t.Fatalf("%v, after %q", err, p.rest)
		}
	case <-time.After(2 * time.Minute):
		p.t.Fatalf("it goes on; shown is %q", p.rest)
	}
}
