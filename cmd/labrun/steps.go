package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/syntax"
)

// stepsTopic is the reference of the vocabulary, printed from its tables.
func stepsTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("The calls that a step may make, an example of each, and its manual page:\n\n")
	for _, s := range lab.Signatures {
		examples := syntax.CallExamples(s)
		fmt.Fprintf(&b, "    %-44s %s\n", examples[len(examples)-1], s.Doc)
	}
	b.WriteString("\nThe socket options of setsockopt() and getsockopt(), what their values are, and the manual " +
		"page:\n\n")
	for _, o := range lab.Options {
		fmt.Fprintf(&b, "    %-25s %s; %s\n", o.Name, o.Value, o.Doc)
	}
	b.WriteString("\nThe control messages that sendmsg() takes and recvmsg() answers behind \"with\":\n\n")
	for _, c := range lab.Controls {
		fmt.Fprintf(&b, "    %-25s %s\n", syntax.MadeBy(c, syntax.KindExamples(c.Args)), c.Doc)
	}
	b.WriteString("\nREADME.md has the rest of what a step may say.")
	return &cobra.Command{Use: "steps", Short: "the calls and socket options that steps may have", Long: b.String()}
}
