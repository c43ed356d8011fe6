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
