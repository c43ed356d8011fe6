package guest

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"

	"labrun/lab/child"
	"labrun/lab/kernel/image"
)

// foreign returns labrun for another architecture: the one that was given, or one that is built from the
// sources of this program if they and Go are there.
func foreign(ctx context.Context, machine, given string) ([]byte, error) {
	if given != "" {
		return readForeign(given, machine)
	}
	arch := image.GoArch(machine)
	if arch == "" {
		return nil, fmt.Errorf("labrun does not run on %s", machine)
	}
	built.Lock()
	defer built.Unlock()
	if built.program[arch] == nil {
		program, err := build(ctx, arch, machine)
		if err != nil {
			return nil, fmt.Errorf("a guest of %s needs a labrun of that architecture: %w; build one with "+
				"CGO_ENABLED=0 GOARCH=%s go build ./cmd/labrun, and give it as --guest-labrun FILE", machine, err, arch)
		}
		built.program[arch] = program
	}
	return built.program[arch], nil
}

// built are the programs for other architectures that this process has built.
var built = struct {
	sync.Mutex
	program map[string][]byte
}{program: map[string][]byte{}}

// build builds labrun for another architecture. What go build leaves in its cache makes the next time quick.
func build(ctx context.Context, arch, machine string) ([]byte, error) {
	_, file, _, ok := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); !ok || !filepath.IsAbs(file) || err != nil {
		return nil, errors.New("the sources that this one was built from are not here")
	}
	goCommand, err := exec.LookPath("go")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "labrun-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "labrun")
	cmd := exec.CommandContext(ctx, goCommand, "build", "-ldflags=-s -w", "-o", out, "./cmd/labrun")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(said))
	}
	return readForeign(out, machine)
}

// elfMachines are architectures as uname(2) has them, as elf(5) has them.
var elfMachines = map[string]elf.Machine{
	"x86_64": elf.EM_X86_64, "aarch64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390, "i686": elf.EM_386,
}

// readForeign reads a labrun, which has to be static: the libraries here are of another architecture.
func readForeign(file, machine string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s is not a program: %w", file, err)
	}
	if f.Machine != elfMachines[machine] {
		return nil, fmt.Errorf("%s is a program for %v, and the kernel is for %s", file, f.Machine, machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is linked with a C library, which the guest does not have; build it with "+
				"CGO_ENABLED=0", file)
		}
	}
	other, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s is not labrun: %w", file, err)
	}
	if own, ok := debug.ReadBuildInfo(); ok {
		err = checkVersion(file, own, other)
	}
	return content, err
}

// checkVersion refuses a program that is not this labrun, built for another architecture: what the two ends say to
// each other is another language in every version. Where Go has left no version in one of them, nothing is known.
func checkVersion(file string, own, other *debug.BuildInfo) error {
	here, there := child.Version(own), child.Version(other)
	switch {
	case other.Main.Path != own.Main.Path:
		return fmt.Errorf("%s is not labrun, but %s", file, other.Path)
	case here == there || here == child.Devel || there == child.Devel:
		return nil
	}
	return fmt.Errorf("%s is labrun %s, and this is labrun %s: both have to be of the same version", file, there, here)
}
