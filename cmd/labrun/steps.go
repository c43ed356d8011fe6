package main

import (
	"fmt"
	"slices"
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
	b.WriteString("\nThe words of arguments, and of answers of the same kind:\n\n")
	var seen []lab.Kind
	for _, s := range lab.Signatures {
		for _, k := range slices.Concat(s.Args, s.Long) {
			if words := syntax.WordsOf(k); words != nil && !slices.Contains(seen, k) {
				seen = append(seen, k)
				fmt.Fprintf(&b, "    %-25s %s\n", k, strings.Join(words, ", "))
			}
		}
	}
	b.WriteString("\nThe control messages that sendmsg() takes and recvmsg() answers behind \"with\":\n\n")
	for _, c := range lab.Controls {
		fmt.Fprintf(&b, "    %-25s %s\n", syntax.MadeBy(c, syntax.KindExamples(c.Args)), c.Doc)
	}
	b.WriteString("\nThe words of ip(8) that hosts and steps are described with, and what follows each:\n")
	for _, k := range specKinds {
		fmt.Fprintf(&b, "\n    %s, %s\n", k.kind, k.where)
		for _, w := range lab.SpecWords[k.kind] {
			if kind, ok := lab.LinkKindOf(w); ok && k.kind == lab.KindLink {
				words := strings.Join(append([]string{w}, kind.Words...), " ")
				fmt.Fprintf(&b, "        %-23s kernel module %s\n", words, kind.Module)
			} else {
				fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("        %-23s %s", w, lab.TakesOf(w)), " "))
			}
		}
	}
	b.WriteString("\nREADME.md has the rest of what a step may say.")
	return &cobra.Command{Use: "steps", Short: "the calls and socket options that steps may have", Long: b.String()}
}

// specKinds are the kinds of words of ip(8), and where they stand.
var specKinds = []struct {
	kind  lab.Kind
	where string
}{
	{lab.KindRoute, "route_add(), route_del() and routes: of a host, ip-route(8)"},
	{lab.KindRule, "rule_add(), rule_del() and rules: of a host, ip-rule(8)"},
	{lab.KindNeighbour, "neigh_add(), neigh_del(), neigh() and neighbours: of a host, ip-neighbour(8)"},
	{lab.KindTarget, "route(), ip route get of ip-route(8)"},
	{lab.KindWay, "the answer of route()"},
	{lab.KindKnown, "the answer of neigh()"},
	{lab.KindEcho, "ping(), ping(8)"},
	{lab.KindLink, "link_add() and type: of a NIC, ip-link(8)"},
}
