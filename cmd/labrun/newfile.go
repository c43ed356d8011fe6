package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"labrun/lab"
)

// errExists is why no command writes a topology file over another one: a person may have written that.
var errExists = errors.New("it exists already, and would be lost; remove it, or name another file")

// isFree returns an error when a file of that name exists, or cannot be written: what was in it would be lost. A pipe
// or a device is free, for nothing is lost there. It leaves nothing behind.
func isFree(file string) error {
	if file == "-" || file == "" { // elsewhere "-" is standard output
		return errors.New("it takes the name of a file, such as session.yaml")
	}
	_, err := os.Lstat(file)
	switch {
	case err == nil:
		if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return nil
		}
		return errExists
	case !errors.Is(err, os.ErrNotExist):
		return errors.Unwrap(err)
	}
	info, err := os.Stat(filepath.Dir(file))
	if err == nil && !info.IsDir() {
		err = errors.New("that is not a folder")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(file), reasonOf(err))
	}
	return canReplace(file)
}

// canReplace returns an error when a file of that name cannot be written. It leaves nothing behind.
func canReplace(file string) error {
	out, err := openOutput(file)
	if err != nil {
		return err
	}
	return errors.Join(out.file.Close(), out.discard())
}

// isFreeOutput is isFree for -o of a command that writes a topology, where no file and "-" are standard output.
func isFreeOutput(file string) error {
	if file == "" || file == "-" {
		return nil
	}
	if err := isFree(file); err != nil {
		return usagef("-o %s: %w", file, err)
	}
	return nil
}

// reasonOf returns what is behind an error of a path, whose name is told already.
func reasonOf(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// writeFile writes a file whole or not at all; behind sudo it is the user's.
func writeFile(file string, text []byte) error {
	out, err := openOutput(file)
	if err != nil {
		return err
	}
	defer out.file.Close()
	return out.writeBy(func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// fileArgument returns a file's name as an argument of a command that is printed: one that begins with "-" would be
// taken for a flag.
func fileArgument(file string) string {
	if strings.HasPrefix(file, "-") {
		file = "./" + file
	}
	return lab.Quote(file)
}
