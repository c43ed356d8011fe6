package child_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"labrun/lab/child"
)

// TestCopies executes this program in a root that has nothing but itself and its libraries, as
// the initramfs of a guest does.
func TestCopies(t *testing.T) {
	if os.Getenv("LABRUN_TEST_COPIES") != "" {
		return
	}
	libs, err := child.FindLibraries()
	if err != nil {
		t.Fatal(err)
	}
	copies, err := libs.Copies()
	if err != nil {
		t.Fatal(err)
	}
	if (libs.Interpreter == "") != (len(copies) == 0) || (libs.Interpreter == "") != (len(libs.Folders()) == 0) {
		t.Fatalf("interpreter %q, folders %q, copies %v", libs.Interpreter, libs.Folders(), copies)
	}
	root := t.TempDir()
	copies["/program"] = child.Self
	for name, from := range copies {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	attr := &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() != 0 {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	}
	cmd := &exec.Cmd{Path: "/program", Args: []string{"/program", "-test.run", "^TestCopies$"}, Dir: "/",
		Env: []string{"LABRUN_TEST_COPIES=1"}, SysProcAttr: attr}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
