package sys

import (
	"errors"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// ErrnoOf returns the errno that an error is, 0 when it is none.
func ErrnoOf(err error) unix.Errno {
	var errno unix.Errno
	if err != nil {
		errors.As(err, &errno)
	}
	return errno
}

// AnswerOf returns the answer that an error of a system call is, false when it has
// no errno. nil is ok.
func AnswerOf(err error) (lab.Answer, bool) {
	if err == nil {
		return lab.Answer{Outcome: lab.OK}, true
	}
	name, ok := lab.CanonicalErrno(unix.ErrnoName(ErrnoOf(err)))
	if !ok {
		return lab.Answer{}, false
	}
	return lab.Answer{Outcome: lab.Failed, Errno: name}, true
}

// Signals are the numbers of lab.Signals.
var Signals = map[string]unix.Signal{
	"SIGHUP": unix.SIGHUP, "SIGINT": unix.SIGINT, "SIGQUIT": unix.SIGQUIT, "SIGKILL": unix.SIGKILL,
	"SIGUSR1": unix.SIGUSR1, "SIGUSR2": unix.SIGUSR2, "SIGPIPE": unix.SIGPIPE, "SIGTERM": unix.SIGTERM,
	"SIGWINCH": unix.SIGWINCH,
}
