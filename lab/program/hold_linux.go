package program

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// Hold keeps the namespaces of a host so that they can be entered from elsewhere,
// with nsenter(1): a PID namespace whose init exists for nothing else.
type Hold struct {
	PID int // that a network, a mount, a UTS and a PID namespace can be entered by

	conn  *net.UnixConn
	ended chan struct{}
}

// Hold makes what Run would start the program in, and starts none. Who has entered
// is gone with it as a program is, when the hold is closed or the caller ends.
func (p Shell) Hold() (*Hold, error) {
	conn, theirs, err := child.Pair()
	if err != nil {
		return nil, err
	}
	// In a session of its own it gets no signals from the terminal.
	pid, err := p.launch("", theirs, &syscall.SysProcAttr{Setsid: true})
	theirs.Close()
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("hold host %s: %w", p.Hostname, err)
	}
	h := &Hold{PID: pid, conn: conn, ended: make(chan struct{})}
	b := make([]byte, 1)
	err = conn.SetReadDeadline(time.Now().Add(child.Grace))
	if err == nil {
		_, err = conn.Read(b) // the view is made
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	go func() {
		defer close(h.ended)
		_, _ = conn.Read(b)
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hold host %s: %w", p.Hostname, err), h.Close())
	}
	return h, nil
}

// Ended is closed when the hold is: by Close, or because the process was killed.
func (h *Hold) Ended() <-chan struct{} { return h.ended }

// Close ends the namespaces with all processes in them, and waits until they are gone.
func (h *Hold) Close() error {
	h.conn.Close()
	<-h.ended
	_ = unix.Kill(h.PID, unix.SIGKILL) // it may be stopped; its number is its own until it is reaped
	return child.Reap(h.PID)
}

// IsHold reports whether a command line, as /proc/PID/cmdline has it, is that of a process which holds a host and runs
// no program there.
func IsHold(line []byte) bool {
	words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	return len(words) == 4 && words[0] == arg0Init && words[3] == ""
}
