package guest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/kernel/image"
	"labrun/lab/topology"
)

// programQuestions are cells whose programs are the machine's. DIR is the folder of their file; beside it there is a
// sibling.
const programQuestions = `
name: trial
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments:
  begins-in-the-folder:
    steps: [{run: [sh, -c, pwd; cat beside], stdout: "/labrunDIR\nhello"}]
  writes:
    steps:
      - run: [sh, -c, "echo changed >beside && cat beside && echo new >/etc/labrun-was-here && cat /etc/labrun-was-here && rm /etc/passwd"]
        stdout: "changed\nnew"
  sees-nothing-of-what-another-wrote:
    steps:
      - {run: [sh, -c, "echo changed >beside; rm /etc/passwd"]}
      - {run: [sh, -c, "cat beside; test -e /etc/passwd && test ! -e /etc/labrun-was-here"], stdout: hello}
  sees-nothing-else-of-tmp:
    steps:
      - run: [sh, -c, "ls /tmp /labrunDIR/..; cat DIR/beside DIR/../sibling/secret /labrunDIR/../sibling/secret /labrun-foldersDIR/../sibling/secret"]
        exit: 1
        stdout: "/labrunDIR/..:\nfolder\n\n/tmp:"
  owners-are-the-machines:
    processes: {other: {user: 1000}}
    steps:
      - {run: [sh, -c, id -u; cat mine; echo x >beside], as: other, exit: 2, stdout: "1000\nmine"}
      - {run: [sh, -c, cat others], as: other, exit: 1}
      - {run: [cat, others], stdout: others}
  cannot-write-to-the-machine:
    steps:
      - {run: [sh, -c, "! mount -t tmpfs none /mnt && ! umount / && ! mount -o remount,rw /"]}
  many-bytes:
    steps: [{run: [cksum, big], stdout: SUM}]
  # A guest whose clock counts instructions finds that no time has passed, or all of the limit, when it waits for files.
  waits-for-files-and-not-for-time:
    steps: [{run: [sh, -c, cat many/* >/dev/null], limit: 5s}]
  in-the-background:
    steps:
      - {run: sleep 1000, as: web, background: true}
      - {main: ["kill(web, SIGTERM)", wait(web) = 143]}
`

// TestPrograms has guests run programs of this machine: each sees the machine's files, and changes none.
func TestPrograms(t *testing.T) {
	for _, i := range testKernels(t) {
		t.Run(filepath.Base(i.Spec), func(t *testing.T) {
			if i.Machine != image.Host() {
				t.Skip("programs of this machine are for another architecture")
			}
			testPrograms(t, i)
		})
	}
}

func testPrograms(t *testing.T, i image.Image) {
	dir, err := os.MkdirTemp("/tmp", "labrun-test-") // of which programs see nothing
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, "folder")
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write("sibling/secret", "secret", 0o644)
	write("folder/beside", "hello\n", 0o644)
	write("folder/mine", "mine\n", 0o600)
	write("folder/others", "others\n", 0o600)
	for n := range 60 {
		write(fmt.Sprintf("folder/many/%d", n), "x", 0o644)
	}
	big := bytes.Repeat([]byte("0123456789abcdef\n"), 100_000)
	write("folder/big", string(big), 0o644)
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(folder, "mine"), 1000, 1000); err != nil {
			t.Fatal(err)
		}
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := exec.Command("cksum", filepath.Join(folder, "big")).Output()
	if err != nil {
		t.Fatal(err)
	}
	checksum, _, _ := strings.Cut(string(sum), " /")
	text := strings.NewReplacer("DIR", folder, "SUM", strconv.Quote(checksum+" big")).Replace(programQuestions)
	top, err := topology.Load(topology.Source{File: filepath.Join(folder, "trial.yaml"), Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Start(t.Context(), i, Options{Files: &Files{Folders: []string{folder}}})
	if err != nil {
		t.Fatal(err)
	}
	defer noChildren(t)
	defer k.Close()
	for n := range top.Experiments {
		e := &top.Experiments[n]
		t.Run(e.Name, func(t *testing.T) {
			if strings.Contains(e.Name, "owners") && os.Geteuid() != 0 {
				t.Skip("all files that there are belong to one user")
			}
			a := askOne(t, k, top, e, lab.Kernel{Version: k.Hello.Version})
			if !a.Passed() {
				t.Errorf("got %+v", a)
			}
		})
	}
	if now, err := os.ReadFile("/etc/passwd"); err != nil || !bytes.Equal(now, passwd) {
		t.Errorf("/etc/passwd was changed: %v", err)
	}
	if now, err := os.ReadFile(filepath.Join(folder, "beside")); err != nil || string(now) != "hello\n" {
		t.Errorf("a file of the folder was changed to %q, %v", now, err)
	}
	if _, err := os.Lstat("/etc/labrun-was-here"); err == nil {
		t.Error("a program has left a file in /etc")
	}
}

// TestLacksFiles has guests whose kernels lack what it takes to show them the machine's files: a cell with a program is
// skipped and says what is missing, and one without is answered.
func TestLacksFiles(t *testing.T) {
	for _, i := range testKernels(t) {
		if i.UserMode || i.Machine != image.Host() {
			continue
		}
		all, err := findModules(i.Modules)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ module, wants string }{
			{"fuse.ko", "the guest's kernel has no fuse (CONFIG_FUSE_FS)"},
			{"overlay.ko", "the guest's kernel has no overlay (CONFIG_OVERLAY_FS)"},
			{"virtio_console.ko", "the guest's kernel has no virtio_console (CONFIG_VIRTIO_CONSOLE)"},
		} {
			t.Run(filepath.Base(i.Spec)+" "+c.module, func(t *testing.T) {
				lacking := i
				lacking.Modules = t.TempDir()
				left := 0
				for _, file := range all {
					if strings.HasPrefix(filepath.Base(file), c.module) {
						continue
					}
					left++
					rel, err := filepath.Rel(i.Modules, file)
					if err != nil {
						t.Fatal(err)
					}
					link := filepath.Join(lacking.Modules, rel)
					if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.Symlink(file, link); err != nil {
						t.Fatal(err)
					}
				}
				if left == len(all) {
					t.Skipf("%s is in the kernel itself", c.module)
				}
				testLacks(t, lacking, c.wants)
			})
		}
	}
}

func testLacks(t *testing.T, i image.Image, wants string) {
	top, err := topology.Load(topology.Source{File: "trial.yaml", Text: []byte(`
name: trial
networks: {red: 192.0.2.0/24}
hosts: {alpha: {nics: {eth0: {network: red, as: x}}}}
experiments:
  a-program: {steps: [{run: [echo]}]}
  none: {steps: [a = socket(tcp), "bind(a, x:80)"]}
`)})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Start(t.Context(), i, Options{Files: &Files{}})
	if err != nil {
		t.Fatal(err)
	}
	defer noChildren(t)
	defer k.Close()
	on := lab.Kernel{Version: k.Hello.Version}
	if a := askOne(t, k, top, &top.Experiments[0], on); !strings.Contains(a.Skip, wants) {
		t.Errorf("a cell with a program: %+v, want a skip for %q", a, wants)
	}
	if a := askOne(t, k, top, &top.Experiments[1], on); !a.Passed() {
		t.Errorf("a cell without one: %+v", a)
	}
}
