package sys

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// WasOutOfMemory reports whether the kernel's log says that a process was killed because memory had run out, the
// machine's or a control group's: oom_kill_process in mm/oom_kill.c. A log that may not be read says nothing, nor does
// one that has the process under another number, which it has in a PID namespace.
func WasOutOfMemory(pid int) bool {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	record := make([]byte, 8192) // CONSOLE_EXT_LOG_MAX, more than one has
	for {
		switch n, err := unix.Read(fd, record); {
		case err == nil && n > 0:
			if isOutOfMemory(string(record[:n]), pid) {
				return true
			}
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // records were overwritten meanwhile
		default: // EAGAIN is the end
			return false
		}
	}
}

// isOutOfMemory reports whether a record of the log tells of that: "Out of memory: Killed process 113 (labrun) total-vm:..."
func isOutOfMemory(record string, pid int) bool {
	return strings.Contains(record, fmt.Sprintf("ut of memory: Killed process %d (", pid))
}
