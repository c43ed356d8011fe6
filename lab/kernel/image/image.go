// Package image finds kernels that can be booted: a file, a folder, a package, or a name such as
// debian:6.1 that the machine's own apt knows. It starts none of them.
package image

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"labrun/lab"
)

// Image is a kernel that can be booted.
type Image struct {
	Spec     string // as it was asked for
	Kernel   string // the file
	Modules  string // its lib/modules/VERSION; "" where it has none
	Machine  string // architecture, as uname(2) has it
	UserMode bool   // User-mode Linux, a program of this machine
	GVisor   bool   // runsc, a kernel of its own that is a program of this machine
	// Libraries is the folder that a User-mode Linux has to be started in, with LD_LIBRARY_PATH set to it; ""
	// where the machine's C library fits. It has ld.so and libc.so.6 of the suite that the program is from.
	Libraries string
	// Release is what the file says of itself, as /proc/version does after "Linux version"; "" where it
	// is compressed too well to tell.
	Release string
	Version lab.KernelVersion // from Release; zero where it does not say
}

// String names the kernel as a user would: "6.1.176 (debian:6.1)".
func (i Image) String() string {
	if i.Version == (lab.KernelVersion{}) {
		return i.Spec
	}
	return fmt.Sprintf("%s (%s)", i.Version, i.Spec)
}

// openFile finds the kernel that a file or a folder is.
func openFile(spec string) (Image, error) {
	st, err := os.Stat(spec)
	if err != nil {
		return Image{}, errors.Unwrap(err)
	}
	i := Image{Spec: spec, Kernel: spec}
	if st.IsDir() {
		i.Kernel, err = inFolder(spec)
	} else if !st.Mode().IsRegular() {
		err = errors.New("neither a file nor a folder")
	}
	if err != nil {
		return i, err
	}
	if err := i.read(); err != nil {
		if i.Kernel != spec {
			err = fmt.Errorf("%s: %w", i.Kernel, err)
		}
		return i, err
	}
	root := spec
	if !st.IsDir() {
		root = rootOf(spec)
	}
	if i.Modules, err = i.findModules(root); err != nil || !i.UserMode {
		return i, err
	}
	// It is started as a program, in the folder of its C library: no path may depend on PATH or on where labrun is.
	if i.Kernel, err = filepath.Abs(i.Kernel); err == nil && root != "" {
		if root, err = filepath.Abs(root); exists(filepath.Join(root, librariesDir)) {
			i.Libraries = filepath.Join(root, librariesDir)
		}
	}
	return i, err
}

// kernelFiles are where a folder has its kernel: those of a machine, of a package, and of packages since 6.19.
var kernelFiles = []string{"boot/vmlinuz*", "boot/vmlinux*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz",
	"usr/bin/linux*"}

// inFolder returns the kernel of a folder.
func inFolder(dir string) (string, error) {
	for _, pattern := range kernelFiles {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		switch {
		case len(found) > 1:
			return "", fmt.Errorf("it has %d kernels, %s; name one", len(found), strings.Join(found, ", "))
		case len(found) == 1:
			return found[0], nil
		}
	}
	return "", errors.New("the folder has no kernel, no boot/vmlinuz* and no lib/modules/*/vmlinuz")
}

// rootOf returns the folder below which the modules of a kernel that is a file lie; "" is none. The kernels of a
// machine are boot/vmlinuz-RELEASE or lib/modules/RELEASE/vmlinuz, which /vmlinuz links to, and usr/bin/linux.uml.
func rootOf(kernel string) string {
	kernel, err := filepath.EvalSymlinks(kernel)
	if err != nil {
		return ""
	}
	kernel, err = filepath.Abs(kernel)
	if err != nil {
		return ""
	}
	dir := filepath.Dir(kernel)
	above := filepath.Dir(dir)
	switch {
	case filepath.Base(dir) == "boot":
		return above
	case filepath.Base(above) == "modules":
		return filepath.Dir(filepath.Dir(above))
	case filepath.Base(dir) == "bin" && filepath.Base(above) == "usr":
		return filepath.Dir(above)
	}
	return ""
}

