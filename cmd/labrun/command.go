package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// execute runs a command line and returns the exit status. Commands print to what they
// are given here alone, so that a test can read what they say.
func execute(root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	// cobra's messages about flags name no kind of value that would be right.
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w\ntype %q for help", mistakenFlag(cmd, err), cmd.CommandPath()+" --help")
	})
	root.SetArgs(withDashes(args))
	out := &firstError{w: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	// A bad value may come from the environment, where the user has long forgotten it: what was set
	// there is told below a complaint.
	var variables []string
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) (err error) {
		misspeltVariables(stderr, root)
		if err := cmp.Or(noneEmpty(cmd), noEmptyArgument(cmd, args)); err != nil {
			return err
		}
		if variables, err = readVariables(cmd); err != nil {
			return err
		}
		return checkColour()
	}
	err := root.Execute()
	var status exitStatus
	// Output that did not arrive is never a success: "labrun check >/dev/full" would tell a script
	// that a file is good without a word of it written. An error that says more stays.
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
		complain(stderr, err)
		if len(variables) > 0 {
			fmt.Fprintf(stderr, "set in the environment: %s\n", list(variables))
		}
		return exitOf(err)
	}
	complain(stderr, err)
	if errors.As(err, &notFound) { // as shells have it
		if errors.Is(err, exec.ErrNotFound) {
			return 127
		}
		return 126
	}
	return exitError
}

// withDashes puts a "--" before the command of "labrun exec", whose flags are not labrun's. Flags of labrun's may stand
// before it, behind HOST too.
func withDashes(args []string) []string {
	if len(args) == 0 || args[0] != "exec" || slices.Contains(args, "--") {
		return args
	}
	names := 0
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--after", a == "--color":
			i++ // its value
		case a != "-" && strings.HasPrefix(a, "-"):
		default:
			if names++; names == 3 {
				return slices.Insert(slices.Clone(args), i, "--")
			}
		}
	}
	return args
}

// runCommand makes "labrun run", which is "labrun FILE..." for those who look for a verb.
func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run FILE...",
		Short: "run every experiment in every host: the same as labrun FILE...",
		Long: `run does what "labrun FILE..." does, with the same flags and variables; it is for those
who look for a verb, and for a file that is called as a command is.`,
		Args: args(1, math.MaxInt, "one or more FILEs, FOLDERs or lessons"),
		RunE: func(cmd *cobra.Command, files []string) error { return runFiles(cmd, files, o) },
	}
	o.flags(cmd.Flags())
	return cmd
}

// rootHelp teaches by an example that can be pasted: a reader without the repository has no
// topology to begin with.
const rootHelp = `labrun asks the Linux kernel what it answers to bind, listen and connect.

A topology file declares hosts (network namespaces with two or more NICs) and
experiments (system calls with the answers expected). labrun builds the hosts,
runs every experiment inside every host, and prints a matrix of what held:

    labrun topologies/dual-nic.yaml

A folder stands for every topology in it, "-" for standard input, and where there is no
such file a name for a lesson that labrun has in it: "labrun dual-nic", "labrun list".

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

// rootCommand returns the whole tree of commands. It is made anew for every use, as tests do:
// flags keep their values in it. The order at the end is one of need: variables and completions
// are those of all commands, cobra's own among them, so these are made before.
func rootCommand() *cobra.Command {
	var o runOptions
	tellsVersion := false
	root := &cobra.Command{
		Use:   "labrun FILE...",
		Short: "ask the kernel what it answers to bind, listen and connect",
		Long:  rootHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, files []string) error {
			if tellsVersion {
				return printVersion(cmd)
			}
			if len(files) == 0 {
				if err := cmd.Help(); err != nil {
					return err
				}
				return exitStatus(exitUsage)
			}
			return runFiles(cmd, files, o)
		},
	}
	o.flags(root.Flags())
	root.Flags().BoolVar(&tellsVersion, "version", false, "print the version")
	root.PersistentFlags().StringVar(&colourWish, "color", "auto",
		"colours `WHEN`: auto (on a terminal, unless NO_COLOR is set; FORCE_COLOR has them elsewhere too), always or never")
	root.AddCommand(runCommand(), initCommand(), checkCommand(), fmtCommand(), planCommand(), listCommand(), kernelsCommand(),
		importCommand(), graphCommand(), reportCommand(),
		diffCommand(), mergeCommand(), submitCommand(), explainCommand(),
		schemaCommand(), manCommand(), versionCommand())
	root.AddCommand(topics()...)
	root.AddCommand(linuxCommands()...)
	// cobra adds these two when it executes, which is too late to change them.
	root.InitDefaultCompletionCmd()
	shells(root)
	bashCompletion(root)
	root.InitDefaultHelpCmd()
	helpTopics(root)
	documentVariables(root)
	describeCommands(root)
	completions(root)
	return root
}
