package sys

import (
	"errors"
	"strings"
	"sync"

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

// MeaningOf returns what an errno means in the words of strerror(3), which begin with a capital: "Address already in
// use". It is "" for what is not an errno.
func MeaningOf(errno string) string {
	e, ok := errnos()[errno]
	if !ok {
		return ""
	}
	words := e.Error()
	return strings.ToUpper(words[:1]) + words[1:]
}

// errnos are the numbers of errnos by their names.
var errnos = sync.OnceValue(func() map[string]unix.Errno {
	all := map[string]unix.Errno{}
	const most = 133 // EHWPOISON, include/uapi/asm-generic/errno.h
	for e := unix.Errno(1); e <= most; e++ {
		if name, ok := lab.CanonicalErrno(unix.ErrnoName(e)); ok {
			all[name] = e
		}
	}
	return all
})
