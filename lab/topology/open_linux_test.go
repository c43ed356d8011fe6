package topology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRead reads what is not a file, and waits for ever for none of it.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	defer func(d time.Duration) { writerPatience = d }(writerPatience)
	writerPatience = 20 * time.Millisecond
	fifo := func(name string) string {
		file := filepath.Join(dir, name)
		if err := syscall.Mkfifo(file, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	// A descriptor that no os.File of the test owns, as one that labrun inherits: the garbage
	// collector closes those of files that are not used any more.
	inherited := func(f *os.File) string {
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("/dev/fd/%d", fd)
	}
	write := func(file string, flags int) {
		f, err := os.OpenFile(file, os.O_WRONLY|flags, 0)
		if err == nil {
			_, err = f.WriteString("name: x")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}
	opened := fifo("opened") // by a shell, say, and its writer has gone before we look
	in, err := os.OpenFile(opened, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(int(in.Fd()), false); err != nil {
		t.Fatal(err)
	}
	write(opened, 0)
	out, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.WriteString("name: x"); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	written := fifo("written")
	go write(written, 0)

	for _, c := range []struct{ name, file, err string }{
		{"pipe without a writer", fifo("alone"), "no process has written to this pipe for 20ms"},
		{"pipe with a writer", written, ""},
		{"pipe that is open", inherited(in), ""},
		{"pipe of the shell", inherited(out), ""},
		{"device", "/dev/zero", "it is a device, not a file"},
		{"link to a device", link, "it is a device, not a file"},
		{"folder", dir, "is a directory"},
		{"nothing", filepath.Join(dir, "nothing"), "open " + filepath.Join(dir, "nothing") + ": no such file or directory"},
	} {
		if c.name == "pipe with a writer" {
			writerPatience = time.Minute
		}
		text, err := readFile(c.file)
		writerPatience = 20 * time.Millisecond
		switch {
		case c.err == "" && (err != nil || string(text) != "name: x"):
			t.Errorf("%s: %q, %v", c.name, text, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want %s", c.name, err, c.err)
		}
	}
	if kind := Scan(Source{File: filepath.Join(dir, "alone")}).Kind; kind != Other {
		t.Errorf("a pipe in a folder is %v", kind)
	}
}
