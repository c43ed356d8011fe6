package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"

	"labrun/lab"
)

// Exit statuses; exec and shell pass the status of their program through.
const (
	exitFailed = 1 // some cells failed
	exitUsage  = 2 // bad usage, or a bad file
	exitError  = 3 // some cells could not be asked, or labrun could not do it
)

// command is the whole program with its outputs. Every subcommand is a method of it and
// prints to them alone, so that a test can read what a command says.
type command struct {
	stdout, stderr io.Writer
}

// exitStatus ends the program with a status that is not labrun's own failure. Scripts and
// CI tell by it a kernel that answers otherwise from a labrun that could not ask, so it goes
// up through all callers as an error, and deferred clean-up runs:
// everything that there is to say has been said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a mistake in the command line or in a file: status 2. The user can mend it,
// and nothing has been built when it is found.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// main executes the command line and returns the exit status.
func (c command) main(args []string) int { return c.execute(c.root(), args) }

// execute does so for a command that is the whole program.
func (c command) execute(root *cobra.Command, args []string) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w\ntype %q for help", mistakenFlag(cmd, err), cmd.CommandPath()+" --help")
	})
	root.SetArgs(args)
	out := &firstError{w: c.stdout}
	root.SetOut(out)
	root.SetErr(c.stderr)
	var variables []string
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		variables, err = readVariables(cmd)
		return err
	}
	err := root.Execute()
	var status exitStatus
	if out.err != nil && (err == nil || errors.As(err, &status)) {
		err = fmt.Errorf("write standard output: %w", out.err)
	}
	var usage usageError
	var notFound *exec.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		c.complain(err)
		if len(variables) > 0 {
			fmt.Fprintf(c.stderr, "set in the environment: %s\n", list(variables))
		}
		return exitOf(err)
	}
	c.complain(err)
	if errors.As(err, &notFound) { // as shells have it
		if errors.Is(err, exec.ErrNotFound) {
			return 127
		}
		return 126
	}
	return exitError
}

// firstError keeps the first error of a writer, for those that do not look at what they
// print: cobra, and the note's programs.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// exitOf returns the exit status of a mistake in the command line or a file, which what
// is wrong with the machine is not.
func exitOf(err error) int {
	for _, shortage := range []syscall.Errno{syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.EINTR,
		syscall.EIO, syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, shortage) {
			return exitError
		}
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
func (c command) complain(err error) {
	fmt.Fprintf(c.stderr, "labrun: %s\n", lab.VisibleLines(err.Error()))
}

const rootHelp = `labrun asks the Linux kernel what it answers to bind, listen and connect.

A topology file declares hosts (network namespaces with two or more NICs) and
experiments (system calls with the answers expected). labrun builds the hosts,
runs every experiment inside every host, and prints a matrix of what held:

    labrun topologies/dual-nic.yaml

A folder stands for every topology in it.

A file of your own can be as short as this:

    name: hello
    networks:
      red: 192.0.2.0/24
    hosts:
      alpha: {nics: {eth0: {network: red, as: x}}}
    experiments:
      two-listeners:
        steps:
          - a = socket(tcp)
          - bind(a, x:80)
          - listen(a, 5)
          - b = socket(tcp)
          - bind(b, any:80) = EADDRINUSE

With "include: shared/ports.yaml" it takes the experiments of another file too, which
several topologies may share.

"labrun check" finds its mistakes, "labrun plan" shows what would be built and with
--questions what would be asked, and "labrun shell FILE HOST" lets you in. Root is not
needed where the system lets you make user namespaces, and nothing is left behind, not
even by kill -9.

Every flag has a variable in the environment, which the lists of flags name
behind it: LABRUN_JOBS=2 is --jobs 2. The flag wins. A variable for a flag that can be
given several times has values as sh takes them: LABRUN_ONLY="'claim-1*' claim-3".

"labrun completion --help" says how bash, zsh and fish learn to complete commands,
flags, and the names of a file's hosts and experiments; "labrun man FOLDER" writes
the manual pages.

` + captureHelp + `

Exit status: 0 all passed, 1 some failed, 2 bad usage or a bad file, 3 some
could not be asked.`

func (c command) root() *cobra.Command {
	var o runOptions
	root := &cobra.Command{
		Use:   "labrun FILE...",
		Short: "ask the kernel what it answers to bind, listen and connect",
		Long:  rootHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				if err := cmd.Help(); err != nil {
					return err
				}
				return exitStatus(exitUsage)
			}
			return c.run(files, o)
		},
	}
	o.flags(root.Flags())
	root.AddCommand(c.checkCommand(), c.planCommand(), c.listCommand(), c.graphCommand(), c.reportCommand(),
		c.diffCommand(),
		c.schemaCommand(), c.manCommand(), c.versionCommand(), stepsTopic())
	root.AddCommand(c.linuxCommands()...)
	root.InitDefaultCompletionCmd()
	shells(root)
	bashCompletion(root)
	root.InitDefaultHelpCmd()
	helpTopics(root)
	documentVariables(root)
	completions(root)
	return root
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
