package sys

import (
	"bufio"
	"fmt"
	"os"
	"strings"
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

// InUserNamespace reports whether this is another user namespace than the
// machine's first one, which alone has every user.
func InUserNamespace() (bool, error) {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295", err
}
