package lab

import (
	"path"
	"slices"
	"strings"
)

// SharedDirs are the directories that the hosts of a lab share. A path that is not
// absolute is one in the first.
var SharedDirs = []string{"/tmp", "/run"}

// PathProblem says why a name of unix(7) is not one of the lab's, "" when it is. How
// long it may be, the kernel says.
func PathProblem(name string) string {
	switch {
	case strings.HasPrefix(name, "@"): // an abstract one, of the network namespace
		return ""
	case strings.Contains(name, "\x00"):
		return "has a zero byte"
	case slices.Contains(strings.Split(name, "/"), ".."):
		return `has a "..", which could lead out of the lab`
	case path.IsAbs(name) && !slices.Contains(SharedDirs, topDir(name)):
		return "is not in " + strings.Join(SharedDirs, " or ") + ", which the hosts of the lab share"
	}
	return ""
}

// topDir returns the first directory of an absolute path.
func topDir(name string) string {
	dir, _, _ := strings.Cut(path.Clean(name)[1:], "/")
	return "/" + dir
}

// KeptName returns n of "@$n", which keeps the name that the kernel chose for a socket
// and stands for it afterwards, "" of any other name.
func KeptName(name string) string {
	n, ok := strings.CutPrefix(name, "@$")
	if !ok || n == "" || strings.ContainsFunc(n, func(r rune) bool { return r != '_' && !isAlphanumeric(r) }) {
		return ""
	}
	return n
}

// IsAutobound reports whether the kernel may have chosen the name, "@" and five digits
// (unix_autobind). It is another one every time.
func IsAutobound(name string) bool {
	digits, ok := strings.CutPrefix(name, "@")
	return ok && len(digits) == 5 && strings.Trim(digits, "0123456789abcdef") == ""
}

func isAlphanumeric(r rune) bool {
	return r < 0x80 && (r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z')
}
