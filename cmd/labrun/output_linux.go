package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"labrun/lab/fabric"
)

// nameless makes a file in the folder of another one that is gone unless it gets
// a name, O_TMPFILE of open(2). File systems without it get a hidden file.
func nameless(beside string) (*os.File, error) {
	dir := filepath.Dir(beside)
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR):
		return hidden(dir)
	case err != nil:
		return nil, &os.PathError{Op: "write in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), beside), nil
}

// nameIt gives a nameless file its name, linkat(2).
func nameIt(f *os.File, name string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.PathError{Op: "link", Path: name, Err: err}
	}
	return nil
}

func inUserNamespace() bool { return fabric.InUserNamespace() }

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
