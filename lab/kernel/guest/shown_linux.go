package guest

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/program"
)

// The guest's end of files_linux.go. A process of its own hands on what the guest's kernel asks: who makes a call that
// waits for a file must not be who answers it.

// lacking is why a guest cannot show the machine's files: what its kernel lacks.
type lacking string

func (l lacking) Error() string { return string(l) }

// showMachine makes the machine's files, which nobody can write to, the root of this process and of those that it
// starts. The programs of labs see them as on the machine: package program lays what they write over it. The error is
// lacking where the kernel is the reason.
func showMachine(index modules, words map[string]string) error {
	needed := []string{"overlay"}
	if words[filesWord] != hostFiles {
		needed = append(needed, "virtio_pci", "virtio_console", "fuse")
	}
	for _, name := range needed {
		if err := index.load(name); err != nil && !errors.Is(err, errNoModule) {
			return err
		}
	}
	if err := has("overlay", "CONFIG_OVERLAY_FS"); err != nil {
		return err
	}
	if err := os.Mkdir(machineDir, 0o755); err != nil {
		return err
	}
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
	if words[filesWord] == hostFiles {
		if err := has("hostfs", "CONFIG_HOSTFS"); err != nil {
			return err
		}
		if err := mountHost("/", machineDir, flags); err != nil {
			return err
		}
	} else if err := mountFuse(words[filesWord], words[countedWord] != "", flags); err != nil {
		return err
	}
	for escaped := range strings.SplitSeq(words[foldersWord], ",") {
		if err := showFolder(escaped, words[filesWord] == hostFiles, flags); err != nil {
			return fmt.Errorf("the folder of a topology: %w", err)
		}
	}
	if err := keepSelf(); err != nil {
		return err
	}
	for _, dir := range ownDirs {
		if err := mount(dir, path.Join(machineDir, dir), "", unix.MS_MOVE); err != nil {
			return err
		}
	}
	return enterRoot(machineDir)
}

// keepSelf has a path lead to this program in the root to come: else every program of a lab would get copies of it.
func keepSelf() error {
	const path = "/run/labrun-init"
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		return err
	}
	program.SelfPath = path
	return mount(initFile, path, "", unix.MS_BIND)
}

// showFolder shows a folder of the machine at its own path, in what the guest has there.
func showFolder(escaped string, fromHost bool, flags uintptr) error {
	folder, err := url.PathUnescape(escaped)
	if err != nil || folder == "" {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if fromHost {
		return mountHost(folder, folder, flags)
	}
	return mount(path.Join(machineDir, folderRoot, folder), folder, "", unix.MS_BIND)
}

// mountHost mounts a folder of the machine that a User-mode Linux runs on.
func mountHost(folder, target string, flags uintptr) error {
	if err := unix.Mount("none", target, "hostfs", flags, folder); err != nil {
		return fmt.Errorf("mount hostfs: %w", err)
	}
	return nil
}

// machineDir is where the machine's files are mounted, before they become the root.
const machineDir = "/machine"

// has reports whether the kernel knows a type of file systems.
func has(kind, option string) error {
	text, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && words[len(words)-1] == kind {
			return nil
		}
	}
	return lacking(fmt.Sprintf("the guest's kernel has no %s (%s)", kind, option))
}

// mountFuse mounts what comes over a line, and starts the process that hands requests on.
func mountFuse(line string, counted bool, flags uintptr) error {
	if err := has("fuse", "CONFIG_FUSE_FS"); err != nil {
		return err
	}
	// In order, as a skip has the same reason on every run.
	for _, driver := range []struct{ dir, option string }{
		{"/sys/bus/pci/drivers/virtio-pci", "CONFIG_VIRTIO_PCI"},
		{"/sys/bus/virtio/drivers/virtio_console", "CONFIG_VIRTIO_CONSOLE"},
	} {
		if _, err := os.Stat(driver.dir); err != nil {
			return lacking(fmt.Sprintf("the guest's kernel has no %s (%s)", filepath.Base(driver.dir), driver.option))
		}
	}
	port, err := openChannel(line)
	if err != nil {
		return err
	}
	defer port.Close()
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer dev.Close()
	options := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0,default_permissions,allow_other", dev.Fd())
	if err := unix.Mount("machine", machineDir, "fuse", flags, options); err != nil {
		return fmt.Errorf("mount fuse: %w", err)
	}
	relay := &exec.Cmd{Path: child.Self, Args: []string{relayArg}, Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles: []*os.File{dev, port}}
	if counted {
		relay.Args = append(relay.Args, countedWord)
	}
	return relay.Start()
}

// relayArg is the name of the process that hands on requests, with the descriptors that it has.
const (
	relayArg  = "labrun-files"
	relayFuse = 3
	relayPort = 4
)

// relay hands requests of fuse(4) on to the line, and replies back, until either ends.
func relay(counted bool) error {
	runtime.GOMAXPROCS(4) // else whichever of the three is busy would keep the others waiting
	var asked waker
	if counted {
		asked.wake = make(chan struct{}, 1)
		go asked.keepAwake()
	}
	ended := make(chan error)
	go func() {
		b := make([]byte, maxMessage)
		for {
			n, err := unix.Read(relayFuse, b) // one request
			switch {
			case errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT): // the request was interrupted, fuse(4)
				continue
			case err != nil:
				ended <- os.NewSyscallError("read /dev/fuse", err)
				return
			}
			if expectsReply(b) {
				asked.add(1)
			}
			if err := writeAll(relayPort, b[:n]); err != nil {
				ended <- os.NewSyscallError("write to the line", err)
				return
			}
		}
	}()
	go func() {
		b := make([]byte, maxMessage)
		for {
			n, err := readMessage(descriptor(relayPort), b)
			if err != nil || n == 0 {
				ended <- errors.Join(err, io.ErrUnexpectedEOF)
				return
			}
			_, err = unix.Write(relayFuse, b[:n])
			asked.add(-1)
			if err != nil && !errors.Is(err, unix.ENOENT) { // who asked does not wait any more
				ended <- os.NewSyscallError("write /dev/fuse", err)
				return
			}
		}
	}()
	return <-ended
}

// waker knows how many requests are not answered yet.
//
// Where the guest's clock counts instructions it jumps over the time in which there are none to execute, so a guest
// that waits for a file would find all its limits passed. While a request is under way a thread executes instructions
// that do nothing, whenever no other one has any.
type waker struct {
	open atomic.Int32
	wake chan struct{} // nil where the clock is the machine's
}

func (w *waker) add(n int32) {
	if w.open.Add(n) > 0 && w.wake != nil {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// keepAwake is that thread.
func (w *waker) keepAwake() {
	runtime.LockOSThread()
	// Else it takes turns.
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
	for range w.wake {
		for w.open.Load() > 0 {
			runtime.Gosched()
		}
	}
}

// descriptor reads from a descriptor that blocks.
type descriptor int

func (d descriptor) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(d), b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		b = b[max(n, 0):]
	}
	return nil
}
