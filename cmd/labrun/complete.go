package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"labrun/lab"
	"labrun/lab/kernel/image"
	"labrun/lab/report"
	"labrun/lab/topology"
)

// complete is what a shell is offered for arguments and flags. It loads the files that
// the command line names so far: names of hosts and cells are long, and mistyped ones cost
// a run. It must be silent, since a shell shows what it prints amid the user's typing.
type complete = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// mostOffered bounds the cells of an experiment with axes that are offered.
const mostOffered = 200

// offerFiles offers topology files, and folders, where they may be.
func offerFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return topologySuffixes, cobra.ShellCompDirectiveFilterFileExt
}

// offerFilesToo offers topology files where the name of a command may stand too. What
// comes with suffixes of files is taken for a suffix by all shells: while there are
// commands that begin so, files are offered by name.
func offerFilesToo(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	flags := false
	cmd.LocalFlags().Visit(func(*pflag.Flag) { flags = true }) // of FILE..., and of no command
	if len(args) > 0 || flags || !slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool {
		return c.IsAvailableCommand() && strings.HasPrefix(c.Name(), begun)
	}) {
		return offerFiles(cmd, args, begun)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), begun) && !e.IsDir() && isTopology(e.Name()) {
			offers = append(offers, e.Name())
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// offerHelp offers the pages of the reference beside the commands, which cobra offers, for the first argument.
func offerHelp(commands complete) complete {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		offers, how := commands(cmd, args, begun)
		for _, page := range cmd.Root().Commands() {
			if len(args) == 0 && page.IsAdditionalHelpTopicCommand() && strings.HasPrefix(page.Name(), begun) {
				offers = append(offers, cobra.CompletionWithDesc(page.Name(), page.Short))
			}
		}
		return offers, how
	}
}

// offerFolders offers folders.
func offerFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// reportSuffixes returns what the names of kept reports end in, without the dot.
func reportSuffixes() []string {
	all := []string{"json"}
	for _, c := range report.CompressionSuffixes() {
		all = append(all, "json"+c)
	}
	return all
}

// offerReports offers kept reports.
func offerReports(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return reportSuffixes(), cobra.ShellCompDirectiveFilterFileExt
}

// offerFile offers topology files for the first argument alone.
func offerFile(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return offerFiles(cmd, args, begun)
}

