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

// Kinds says what a name of a kernel may be, for messages and --help.
const Kinds = "a kernel's file (vmlinuz, bzImage, vmlinux, a User-mode Linux), a folder with boot/vmlinuz* and " +
	"lib/modules, a linux-image-*.deb, or debian:VERSION"

// Open finds the kernel that a file or a folder is.
func Open(spec string) (Image, error) {
	st, err := os.Stat(spec)
	if err != nil {
		return Image{}, fmt.Errorf("kernel %s: %w; a kernel is %s", spec, errors.Unwrap(err), Kinds)
	}
	i := Image{Spec: spec, Kernel: spec}
	if st.IsDir() {
		if i.Kernel, i.Modules, err = inFolder(spec); err != nil {
			return i, fmt.Errorf("kernel %s: %w", spec, err)
		}
	}
	if err := i.read(); err != nil {
		return i, fmt.Errorf("kernel %s: %w", i.Kernel, err)
	}
	return i, nil
}

// inFolder returns the newest kernel of a folder, and its modules.
func inFolder(dir string) (kernel, modules string, err error) {
	for _, pattern := range []string{"boot/vmlinuz*", "boot/vmlinux*", "usr/lib/modules/*/vmlinuz", "lib/modules/*/vmlinuz", "usr/bin/linux*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", "", err
		}
		switch {
		case len(found) > 1:
			return "", "", fmt.Errorf("it has several kernels, %s; name one", strings.Join(found, ", "))
		case len(found) == 1:
			kernel = found[0]
		}
		if kernel != "" {
			break
		}
	}
	if kernel == "" {
		return "", "", errors.New("it has no boot/vmlinuz*")
	}
	for _, pattern := range []string{"lib/modules/*/kernel", "usr/lib/modules/*/kernel", "usr/lib/uml/modules/*/kernel"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", "", err
		}
		if len(found) > 0 {
			modules = filepath.Dir(found[len(found)-1])
			break
		}
	}
	return kernel, modules, nil
}

// machines are Go's names of architectures, as uname(2) has them.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x", "386": "i686"}

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
	head := make([]byte, 64<<10)
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
		i.Machine = "x86_64"
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
		return fmt.Errorf("it is not a kernel of an architecture that labrun knows; it knows vmlinuz and bzImage of x86-64, " +
			"Image of arm64 and riscv64, bzImage of s390x, and vmlinux")
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
	i.Release, _, _ = strings.Cut(text, " ")
	if v, err := lab.KernelVersionOf(i.Release, text); err == nil {
		i.Version = v
	}
}
