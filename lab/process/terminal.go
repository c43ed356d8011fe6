package process

import (
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// terminal is the terminal that a program shares with labrun, when standard
// input is one and labrun is in its foreground.
type terminal struct {
	ours  bool
	group int // labrun's own process group
}

func openTerminal() terminal {
	t := terminal{group: unix.Getpgrp()}
	foreground, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	t.ours = err == nil && foreground == t.group
	return t
}

// give makes a process group the one that the terminal listens to.
func (t terminal) give(group int) {
	// Whoever changes this from the background gets SIGTTOU, tcsetpgrp(3).
	signal.Ignore(unix.SIGTTOU)
	_ = unix.IoctlSetPointerInt(0, unix.TIOCSPGRP, group)
	signal.Reset(unix.SIGTTOU)
}

// takeBack makes labrun's job the foreground again.
func (t terminal) takeBack() {
	if t.ours {
		t.give(t.group)
	}
}

// follow stops labrun's job whenever the program's init says that the program
// was stopped, and sets both going again when the shell around does.
func (t terminal) follow(init io.Reader, pid int) {
	for b := make([]byte, 1); ; {
		if _, err := init.Read(b); err != nil {
			return
		}
		continued := make(chan os.Signal, 1)
		signal.Notify(continued, unix.SIGCONT)
		t.takeBack()
		_ = unix.Kill(0, unix.SIGTSTP)
		<-continued
		signal.Stop(continued)
		if t.ours {
			t.give(pid)
		}
		_ = unix.Kill(-pid, unix.SIGCONT)
	}
}

// continueWith passes SIGCONT on to a program that has made a process group of its
// own, as shells do: labrun continues the one that init began in.
func continueWith(pid int) {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	go func() {
		for range continued {
			if group, err := unix.Getpgid(pid); err == nil && group != unix.Getpgrp() {
				_ = unix.Kill(-group, unix.SIGCONT)
			}
		}
	}()
}

// handOn passes the signals on that are meant to end a program, until the
// function that it returns is called. SIGINT and SIGQUIT are the terminal's to
// send.
func handOn(pid int) func() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT)
	go func() {
		for s := range signals {
			if s == unix.SIGTERM || s == unix.SIGHUP {
				_ = unix.Kill(pid, s.(unix.Signal))
			}
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}
