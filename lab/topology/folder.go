package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Read returns the text of a file for Parse. Of a file that is too large it
// returns just enough for Parse to say so.
func Read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	return text, nil
}

// Files returns the file and all that it includes, also what cannot be read or has
// mistakes: what its topology depends on.
func Files(file string) []string {
	text, err := Read(file)
	if err != nil {
		return []string{file}
	}
	f := folder{name: folderOf(file)}
	defer f.close()
	d := newDecoder(file, f.read)
	d.collect(text)
	return append([]string{file}, d.asked...)
}

// Kind is what a file is, by the keys that it has.
type Kind int

// The kinds of files. One that cannot be read is Other.
const (
	Other  Kind = iota
	Whole       // a topology, with mistakes perhaps
	Shared      // a part for topologies to include, and none itself
)

// KindOf returns what a file is. One that is not YAML is a topology when it has a line
// as most of them have one.
func KindOf(file string) Kind {
	text, err := Read(file)
	if err != nil {
		return Other
	}
	p := &part{source: newSource(file, text)}
	_, ok := newDecoder(file, nil).sections(p)
	has := 0
	for _, key := range []string{"networks", "hosts", "experiments"} {
		if _, found := p.keys[key]; found || !ok && bytes.Contains(append([]byte("\n"), text...), []byte("\n"+key+":")) {
			has++
		}
	}
	switch {
	case has > 1:
		return Whole
	case ok && p.isShared():
		return Shared
	}
	return Other
}

// deviceFolders hold descriptors, and nothing that could be included.
var deviceFolders = []string{"/dev", "/dev/fd", "/proc/self/fd"}

// folderOf returns the folder that includes of a topology file begin in: its own, and
// of standard input the current one.
func folderOf(file string) string {
	if dir := filepath.Dir(file); !slices.Contains(deviceFolders, dir) {
		return dir
	}
	return "."
}

// folder reads the files below a topology's folder. No name and no link leads out
// of it: the file may come from a stranger.
type folder struct {
	name string
	root *os.Root // nil until a file is read
}

func (f *folder) close() {
	if f.root != nil {
		_ = f.root.Close() // it was for reading
	}
}

// read is a Reader.
func (f *folder) read(file string) ([]byte, error) {
	name, err := filepath.Rel(f.name, file)
	if err != nil {
		return nil, err
	}
	if f.root == nil {
		if f.root, err = os.OpenRoot(f.name); err != nil {
			return nil, err
		}
	}
	// Whoever opens a pipe waits for its other end, unless he says that he will not
	// (open(2)), and opening a device may do something: look at it first.
	info, err := f.root.Stat(name)
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, inside(err)
	}
	in, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, inside(err)
	}
	defer in.Close()
	if info, err = in.Stat(); err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(in, maxFile+1))
}

func regular(info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	}
	return nil
}

// inside puts it in our words that a link leads out of the folder: package os has no
// error to compare with.
func inside(err error) error {
	if strings.Contains(err.Error(), "path escapes from parent") {
		return errors.New("a link leads out of the folder of the topology")
	}
	return err
}
