// Package guest asks kernels other than this machine's: each boots in a guest of its own, emulated
// by QEMU or as User-mode Linux, whose init is this program. It takes neither root nor a network.
package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/kernel/image"
	"labrun/lab/kernel/remote"
)

// Kernel is a kernel in a guest that runs.
type Kernel struct {
	*remote.Kernel
	console *console
	channel *os.File
	process *os.Process
	ended   chan struct{}
}

// Start boots a kernel and waits until it can be asked. The caller has to close it.
func Start(ctx context.Context, i image.Image) (*Kernel, error) {
	m, ok := machines[i.Machine]
	if !ok {
		return nil, fmt.Errorf("labrun knows no machine of QEMU for %s", i.Machine)
	}
	qemu, err := exec.LookPath(m.qemu)
	if err != nil {
		return nil, err
	}
	initrd, err := initramfs(i)
	if err != nil {
		return nil, err
	}
	defer initrd.Close()
	console, consoleEnd, err := pair("console")
	if err != nil {
		return nil, err
	}
	defer consoleEnd.Close()
	channel, channelEnd, err := pair("channel")
	if err != nil {
		return nil, err
	}
	defer channelEnd.Close()
	k := &Kernel{channel: channel, ended: make(chan struct{}), console: newConsole(console)}
	cmd := &exec.Cmd{Path: qemu, Args: m.command(i.Kernel, 3, 4, 5, ""),
		ExtraFiles: []*os.File{initrd, consoleEnd, channelEnd}, Stdout: k.console, Stderr: k.console,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	if err := k.run(cmd); err != nil {
		return nil, err
	}
	dialed := make(chan error, 1)
	go func() {
		var err error
		k.Kernel, err = remote.Dial(channel, k.explain)
		dialed <- err
	}()
	select {
	case err = <-dialed:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		k.kill()
		return nil, k.explain(err)
	}
	return k, nil
}

// run starts the emulator and waits for it. The kernel ends it with the thread that started it, if
// labrun is killed (PR_SET_PDEATHSIG), so that thread does nothing else.
func (k *Kernel) run(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		k.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // what it ends with, its console has said
			k.channel.Close()
			close(k.ended)
		}
	}()
	return <-started
}

// explain adds what the guest's console said last.
func (k *Kernel) explain(err error) error {
	if last := k.console.last(); last != "" {
		return fmt.Errorf("%w; the guest's last lines:\n%s", err, last)
	}
	return err
}

// Close ends the guest.
func (k *Kernel) Close() { k.kill() }

func (k *Kernel) kill() {
	_ = k.process.Kill()
	<-k.ended
	k.console.Close()
}

// pair returns a connected pair of sockets, the second one for a child.
func pair(name string) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil { // so that a close ends a read
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

// initramfs returns what the guest's kernel unpacks, in memory: nothing is left of it.
func initramfs(i image.Image) (*os.File, error) {
	fd, err := unix.MemfdCreate("initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "initramfs")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	a := newArchive(&b)
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "run", "root", "etc"} {
		a.folder(dir)
	}
	a.file("init", cpioExec, self)
	libs, err := child.FindLibraries()
	if err != nil {
		return nil, err
	}
	copies, err := libs.Copies()
	if err != nil {
		return nil, err
	}
	packed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(copies)) {
		packed[name] = true
		content, err := os.ReadFile(copies[name])
		if err != nil {
			return nil, err
		}
		a.file(strings.TrimPrefix(name, "/"), cpioExec, content)
	}
	if i.Machine == image.Host() {
		if err := packPrograms(a, packed); err != nil {
			return nil, err
		}
	}
	a.entry("modprobe", cpioLink, []byte("init"))
	a.file("etc/passwd", cpioFile, []byte("root:x:0:0:root:/:/bin/sh\n"))
	if i.Modules != "" {
		all, err := indexModules(i.Modules)
		if err == nil {
			err = packModules(a, all)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := a.end(); err != nil {
		return nil, err
	}
	_, err = io.Copy(f, &b)
	return f, errors.Join(err, f.Sync())
}

// console keeps what a guest and its emulator said last.
type console struct {
	mu    sync.Mutex
	text  []byte
	guest *os.File
	done  chan struct{}
}

const consoleKeeps = 16 << 10

func newConsole(guest *os.File) *console {
	c := &console{guest: guest, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_, _ = io.Copy(c, guest)
	}()
	return c
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if os.Getenv("LABRUN_CONSOLE") != "" {
		os.Stderr.Write(b)
	}
	c.text = append(c.text, b...)
	if n := len(c.text) - consoleKeeps; n > 0 {
		c.text = append(c.text[:0], c.text[n:]...)
	}
	return len(b), nil
}

// last returns its last lines.
func (c *console) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(c.text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

func (c *console) Close() {
	c.guest.Close()
	<-c.done
}
