package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/once"
)

// sealed returns a copy of this program in memory that no process can change, made
// once. The init of a program of an experiment is executed from it: the program
// can execute /proc/self/exe, and the inode of what it then finds there must not
// be the machine's.
var sealed = once.Good(func() (*os.File, error) {
	// A child that is forked meanwhile would have the file open to write until it
	// executes, and what a process has open to write cannot be executed (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := executableMemfd("labrun")
	switch {
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("memfd_create for a copy of labrun: %w (the parameter vm.memfd_noexec may forbid it)", err)
	case err != nil:
		return nil, fmt.Errorf("memfd_create for a copy of labrun: %w", err)
	}
	f := os.NewFile(uintptr(fd), "labrun")
	defer f.Close()
	if err := copySelf(f); err != nil {
		return nil, fmt.Errorf("copy labrun: %w", err)
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals|unix.F_SEAL_EXEC|unix.F_SEAL_SEAL)
	if errors.Is(err, unix.EINVAL) { // Linux 6.3 is the first one that seals the mode
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals|unix.F_SEAL_SEAL)
	}
	if err != nil {
		return nil, fmt.Errorf("seal a copy of labrun: %w", err)
	}
	r, err := os.Open(descriptorPath(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("open a copy of labrun: %w", err)
	}
	return r, nil
})

// executableMemfd returns a file in memory that can be executed and sealed. Since Linux 6.3
// the flag says so, where the parameter vm.memfd_noexec has another default.
func executableMemfd(name string) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	return fd, err
}

func copySelf(w io.Writer) error {
	r, err := os.Open(child.Self)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// ownFile is a file by its path, and which one that was.
type ownFile struct {
	Path     string
	Dev, Ino uint64
}

// SelfPath is where this program's file is, if it has left the root that it was executed in; "" otherwise.
var SelfPath string

// selfFile returns the file of this program, the zero file when it has none any
// more. /proc/self/exe itself is a file of the mount namespace that this program
// was started from, and no bind takes it over into another one. Its path does,
// when it still is that file's.
func selfFile() ownFile {
	path, err := SelfPath, error(nil)
	if path == "" {
		path, err = os.Readlink(child.Self)
	}
	var st unix.Stat_t
	if err != nil || unix.Stat(child.Self, &st) != nil {
		return ownFile{}
	}
	return ownFile{Path: path, Dev: uint64(st.Dev), Ino: st.Ino}
}

// open returns the file, nil when it is not there.
func (f ownFile) open() *os.File {
	exe, err := os.OpenFile(f.Path, unix.O_PATH, 0)
	if err != nil {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstat(int(exe.Fd()), &st) != nil || uint64(st.Dev) != f.Dev || st.Ino != f.Ino {
		exe.Close()
		return nil
	}
	return exe
}
