package guest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"labrun/lab/kernel/local"
	"labrun/lab/kernel/remote"
	"labrun/lab/sys"
)

// Main is the whole life of a guest's init, and of the program that its kernel starts to load a
// module; otherwise it returns at once. Call it first thing in main.
func Main() {
	if len(os.Args) > 2 && os.Args[0] == privateArg {
		fmt.Fprintln(os.Stderr, "labrun: guest:", private(os.Args[1:]))
		os.Exit(1)
	}
	if len(os.Args) > 0 && os.Args[0] == relayArg {
		fmt.Println("labrun: guest: the machine's files:", relay(len(os.Args) > 1))
		os.Exit(1)
	}
	if len(os.Args) == 0 || os.Args[0] != initFile && os.Args[0] != helperFile && os.Args[0] != privateInit {
		return
	}
	if os.Args[0] == helperFile {
		os.Exit(modprobe(os.Args[1:]))
	}
	if os.Getpid() != 1 {
		return
	}
	if os.Args[0] == privateInit { // gVisor has made the machine, and ends it with its init
		if err := serve(stdio{os.Stdin, os.Stdout}, false, ""); err != nil {
			fmt.Fprintln(os.Stderr, "labrun: guest:", err)
		}
		os.Exit(0)
	}
	if err := initMain(); err != nil {
		fmt.Println("labrun: guest:", err)
	}
	leave()
}

// The init, and the same program as kernel.modprobe.
const (
	initFile   = "/init"
	helperFile = "/modprobe"
)

// leave ends the guest. Where nothing restarts (User-mode Linux, reboot=t of QEMU with -no-reboot)
// a restart is the quickest way off; it does not return.
func leave() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

func initMain() error {
	debug.SetGCPercent(400) // there is memory for that, and a guest is slow at collecting garbage
	if err := mounts(); err != nil {
		return err
	}
	if err := os.Setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"); err != nil { // a kernel starts its init without
		return err
	}
	if err := slackTimers(); err != nil {
		return err
	}
	index, err := readIndex()
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/kernel/modprobe", []byte(helperFile), 0); err != nil && len(index) > 0 {
		return err
	}
	words, err := commandLine()
	if err != nil {
		return err
	}
	for _, name := range slices.Concat(strings.Split(words[modulesWord], ","), atOnce) {
		if err := index.load(name); err != nil && !errors.Is(err, errNoModule) {
			return err
		}
	}
	channel, err := openChannel(words[channelWord])
	if err != nil {
		return err
	}
	lacks := "it was not shown the machine's files"
	if arch, ok := strings.CutPrefix(words[filesWord], noFiles); ok {
		lacks = fmt.Sprintf("the machine's programs are for %s, and labrun shows their files to guests of x86_64 alone", arch)
	} else if words[filesWord] != "" {
		lacks = ""
		err := showMachine(index, words)
		if why := lacking(""); errors.As(err, &why) {
			lacks = string(why)
		} else if err != nil {
			return fmt.Errorf("show the machine's files: %w", err)
		}
	}
	return serve(channel, len(index) == 0, lacks)
}

// timerSlack is by how much a sleep of labrun's may last longer in a guest: about a tick of its kernel.
const timerSlack = 4 * time.Millisecond

// slackTimers lets the kernel end sleeps of this process, and of those that it starts, together with others that end
// within timerSlack (PR_SET_TIMERSLACK of prctl(2)). Go's runtime looks after a program that runs every 20 us, which
// took a quarter of what an emulated guest did. Timers of sockets are not sleeps: the kernel answers as before.
func slackTimers() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		err := os.WriteFile("/proc/"+t.Name()+"/timerslack_ns", []byte(strconv.Itoa(int(timerSlack))), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // kernels before 4.6 have none, nor has a thread that ended
			return err
		}
	}
	return nil
}

// stdio is a channel that has two ends.
type stdio struct {
	io.Reader
	io.Writer
}

// serve answers what is asked over the channel, see local.Kernel for the rest.
func serve(channel io.ReadWriter, bare bool, noFiles string) error {
	k, err := local.New(nil)
	if err != nil {
		return err
	}
	k.Bare, k.NoFiles = bare, noFiles
	info, version, err := local.Info(context.Background())
	if err != nil {
		return err
	}
	return remote.Serve(channel, remote.Hello{Kernel: info, Version: version}, k)
}

