package program

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSeedsThatAreNotBound: until labrun is bound onto a seed's file, the file does not run. It succeeded, as an empty
// script of a shell, where the bind was refused.
func TestSeedsThatAreNotBound(t *testing.T) {
	exe, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	for _, s := range []seeds{{exe: exe}, {}} {
		dir := t.TempDir()
		if err := s.write(dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range SeedPrograms {
			_, err := exec.LookPath(filepath.Join(dir, name))
			if copied := s.exe == nil; copied != (err == nil) || err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s, a copy: %t: %v", name, copied, err)
			}
		}
	}
}
