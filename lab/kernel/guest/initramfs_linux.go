package guest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
	"labrun/lab/kernel/image"
)

// initramfs returns what the guest's kernel unpacks, in memory: nothing is left of it.
func initramfs(ctx context.Context, i image.Image, labrun string) (*os.File, error) {
	var b bytes.Buffer
	a := newArchive(&b)
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
	if err := a.end(); err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "initramfs")
	if _, err := io.Copy(f, &b); err != nil {
		f.Close()
		return nil, fmt.Errorf("write the initramfs: %w", err)
	}
	return f, nil
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
