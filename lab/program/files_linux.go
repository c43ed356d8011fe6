package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// Files is /tmp and /run of a lab, empty at first, which its processes and programs
// share on all hosts. It is a mount namespace whose root has nothing else: no name
// leads from there to the machine's files, neither "..", nor a link that a program
// made. The namespace has no name either, so it ends with its last user.
type Files struct{ ns *os.File }

// NewFiles makes them. in runs a function on a thread that is thrown away after it.
func NewFiles(in func(f func() error) error) (*Files, error) {
	f := new(Files)
	err := in(func() error {
		libs, err := child.FindLibraries()
		if err != nil {
			return err
		}
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		ns, err := os.Open("/proc/thread-self/ns/mnt")
		if err != nil {
			return err
		}
		if err := makeFiles(libs); err != nil {
			ns.Close()
			return err
		}
		f.ns = ns
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("/tmp and /run of the lab: %w", err)
	}
	return f, nil
}

// Close lets them go, when the processes have ended that have them.
func (f *Files) Close() error { return f.ns.Close() }

// makeFiles makes them the root of this thread's mount namespace.
func makeFiles(libs child.Libraries) error {
	if err := detachMounts(); err != nil {
		return err
	}
	if err := mountTmpfs(baseDir, 0o755, tmpfsSize); err != nil {
		return err
	}
	unix.Umask(0)
	for _, dir := range []struct {
		path string
		mode fs.FileMode
	}{{"tmp", 0o777 | fs.ModeSticky}, {"run", 0o755}, {"run/lock", 0o777 | fs.ModeSticky}} {
		if err := os.Mkdir(filepath.Join(baseDir, dir.path), dir.mode); err != nil {
			return err
		}
	}
	if err := bindBelow(libs, baseDir); err != nil {
		return err
	}
	if err := pivot(baseDir); err != nil {
		return err
	}
	return dropOldRoot()
}

// Enter moves the thread to where the files are.
func (f *Files) Enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := unix.Setns(int(f.ns.Fd()), unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("setns", err)
	}
	return nil
}

// mounts returns /tmp and /run as mounts for one program, in no namespace yet.
func (f *Files) mounts(in func(f func() error) error) (tmp, run *os.File, err error) {
	clone := func(path string) (*os.File, error) {
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return nil, &os.PathError{Op: "open_tree", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
	err = in(func() error {
		if err := f.Enter(); err != nil {
			return err
		}
		if tmp, err = clone("/tmp"); err != nil {
			return err
		}
		if run, err = clone("/run"); err != nil {
			tmp.Close()
		}
		return err
	})
	return tmp, run, err
}

// FileInfo is what inode(7) says of a file.
type FileInfo struct {
	Kind       string // "a socket", "a regular file", "a directory" ...
	Mode       uint32 // permissions, with the sticky bit
	User       uint32
	Group      uint32
	Dev, Inode uint32 // as sock_diag(7) tells of them, which knows 32 bits of an inode's number
}

// Stat returns what is behind a path in there, or in /tmp when it is a relative one: the
// file itself, of a link its target or, for bindMount(2) and unlink(2), the link. It is not ok
// where path_resolution(7) finds no file.
func (f *Files) Stat(in func(f func() error) error, path string, follow bool) (info FileInfo, ok bool, err error) {
	flags := 0
	if !follow {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	var st unix.Stat_t
	err = in(func() error {
		if err := f.Enter(); err != nil {
			return err
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join("/tmp", path)
		}
		if err := unix.Fstatat(unix.AT_FDCWD, path, &st, flags); err != nil {
			return &os.PathError{Op: "stat", Path: path, Err: err}
		}
		return nil
	})
	for _, none := range []unix.Errno{unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.ENAMETOOLONG} {
		if errors.Is(err, none) {
			return info, false, nil
		}
	}
	if err != nil {
		return info, false, err
	}
	return FileInfo{
		Kind: kinds[st.Mode&unix.S_IFMT], Mode: st.Mode & 0o7777, User: st.Uid, Group: st.Gid,
		Dev: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Inode: uint32(st.Ino), // MKDEV of linux/kdev_t.h
	}, true, nil
}

var kinds = map[uint32]string{
	unix.S_IFSOCK: "a socket", unix.S_IFREG: "a regular file", unix.S_IFDIR: "a directory", unix.S_IFLNK: "a link",
	unix.S_IFIFO: "a pipe", unix.S_IFCHR: "a device", unix.S_IFBLK: "a device",
}

// bindBelow shows what it takes to execute this program below root, read-only.
func bindBelow(l child.Libraries, root string) error {
	for _, dir := range l.Folders() {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			return err
		}
		if err := bindReadOnly(dir, root+dir); err != nil {
			return err
		}
	}
	if l.Interpreter == "" {
		return nil
	}
	if _, err := os.Lstat(root + l.Interpreter); err == nil {
		return nil
	}
	return errors.Join(os.MkdirAll(root+filepath.Dir(l.Interpreter), 0o755), os.Symlink(l.File, root+l.Interpreter))
}
