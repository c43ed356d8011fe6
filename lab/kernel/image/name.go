package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"labrun/lab/wording"
)

// Kinds says what a name of a kernel may be, for messages and --help.
const Kinds = "a kernel's file (vmlinuz, bzImage, vmlinux, a User-mode Linux), a folder with boot/vmlinuz* and " +
	"lib/modules, a package linux-image-*.deb, debian:VERSION, um:VERSION, gvisor or gvisor:PATH"

// The kinds of names that are no files'.
const (
	debianKind = "debian" // what apt knows, for a machine that is emulated
	umlKind    = "um"     // what apt knows, as a program
	gvisorKind = "gvisor"
)

// name is a kernel's name that is not a file's: "debian:6.1:arm64".
type name struct {
	kind    string
	version string // or a path, of gvisor; "" is the newest
	arch    string // as Debian has it
}

// versionText is what versions of kernels and of packages are made of.
var versionText = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~-]*$`)

// parse takes a name apart. It is nil for one that is a file's.
func parse(spec string) (*name, error) {
	kind, rest, hasRest := strings.Cut(spec, ":")
	n := &name{kind: kind, version: rest, arch: debianArch()}
	switch {
	case !slices.Contains([]string{debianKind, umlKind, gvisorKind}, kind) || exists(spec):
		return nil, nil
	case hasRest && rest == "":
		return nil, fmt.Errorf("nothing stands after the colon; the name is %s or %s:%s", kind, kind, map[bool]string{
			true: "PATH", false: "VERSION"}[kind == gvisorKind])
	case kind == gvisorKind:
		return n, nil
	}
	// A version has no colon: it would be that of an epoch, which no kernel has.
	version, arch, hasArch := strings.Cut(rest, ":")
	if n.version = version; version != "" && !versionText.MatchString(version) {
		return nil, fmt.Errorf("%s is not a version, such as 6.1 or 6.12.117", wording.Quote(version))
	}
	if hasArch {
		if _, known := debianMachines[arch]; !known {
			return nil, fmt.Errorf("%s is not an architecture of Debian%s", wording.Quote(arch),
				wording.Hint(arch, "labrun knows", wording.Sorted(keys(debianMachines)...)))
		}
		if kind == umlKind && arch != n.arch {
			return nil, fmt.Errorf("a User-mode Linux is a program of this machine, which is %s", n.arch)
		}
		n.arch = arch
	}
	return n, nil
}

// Check finds what is wrong with a kernel's name on every machine and at every time: that is a mistake of
// the user's. Whether a kernel can be had is found out by Open.
func Check(spec string) error {
	n, err := parse(spec)
	switch {
	case err != nil:
		return err
	case n != nil && n.kind == gvisorKind && n.version != "":
		_, err = openGVisor(spec, n.version)
		return err
	case n != nil:
		return nil
	case !exists(spec):
		return noFile(spec)
	case isDeb(spec):
		return nil
	}
	_, err = openFile(spec)
	return err
}

// Open finds a kernel by its name. One that is in a package is unpacked into the user's cache, or found there,
// and fetched by apt if it has to be.
func Open(ctx context.Context, spec string) (Image, error) {
	n, err := parse(spec)
	switch {
	case err != nil:
		return Image{}, err
	case n == nil && !exists(spec):
		return Image{}, noFile(spec)
	case n == nil && isDeb(spec):
		return openDeb(ctx, spec)
	case n == nil:
		i, err := openFile(spec)
		if err == nil && i.UserMode {
			if why := starts(ctx, i.Kernel, i.Libraries); why != nil {
				err = lacksLibraries(why, i.Version)
			}
		}
		return i, err
	case n.kind == gvisorKind:
		return openGVisor(spec, n.version)
	}
	return openPackaged(ctx, spec, *n)
}

// noFile says of a name that it is not a file's, and what it was probably meant to be.
func noFile(spec string) error {
	kind, rest, hasRest := strings.Cut(spec, ":")
	near := wording.Nearest(kind, []string{debianKind, umlKind, gvisorKind, "host", "all"})
	switch {
	case hasRest && near != "" && near != "host" && near != "all":
		return fmt.Errorf("no such file, did you mean %q?", near+":"+rest)
	case !hasRest && near != "" && !strings.ContainsRune(spec, filepath.Separator):
		return fmt.Errorf("no such file, did you mean %q?", near)
	case versionText.MatchString(spec) && !hasRest:
		return fmt.Errorf("no such file, did you mean %q?", debianKind+":"+spec)
	}
	return fmt.Errorf("no such file; a kernel is host, %s", Kinds)
}

// exists reports whether there is a file of that name, or something that keeps labrun from knowing.
func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// openGVisor finds a runsc.
func openGVisor(spec, path string) (Image, error) {
	i := Image{Spec: spec, GVisor: true, Machine: Host()}
	var err error
	if path == "" {
		if i.Kernel, err = exec.LookPath("runsc"); err != nil {
			return i, errors.New("this machine has no runsc in its path; install gVisor (Debian's package runsc), or give " +
				"gvisor:PATH")
		}
		return i, nil
	}
	// With a "/" LookPath looks nowhere else, and sees whether it can be run.
	if i.Kernel, err = filepath.Abs(path); err == nil {
		_, err = exec.LookPath(i.Kernel)
	}
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = failed.Err
		var inner *fs.PathError
		if errors.As(err, &inner) {
			err = inner.Err
		}
	}
	return i, err
}

// debianMachines are Debian's names of architectures, as uname(2) has them.
var debianMachines = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x",
	"i386": "i686"}

// debianArch returns this machine's, which is Go's name of it but for one.
func debianArch() string {
	if runtime.GOARCH == "386" {
		return "i386"
	}
	return runtime.GOARCH
}

// keys returns the keys of a map, in any order.
func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}
