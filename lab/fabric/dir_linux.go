package fabric

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// NewDir returns an empty directory that is in no file tree: a file system in
// memory of its own, at most 16 MiB, where everybody may make files as in /tmp.
// It exists for the holders of the descriptor, to fchdir(2) into or to open files
// below, and goes with the last one.
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
	if err != nil {
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
	dir, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(dir), "directory of its own"), nil
}
