package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/sys"
)

// nameless makes a file that is gone unless it gets a name: in the folder of another
// one, O_TMPFILE of open(2), or in memory where the file system has no such files.
func nameless(beside string) (*os.File, error) {
	dir := filepath.Dir(beside)
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o666)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		if err = unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err == nil {
			fd, err = unix.MemfdCreate("labrun-report", unix.MFD_CLOEXEC)
		}
	}
	if err != nil {
		return nil, &os.PathError{Op: "write in", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), beside), nil
}

// nameIt gives a nameless file its name, linkat(2). That replaces nothing, and in two
// steps labrun could be killed between them. So a child replaces an old file: labrun's
// death does not stop it.
func nameIt(f *os.File, name string) error {
	err := link(f, name)
	switch {
	case errors.Is(err, unix.EEXIST), errors.Is(err, unix.EXDEV), errors.Is(err, unix.ENOENT):
	case err != nil:
		return &os.PathError{Op: "link", Path: name, Err: err}
	default:
		return nil
	}
	const limit = 2 * time.Minute // for two steps: the file system does not answer
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", name)
	cmd.Args[0] = arg0Namer
	cmd.ExtraFiles = []*os.File{f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // the terminal's ^C is for labrun alone
	cmd.WaitDelay = time.Second
	var words bytes.Buffer
	cmd.Stderr = &words
	err = cmd.Run()
	switch said := strings.TrimSpace(words.String()); {
	case ctx.Err() != nil:
		return fmt.Errorf("replace %s: not done after %v", name, limit)
	case err != nil && said != "":
		return errors.New(said)
	case err != nil:
		return fmt.Errorf("replace %s: %w", name, err)
	}
	return nil
}

// link gives an open file a name by its descriptor. linkat(2) with AT_EMPTY_PATH would say the
// same and demands CAP_DAC_READ_SEARCH; through /proc an ordinary user may.
func link(f *os.File, name string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	return unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}

// arg0Namer is the argv[0] of the child that gives a report its name.
const arg0Namer = "labrun-namer"

// namerMain gives the name to descriptor 3.
func namerMain(name string) int {
	signal.Ignore(unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	if err := replace(os.NewFile(3, name), name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// replace puts a file in the place of an old one, which is there until then, and stays
// when that fails. One of another file system is copied.
func replace(f *os.File, name string) error {
	between := between(name)
	if inMemory(f) { // linkat(2) would say so only when the name is free
		return replaceByCopy(f, between, name)
	}
	const tries = 100 // another labrun may be at the same name
	for try := 0; ; try++ {
		err := link(f, between)
		switch {
		case errors.Is(err, unix.ENOENT) && try < tries:
			// A file of O_TMPFILE can be given a name once (vfs_link, I_LINKABLE): not again after that was removed.
			if f, err = namelessCopy(f, name); err != nil {
				return err
			}
			defer f.Close()
			continue
		case errors.Is(err, unix.EXDEV):
			return replaceByCopy(f, between, name)
		case errors.Is(err, unix.EEXIST) && try < tries:
			if err := os.Remove(between); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
			continue
		case err != nil:
			return &os.PathError{Op: "link", Path: name, Err: err}
		}
		err = unix.Rename(between, name)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.ENOENT) && try < tries: // the other one has removed it
		default:
			_ = os.Remove(between)
			return &os.PathError{Op: "replace", Path: name, Err: err}
		}
	}
}

// inMemory reports whether a file is one of memfd_create(2).
func inMemory(f *os.File) bool {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	return err == nil && strings.HasPrefix(path, "/memfd:")
}

// replaceByCopy does so with a copy. Only the program that has the lock of the file in between
// writes it, or removes it: another labrun at the same name waits until it is whole and has
// its place.
// linkat(2) does not cross file systems, and a file of memfd_create(2) is in one that has no
// names.
func replaceByCopy(f *os.File, between, name string) (err error) {
	out, err := lockBetween(between)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(&os.PathError{Op: "replace", Path: name, Err: err}, os.Remove(between))
		}
		err = errors.Join(err, out.Close())
	}()
	if err := out.Truncate(0); err != nil { // what a kill has left
		return err
	}
	if err := copyTo(out, f); err != nil {
		return err
	}
	return unix.Rename(between, name)
}

// namelessCopy makes a copy of a file that is gone unless it gets a name, beside another one.
func namelessCopy(f *os.File, beside string) (*os.File, error) {
	out, err := nameless(beside)
	if err != nil {
		return nil, err
	}
	if err := copyTo(out, f); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// copyTo writes what a file has, and makes its owner the other's too.
func copyTo(out, f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if _, err := io.Copy(out, io.NewSectionReader(f, 0, st.Size)); err != nil {
		return err
	}
	if int(st.Uid) == os.Geteuid() {
		return nil
	}
	return out.Chown(int(st.Uid), int(st.Gid))
}

// lockBetween opens the file in between, which no other program has, and locks it. It is the
// one of that name until the lock is given back.
func lockBetween(between string) (*os.File, error) {
	const tries = 100
	for range tries {
		out, err := os.OpenFile(between, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o666)
		if errors.Is(err, unix.ELOOP) { // another program has put a link there
			if err := os.Remove(between); err != nil && !errors.Is(err, unix.ENOENT) {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(out.Fd()), unix.LOCK_EX)
		for errors.Is(err, unix.EINTR) {
			err = unix.Flock(int(out.Fd()), unix.LOCK_EX)
		}
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) &&
			!errors.Is(err, unix.ENOLCK) {
			return nil, errors.Join(&os.PathError{Op: "lock", Path: between, Err: err}, out.Close())
		}
		var has, named unix.Stat_t
		err = unix.Fstat(int(out.Fd()), &has)
		if err == nil {
			err = unix.Lstat(between, &named)
		}
		switch {
		case err == nil && (has.Dev != named.Dev || has.Ino != named.Ino), errors.Is(err, unix.ENOENT):
		case err != nil:
			return nil, errors.Join(&os.PathError{Op: "stat", Path: between, Err: err}, out.Close())
		case has.Mode&unix.S_IFMT == unix.S_IFREG && has.Nlink == 1 && int(has.Uid) == os.Geteuid():
			return out, nil
		default: // another program has put it there
			if err := os.Remove(between); err != nil && !errors.Is(err, unix.ENOENT) {
				return nil, errors.Join(err, out.Close())
			}
		}
		out.Close()
	}
	return nil, fmt.Errorf("%s: other programs take it away", between)
}

// between returns the name that a file has until it takes the place of an old one. It
// is always the same: what a kill of every process has left is removed the next time.
func between(name string) string {
	h := fnv.New64a()
	h.Write([]byte(filepath.Base(name))) // of any length
	return filepath.Join(filepath.Dir(name), fmt.Sprintf(".labrun-%x", h.Sum64()))
}

// inUserNamespace reports whether root here is an ordinary user elsewhere: then files belong to
// that user already, and SUDO_UID means a number of another namespace.
func inUserNamespace() bool {
	in, err := sys.InUserNamespace()
	return in && err == nil
}

// isTerminal asks as isatty(3) does. /dev/null is a character device too, and no terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
