package child

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"labrun/lab/once"
)

// Libraries is what it takes to execute this program where the machine's files are
// not: a program that is linked with the C library, as Go does where there is one,
// is executed by an interpreter, ld.so(8), which is looked up from the root.
type Libraries struct {
	Interpreter string   // its path, "" of a static program
	File        string   // what is behind that
	Mapped      []string // the files of libraries, as proc_pid_maps(5) has them: no links
}

// FindLibraries returns those of this program, which are mapped while it runs.
var FindLibraries = once.Good(func() (l Libraries, err error) {
	if l.Interpreter, err = InterpreterOf(Self); err != nil || l.Interpreter == "" {
		return l, err
	}
	if l.File, err = filepath.EvalSymlinks(l.Interpreter); err != nil {
		return l, err
	}
	exe, err := os.Readlink(Self)
	if err != nil {
		return l, err
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return l, err
	}
	for line := range strings.Lines(string(maps)) {
		// address perms offset dev inode path, proc_pid_maps(5)
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		path := strings.TrimLeft(fields[len(fields)-1], " ")
		if !strings.HasPrefix(path, "/") || path == exe || !strings.Contains(fields[1], "x") {
			continue
		}
		if path != l.File && !slices.Contains(l.Mapped, path) {
			l.Mapped = append(l.Mapped, path)
		}
	}
	return l, nil
})

// Folders returns where they are, none of a static program.
func (l Libraries) Folders() (dirs []string) {
	if l.Interpreter == "" {
		return nil
	}
	for _, file := range append([]string{l.File}, l.Mapped...) {
		if dir := filepath.Dir(file); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Copies returns the files that have to be at other paths than where they are, or there, for the interpreter to
// find them in a root that has nothing else: by path, what is to be read for it. The interpreter looks for a library
// by the name that the library has for itself (DT_SONAME of elf(5)), which a link leads from on many machines.
func (l Libraries) Copies() (map[string]string, error) {
	files := map[string]string{}
	if l.Interpreter == "" {
		return files, nil
	}
	files[l.Interpreter] = l.File
	files[l.File] = l.File // the labs' roots link to it
	for _, file := range l.Mapped {
		f, err := elf.Open(file)
		if err != nil {
			return nil, err
		}
		names, err := f.DynString(elf.DT_SONAME)
		f.Close()
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		if len(names) > 0 {
			name = names[0]
		}
		files[filepath.Join(filepath.Dir(file), name)] = file
	}
	return files, nil
}

// InterpreterOf returns the interpreter that an executable file names, elf(5).
func InterpreterOf(file string) (string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			_, err := p.ReadAt(b, 0)
			return strings.TrimRight(string(b), "\x00"), err
		}
	}
	return "", nil
}
