package main

import (
	_ "embed"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// bashScript completes command lines of labrun.
//
//go:embed completion.bash
var bashScript string

// bashCompletion has "labrun completion bash" write a script of our own. The library's
// depends on the package bash-completion, completes no word within quotes, and puts
// the name before the brackets of a cell there twice.
func bashCompletion(root *cobra.Command) {
	cmd := named(named(root, "completion"), "bash")
	cmd.Long = `Generate the autocompletion script for bash. It depends on nothing else.

To load completions in your current shell session:

	source <(labrun completion bash)

To load completions for every new session, where the package bash-completion is:

	labrun completion bash > ~/.local/share/bash-completion/completions/labrun

and elsewhere, with the line above in ~/.bashrc.
`
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		script := bashScript
		if without, err := cmd.Flags().GetBool("no-descriptions"); err == nil && without {
			script = strings.Replace(script, " "+cobra.ShellCompRequestCmd+" ", " "+cobra.ShellCompNoDescRequestCmd+" ",
				1)
		}
		_, err := io.WriteString(cmd.OutOrStdout(), script)
		return err
	}
}
