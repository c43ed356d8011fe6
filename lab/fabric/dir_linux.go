package fabric

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// NewDir returns an empty directory that is in no file tree: a file system in
// memory of its own, at most 16 MiB, where everybody may make files as in /tmp.
// It is there for who has the descriptor, to fchdir(2) into or to open files
// below, and goes with the last one. No symbolic link in it is followed: whoever
// may write there could else lead others out to the machine's files. That takes
// Linux 5.14.
func NewDir() (*os.File, error) {
	dir, err := newTmpfs()
	if errors.Is(err, unix.EPERM) {
		// fsopen(2) wants a mount namespace that belongs to the user namespace.
		err = onThread(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return os.NewSyscallError("unshare", err)
			}
			dir, err = newTmpfs()
			return err
		})
	}
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL): // no fsopen(2), or no MOUNT_ATTR_NOSYMFOLLOW
		return nil, fmt.Errorf("names of unix sockets need Linux 5.14: %w", err)
	case err != nil:
		return nil, fmt.Errorf("a directory of its own: %w", explainFiles(err))
	}
	return dir, nil
}

func newTmpfs() (*os.File, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	err = errors.Join(
		unix.FsconfigSetString(fs, "size", "16m"),
		unix.FsconfigSetString(fs, "nr_inodes", "16k"), // of the kernel's own memory
		unix.FsconfigSetString(fs, "mode", "1777"),
		unix.FsconfigCreate(fs),
	)
	if err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	const attrs = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW
	dir, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(dir), "directory of its own"), nil
}
