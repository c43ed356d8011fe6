package program

import (
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// terminal is the terminal that a program shares with labrun, when standard
// input is one and labrun is in its foreground.
type terminal struct {
	ours  bool
	group int // labrun's own process group
}

func openTerminal() terminal {
	t := terminal{group: unix.Getpgrp()}
	foreground, err := unix.IoctlGetUint32(0, unix.TIOCGPGRP) // a pid_t; IoctlGetInt reads twice as much
	t.ours = err == nil && int(foreground) == t.group
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

// catch takes the signals from now on that handOn hands on, so that none ends
// this program before there is another one to have it. One that labrun's caller
// ignores is not for the program either, which inherits that.
func catch(more ...os.Signal) chan os.Signal {
	signals := make(chan os.Signal, 8)
	sys.Notify(signals, append(more, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT)...)
	return signals
}

// handOn passes the signals on that are meant to end a program. SIGINT and
// SIGQUIT are the terminal's to send. SIGCONT, which init alone catches, goes to
// the process group that the program has made itself, as shells do.
func handOn(signals chan os.Signal, pid int) {
	for s := range signals {
		switch s {
		case unix.SIGTERM, unix.SIGHUP:
			_ = unix.Kill(pid, s.(unix.Signal))
			_ = unix.Kill(pid, unix.SIGCONT) // it may be stopped, and would never know
		case unix.SIGCONT:
			if group, err := unix.Getpgid(pid); err == nil && group != unix.Getpgrp() {
				_ = unix.Kill(-group, unix.SIGCONT)
			}
		}
	}
}
