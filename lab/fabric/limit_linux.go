package fabric

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// explainFiles adds to an error that is behind a limit on open files which
// limit it is, how high it stands and what raises it. The errno alone does not
// say whose files, nor how many.
func explainFiles(err error) error {
	switch {
	case errors.Is(err, unix.EMFILE):
		var limit unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
			return err
		}
		return fmt.Errorf("%w: this process may have %d files open (RLIMIT_NOFILE), a host takes two; try: ulimit -n 65536", err, limit.Cur)
	case errors.Is(err, unix.ENFILE):
		return fmt.Errorf("%w: this machine may have %s files open (fs.file-max); try: sysctl -w fs.file-max=1000000", err, now("fs.file-max"))
	}
	return err
}

// explainNamespaces does it for unshare(2), whose "no space left on device" is
// a number of namespaces.
func explainNamespaces(err error) error {
	if !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return fmt.Errorf("%w: this user may have %s network namespaces (user.max_net_namespaces); try: sysctl -w user.max_net_namespaces=10000",
		err, now("user.max_net_namespaces"))
}

// now is sysctl for messages.
func now(key string) string {
	if v, err := sysctl(key); err == nil {
		return v
	}
	return "?"
}
