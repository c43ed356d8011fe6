package program

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// What the mounts of a lab never have but where it is said.
const confined = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// What a file system in memory holds at most: the sum of what a program writes
// over the machine's files, and any other one.
const (
	layersSize = 256 << 20
	tmpfsSize  = 16 << 20
	tmpfsFiles = 16 << 10 // each takes about a kilobyte of the kernel's
)

// short reports whether an error says nothing about what was asked for: a signal came
// between, or the machine is short of something. Where a view does without what the
// kernel refuses, it does not without that.
func short(err error) bool {
	for _, errno := range []unix.Errno{unix.EINTR, unix.EAGAIN, unix.ENOMEM, unix.ENOSPC, unix.EMFILE, unix.ENFILE} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// mount mounts a new file system of a type.
func mount(fstype, target string, flags uintptr, options string) error {
	if err := unix.Mount(fstype, target, fstype, flags, options); err != nil {
		return &os.PathError{Op: "mount " + fstype, Path: target, Err: err}
	}
	return nil
}

func mountTmpfs(target string, mode os.FileMode, size int) error {
	options := fmt.Sprintf("mode=%o,size=%d", mode, size)
	files := fmt.Sprintf(",nr_inodes=%d", max(tmpfsFiles, size>>12))
	err := mount("tmpfs", target, unix.MS_NOSUID|unix.MS_NODEV, options+files)
	if errors.Is(err, unix.EINVAL) { // gVisor does not limit their number
		err = mount("tmpfs", target, unix.MS_NOSUID|unix.MS_NODEV, options)
	}
	return err
}

// detachMounts keeps what is mounted in this namespace from now on from being seen on the
// machine, and the other way, mount_namespaces(7).
func detachMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount --make-rprivate /: %w", err)
	}
	return nil
}

// pivot makes a directory the root. The old one is mounted over it until dropOldRoot, at ".":
// pivot_root(2) allows that, where no other place is at hand.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return nil
}

// dropOldRoot lets the old root go, which must be the working directory.
func dropOldRoot() error {
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount the old root: %w", err)
	}
	return nil
}

// openDir returns a directory as it is now, whatever is mounted over its path later.
func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
}

// descriptorPath is a path to what a descriptor refers to, whatever is mounted
// over it meanwhile.
func descriptorPath(fd uintptr) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

func bindMount(from, target string) error {
	if err := unix.Mount(from, target, "", unix.MS_BIND, ""); err != nil {
		return &os.PathError{Op: "mount --bind", Path: target, Err: err}
	}
	return nil
}

// bindReadOnly shows a file or a directory read-only, without what is mounted
// below it.
func bindReadOnly(from, target string) error {
	if err := bindMount(from, target); err != nil {
		return err
	}
	err := remount(target, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV)
	if err != nil {
		_ = unix.Unmount(target, unix.MNT_DETACH)
	}
	return err
}

// remount adds flags to a mount. Those that it has must be said again: in a user
// namespace none may go that the machine's mount has, mount_namespaces(7).
func remount(target string, flags uintptr) error {
	var st unix.Statfs_t
	if err := unix.Statfs(target, &st); err != nil {
		return &os.PathError{Op: "statfs", Path: target, Err: err}
	}
	// statfs(2) has the same numbers as mount(2), but for one.
	const same = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME
	flags |= uintptr(st.Flags) & same
	if st.Flags&unix.ST_RELATIME != 0 {
		flags |= unix.MS_RELATIME
	}
	if err := unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
		return &os.PathError{Op: "remount", Path: target, Err: err}
	}
	return nil
}
