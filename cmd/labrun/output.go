package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"labrun/lab/report"
	"labrun/lab/result"
)

// output is a file that a report is going to be. It is opened before anything is
// built, so that a run is not in vain, and has no name before it is whole.
type output struct {
	name   string // as the user gave it
	target string // what that stands for, symbolic links followed
	format report.Format
	file   *os.File
	direct bool // not a regular file: a pipe, /dev/null
}

// openOutput makes the file that a report is written to. An old report stays whole under its name
// until the new one is: a program that reads it in between, or a run that is killed, finds one or
// the other. What is not a regular file is written to directly, for it cannot be replaced, and
// whatever reads a pipe waits for its end.
func openOutput(name string) (*output, error) {
	out := &output{name: name, target: name}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, errors.New("that is a directory")
	case err == nil && !info.Mode().IsRegular():
		out.direct = true
		out.file, err = os.OpenFile(name, os.O_WRONLY, 0)
		return out, err
	case err == nil:
		if out.target, err = filepath.EvalSymlinks(name); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default: // of a link to nothing yet the target is made
		for range maxLinks {
			to, err := os.Readlink(out.target)
			if err != nil {
				break
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(out.target), to)
			}
			out.target = to
		}
	}
	out.file, err = nameless(out.target)
	return out, err
}

// maxLinks is how many symbolic links in a row are followed, as path_resolution(7) has it.
const maxLinks = 40

func closeOutputs(outputs []*output) {
	for _, out := range outputs {
		out.file.Close()
	}
}

// write writes the report whole or not at all. Behind sudo the file is the
// user's, not root's.
func (out *output) write(r result.Report) error {
	if out.format.Name == "html" {
		r = seenFrom(filepath.Dir(out.target), r)
	}
	return out.writeFormat(func(w io.Writer) error { return out.format.Write(w, r) })
}

// writeFormat is writeBy for what has a format: it compresses where the file's name says so.
func (out *output) writeFormat(write func(io.Writer) error) error {
	return out.writeBy(func(w io.Writer) error { return report.Compress(out.name, w, write) })
}

// writeBy writes and then names the file. One that could not be written leaves nothing behind,
// also not on systems where it has a name of its own in the meantime.
func (out *output) writeBy(write func(io.Writer) error) error {
	if err := write(out.file); err != nil {
		return errors.Join(err, out.discard())
	}
	if out.direct {
		return nil
	}
	if err := giveToUser(out.file); err != nil {
		return errors.Join(err, out.discard())
	}
	if out.isHidden() {
		if err := out.file.Close(); err != nil { // Windows renames no open file
			return errors.Join(err, out.discard())
		}
		return os.Rename(out.file.Name(), out.target)
	}
	return nameIt(out.file, out.target)
}

// isHidden reports whether the file has a name of its own.
func (out *output) isHidden() bool { return !out.direct && out.file.Name() != out.target }

// discard removes what has a name; a file without one goes with its descriptor.
func (out *output) discard() error {
	if out.isHidden() {
		return os.Remove(out.file.Name())
	}
	return nil
}

// giveToUser makes the user who typed sudo the owner of a file.
func giveToUser(f *os.File) error {
	if os.Geteuid() != 0 || os.Getenv("SUDO_UID") == "" || inUserNamespace() {
		return nil
	}
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil {
		return fmt.Errorf("SUDO_UID: %w", err)
	}
	gid, err := strconv.Atoi(os.Getenv("SUDO_GID"))
	if err != nil {
		gid = -1 // stays root's
	}
	return f.Chown(uid, gid)
}
