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

func mountTmpfs(target string, mode os.FileMode, size int) error {
	options := fmt.Sprintf("mode=%o,size=%d,nr_inodes=%d", mode, size, max(tmpfsFiles, size>>12))
	if err := unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return &os.PathError{Op: "mount tmpfs", Path: target, Err: err}
	}
	return nil
}

// descriptorPath is a path to what a descriptor refers to, whatever is mounted
// over it meanwhile.
func descriptorPath(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

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
