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
// below, and goes with the last one. Where strangers may write in it, no symbolic
// link in it is followed, which could else lead others out to the machine's files.
// That takes Linux 5.14; the error of an older one is ErrLinks.
func NewDir(strangers bool) (*os.File, error) {
	attrs := unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	if strangers {
		attrs |= unix.MOUNT_ATTR_NOSYMFOLLOW
	}
	dir, err := newTmpfs(attrs)
	if errors.Is(err, unix.EPERM) {
		// fsopen(2) wants a mount namespace that belongs to the user namespace.
		err = onThread(func() error {
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return os.NewSyscallError("unshare", err)
			}
			dir, err = newTmpfs(attrs)
			return err
		})
	}
	switch {
	case errors.Is(err, unix.EINVAL) && strangers: // no MOUNT_ATTR_NOSYMFOLLOW
		return nil, ErrLinks
	case err != nil:
		return nil, fmt.Errorf("a directory of its own: %w", explainFiles(err))
	}
	return dir, nil
}

// ErrLinks is NewDir's error where the kernel cannot keep from following links.
var ErrLinks = errors.New("a directory whose symbolic links are not followed needs Linux 5.14")

func newTmpfs(attrs int) (*os.File, error) {
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
	dir, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attrs)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return os.NewFile(uintptr(dir), "directory of its own"), nil
}
