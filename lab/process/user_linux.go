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
func seteuid(_ *agent, r *request) reply {
	const keep = ^uintptr(0)
	_, _, errno := unix.Syscall(unix.SYS_SETRESUID, keep, uintptr(arg[lab.Int](r, 0)), keep)
	return ended(errno)
}

func fchown(_ *agent, r *request) reply {
	return ended(unix.Fchown(r.fds[0], int(arg[lab.Int](r, 1)), -1))
}

// kill sends a signal to a process, or to that thread of it which aim has named.
func kill(_ *agent, r *request) reply {
	pid, signal := int(arg[lab.Int](r, 0)), string(arg[lab.Word](r, 1))
	s, ok := sys.Signals[signal]
	if !ok {
		return reply{Broken: "no signal " + signal}
	}
	if tid := int(arg[lab.Int](r, 2)); tid != 0 {
		return ended(unix.Tgkill(pid, tid, s))
	}
	return ended(unix.Kill(pid, s))
}
