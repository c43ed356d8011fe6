package main

import "github.com/spf13/cobra"

// linuxCommands are those that build labs.
func linuxCommands() []*cobra.Command {
	return []*cobra.Command{
		shellCommand(), execCommand(), upCommand(), connectCommand(), serverCommand(), rerunCommand(), bisectCommand(),
	}
}
