package process

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/sys"
)

// capabilities returns the numbers of capabilities.
func capabilities(names []string) ([]uintptr, error) {
	var numbers []uintptr
	for _, name := range names {
		i := slices.Index(lab.Capabilities, name)
		if i < 0 {
			return nil, fmt.Errorf("no capability %q", name)
		}
		numbers = append(numbers, uintptr(i))
	}
	return numbers, nil
}

// seteuid is seteuid(2) for the one thread that makes the calls: a socket that it
// makes afterwards is that user's (its fsuid, sock_alloc). The C library's
// and Go's change every thread, and Go's aborts the program where only some of
// them could.
func seteuid(uid int64) reply {
	const keep = ^uintptr(0)
	_, _, errno := unix.Syscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep)
	return ended(errno)
}

func kill(pid int, signal string) reply {
	s, ok := sys.Signals[signal]
	if !ok {
		return reply{Broken: "no signal " + signal}
	}
	return answer(unix.Kill(pid, s))
}
