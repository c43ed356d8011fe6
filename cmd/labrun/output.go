package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/report"
)

// writeFile writes the report whole or not at all. Behind sudo the file is the
// user's, not root's.
func writeFile(name string, r lab.Report) error {
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		return err
	}
	f, err := nameless(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(b.Bytes()); err != nil {
		return err
	}
	if err := giveToUser(f); err != nil {
		return err
	}
	return publish(f, name)
}

// nameless makes a file that is gone unless it gets a name, O_TMPFILE of open(2).
// File systems without it get a hidden file.
func nameless(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return os.CreateTemp(dir, ".labrun-*")
	}
	if err != nil {
		return nil, &os.PathError{Op: "write in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), ""), nil
}

// publish gives the finished file its name. A file that has the name already
// is replaced in one step.
func publish(f *os.File, name string) error {
	hidden := f.Name()
	if hidden == "" {
		hidden = filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
		self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
		err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, hidden, unix.AT_SYMLINK_FOLLOW); err != nil {
			return err
		}
	} else if err := f.Chmod(0o644); err != nil {
		return errors.Join(err, os.Remove(hidden))
	}
	if err := os.Rename(hidden, name); err != nil {
		return errors.Join(err, os.Remove(hidden))
	}
	return nil
}

// giveToUser makes the user who typed sudo the owner of a file.
func giveToUser(f *os.File) error {
	if os.Geteuid() != 0 || os.Getenv("SUDO_UID") == "" || fabric.InUserNamespace() {
		return nil
	}
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil {
		return fmt.Errorf("SUDO_UID: %w", err)
	}
	gid, err := strconv.Atoi(os.Getenv("SUDO_GID"))
	if err != nil {
		return fmt.Errorf("SUDO_GID: %w", err)
	}
	return f.Chown(uid, gid)
}
