package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"labrun/lab/plan"
)

func (c command) planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan FILE",
		Short: "print what would be built, as a script of ip(8) commands",
		Long: `plan prints the shell script that builds the file's lab with ip(8): namespaces,
bridges, NICs, addresses. labrun itself does the same through netlink, in namespaces
without names. The script can be run, as root; its head says how to undo it.`,
		Args: args(1, 1, "a FILE"),
		RunE: func(_ *cobra.Command, files []string) error {
			topologies, err := c.load(files)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.stdout, plan.New(topologies[0]).Script())
			return err
		},
	}
}
