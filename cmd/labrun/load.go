package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"labrun/lab"
	"labrun/lab/report"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// load reads the files. It shows what they say to no effect, and every mistake in
// all of them; with its error it returns those that have none. Mistakes are shown here, and
// the error is a mere status: there are many, each with its line of the file and a caret.
func (c command) load(files []string) ([]*lab.Topology, error) {
	var topologies []*lab.Topology
	status := 0
	for _, file := range files {
		t, err := topology.Load(topology.Source{File: file})
		var found topology.Diagnostics
		if errors.As(err, &found) {
			if text := mistakenReport(file, found[0].Source.Text); text != "" {
				return nil, usageError{errors.New(text)}
			}
		}
		switch {
		case err == nil:
			topologies = append(topologies, t)
			c.show(topology.Warnings(t))
		case errors.As(err, &found):
			status = max(status, exitUsage)
			c.show(found)
		default:
			status = max(status, exitOf(err))
			c.complain(err)
			if hint := hint(file, err); hint != "" {
				fmt.Fprintln(c.stderr, hint)
			}
		}
	}
	if status != 0 {
		return topologies, exitStatus(status)
	}
	return topologies, nil
}

// hint says what to do about a file that cannot be read.
func hint(file string, err error) string {
	switch {
	case errors.Is(err, syscall.EISDIR):
		return fmt.Sprintf("type %q to see what is in it", lab.Command("labrun", "list", file))
	case errors.Is(err, fs.ErrNotExist) && filepath.Ext(file) == "":
		near := meant(file, commandNames(command{}.root()))
		return fmt.Sprintf("%q is not a command either%s type %q for help", file, near, "labrun --help")
	}
	return ""
}

// show prints diagnostics with the source line and a caret. In a workflow on GitHub
// they are annotations too.
func (c command) show(found topology.Diagnostics) {
	if len(found) == 0 {
		return
	}
	_ = withoutWorkflowCommands(c.stderr, func() error { // an error of standard error has no place to be told
		_, err := fmt.Fprint(c.stderr, found.Pretty(colour(c.stderr)))
		return err
	})
	if onGitHub() {
		var all []report.Mistake
		for _, d := range found {
			all = append(all, report.Mistake{File: repositoryFile(d.File), Pos: d.Pos, Msg: d.Msg, Warning: d.Warning})
		}
		_ = report.GitHubMistakes(c.stderr, all)
	}
}

// loadHost reads one file and finds a host in it.
func (c command) loadHost(file, name string) (*lab.Topology, *lab.Host, error) {
	topologies, err := c.load([]string{file})
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