// findModules returns the folder of a kernel's modules below root: the one that is named after its release,
// or else the only one; "" where there are none.
func (i Image) findModules(root string) (string, error) {
	if root == "" {
		return "", nil
	}
	var all []string
	for _, pattern := range []string{"lib/modules/*/kernel", "usr/lib/modules/*/kernel", "usr/lib/uml/modules/*/kernel"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return "", err
		}
		for _, f := range found {
			all = append(all, filepath.Dir(f))
		}
	}
	base := filepath.Base(i.Kernel)
	for _, dir := range all {
		name := filepath.Base(dir)
		if name == i.Release || strings.HasSuffix(base, "-"+name) || filepath.Dir(i.Kernel) == dir {
			return dir, nil
		}
	}
	// Those of another release are not loaded: the kernel compares.
	if len(all) == 1 && i.Release == "" {
		return all[0], nil
	}
	return "", nil
}

// machines are Go's names of architectures, as uname(2) has them.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x",
	"386": "i686"}

// Host returns this machine's architecture, as uname(2) has it.
func Host() string { return machines[runtime.GOARCH] }

// GoArch returns Go's name of an architecture; "" where labrun does not run.
func GoArch(machine string) string {
	for arch, m := range machines {
		if m == machine {
			return arch
		}
	}
	return ""
}

// read finds out what kind of file a kernel is, by its first bytes.
func (i *Image) read() error {
	f, err := os.Open(i.Kernel)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 65<<10) // that of s390x says what it is at 64 KB
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	head = head[:n]
	at := func(offset int, magic string) bool {
		return len(head) > offset+len(magic) && string(head[offset:offset+len(magic)]) == magic
	}
	switch {
	case at(0x202, "HdrS"): // Documentation/arch/x86/boot.rst
		if i.Machine = "x86_64"; len(head) < 0x210 {
			return errors.New("a bzImage that is cut short")
		}
		offset := 0x200 + int(head[0x20e]) + int(head[0x20f])<<8
		if offset < len(head) {
			text, _, _ := bytes.Cut(head[offset:], []byte{0})
			i.release(string(text))
		}
	case at(0x38, "ARM\x64"): // Documentation/arch/arm64/booting.rst
		i.Machine = "aarch64"
	case at(0x38, "RSC\x05"): // Documentation/arch/riscv/boot-image-header.rst
		i.Machine = "riscv64"
	case at(0, elf.ELFMAG):
		return i.readELF(f)
	default:
		if at(4, "S390EP") || at(0x10008, "S390EP") { // arch/s390/boot/head.S
			i.Machine = "s390x"
			break
		}
		return fmt.Errorf("it is not a kernel of an architecture that labrun knows; it knows vmlinuz and bzImage of " +
			"x86-64, Image of arm64 and riscv64, bzImage of s390x, and vmlinux")
	}
	if i.Release == "" {
		i.search(f)
	}
	return nil
}

// readELF reads a vmlinux, or a User-mode Linux: that is a program, which the kernel starts at an
// address of users.
func (i *Image) readELF(f *os.File) error {
	e, err := elf.NewFile(f)
	if err != nil {
		return err
	}
	switch e.Machine {
	case elf.EM_X86_64:
		i.Machine = "x86_64"
	case elf.EM_AARCH64:
		i.Machine = "aarch64"
	case elf.EM_RISCV:
		i.Machine = "riscv64"
	case elf.EM_S390:
		i.Machine = "s390x"
	default:
		return fmt.Errorf("it is for %s, which labrun does not know", e.Machine)
	}
	i.search(f)
	i.UserMode = i.Machine == Host() && e.Entry < 1<<47 && e.Section(".uml.setup.init") != nil
	if !i.UserMode && i.Release == "" {
		return errors.New("it is a program, and not a kernel: it has no \"Linux version\"")
	}
	return nil
}

// search looks for "Linux version" in what is not compressed.
func (i *Image) search(f *os.File) {
	const words = "Linux version "
	text, err := os.ReadFile(f.Name())
	if err != nil {
		return
	}
	for rest := text; ; {
		at := bytes.Index(rest, []byte(words))
		if at < 0 {
			return
		}
		rest = rest[at+len(words):]
		if line, _, ok := bytes.Cut(rest[:min(len(rest), 512)], []byte{'\n'}); ok && rest[0] >= '0' && rest[0] <= '9' {
			i.release(string(line))
			return
		}
	}
}

// release takes what a kernel says of itself: "6.1.0-50-cloud-amd64 (debian-kernel@...) ... Debian 6.1.176-1".
func (i *Image) release(text string) {
	i.Release = text
	if end := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }); end >= 0 {
		i.Release = text[:end]
	}
	if v, err := lab.KernelVersionOf(i.Release, text); err == nil {
		i.Version = v
	}
}
