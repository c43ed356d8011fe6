package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"labrun/lab/topology"
)

// topologyFiles replaces each folder by the topologies in it, and says in a line which other
// files in it have such a name.
func topologyFiles(stderr io.Writer, paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			files = append(files, p) // load has the words for one that is not there
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		topologies := 0
		left := map[string]int{}
		for _, e := range entries {
			if e.IsDir() || !isTopology(e.Name()) {
				continue
			}
			file := filepath.Join(p, e.Name())
			// A folder of lessons often has other files as well. They are counted and not run: one with a
			// mistake in the wrong place would else be left out unseen.
			if what := leftOut(file); what != "" {
				left[what]++
				continue
			}
			files = append(files, file)
			topologies++
		}
		var rest []string
		for _, what := range []string{sharedPart, "other YAML file", "dangling link", "unreadable file",
			"special file"} {
			words := count(left[what], what)
			if what == sharedPart {
				words += " that topologies include"
			}
			if left[what] > 0 {
				rest = append(rest, words)
			}
		}
		switch left := strings.Join(rest, ", "); {
		case topologies == 0 && left == "":
			return nil, usagef("%s: no topology file in this folder; their names end in .yaml or .yml", p)
		case topologies == 0:
			return nil, usagef("%s: no topology file in this folder, but %s", p, left)
		case left != "":
			fmt.Fprintf(stderr, "%s: left out %s\n", p, left)
		}
	}
	return files, nil
}

// sharedPart is a file that topologies include and that has no hosts: run by itself it would be a
// mistake, and a folder that is shared by lessons has some.
const sharedPart = "part"

// leftOut returns what a file of a folder is when it is not a topology, else "".
func leftOut(file string) string {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "dangling link"
	case err == nil && !info.Mode().IsRegular(): // opening a pipe would wait for its other end
		return "special file"
	}
	f, err := os.Open(file)
	if err != nil {
		return "unreadable file"
	}
	_ = f.Close() // Scan takes a file that it cannot read for another one
	switch topology.Scan(topology.Source{File: file}).Kind {
	case topology.Whole:
		return ""
	case topology.Shared:
		return sharedPart
	}
	return "other YAML file"
}

// isTopology reports whether a file of a folder is called like a topology. Hidden files are left
// out, as by a shell's *: editors keep theirs beside the file under such names.
func isTopology(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains(topologySuffixes,
		strings.ToLower(strings.TrimPrefix(filepath.Ext(name), ".")))
}

// topologySuffixes are what names of topology files end in.
var topologySuffixes = []string{"yaml", "yml"}
