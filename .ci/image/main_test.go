package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestMain(m *testing.M) {
	if root := os.Getenv("IMAGE_ROOT"); root != "" {
		panic(enter(root))
	}
	os.Exit(m.Run())
}

// enter does what a runtime of containers does: the image is all that the program sees, with a procfs and the devices
// that the specification of runtimes has in every container, of which labrun takes /dev/null.
func enter(root string) error {
	old, null := filepath.Join(root, "old"), filepath.Join(root, "dev/null")
	return errors.Join(
		syscall.Mount(root, root, "", syscall.MS_BIND|syscall.MS_REC, ""),
		syscall.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""),
		syscall.Mount("tmpfs", filepath.Join(root, "dev"), "tmpfs", 0, ""),
		os.WriteFile(null, nil, 0o600), syscall.Mount("/dev/null", null, "", syscall.MS_BIND, ""),
		os.Mkdir(old, 0o700), syscall.PivotRoot(root, old), os.Chdir("/"), syscall.Unmount("/old", syscall.MNT_DETACH),
		os.Remove("/old"),
		syscall.Exec("/"+program, os.Args, []string{"PATH=/usr/bin"}))
}

// in runs labrun in the image, as the root of a user namespace.
func in(t *testing.T, root string, args ...string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), "IMAGE_ROOT="+root)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Unshareflags: syscall.CLONE_NEWNS,
		UidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("labrun %q in the image: %v\n%s", args, err, out)
	}
	return string(out)
}

func build(t *testing.T, file string, cgo string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-o", file}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOFLAGS=") // its module is another one
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// TestImage: of the image that was written, the layers hold the program and nothing beside it but folders, and it asks
// the kernel there.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	labrun, file := filepath.Join(dir, "labrun"), filepath.Join(dir, "image.tar")
	build(t, labrun, "0", "./cmd/labrun")
	if err := write(labrun, "example/labrun:test", file); err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c := config.Config; strings.Join(c.Entrypoint, " ") != "/usr/bin/labrun" || c.User != user || config.OS != "linux" {
		t.Errorf("the image runs %+v on %s", c, config.OS)
	}

	root := filepath.Join(dir, "root")
	extract(t, mutate.Extract(image), root)
	want, err := os.ReadFile(labrun)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, program)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the program in the image is another one: %v", err)
	}
	if out := in(t, root, "version"); !strings.HasPrefix(out, "labrun ") {
		t.Errorf("labrun version: %s", out)
	}
	if out := in(t, root, "dual-nic"); !strings.Contains(out, " passed, 0 failed, 0 skipped\n") {
		t.Errorf("dual-nic: %s", out)
	}

	again := filepath.Join(dir, "again.tar")
	if err := write(labrun, "example/labrun:test", again); err != nil {
		t.Fatal(err)
	}
	a, errA := os.ReadFile(file)
	b, errB := os.ReadFile(again)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("two images of a program differ: %v, %v", errA, errB)
	}
}

// extract unpacks the files of an image. Other files than the program are none of it.
func extract(t *testing.T, layers io.ReadCloser, root string) {
	t.Helper()
	defer layers.Close()
	for r := tar.NewReader(layers); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, h.Name)
		switch {
		case h.Typeflag == tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case h.Typeflag == tar.TypeReg && h.Name == program:
			var text []byte
			if text, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, text, os.FileMode(h.Mode))
			}
		default:
			t.Errorf("the image has %s", h.Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestOtherPrograms: a file that would not start in the image makes none.
func TestOtherPrograms(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n# more than the head of a program has, which an ELF file begins with\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{text: "bad magic number", sh: "it needs libraries", filepath.Join(dir, "none"): "no such file"} {
		out := filepath.Join(dir, "image.tar")
		if err := write(file, "example/labrun", out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: there is an image", file)
		}
	}
}
