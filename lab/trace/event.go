package trace

import (
	"cmp"
	"slices"
	"strings"
)

// Event is a call that a thread made, or its end, in the notation of strace(1).
type Event struct {
	Thread     int // its number, as gettid(2) has it; of a process with one thread that of the process
	Begin, End int // when it was made and when it returned, as places in an order that all events have; 0 never
	Line       int // of the log, 0 without one
	Name       string
	Args       []string // as strace prints them; nil of an Exit
	Result     string   // "3", "-1 EADDRINUSE (Address already in use)", or "" while it waits
	Text       string   // all of it, for comments
}

// Exit is the Name of the end of a thread, which is no call: a signal ends one too.
const Exit = "+++"

// Foreign is the Name of the beginning of a program whose calls are not recorded, since they are those of another
// architecture, 32-bit ones for instance. Its Text is the program.
const Foreign = "foreign"

// Left is something that could not be carried over.
type Left struct {
	Line, Col int // of the log, 0 without one
	Text      string
	Why       string
}

// failed reports whether the call failed, and how.
func (e *Event) failed() (errno string, failed bool) {
	rest, ok := strings.CutPrefix(e.Result, "-1 ")
	if !ok {
		return "", false
	}
	errno, _, _ = strings.Cut(rest, " ")
	return errno, true
}

// number returns the number that the call answered, -1 for none. Behind it may be a descriptor's file.
func (e *Event) number() int {
	n := leadingNumber(e.Result)
	if strings.HasPrefix(e.Result, "-") {
		return -1
	}
	return n
}

// fd returns the descriptor that is the argument of that index, -1 for none.
func (e *Event) fd(i int) int { return leadingNumber(e.arg(i)) }

func (e *Event) arg(i int) string {
	if i < len(e.Args) {
		return e.Args[i]
	}
	return ""
}

// has reports whether an argument has a word in it, such as a flag.
func (e *Event) has(word string) bool {
	return slices.ContainsFunc(e.Args, func(a string) bool { return strings.Contains(a, word) })
}

// leadingNumber returns the number that a text begins with, -1 for none.
func leadingNumber(text string) int {
	n, digits := 0, 0
	for ; digits < len(text) && digits < 9 && '0' <= text[digits] && text[digits] <= '9'; digits++ {
		n = 10*n + int(text[digits]-'0')
	}
	if digits == 0 {
		return -1
	}
	return n
}

// waiting are the calls that may wait for what another process does.
var waiting = []string{"accept", "accept4", "recv", "recvfrom", "recvmsg", "recvmmsg", "read", "readv"}

// making are the calls that make a descriptor or free one by the way, so that another thread may have used it since.
var making = []string{"socket", "socketpair", "dup", "dup2", "dup3", "fcntl", "execve", "execveat"}

// place returns where the event stands among the others, see the package's comment.
func (e *Event) place() int {
	_, failed := e.failed()
	if failed || slices.Contains(waiting, e.Name) || slices.Contains(making, e.Name) {
		return cmp.Or(e.End, e.Begin)
	}
	return cmp.Or(e.Begin, e.End)
}
