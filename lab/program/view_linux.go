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
	if err := detachMounts(); err != nil {
		return err
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
	if s.Dir != "" {
		dir, err := filepath.EvalSymlinks(s.Dir)
		if err != nil {
			return err
		}
		if v.dir, err = openDir(dir); err != nil {
			return err
		}
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
	old, err := openDir("/")
	if err != nil {
		return err
	}
	defer old.Close()
	base, err := openDir(v.base)
	if err != nil {
		return err
	}
	defer base.Close()
	if err := pivot(root); err != nil {
		return err
	}
	v.base = descriptorPath(base.Fd())
	steps := []func(setup) error{v.proc, v.sys, v.dev, v.input, v.scratch, v.nameFiles, v.workDir, v.placeSeeds}
	for _, step := range steps {
		if err := step(s); err != nil {
			return err
		}
	}
	here, err := openDir(".")
	if err != nil {
		return err
	}
	defer here.Close()
	if err := old.Chdir(); err != nil {
		return err
	}
	if err := dropOldRoot(); err != nil {
		return err
	}
	return here.Chdir()
}

// proc shows the processes of the program's own namespace. Of the rest, what
// can be written, or is not for everybody, is the machine's business; but for
// the network's parameters, which are the host's. Everything else is read-only:
// the mode and the owner of a file like /proc/meminfo are the same for all who
// have mounted proc (proc_notify_change).
func (v *view) proc(s setup) error {
	if err := mount("proc", "/proc", confined, ""); err != nil {
		return fmt.Errorf("%w (a container that hides parts of its own does not allow it)", err)
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
	err := mount("sysfs", "/sys", confined|unix.MS_RDONLY, "")
	if err == nil || short(err) {
		return err
	}
	return mount("tmpfs", "/sys", confined|unix.MS_RDONLY, "")
}

func (v *view) dev(setup) error {
	if err := mount("tmpfs", "/dev", confined, "mode=755,size=1m,nr_inodes=1k"); err != nil {
		return err
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
	const options = "newinstance,ptmxmode=0666,mode=620"
	if err := mount("devpts", "/dev/pts", unix.MS_NOSUID|unix.MS_NOEXEC, options); err != nil {
		return err
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

// device shows one of the machine's devices at a path: only the machine's
// root could make one. A machine without it has none to show. The mount is
// read-only for the sake of the device's mode, owner and times; what is written
// to the device does not ask the mount.
func (v *view) device(name, path string) error {
	fd, ok := v.devices[name]
	if !ok {
		return nil
	}
	if err := bindMount(descriptorPath(uintptr(fd)), path); err != nil {
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
		return os.Chdir("/")
	}
	path := shownAt(v.dir.Name())
	if path != v.dir.Name() {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := v.overlay(v.dir, path, nil); err != nil {
			return err
		}
	}
	return os.Chdir(path)
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
// still run, so what the kernel refuses is passed over, EPERM too: in a user namespace a bind mount has to keep the
// flags of the one below it (mount_namespaces(7)), and an overlay over a folder that holds mounts is refused. A step
// that runs one of them says then what it found.
func (v *view) placeSeeds(setup) error {
	err := v.programs.place(func(lower *os.File, prepare func(dir string) error) error {
		if lower != nil {
			return v.overlay(lower, seedDir, prepare)
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
