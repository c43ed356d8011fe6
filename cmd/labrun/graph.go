package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"labrun/lab/graph"
)

// graphFormats are the ways to draw a topology.
var graphFormats = []struct {
	name string
	draw func(graph.Layout) string
}{
	{"text", graph.Layout.Text}, {"svg", graph.Layout.SVG}, {"mermaid", graph.Layout.Mermaid},
	{"dot", graph.Layout.DOT},
}

// graphCommand makes "labrun graph". It draws what was read, with the addresses that labrun
// has chosen: the place to look at before the first run, and needs no privilege.
func graphCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "graph FILE",
		Short: "draw the hosts and the networks between them",
		Long: `graph draws the file's networks and hosts, with their NICs, addresses and the names
of these: as text, as an SVG image (light or dark, as the reader's screen is), for
Mermaid, which Markdown pages show, or in Graphviz's DOT.

    labrun graph topologies/dual-nic.yaml
    labrun graph --format svg topologies/dual-nic.yaml >dual-nic.svg`,
		Args: args(1, 1, "a FILE"),
		RunE: func(cmd *cobra.Command, files []string) error {
			// Before the file is read: a mistaken flag is told whatever the file is.
			i := slices.Index(graphFormatNames(), format)
			if i < 0 {
				return usagef("--format %s: no such format%s there are %s", format, meant(format, graphFormatNames()),
					list(graphFormatNames()))
			}
			topologies, err := load(cmd, files)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), graphFormats[i].draw(graph.Layout(topologies[0].Layout).Folded()))
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "draw as `FORMAT`: "+list(graphFormatNames()))
	return cmd
}

func graphFormatNames() []string {
	var names []string
	for _, f := range graphFormats {
		names = append(names, f.name)
	}
	return names
}
