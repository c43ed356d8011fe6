package topology

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readFile returns the text of a file that a user has named. Of one that is too large it returns just
// enough for a complaint that says so.
func readFile(file string) ([]byte, error) {
	f, err := Open(file)
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

// Open opens a file to read it, and waits for nothing that may never come. A device is an
// error: to open one may do something, and it may have no end. A named pipe that no process
// opens to write is one after a while, see fifo(7). What has a name such as /dev/stdin or
// /dev/fd/63, as a shell's <(...) does, is open already: the caller has chosen it.
func Open(file string) (io.ReadCloser, error) {
	if fd, ok := descriptorOf(file); ok {
		info, err := os.Stat(file)
		switch {
		case err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) == 0:
			return os.Open(file)
		case fd == os.Stdin.Fd():
			return io.NopCloser(os.Stdin), nil
		}
		return os.NewFile(fd, file), nil // to open it anew would wait for another process
	}
	isDevice := &fs.PathError{Op: "open", Path: file, Err: errors.New("it is a device, not a file")}
	if info, err := os.Stat(file); err == nil && info.Mode()&fs.ModeDevice != 0 {
		return nil, isDevice
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat() // it may be another file now
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case info.Mode()&fs.ModeDevice != 0:
		return nil, errors.Join(isDevice, f.Close())
	case info.Mode()&fs.ModeNamedPipe != 0:
		return &pipe{File: f, until: time.Now().Add(writerPatience)}, nil
	}
	return f, nil
}

// descriptorOf returns the descriptor that a name in one of the deviceFolders is of. Opening such a
// name opens the file anew, which a pipe or a socket of the shell's does not stand.
func descriptorOf(file string) (uintptr, bool) {
	name := filepath.Base(file)
	if name == "stdin" {
		name = "0"
	}
	fd, err := strconv.ParseUint(name, 10, 31)
	return uintptr(fd), err == nil && slices.Contains(deviceFolders, filepath.Dir(file))
}

// writerPatience is for how long a named pipe waits for a process that writes: long enough for one
// that was started along with labrun, and no longer than a person would wait without an answer.
var writerPatience = 10 * time.Second

// pipe is a named pipe, opened without waiting for its other end. Until a process opens it to write
// it is at its end, as it is when that process has closed it, so only what was read before tells
// the two apart.
type pipe struct {
	*os.File
	until time.Time
	begun bool
}

// Read looks every 5 ms whether a process has opened the other end: until then a read returns 0 at
// once, as at the end of a file (pipe(7), "I/O on pipes and FIFOs").
func (p *pipe) Read(b []byte) (int, error) {
	for {
		n, err := p.File.Read(b)
		switch {
		case p.begun || !errors.Is(err, io.EOF):
			p.begun = p.begun || n > 0
			return n, err
		case time.Now().After(p.until):
			return 0, &fs.PathError{Op: "read", Path: p.Name(),
				Err: fmt.Errorf("no process has written to this pipe for %v", writerPatience)}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// readRegular is readFile for a file that was not asked for by its name, but found in a folder: it
// reads regular files alone.
func readRegular(file string) ([]byte, error) {
	if err := regular(os.Stat(file)); err != nil {
		return nil, err
	}
	return readFile(file)
}

// deviceFolders hold descriptors, and nothing that could be included.
var deviceFolders = []string{"/dev", "/dev/fd", "/proc/self/fd"}

// folderOf returns the folder that includes of a topology file begin in: its own, and
// of standard input the current one.
func folderOf(file string) folder {
	if dir := filepath.Dir(file); !slices.Contains(deviceFolders, dir) {
		return folder(dir)
	}
	return "."
}

// folder reads the files below a topology's folder. No name and no link leads out
// of it: the file may come from a stranger, and a complaint shows lines of what it read. os.Root
// holds to that also when links change while it looks.
type folder string

// read is a readFunc.
func (f folder) read(file string) ([]byte, error) {
	name, err := filepath.Rel(string(f), file)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// Opening a pipe waits for its other end unless O_NONBLOCK is set (open(2)), and opening a
	// device may do something: look at it first.
	if err := regular(root.Stat(name)); err != nil {
		return nil, inside(err)
	}
	in, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, inside(err)
	}
	defer in.Close()
	if err := regular(in.Stat()); err != nil { // it may be another file now
		return nil, err
	}
	return io.ReadAll(io.LimitReader(in, maxFile+1))
}

// regular takes what Stat returns, and returns why that is not a file to read.
func regular(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return err
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
