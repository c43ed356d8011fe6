package guest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/kernel/image"
)

// initramfs returns what the guest's kernel unpacks, in memory: nothing is left of it.
func initramfs(ctx context.Context, i image.Image, labrun string) (_ *os.File, err error) {
	f, err := inMemory("initramfs")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	b := bufio.NewWriter(f)
	a := newArchive(b)
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "run", "root", "etc"} {
		a.folder(dir)
	}
	if err := packLabrun(ctx, a, i.Machine, labrun); err != nil {
		return nil, err
	}
	a.entry(strings.TrimPrefix(helperFile, "/"), cpioLink, []byte("init"))
	a.file("etc/passwd", cpioFile, []byte("root:x:0:0:root:/:/bin/sh\n"))
	if i.Modules != "" {
		all, err := indexModules(i.Modules)
		if err == nil {
			err = packModules(a, all, append(strings.Split(machines[i.Machine].modules, ","), atOnce...))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := errors.Join(a.end(), b.Flush()); err != nil {
		return nil, fmt.Errorf("write the initramfs: %w", err)
	}
	return f, nil
}

// inMemory returns a file that nothing is left of.
func inMemory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// unpackedKernel returns what a kernel's file unpacks when it starts, for a machine that would be slow at that. It is
// nil for other machines, for a kernel that starts in no other way than by itself, and whenever anything is wrong: a
// machine that gets the file as it is says what.
func unpackedKernel(i image.Image, accel string) *os.File {
	if accel != "tcg" || i.Machine != "x86_64" || i.UserMode || i.GVisor {
		return nil
	}
	bzImage, err := os.ReadFile(i.Kernel)
	if err != nil {
		return nil
	}
	f, err := inMemory("kernel")
	if err != nil {
		return nil
	}
	if err := vmlinux(f, bzImage); err != nil {
		f.Close()
		return nil
	}
	return f
}

// packLabrun adds this program as the init, and the libraries that it is linked with. A guest of another
// architecture gets one that is made for it.
func packLabrun(ctx context.Context, a *archive, machine, given string) error {
	if machine != image.Host() {
		program, err := foreign(ctx, machine, given)
		if err != nil {
			return err
		}
		a.file(strings.TrimPrefix(initFile, "/"), cpioExec, loaded(program))
		return nil
	}
	self, err := os.ReadFile(child.Self)
	if err != nil {
		return err
	}
	a.file(strings.TrimPrefix(initFile, "/"), cpioExec, loaded(self))
	libs, err := child.FindLibraries()
	if err != nil {
		return err
	}
	copies, err := libs.Copies()
	if err != nil {
		return err
	}
	packed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(copies)) {
		packed[name] = true
		content, err := os.ReadFile(copies[name])
		if err != nil {
			return err
		}
		a.file(strings.TrimPrefix(name, "/"), cpioExec, content)
	}
	return packPrograms(a, packed)
}
