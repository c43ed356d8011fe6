package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/topology"
)

// stdinName is what complaints call a topology that came from standard input.
const stdinName = lab.Stdin

// fmtCommand makes "labrun fmt". It works as gofmt -w and terraform fmt do: files are rewritten in
// place, and their names are what is said. All files are read before one is written, so
// that a mistake in the last leaves the first as it was.
func fmtCommand() *cobra.Command {
	check, showDiff := false, false
	cmd := &cobra.Command{
		Use:   "fmt FILE-OR-FOLDER...",
		Short: "write topology files in one form",
		Long: `fmt rewrites topology files in one form, and prints the names of those that it has
changed; "-" is standard input, which it prints. A level is two blanks further in, there
is one empty line at most, texts have quotes where YAML needs them, the keys of the file
are in order, and calls are spelled as labrun prints them; lines of strace become calls.
Comments stay, and so do long lines, columns below each other, and lists in one line or
over several. A file never comes to mean something else: one with mistakes is not
written, nor is any other then.

With --check or --diff nothing is written, and the exit status is 1 when a file is not in
that form. Exit status: 0 all is well, 1 as said, 2 a file has mistakes, 3 one could not
be written.`,
		Args: cobra.MinimumNArgs(0),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if len(paths) == 0 {
				return usagef("%s takes one or more FILEs or FOLDERs, or - for standard input; type %q for help",
					cmd.CommandPath(), cmd.CommandPath()+" --help")
			}
			files, err := filesToFormat(cmd, paths)
			if err != nil {
				return err
			}
			for _, f := range files {
				if err := f.tell(cmd.OutOrStdout(), check, showDiff); err != nil {
					return err
				}
				if f.changed() && (check || showDiff) {
					err = exitStatus(exitFailed)
				}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "name the files that are not in this form, write nothing: exit status 1")
	cmd.Flags().BoolVarP(&showDiff, "diff", "d", false, "show what would change, write nothing: exit status 1")
	return cmd
}

// formattedFile is a file and what it is to be.
type formattedFile struct {
	name          string
	before, after []byte
}

func (f formattedFile) changed() bool { return string(f.before) != string(f.after) }

// filesToFormat reads all files, and shows the mistakes of all.
func filesToFormat(cmd *cobra.Command, paths []string) ([]formattedFile, error) {
	var files []formattedFile
	status := 0
	var names []string
	for _, p := range paths {
		if p == "-" {
			names = append(names, p)
			continue
		}
		some, err := topologyFiles(cmd.ErrOrStderr(), []string{p})
		if err != nil {
			return nil, err
		}
		names = append(names, some...)
	}
	for _, name := range names {
		source := topology.Source{File: name}
		if name == "-" {
			var err error
			if source, err = topology.Given(stdinName, cmd.InOrStdin()); err != nil {
				return nil, err
			}
		}
		before, after, err := topology.Format(source)
		if text := mistakenReport(name, err); text != "" {
			return nil, usageError{errors.New(text)}
		}
		var found topology.Diagnostics
		switch {
		case err == nil:
			files = append(files, formattedFile{name, before, after})
		case errors.As(err, &found):
			status = max(status, exitUsage)
			show(cmd.ErrOrStderr(), found)
		default:
			status = max(status, exitOf(err))
			complain(cmd.ErrOrStderr(), err)
		}
	}
	if status != 0 {
		return nil, exitStatus(status)
	}
	return files, nil
}

// tell writes a file, or says what would become of it.
func (f formattedFile) tell(stdout io.Writer, check, showDiff bool) (err error) {
	switch {
	case showDiff:
		err = writeUnified(stdout, f.name, f.before, f.name+" (formatted)", f.after)
	case f.name == "-" && !check:
		_, err = stdout.Write(f.after)
	case f.changed():
		if !check {
			err = f.write()
		}
		if err == nil {
			_, err = io.WriteString(stdout, f.name+"\n")
		}
	}
	return err
}

// write puts the new text into the file that there is, rather than another one in its place: links
// lead to it, and it keeps its owner when root formats a file of somebody else's. Where that fails
// half-way, as on a full disk, the file gets back what it had.
func (f formattedFile) write() error {
	file, err := os.OpenFile(f.name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	put := func(text []byte) error {
		if _, err := file.WriteAt(text, 0); err != nil {
			return err
		}
		return file.Truncate(int64(len(text)))
	}
	if err := put(f.after); err != nil {
		return errors.Join(err, put(f.before), file.Close())
	}
	return file.Close()
}
