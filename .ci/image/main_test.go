package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestMain(m *testing.M) {
	if root := os.Getenv("IMAGE_ROOT"); root != "" {
		panic(enter(root))
	}
	os.Exit(m.Run())
}

// enter does what a runtime of containers does: the image is all that the program sees, with a procfs, the devices that
// the specification of runtimes has in every container, of which labrun takes /dev/null, and a volume at /parts.
func enter(root string) error {
	runtime.LockOSThread()
	in := func(path string) string { return filepath.Join(root, path) }
	err := errors.Join(
		syscall.Mount(root, root, "", syscall.MS_BIND|syscall.MS_REC, ""),
		syscall.Mount("proc", in("proc"), "proc", 0, ""),
		syscall.Mount("tmpfs", in("dev"), "tmpfs", 0, ""),
		os.WriteFile(in("dev/null"), nil, 0o600), syscall.Mount("/dev/null", in("dev/null"), "", syscall.MS_BIND, ""),
		syscall.Mount(os.Getenv("IMAGE_PARTS"), in("parts"), "", syscall.MS_BIND, ""),
		syscall.Mount("tmpfs", in("tmp"), "tmpfs", 0, "mode=1777"),
		syscall.PivotRoot(root, in("run")), os.Chdir("/"), syscall.Unmount("/run", syscall.MNT_DETACH))
	// What manifests ask for, and what they leave as it is.
	const readOnly = syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY
	switch os.Getenv("IMAGE_POD") {
	case "user": // hostUsers: false, procMount: Unmasked, no capabilities, no escalation
		err = errors.Join(err, syscall.Mount("", "/", "", readOnly, ""), noNewPrivileges(),
			syscall.Setgroups([]int{65532}), syscall.Setgid(65532), syscall.Setuid(65532))
	case "capabilities": // /proc/sys is read-only
		err = errors.Join(err, syscall.Mount("", "/", "", readOnly, ""),
			syscall.Mount("/proc/sys", "/proc/sys", "", syscall.MS_BIND, ""), syscall.Mount("", "/proc/sys", "", readOnly, ""),
			dropCapabilities())
	}
	if err != nil {
		return err
	}
	env := []string{"PATH=/usr/bin"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "IMAGE_") && !strings.HasPrefix(v, "PATH=") {
			env = append(env, v)
		}
	}
	return syscall.Exec("/"+program, os.Args, env)
}

// prctl is about this thread, which execs.
func prctl(option, value uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, value, 0, 0, 0, 0); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}

func noNewPrivileges() error { return prctl(38, 1) } // PR_SET_NO_NEW_PRIVS

// dropCapabilities leaves root those that manifests add; what is not in the bounding set is gone with exec.
func dropCapabilities() error {
	numbers := map[string]uintptr{"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
		"NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_ADMIN": 21}
	var kept uint64
	for _, name := range strings.Split(os.Getenv("IMAGE_ADD"), " ") {
		number, ok := numbers[name]
		if !ok {
			return errors.New("a capability that this test does not know: " + name)
		}
		kept |= 1 << number
	}
	for c := range uintptr(41) {
		if kept&(1<<c) == 0 {
			if err := prctl(syscall.PR_CAPBSET_DROP, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// container runs labrun in the image. Without a user namespace it is root, as far as the test is.
func container(root string, userns bool, env []string, args ...string) (string, error) {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(env, "IMAGE_ROOT="+root)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Unshareflags: syscall.CLONE_NEWNS,
	}
	if userns {
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		groups := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		if os.Getuid() == 0 { // as many as a pod has
			ids[0].Size, groups[0].Size = 65536, 65536
		}
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = ids, groups
		cmd.SysProcAttr.GidMappingsEnableSetgroups = os.Getuid() == 0
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// in runs labrun in the image, as the root of a user namespace.
func in(t *testing.T, root string, args ...string) string {
	t.Helper()
	out, err := container(root, true, []string{"IMAGE_PARTS=" + t.TempDir()}, args...)
	if err != nil {
		t.Fatalf("labrun %q in the image: %v\n%s", args, err, out)
	}
	return out
}

// TestPods runs what manifests say, in pods as these ask for: all shards, each with its index, and then the merge. Only
// the cluster is missing.
func TestPods(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a pod has more users than one, which takes root to map")
	}
	dir := t.TempDir()
	labrun, root := filepath.Join(dir, "labrun"), filepath.Join(dir, "root")
	build(t, labrun, "0", "./cmd/labrun")
	image, err := imageOf(labrun, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	extract(t, mutate.Extract(image), root)
	whole := filepath.Join(dir, "whole.json")
	if out, err := exec.Command(labrun, "dual-nic", "-q", "-o", whole).CombinedOutput(); err != nil {
		t.Fatalf("dual-nic: %v\n%s", err, out)
	}
	for _, a := range []string{dir, filepath.Dir(dir), root} { // the user of a pod has to get there
		if err := os.Chmod(a, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for pod, flags := range map[string][]string{"user": nil, "capabilities": {"--capabilities"}} {
		t.Run(pod, func(t *testing.T) {
			parts := filepath.Join(dir, pod)
			if err := errors.Join(os.Mkdir(parts, 0o777), os.Chmod(parts, 0o777)); err != nil {
				t.Fatal(err)
			}
			text, err := exec.Command(labrun, append([]string{"submit", "kubernetes", "dual-nic", "--shards=3", "--image=i", "--claim=c"},
				flags...)...).Output()
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"IMAGE_PARTS=" + parts, "IMAGE_POD=" + pod, "LABRUN_SHARDS=3"}
			if _, add, ok := strings.Cut(string(text), "add: ["); ok {
				add, _, _ = strings.Cut(add, "]")
				env = append(env, "IMAGE_ADD="+strings.ReplaceAll(add, ", ", " "))
			}
			args := argsOf(t, string(text))
			for i := range 3 {
				words := slices.Clone(args[0])
				for j, w := range words {
					words[j] = strings.ReplaceAll(w, "$(JOB_COMPLETION_INDEX)", strconv.Itoa(i))
				}
				out, err := container(root, pod == "user", append(env, "JOB_COMPLETION_INDEX="+strconv.Itoa(i)), words...)
				if err != nil {
					t.Fatalf("%q: %v\n%s", words, err, out)
				}
			}
			if out, err := container(root, pod == "user", env, args[1]...); err != nil {
				t.Fatalf("%q: %v\n%s", args[1], err, out)
			}
			out, err := exec.Command(labrun, "diff", whole, filepath.Join(parts, "report.json")).CombinedOutput()
			if err != nil {
				t.Errorf("another report than that of a run without shards: %v\n%s", err, out)
			}
		})
	}
}

// argsOf returns the arguments of the containers in a manifest, which are JSON.
func argsOf(t *testing.T, manifest string) [][]string {
	t.Helper()
	var all [][]string
	for line := range strings.Lines(manifest) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "args: "); ok {
			var args []string
			if err := json.Unmarshal([]byte(text), &args); err != nil {
				t.Fatal(err)
			}
			all = append(all, args)
		}
	}
	if len(all) != 2 {
		t.Fatalf("%d containers\n%s", len(all), manifest)
	}
	return all
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
