package main

import (
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"labrun/lab/kernel/local"
)

// The main thread stays in the caller's namespaces for good: goroutines that
// visit a lab run on threads that end with the visit.
func init() { runtime.LockOSThread() }

// beProcess is the life of a process of a lab, or of one of the note's programs,
// when this program was started as one.
func beProcess() {
	local.Main()
	if status, is := (command{stdout: os.Stdout, stderr: os.Stderr}).seedMain(os.Args); is {
		os.Exit(status)
	}
}

// linuxCommands are those that build labs.
func (c command) linuxCommands() []*cobra.Command {
	return []*cobra.Command{
		c.shellCommand(), c.execCommand(), c.upCommand(), c.connectCommand(), c.serverCommand(), c.rerunCommand(),
	}
}
