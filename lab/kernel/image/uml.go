package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"labrun/lab"
)

// librariesDir is where a folder of the cache has the C library that its kernel needs.
const librariesDir = "libraries"

// The C library's two files that a User-mode Linux is linked with, by their last names in libc6; its
// dynamic linker is renamed so that its name fits where the program names it.
var libraryFiles = map[string]string{"ld-linux-x86-64.so.2": "ld.so", "ld-linux-aarch64.so.1": "ld.so",
	"libc.so.6": "libc.so.6"}

// fitLibraries sees whether a User-mode Linux in dir runs with this machine's C library. Where it does not, since
// its suite's is newer, it gets that one beside it.
//
// To start it by "ld.so --library-path" does not do. Linux then finds its heap behind ld.so and not behind itself
// and takes the distance, 90 TB, for memory that it has (linux_main in arch/um/kernel/um_arch.c); and newer ones
// start /proc/self/exe again, which is ld.so. So the program names another ld.so, by a path that is relative to
// the folder that it is started in, for no longer one has room there.
func fitLibraries(ctx context.Context, dir string, p Package, fromApt bool) error {
	if p.Name != umlPackage {
		return nil
	}
	kernel, err := inFolder(dir)
	if err != nil {
		return err
	}
	why := starts(ctx, kernel, "")
	if why == nil {
		return nil
	}
	if !fromApt {
		return lacksLibraries(why, p.kernel())
	}
	libc, err := libraryFor(ctx)
	if err != nil {
		return fmt.Errorf("%w; without another C library: %w", err, why)
	}
	libraries := filepath.Join(dir, librariesDir)
	file, err := fetch(ctx, libc, dir)
	if err != nil {
		return err
	}
	err = untar(ctx, file, func(name string) string {
		if to := libraryFiles[path.Base(name)]; to != "" && !exists(filepath.Join(libraries, to)) {
			return filepath.Join(libraries, to)
		}
		return ""
	})
	if err := errors.Join(err, os.Remove(file)); err != nil {
		return err
	}
	// Both are programs to the kernel; a package has them without that mode since glibc 2.34.
	if err := os.Chmod(filepath.Join(libraries, "ld.so"), 0o755); err != nil {
		return fmt.Errorf("package %s: %w", libc, errors.Unwrap(err))
	}
	if err := renameInterpreter(kernel, "./ld.so"); err != nil {
		return err
	}
	if err := starts(ctx, kernel, libraries); err != nil {
		return fmt.Errorf("it does not run on this machine, not even with the C library of %s: %w", libc, err)
	}
	return nil
}

// starts returns why a User-mode Linux does not start with the C library in a folder, or with this machine's where
// that is "": what its dynamic linker says.
func starts(ctx context.Context, kernel, libraries string) error {
	cmd := exec.CommandContext(ctx, kernel, "--version")
	if libraries != "" {
		cmd.Dir, cmd.Env = libraries, append(os.Environ(), "LD_LIBRARY_PATH="+libraries)
	}
	said, err := cmd.CombinedOutput()
	// "KERNEL: /lib/libc.so.6: version `GLIBC_2.38' not found (required by KERNEL)", for each version.
	line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	line, _, _ = strings.Cut(strings.TrimPrefix(line, kernel+": "), " (required by ")
	if err != nil && line != "" {
		return errors.New(line)
	}
	return err
}

// lacksLibraries says what to do about a User-mode Linux that the user named and that does not start.
func lacksLibraries(why error, v lab.KernelVersion) error {
	if errors.Is(why, fs.ErrPermission) {
		return fmt.Errorf("it cannot be executed: %w", why)
	}
	version := "VERSION"
	if v != (lab.KernelVersion{}) {
		version = line(v)
	}
	return fmt.Errorf("it does not run on this machine: %w; one of another suite needs the C library of that suite, "+
		"which um:%s has apt get for it", why, version)
}

// libraryFor returns the newest C library that apt knows: programs run with one that is newer than their own.
func libraryFor(ctx context.Context) (Package, error) {
	text, err := output(ctx, "", "apt-cache", "show", "libc6")
	if err != nil {
		return Package{}, err
	}
	var all []Package
	for _, c := range parseControl(text) {
		if c["Architecture"] == debianArch() {
			all = append(all, packageOf(c))
		}
	}
	if len(all) == 0 {
		return Package{}, errors.New("apt knows no package libc6")
	}
	return slices.MaxFunc(all, func(a, b Package) int { return compareVersions(a.Version, b.Version) }), nil
}

// renameInterpreter changes the name of its dynamic linker in a program (PT_INTERP of elf(5)), to a shorter one.
func renameInterpreter(file, to string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, was := range []string{"/lib64/ld-linux-x86-64.so.2\x00", "/lib/ld-linux-aarch64.so.1\x00"} {
		// The segment is in the first page of a program that a linker wrote.
		if at := bytes.Index(content[:min(len(content), 4096)], []byte(was)); at >= 0 {
			name := make([]byte, len(was))
			copy(name, to)
			copy(content[at:], name)
			return os.WriteFile(file, content, fs.FileMode(0o755))
		}
	}
	return errors.New("it names a dynamic linker that labrun does not know")
}
