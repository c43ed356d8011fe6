package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// load reads the files. It shows what they say to no effect, and every mistake in
// all of them; with its error it returns those that have none. Mistakes are shown here, and
// the error is a mere status: there are many, each with its line of the file and a caret.
func load(cmd *cobra.Command, files []string) ([]*lab.Topology, error) {
	if at := slices.Index(files, "-"); at >= 0 && slices.Contains(files[at+1:], "-") {
		return nil, usagef("-: standard input can be read once, and is named twice")
	}
	var topologies []*lab.Topology
	status := 0
	for _, file := range files {
		source, err := sourceNamed(cmd, file)
		var t *lab.Topology
		if err == nil {
			t, err = topology.Load(source)
		}
		var found topology.Diagnostics
		if text := mistakenReport(file, err); text != "" {
			return nil, usageError{errors.New(text)}
		}
		switch {
		case err == nil:
			topologies = append(topologies, t)
			show(cmd.ErrOrStderr(), topology.Warnings(t))
		// All files are read before labrun gives up: a hook shows all there is to mend at once.
		case errors.As(err, &found):
			status = max(status, exitUsage)
			show(cmd.ErrOrStderr(), found)
		default:
			status = max(status, exitOf(err))
			complain(cmd.ErrOrStderr(), err)
			if hint := hint(cmd.Root(), file, err); hint != "" {
				fmt.Fprintln(cmd.ErrOrStderr(), hint)
			}
		}
	}
	if status != 0 {
		return topologies, exitStatus(status)
	}
	return topologies, nil
}

// filesOf returns the files of topologies, and those that they include.
func filesOf(topologies []*lab.Topology) []string {
	var files []string
	for _, t := range topologies {
		files = append(files, t.File)
		for _, inc := range t.Included {
			files = append(files, inc.File)
		}
	}
	return files
}

// sourceNamed returns what an argument stands for: a file, "-" for standard input, or where there is no such file the
// lesson of that name, which this program has in it.
func sourceNamed(cmd *cobra.Command, file string) (topology.Source, error) {
	if file == "-" {
		return topology.Given(lab.Stdin, cmd.InOrStdin())
	}
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		if source, ok := lessonNamed(file); ok {
			return source, nil
		}
	}
	return topology.Source{File: file}, nil
}

// hint says what to do about a file that cannot be read.
func hint(root *cobra.Command, file string, err error) string {
	switch {
	case errors.Is(err, syscall.EISDIR):
		return fmt.Sprintf("type %q to see what is in it", lab.Command("labrun", "list", file))
	case errors.Is(err, fs.ErrNotExist) && filepath.Ext(file) == "":
		near := meant(file, append(commandNames(root), lessonNames()...))
		return fmt.Sprintf("%q is neither a command nor a lesson%s type %q for help", file, near, "labrun --help")
	}
	return ""
}

// show prints diagnostics with the source line and a caret. In a workflow on GitHub
// they are annotations too.
func show(stderr io.Writer, found topology.Diagnostics) {
	if len(found) == 0 {
		return
	}
	_ = withoutWorkflowCommands(stderr, func() error { // an error of standard error has no place to be told
		_, err := fmt.Fprint(stderr, found.Pretty(colour(stderr)))
		return err
	})
	if onGitHub() {
		var all []report.Mistake
		for _, d := range found {
			all = append(all, report.Mistake{File: repositoryFile(d.File), Pos: d.Pos, Msg: d.Msg, Warning: d.Warning})
		}
		_ = report.GitHubMistakes(stderr, all)
	}
}

// loadHost reads one file and finds a host in it.
func loadHost(cmd *cobra.Command, file, name string) (*lab.Topology, *lab.Host, error) {
	topologies, err := load(cmd, []string{file})
	if err != nil {
		return nil, nil, err
	}
	t := topologies[0]
	h := t.Host(name)
	if h == nil {
		return nil, nil, usagef("%s has no host %q%s it has %s", file, name, meant(name, hostNames(topologies)),
			list(hostNames(topologies)))
	}
	return t, h, nil
}

// sourceOf returns where the topology of a kept matrix comes from: the texts that it holds.
func sourceOf(m result.Matrix) topology.Source {
	return topology.Source{File: m.File, Text: []byte(m.Source), Included: m.Included}
}

// reload reads the topologies that the report holds.
func reload(stderr io.Writer, file string, r *result.Report) ([]*lab.Topology, error) {
	var topologies []*lab.Topology
	for i := range r.Matrices {
		m := &r.Matrices[i]
		if m.Source == "" {
			return nil, usagef("%s: it does not hold the text of %s: an older labrun made it; run the file itself, "+
				"with --baseline %s", file, m.File, file)
		}
		t, err := topology.Load(sourceOf(*m))
		var found topology.Diagnostics
		switch {
		case errors.As(err, &found):
			show(stderr, found)
			return nil, usagef("%s: the text of %s that it holds has mistakes", file, m.File)
		case err != nil:
			return nil, usagef("%s: %w", file, err)
		}
		topologies = append(topologies, t)
	}
	return topologies, nil
}
