package process

import (
	"errors"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// nicIndex returns the index of a NIC of the process's namespace, 0 for "".
func nicIndex(name string) (index uint32, errno unix.Errno) {
	if name == "" {
		return 0, 0
	}
	err := withSocket(func(fd int) (err error) {
		index, err = sys.LinkIndex(fd, name)
		return err
	})
	if errors.Is(err, unix.EINVAL) { // longer than any name is
		err = unix.ENODEV
	}
	return index, sys.ErrnoOf(err)
}

// nicName returns the name of the NIC with that index, "" for 0.
func nicName(index uint32) (name string, errno unix.Errno) {
	if index == 0 {
		return "", 0
	}
	err := withSocket(func(fd int) (err error) {
		name, err = sys.LinkName(fd, index)
		return err
	})
	return name, sys.ErrnoOf(err)
}

// withSocket calls f with a socket of the process's namespace, for calls that take any.
func withSocket(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}
