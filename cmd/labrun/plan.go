package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"labrun/lab/plan"
	"labrun/lab/question"
)

// planCommand makes "labrun plan". Both things that it prints are what labrun itself
// goes by, not a description of it: the script has the operations of the same plan in the
// same order, and the questions are the values that a kernel is given.
func planCommand() *cobra.Command {
	questions := false
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "print what would be built, as a script of ip(8) commands",
		Long: `plan prints the shell script that builds the file's lab with ip(8): namespaces,
bridges, NICs, addresses. labrun itself does the same through netlink, in namespaces
without names. The script can be run, as root; its head says how to undo it.

With --questions it prints what a kernel is asked instead, as JSON: for every experiment
in every host the operations that build its lab, the processes, and the steps with what
their addresses stand for, the answers wanted and the limits. It is the same on every
machine.`,
		Args: args(1, 1, "a FILE"),
		RunE: func(cmd *cobra.Command, files []string) error {
			topologies, err := load(cmd, files)
			if err != nil {
				return err
			}
			if questions {
				return question.Print(cmd.OutOrStdout(), topologies[0])
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), plan.New(&topologies[0].Layout).Script())
			return err
		},
	}
	cmd.Flags().BoolVar(&questions, "questions", false, "print what a kernel is asked, as JSON")
	return cmd
}
