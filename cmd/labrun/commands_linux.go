package main

import "github.com/spf13/cobra"

// linuxCommands are those that build labs.
func linuxCommands() []*cobra.Command {
	return []*cobra.Command{
		tryCommand(), shellCommand(), execCommand(), recordCommand(), upCommand(), enterCommand(), connectCommand(),
		serverCommand(), rerunCommand(), resumeCommand(), bisectCommand(),
	}
}
