package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"labrun/lab/child"
)

// versionCommand makes "labrun version". Go's version and the platform are part of it, since a
// report of a bug needs them: errnos and system calls differ between platforms.
func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  args(0, 0, "no arguments"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return printVersion(cmd) },
	}
}

func printVersion(cmd *cobra.Command) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "labrun %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS,
		runtime.GOARCH)
	return err
}

// release is the version of a release: .ci/release sets it, and leaves out what git says, which depends on the machine.
var release string

// version is that of the release or the module, or the commit that it was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return child.Version(info)
}
