package program

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// SeedPrograms are programs that labrun itself is when it is started under their
// names. Programs in a lab find them on their PATH.
var SeedPrograms = []string{"connect", "server"}

const seedDir = "/usr/local/bin"

// seeds is what is needed to put the seed's programs in their directory once
// other things are mounted over the paths.
type seeds struct {
	exe, dir *os.File // this program's and seedDir, nil for none
}

func findSeeds(exe ownFile) seeds {
	dir, err := openDir(seedDir)
	if err != nil {
		dir = nil
	}
	return seeds{exe.open(), dir}
}

func (s seeds) close() {
	s.exe.Close() // of nil an error
	s.dir.Close()
}

// place makes seedDir have the programs beside what the machine has there. How
// is cover's to know: it has prepare put their files in a directory that it lays
// over the machine's.
func (s seeds) place(cover func(lower *os.File, prepare func(dir string) error) error) error {
	if err := cover(s.dir, s.write); err != nil || s.exe == nil {
		return err
	}
	for _, name := range SeedPrograms {
		if err := bindReadOnly(descriptorPath(s.exe.Fd()), filepath.Join(seedDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// write makes the files: copies where it has no path to bind. A file that is bound onto cannot be executed by itself:
// a shell would run an empty one as a script that succeeds, where the bind is refused.
func (s seeds) write(dir string) error {
	mode := os.FileMode(0o444)
	if s.exe == nil {
		mode = 0o755
	}
	for _, name := range SeedPrograms {
		path := filepath.Join(dir, name)
		_ = os.Remove(path) // the machine's own, if it has one
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		if s.exe == nil {
			err = copySelf(f)
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// showSeeds puts the programs into the machine's own directory as this mount
// namespace has it. That is read-only then: it could not pass on what is written.
func showSeeds() (err error) {
	s := findSeeds(selfFile())
	defer s.close()
	if s.dir == nil {
		return &os.PathError{Op: "open", Path: seedDir, Err: unix.ENOENT}
	}
	mounted := 0
	defer func() {
		for ; err != nil && mounted > 0; mounted-- {
			_ = unix.Unmount(seedDir, unix.MNT_DETACH)
		}
	}()
	return s.place(func(lower *os.File, prepare func(dir string) error) error {
		if err := mountTmpfs(seedDir, 0o755, layersSize); err != nil {
			return err
		}
		mounted++
		if err := prepare(seedDir); err != nil {
			return err
		}
		upper, err := openDir(seedDir)
		if err != nil {
			return err
		}
		defer upper.Close()
		options := "lowerdir=" + descriptorPath(upper.Fd()) + ":" + descriptorPath(lower.Fd())
		if err := mount("overlay", seedDir, unix.MS_RDONLY, options); err != nil {
			return err
		}
		mounted++
		return nil
	})
}
