package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Files that say how names of hosts are looked up.
const (
	hostsFile  = "/etc/hosts"
	resolvFile = "/etc/resolv.conf"
)

const noResolver = "# a lab has no name server; its names are in " + hostsFile + "\n"

// devices are what a program gets to see of the machine's: those that are only
// a way to ask the kernel for nothing in particular.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// view makes what a program of a lab sees of the machine, in a mount namespace
// that is the program's own: the machine's files copy-on-write, its own /dev,
// /proc and /sys, the lab's /run, /tmp and names. The machine's root is gone from
// the namespace at the end.
type view struct {
	*layers
	devices  map[string]int // descriptors of the machine's
	dir      *os.File       // the working directory as the machine has it, nil for none
	programs seeds
}

// makeView returns in the view, in the working directory.
func makeView(s setup) error {
	// Nothing that is mounted here is to be seen on the machine, nor the other way.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount --make-rprivate /: %w", err)
	}
	v := view{devices: map[string]int{}, programs: findSeeds(s.Self)}
	defer v.programs.close()
	for _, name := range devices {
		fd, err := unix.Open("/dev/"+name, unix.O_PATH|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			v.devices[name] = fd
			defer unix.Close(fd)
		case short(err):
			return &os.PathError{Op: "open", Path: "/dev/" + name, Err: err}
		}
	}
	dir := s.Dir
	if dir != "" {
		var err error
		if dir, err = filepath.EvalSymlinks(dir); err != nil {
			return err
		}
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: dir, Err: err}
		}
		v.dir = os.NewFile(uintptr(fd), dir)
		defer v.dir.Close()
	}
	var err error
	if v.layers, err = newLayers(); err != nil {
		return err
	}
	root := v.base + "/root"
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := v.all(root); err != nil {
		return err
	}
	return v.enter(root, s)
}

// enter makes root the root, puts in place there what is the program's own, and
// lets the machine's root go. That one is under the new one's until then: where
// it is too revealing the kernel refuses /proc and /sys (mount_too_revealing),
// and binds work from mounts of the same namespace only.
func (v *view) enter(root string, s setup) error {
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /: %w", err)
	}
	defer unix.Close(old)
	base, err := unix.Open(v.base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", v.base, err)
	}
	defer unix.Close(base)
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("chdir to the new root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	v.base = descriptorPath(base)
	steps := []func(setup) error{v.proc, v.sys, v.dev, v.input, v.scratch, v.nameFiles, v.workDir, v.placeSeeds}
	for _, step := range steps {
		if err := step(s); err != nil {
			return err
		}
	}
	here, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the working directory: %w", err)
	}
	defer unix.Close(here)
	if err := unix.Fchdir(old); err != nil {
		return fmt.Errorf("chdir to the old root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("umount the old root: %w", err)
	}
	return unix.Fchdir(here)
}

// proc shows the processes of the program's own namespace. Of the rest, what
// can be written, or is not for everybody, is the machine's business; but for
// the network's parameters, which are the host's. Everything else is read-only:
// the mode and the owner of a file like /proc/meminfo are the same for all who
// have mounted proc (proc_notify_change).
func (v *view) proc(s setup) error {
	if err := unix.Mount("proc", "/proc", "proc", confined, ""); err != nil {
		return fmt.Errorf("mount /proc: %w (a container that hides parts of its own does not allow it)", err)
	}
	if err := limitNamespaces(); err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if perm := info.Mode().Perm(); perm&0o222 == 0 && perm&0o004 != 0 {
			continue
		}
		if err := v.device("null", "/proc/"+e.Name()); err != nil {
			return err
		}
	}
	const net = "/proc/sys/net"
	if err := bindMount(net, net); err != nil {
		return err
	}
	for _, name := range s.Shared {
		path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := bindReadOnly(path, path); err != nil {
			return err
		}
	}
	return remount("/proc", unix.MS_RDONLY)
}

// sys shows the links of the host's namespace. Where the kernel refuses that,
// there is nothing.
func (v *view) sys(setup) error {
	err := unix.Mount("sysfs", "/sys", "sysfs", confined|unix.MS_RDONLY, "")
	if err == nil || short(err) {
		return err
	}
	if err := unix.Mount("tmpfs", "/sys", "tmpfs", confined|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	return nil
}

func (v *view) dev(setup) error {
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", confined, "mode=755,size=1m,nr_inodes=1k"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for _, name := range devices {
		if err := os.WriteFile("/dev/"+name, nil, 0o666); err != nil {
			return err
		}
		if err := v.device(name, "/dev/"+name); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/dev/pts", "/dev/shm"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	err := unix.Mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
	if err != nil {
		return fmt.Errorf("mount /dev/pts: %w", err)
	}
	if err := mountTmpfs("/dev/shm", 0o1777, tmpfsSize); err != nil {
		return err
	}
	for name, to := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd",
		"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(to, "/dev/"+name); err != nil {
			return err
		}
	}
	return nil
}

// device shows one of the machine's devices at a path: nobody but the machine's
// root could make one. A machine without it has none to show. The mount is
// read-only for the sake of the device's mode, owner and times; what is written
// to the device does not ask the mount.
func (v *view) device(name, path string) error {
	fd, ok := v.devices[name]
	if !ok {
		return nil
	}
	if err := bindMount(descriptorPath(fd), path); err != nil {
		return err
	}
	return remount(path, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC)
}

// input makes standard input the view's own null device.
func (v *view) input(setup) error {
	fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	defer unix.Close(fd)
	if err := unix.Dup3(fd, 0, 0); err != nil {
		return fmt.Errorf("dup3 of standard input: %w", err)
	}
	return nil
}

// scratch mounts /run and /tmp: the lab's, or the program's own.
func (v *view) scratch(s setup) error {
	for _, dir := range []string{"/run", "/tmp"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if s.HasFiles {
		return placeFiles()
	}
	if err := mountTmpfs("/run", 0o755, tmpfsSize); err != nil {
		return err
	}
	if err := os.Mkdir("/run/lock", 0o777|fs.ModeSticky); err != nil {
		return err
	}
	return mountTmpfs("/tmp", 0o1777, tmpfsSize)
}

// nameFiles writes the files of names. The machine's may be links into /run.
func (v *view) nameFiles(s setup) error {
	for path, text := range map[string]string{hostsFile: s.Hosts, resolvFile: noResolver} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// workDir makes the working directory one that the program sees. One that lies
// where the machine's files are not, in /tmp say, is shown under another name: what
// hosts share has nothing of the machine's.
func (v *view) workDir(setup) error {
	if v.dir == nil {
		return unix.Chdir("/")
	}
	path := shownAt(v.dir.Name())
	if path != v.dir.Name() {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := v.overlayAt(int(v.dir.Fd()), path, nil); err != nil {
			return err
		}
	}
	if err := unix.Chdir(path); err != nil {
		return &os.PathError{Op: "chdir", Path: path, Err: err}
	}
	return nil
}

// shownAt returns where a program has a working directory of the machine's, or what
// is below it.
func shownAt(path string) string {
	if private(path) {
		return "/labrun" + path
	}
	return path
}

// placeSeeds puts labrun's own programs where programs are. Without them the others
// still run.
func (v *view) placeSeeds(setup) error {
	err := v.programs.place(func(lower int, prepare func(dir string) error) error {
		if lower >= 0 {
			return v.overlayAt(lower, seedDir, prepare)
		}
		if err := os.MkdirAll(seedDir, 0o755); err != nil {
			return err
		}
		return prepare(seedDir)
	})
	if short(err) {
		return err
	}
	return nil
}
