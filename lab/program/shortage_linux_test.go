package program

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"labrun/lab/child"
)

// TestShortagePasses has no descriptor left when it finds out about this program, and then
// finds it out all the same. What was found out is remembered, so it takes a process of its own.
func TestShortagePasses(t *testing.T) {
	const again = "LABRUN_TEST_SHORTAGE"
	if os.Getenv(again) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run", "^TestShortagePasses$")
		cmd.Env = append(os.Environ(), again+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name string
		find func() error
	}{
		{"libraries", func() error { _, err := child.FindLibraries(); return err }},
		{"copy of labrun", func() error { _, err := sealed(); return err }},
	} {
		none := unix.Rlimit{Cur: 0, Max: limit.Max}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
			t.Fatal(err)
		}
		before := f.find()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if before == nil {
			t.Errorf("%s: found without descriptors", f.name)
		}
		if err := f.find(); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}
