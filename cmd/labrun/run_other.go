//go:build !linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/result"
)

// needsLinux says that another system has no network namespaces.
func needsLinux(what string) error {
	return fmt.Errorf("%s needs Linux, and this is %s: labrun can check, plan and report here", what, runtime.GOOS)
}

// runFiles finds the mistakes in files and flags, and runs nothing.
func runFiles(cmd *cobra.Command, paths []string, o runOptions) error {
	files, err := topologyFiles(cmd.ErrOrStderr(), paths)
	if err != nil {
		return err
	}
	topologies, err := load(cmd, files)
	if err != nil {
		return err
	}
	if err := o.check(topologies); err != nil {
		return err
	}
	return needsLinux("running experiments")
}

func explainAsked(*cobra.Command, explainOptions, []*lab.Topology) (result.Report, error) {
	return result.Report{}, needsLinux("asking a kernel")
}

func linuxCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, name := range []string{"try", "shell", "exec", "up", "enter", "connect", "server", "rerun", "resume", "bisect"} {
		all = append(all, &cobra.Command{
			Use: name, Short: "needs Linux", DisableFlagParsing: true,
			RunE: func(cmd *cobra.Command, _ []string) error { return needsLinux(cmd.CommandPath()) },
		})
	}
	return all
}

// offerHeld offers nothing: no lab is up here.
func offerHeld(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func beProcess() {}

func inUserNamespace() bool { return false }

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// nameless makes a hidden file: only Linux has files without a name.
func nameless(beside string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(beside), ".labrun-*")
	if err == nil {
		err = f.Chmod(0o644)
	}
	return f, err
}

func nameIt(f *os.File, name string) error { return os.Rename(f.Name(), name) }