// offerFileAndHost offers a file, then the hosts in it, and then what the shell has.
func offerFileAndHost(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return offerFiles(cmd, args, begun)
	case 1:
		return offerHosts(cmd, args, begun)
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// offerFileAndCell offers a file or a kept report, and then the cells of it.
func offerFileAndCell(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return append(reportSuffixes(), topologySuffixes...), cobra.ShellCompDirectiveFilterFileExt
	case 1:
		return offerCells(cmd, args, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// readable returns the topologies of the arguments that are good files, or in good
// reports: a half-typed command line is not the place to complain.
// A report holds its topologies, and "labrun rerun" chooses among their cells.
func readable(args []string) []*lab.Topology {
	var topologies []*lab.Topology
	for _, file := range args {
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if report.HasReportName(file) {
			topologies = append(topologies, kept(file)...)
			continue
		}
		if t, err := topology.Load(topology.Source{File: file}); err == nil {
			topologies = append(topologies, t)
		}
	}
	return topologies
}

// kept returns the topologies in a report.
func kept(file string) []*lab.Topology {
	r, err := loadReport(file)
	if err != nil {
		return nil
	}
	var topologies []*lab.Topology
	for _, m := range r.Matrices {
		if t, err := topology.Load(sourceOf(m)); err == nil {
			topologies = append(topologies, t)
		}
	}
	return topologies
}

// offerHosts offers hosts with their NICs: alpha and beta are told apart by what they have.
func offerHosts(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return afterFile(hostsOf(readable(args), begun), args)
}

// hostsOf returns the hosts of topologies whose names begin so, as offers.
func hostsOf(topologies []*lab.Topology, begun string) []string {
	var offers []string
	for _, t := range topologies {
		for i := range t.Hosts {
			if strings.HasPrefix(t.Hosts[i].Name, begun) {
				offers = append(offers, t.Hosts[i].Name+"\t"+nics(&t.Hosts[i]))
			}
		}
	}
	return offers
}

// offerTryHosts offers the hosts in which "labrun try" makes calls: those of its --file, or of the standard lab.
func offerTryHosts(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	file := cmd.Flags().Lookup("file").Value.String()
	if file != "" {
		return offerHosts(cmd, []string{file}, begun)
	}
	t, err := standardTopology()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return hostsOf([]*lab.Topology{t}, begun), cobra.ShellCompDirectiveNoFileComp
}

// offerCells offers experiments by name; once the name of one with axes and a
// bracket stand there, its cells.
func offerCells(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var offers []string
	for _, t := range readable(args) {
		for i := range t.Experiments {
			e := &t.Experiments[i]
			if !strings.HasPrefix(begun, e.Name+"[") {
				if strings.HasPrefix(e.Name, begun) {
					offers = append(offers, e.Name+"\t"+firstSentence(e.Doc))
				}
				continue
			}
			// Half a million cells are no offer: a shell would ask whether to show them all.
			for _, c := range e.Combos {
				if name := e.CellName(c); strings.HasPrefix(name, begun) && len(offers) < mostOffered {
					offers = append(offers, name)
				}
			}
		}
	}
	return afterFile(offers, args)
}

// afterFile says why there is nothing to offer while no file is named.
func afterFile(offers, args []string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		offers = cobra.AppendActiveHelp(nil, "names come from the FILE: give it first")
	}
	return offers, cobra.ShellCompDirectiveNoFileComp
}

// offerKernels offers the kernels that can be asked at once; with a file's name they are files too.
func offerKernels(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	offers := []string{hostKernel + "\tthis machine's", allKernels + "\tall that the cache has"}
	cached, err := image.List()
	if err != nil {
		cached = nil
	}
	for _, k := range cached {
		offers = append(offers, cachedName(k, cached)+"\t"+k.Version.String()+", "+k.Machine)
	}
	offers = slices.DeleteFunc(offers, func(o string) bool { return !strings.HasPrefix(o, begun) })
	return offers, cobra.ShellCompDirectiveDefault
}

// offer says what is offered for a flag. Where there is only the name of a command,
// on other systems than Linux, it has none.
func offer(cmd *cobra.Command, flag string, f complete) {
	if cmd.Flags().Lookup(flag) == nil {
		return
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // a mistake in this program
	}
}

// completions says what is offered for every command.
// It is one list by names of flags and commands, made when the tree is whole: a flag by the name
// of another one, such as --host, is completed alike in all commands.
func completions(root *cobra.Command) {
	reportFormats := cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp)
	root.ValidArgsFunction = offerFilesToo
	offer(root, "format", reportFormats)
	offer(root, "baseline", offerReports)
	offer(named(root, "run"), "format", reportFormats)
	offer(named(root, "run"), "baseline", offerReports)
	offer(root, "failed", offerReports)
	offer(named(root, "run"), "failed", offerReports)
	if err := root.RegisterFlagCompletionFunc("color",
		cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a mistake in this program
	}
	for _, cmd := range append(root.Commands(), root) {
		offer(cmd, "only", offerCells)
		if cmd.Name() == "try" || cmd.Name() == "record" {
			offer(cmd, "host", offerTryHosts)
		} else {
			offer(cmd, "host", offerHosts)
		}
		offer(cmd, "capture", offerFolders)
		offer(cmd, "shard", cobra.FixedCompletions([]string{"auto", "by=kernel"}, cobra.ShellCompDirectiveNoFileComp))
		offer(cmd, "kernel", offerKernels)
		switch cmd.Name() {
		case "report", "merge":
			cmd.ValidArgsFunction = offerReports
			offer(cmd, "format", reportFormats)
		case "resume":
			cmd.ValidArgsFunction = offerReports
		case "diff", "rerun":
			cmd.ValidArgsFunction = offerReports
			offer(cmd, "format", cobra.FixedCompletions(diffNames(), cobra.ShellCompDirectiveNoFileComp))
		case "check", "fmt", "list", "run":
			cmd.ValidArgsFunction = offerFiles
		case "init":
			cmd.ValidArgsFunction = offerFile
			offer(cmd, "from", cobra.FixedCompletions(lessonNames(), cobra.ShellCompDirectiveNoFileComp))
		case "enter":
			cmd.ValidArgsFunction = offerHeld
		case "plan", "up", "bisect":
			cmd.ValidArgsFunction = offerFile
		case "graph":
			cmd.ValidArgsFunction = offerFile
			offer(cmd, "format", cobra.FixedCompletions(graphFormatNames(), cobra.ShellCompDirectiveNoFileComp))
		case "record":
			cmd.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
			offer(cmd, "output", offerFiles)
			offer(cmd, "file", offerFiles)
		case "explain":
			cmd.ValidArgsFunction = offerFileAndCell
		case "import":
			cmd.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
			offer(cmd, "output", offerFiles)
			offer(cmd, "format", cobra.FixedCompletions(importFormatNames(), cobra.ShellCompDirectiveNoFileComp))
		case "shell", "exec":
			cmd.ValidArgsFunction = offerFileAndHost
			offer(cmd, "after", offerCells)
		case "try":
			cmd.ValidArgsFunction = cobra.NoFileCompletions
			offer(cmd, "file", offerFiles)
		case "man":
			cmd.ValidArgsFunction = offerFolders
		case "version", "kernels":
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		case "submit":
			cmd.ValidArgsFunction = cobra.NoFileCompletions
			for _, engine := range cmd.Commands() {
				engine.ValidArgsFunction = offerFiles
				offer(engine, "only", offerCells)
				offer(engine, "host", offerHosts)
				offer(engine, "kernel", offerKernels)
				offer(engine, "dir", offerFolders)
				offer(engine, "shard", cobra.FixedCompletions([]string{"by=kernel"}, cobra.ShellCompDirectiveNoFileComp))
			}
		}
	}
}
