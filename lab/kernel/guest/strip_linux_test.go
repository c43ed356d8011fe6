package guest

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestLoaded executes this program without what debuggers read of it.
func TestLoaded(t *testing.T) {
	if os.Getenv("LABRUN_TEST_LOADED") != "" {
		return
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	short := loaded(self)
	if len(short) >= len(self) {
		t.Errorf("%d bytes of %d", len(short), len(self))
	}
	if f, err := elf.NewFile(bytes.NewReader(short)); err != nil || len(f.Progs) == 0 { // the init reads itself
		t.Errorf("%v", err)
	}
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, short, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file, "-test.run", "^TestLoaded$")
	cmd.Env = append(os.Environ(), "LABRUN_TEST_LOADED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for _, other := range [][]byte{nil, []byte("#!/bin/sh\n"), self[:100]} {
		if got := loaded(other); !bytes.Equal(got, other) {
			t.Errorf("%.20q became %.20q", other, got)
		}
	}
}
