package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/fabric"
	"labrun/lab/report"
)

// output is a file that a report is going to be. It is opened before anything is
// built, so that a run is not in vain, and has no name before it is whole.
type output struct {
	name   string // as the user gave it
	target string // what that stands for, symbolic links followed
	file   *os.File
	direct bool // not a regular file: a pipe, /dev/null
}

// openOutputs opens all files, or none.
func openOutputs(names []string) ([]*output, error) {
	var outputs []*output
	for _, name := range names {
		out, err := openOutput(name)
		if err != nil {
			closeOutputs(outputs)
			return nil, usagef("-o %s: %w", name, err)
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

func openOutput(name string) (*output, error) {
	out := &output{name: name, target: name}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, errors.New("that is a directory")
	case err == nil && !info.Mode().IsRegular():
		out.direct = true
		out.file, err = os.OpenFile(name, os.O_WRONLY, 0)
		return out, err
	case err == nil:
		if out.target, err = filepath.EvalSymlinks(name); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	out.file, err = nameless(out.target)
	return out, err
}

func closeOutputs(outputs []*output) {
	for _, out := range outputs {
		out.file.Close()
	}
}

// nameless makes a file in the folder of another one that is gone unless it gets
// a name, O_TMPFILE of open(2). File systems without it get a hidden file.
func nameless(beside string) (*os.File, error) {
	dir := filepath.Dir(beside)
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR):
		f, err := os.CreateTemp(dir, ".labrun-*")
		if err == nil {
			err = f.Chmod(0o644)
		}
		return f, err
	case err != nil:
		return nil, &os.PathError{Op: "write in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), beside), nil
}

// write writes the report whole or not at all. Behind sudo the file is the
// user's, not root's.
func (out *output) write(r lab.Report) error {
	if err := report.JSON(out.file, r); err != nil {
		return errors.Join(err, out.discard())
	}
	if out.direct {
		return nil
	}
	if err := giveToUser(out.file); err != nil {
		return errors.Join(err, out.discard())
	}
	if out.isHidden() {
		return os.Rename(out.file.Name(), out.target)
	}
	// A nameless file cannot replace another one in one step. To remove that first
	// leaves nothing behind, whenever this ends; a second name to rename would.
	if err := os.Remove(out.target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	self := fmt.Sprintf("/proc/self/fd/%d", out.file.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, out.target, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.PathError{Op: "link", Path: out.target, Err: err}
	}
	return nil
}

// isHidden reports whether the file has a name of its own.
func (out *output) isHidden() bool { return !out.direct && out.file.Name() != out.target }

func (out *output) discard() error {
	if out.isHidden() {
		return os.Remove(out.file.Name())
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
		gid = -1 // stays root's
	}
	return f.Chown(uid, gid)
}
