//go:build unix

package capture

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFolder has somebody's files in the way.
func TestFolder(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "pcap")
	cell := filepath.Join(dir, "e,a=x%3A80@alpha")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(cell, 0o755))
	must(os.WriteFile(filepath.Join(top, "victim"), []byte("here"), 0o644))
	must(os.WriteFile(filepath.Join(cell, "notes"), []byte("mine"), 0o644))
	must(os.Symlink(filepath.Join(top, "victim"), filepath.Join(cell, "red.pcapng")))
	must(syscall.Mkfifo(filepath.Join(cell, "blue.pcapng"), 0o644)) // to open it for writing would wait for a reader
	must(os.WriteFile(filepath.Join(cell, "lo.pcapng"), []byte(strings.Repeat("old", 1000)), 0o644))
	var given []string
	f, err := OpenFolder(dir, func(made *os.File) error {
		given = append(given, filepath.Base(made.Name()))
		return nil
	})
	must(err)
	c, err := f.Cell(subject("alpha"))
	must(err)
	files, err := c.Close(nil)
	must(err)
	for _, file := range files {
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
		read(t, file)
	}
	for file, want := range map[string]string{filepath.Join(top, "victim"): "here",
		filepath.Join(cell, "notes"): "mine"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", file, got, err)
		}
	}
	if diff := cmp.Diff([]string{"red.pcapng", "blue.pcapng", "lo.pcapng"}, given); diff != "" {
		t.Errorf("given to the user: %s", diff)
	}
	must(f.Close())

	// A link in the place of a cell leads nowhere outside.
	must(os.RemoveAll(cell))
	must(os.Symlink(top, cell))
	f = mustOpen(t, dir)
	if _, err := f.Cell(subject("alpha")); err == nil {
		t.Error("a folder outside was written in")
	}
	if _, err := os.Lstat(filepath.Join(top, "red.pcapng")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	f.Fail(errors.New("first"))
	f.Fail(errors.New("second"))
	if err := f.Close(); err == nil || err.Error() != "first" {
		t.Error(err)
	}

	if _, err := OpenFolder(filepath.Join(top, "victim", "pcap"), nil); err == nil {
		t.Error("a folder in a file")
	}
}
