package process

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab"
)

// UserExists reports whether a process can run as that user here: in a user
// namespace only the ids that its maps name exist, user_namespaces(7).
func UserExists(id uint32) (bool, error) {
	for _, file := range []string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		ok, err := mapped(file, id)
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func mapped(file string, id uint32) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var inside, outside, length int64
		if _, err := fmt.Sscan(lines.Text(), &inside, &outside, &length); err != nil {
			return false, fmt.Errorf("%s: %w", file, err)
		}
		if int64(id) >= inside && int64(id) < inside+length {
			return true, nil
		}
	}
	return false, nil
}

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
	s, ok := signals[signal]
	if !ok {
		return reply{Broken: "no signal " + signal}
	}
	return answer(unix.Kill(pid, s))
}

// inUserNamespace reports whether this is another user namespace than the
// machine's first one, which alone has every user.
func inUserNamespace() (bool, error) {
	b, err := os.ReadFile("/proc/self/uid_map")
	return strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295", err
}
