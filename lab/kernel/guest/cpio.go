package guest

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// archive writes an initramfs: cpio's "newc" format, which the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst). Several archives one behind the
// other are one, so what a kernel needs and what labrun is are made apart.
type archive struct {
	w     io.Writer
	n     int64 // bytes written
	inode int
	dirs  map[string]bool
	err   error // the first one
}

func newArchive(w io.Writer) *archive { return &archive{w: w, dirs: map[string]bool{"": true}} }

const (
	cpioDir  = 0o040755
	cpioFile = 0o100644
	cpioExec = 0o100755
	cpioLink = 0o120777
)

// file adds a file, and the folders that it is in.
func (a *archive) file(name string, mode int, content []byte) {
	a.folder(path.Dir(name))
	a.entry(name, mode, content)
}

// folder adds a folder and those above it.
func (a *archive) folder(name string) {
	if name == "." || a.dirs[name] {
		return
	}
	a.folder(path.Dir(name))
	a.dirs[name] = true
	a.entry(name, cpioDir, nil)
}

func (a *archive) entry(name string, mode int, content []byte) {
	a.inode++
	links := 1
	if mode == cpioDir {
		links = 2
	}
	a.printf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a.inode, mode, 0, 0, links, 0,
		len(content), 0, 0, 0, 0, len(name)+1, 0)
	a.write([]byte(name + "\x00"))
	a.pad(4)
	a.write(content)
	a.pad(4)
}

// end writes what ends an archive. The next one begins at a multiple of 512.
func (a *archive) end() error {
	a.entry("TRAILER!!!", 0, nil)
	a.pad(512)
	return a.err
}

func (a *archive) printf(format string, args ...any) { a.write(fmt.Appendf(nil, format, args...)) }

func (a *archive) write(b []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(b)
		a.n += int64(len(b))
	}
}

func (a *archive) pad(to int64) {
	if rest := a.n % to; rest != 0 {
		a.write([]byte(strings.Repeat("\x00", int(to-rest))))
	}
}
