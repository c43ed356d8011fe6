package guest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"labrun/lab/child"
)

// programs are those of the machine that labs are built with, see lab/fabric. A guest of the machine's
// architecture has them too, where the machine has; else its labs lack what they are for, as the machine's do.
var programs = []string{"nft"}

// packPrograms adds the programs to an archive, and the libraries that they are linked with.
func packPrograms(a *archive, packed map[string]bool) error {
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
		files, err := needs(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for inside, file := range files {
			if packed[inside] {
				continue
			}
			packed[inside] = true
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			a.file(strings.TrimPrefix(inside, "/"), cpioExec, content)
		}
		if inside := "usr/sbin/" + name; !packed["/"+inside] {
			packed["/"+inside] = true
			a.folder("usr/sbin")
			a.entry(inside, cpioLink, []byte(path))
		}
	}
	return nil
}

// needs returns the files that a program is executed with, by the paths that it looks for them at: its
// interpreter lists them, ld.so(8).
func needs(path string) (map[string]string, error) {
	files := map[string]string{path: path}
	interpreter, err := child.InterpreterOf(path)
	if err != nil || interpreter == "" {
		return files, err
	}
	files[interpreter] = interpreter
	list, err := exec.Command(interpreter, "--list", path).Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", interpreter, err)
	}
	for line := range strings.Lines(string(list)) {
		// "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x7f...)"
		if _, rest, ok := strings.Cut(line, "=> "); ok {
			file, _, _ := strings.Cut(rest, " (")
			files[file] = file
		}
	}
	return files, nil
}