// mounts makes the machine that labrun expects. pivot_root(2) refuses to move the root that the kernel
// has unpacked the initramfs to, so the same files become a mount of their own.
func mounts() error {
	const root = "/root"
	if err := errors.Join(mount("/", root, "", unix.MS_BIND), enterRoot(root)); err != nil {
		return err
	}
	if err := errors.Join(
		mount("proc", "/proc", "proc", 0),
		mount("sysfs", "/sys", "sysfs", 0),
		mount("devtmpfs", "/dev", "devtmpfs", 0),
		mount("tmpfs", "/tmp", "tmpfs", 0),
		mount("tmpfs", "/run", "tmpfs", 0),
		os.Mkdir(sys.Cgroups, 0o755),
	); err != nil {
		return err
	}
	// The kernel may be without; then it has none of what needs it.
	_ = unix.Mount("cgroup2", sys.Cgroups, "cgroup2", 0, "")
	return nil
}

// enterRoot makes what is mounted on a folder the root.
func enterRoot(dir string) error {
	return errors.Join(os.Chdir(dir), mount(".", "/", "", unix.MS_MOVE), unix.Chroot("."), os.Chdir("/"))
}

func mount(source, target, kind string, flags uintptr) error {
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}

// commandLine returns the words NAME=VALUE that the kernel was started with.
func commandLine() (map[string]string, error) {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	words := map[string]string{}
	for word := range strings.FieldsSeq(string(text)) {
		if name, value, ok := strings.Cut(word, "="); ok {
			words[name] = value
		}
	}
	return words, nil
}

// deviceLimit is how long a device may take to come, in the guest's time.
const deviceLimit = 10 * time.Second

// openChannel opens the line to the labrun that asks, which console= does not name. A driver that was
// loaded a moment ago makes its device when the machine has told it of that.
func openChannel(name string) (f *os.File, err error) {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		f, err = os.OpenFile(path.Join("/dev", name), os.O_RDWR|unix.O_NOCTTY, 0)
		if !errors.Is(err, os.ErrNotExist) || time.Since(began) > deviceLimit {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the channel to labrun: %w", err)
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return f, nil // not a terminal
	}
	// cfmakeraw(3)
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return f, unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}

// modules is a guest's index.
type modules map[string]module

func readIndex() (modules, error) {
	text, err := os.ReadFile("/" + indexFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // a kernel that needs none
	}
	if err != nil {
		return nil, err
	}
	all := modules{}
	dec := json.NewDecoder(bufio.NewReader(bytes.NewReader(text)))
	for dec.More() {
		var m module
		if err := dec.Decode(&m); err != nil {
			return nil, err
		}
		all[m.Name] = m
	}
	return all, nil
}

var errNoModule = errors.New("no such module")

// load loads a module and what it depends on.
func (all modules) load(name string) error {
	m, ok := all[name]
	if !ok {
		return fmt.Errorf("%s: %w", name, errNoModule)
	}
	for _, d := range m.Depends {
		if err := all.load(strings.ReplaceAll(d, "-", "_")); err != nil && !errors.Is(err, errNoModule) {
			return err
		}
	}
	if err := insert("/" + m.File); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load module %s: %w", name, err)
	}
	return nil
}

// insert loads a file, compressed or not. Kernels before 5.17, and those that were built so, leave it to
// modprobe to decompress.
//
// A kernel does not verify the signature of a module whose version it is told to ignore (module_sig_check
// in kernel/module/signing.c), which takes an emulated machine five times as long as all else. One that insists on
// signatures, or does not ignore versions, gets the module once more as any other program would load it.
func insert(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if path.Ext(file) != ".ko" {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	for _, more := range []int{unix.MODULE_INIT_IGNORE_VERMAGIC, 0} {
		err = unix.FinitModule(int(f.Fd()), "", flags|more)
		if err == nil || errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	if flags == 0 {
		return err
	}
	content, err := readModule(file)
	if err != nil {
		return err
	}
	return unix.InitModule(content, "")
}

// modprobe is what the kernel starts for a module that it lacks: "modprobe -q -- ALIAS".
func modprobe(args []string) int {
	runtime.LockOSThread()
	index, err := readIndex()
	if err != nil || len(args) == 0 {
		return 1
	}
	alias := strings.ReplaceAll(args[len(args)-1], "-", "_")
	for name, m := range index {
		if name == alias || slices.ContainsFunc(m.Aliases, func(a string) bool {
			ok, err := path.Match(strings.ReplaceAll(a, "-", "_"), alias)
			return ok && err == nil
		}) {
			if err := index.load(name); err != nil {
				fmt.Println("labrun: guest:", err)
				return 1
			}
			return 0
		}
	}
	return 1
}
