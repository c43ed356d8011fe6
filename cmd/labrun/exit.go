package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/result"
)

// Exit statuses; exec and shell pass the status of their program through.
const (
	exitFailed = 1 // some cells failed
	exitUsage  = 2 // bad usage, or a bad file
	exitError  = 3 // some cells could not be asked, or labrun could not do it
)

// exitStatus ends the program with a status that is not labrun's own failure. Scripts and
// CI tell by it a kernel that answers otherwise from a labrun that could not ask, so it goes
// up through all callers as an error, and deferred clean-up runs:
// everything that there is to say has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// statusOf returns the status of a run as an error, nil when all passed.
func statusOf(c result.Counts) error {
	switch {
	case c.Errors > 0:
		return exitStatus(exitError)
	case c.Failed > 0:
		return exitStatus(exitFailed)
	}
	return nil
}

// usageError is a mistake in the command line or in a file: status 2. The user can mend it,
// and nothing has been built when it is found.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef is fmt.Errorf for a mistake of the user. A message says what was found and what is
// allowed, as complaints about files do.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitOf returns the exit status of a mistake in the command line or a file. A file that cannot be
// read because the machine is short of something is none: a script that takes status 2 for "mend
// the file" would blame the wrong one.
func exitOf(err error) int {
	shortages := []error{syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EINTR, syscall.EIO, syscall.ENOSPC,
		syscall.EDQUOT}
	if slices.ContainsFunc(shortages, func(s error) bool { return errors.Is(err, s) }) {
		return exitError
	}
	return exitUsage
}

// inTurn does one after the other until one fails. What writes in several pieces to a place
// that takes nothing says so once.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// complain prints an error, which may quote what stands in a file.
func complain(stderr io.Writer, err error) {
	fmt.Fprintf(stderr, "labrun: %s\n", lab.VisibleLines(err.Error()))
}

// args demands from least to most arguments, with a message that says which.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usagef("%s takes %s; type %q for help", cmd.CommandPath(), names, cmd.CommandPath()+" --help")
		}
		return nil
	}
}

// noEmptyArgument returns an error when an argument that names something is empty: a variable of a script was, and
// operating systems complain about a file without a name in riddles. Which word stands where is what Use says.
// The arguments of a program, and calls, may be empty.
func noEmptyArgument(cmd *cobra.Command, args []string) error {
	words := strings.Fields(cmd.Use)[1:]
	word := ""
	for i, arg := range args {
		switch {
		case i > 0 && i == cmd.ArgsLenAtDash() && strings.Contains(cmd.Use, "[--"): // flags of an engine
			return nil
		case len(words) > 0:
			word = strings.Trim(words[0], "[.]")
			if !strings.Contains(words[0], "...") {
				words = words[1:]
			}
		}
		if !strings.HasPrefix(word, "FILE") && !slices.Contains(namesOfThings, word) {
			return nil
		}
		if arg == "" {
			return usagef("%s is expected, not %q", word, arg)
		}
	}
	return nil
}

// namesOfThings are the words beside FILE that are never empty.
var namesOfThings = []string{
	"A.json", "B.json", "PART.json", "FOLDER", "KERNEL", "HOST", "CELL", "ENGINE", "NAME", "SHELL",
}
