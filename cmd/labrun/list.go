package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"labrun/lab"
	"labrun/lab/topology"
)

// listCommand makes "labrun list". What a file teaches is the first sentence of its own doc,
// so that no list elsewhere has to be kept in step with the files.
func (c command) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list FILE-OR-FOLDER...",
		Short: "say what each topology file teaches",
		Long: `list prints a line for every topology file, or every one in a folder: the file, its
name, how many experiments and cells it has, and the first sentence about it, of its
doc or of the comment on top. On a terminal that is a table as wide as the terminal;
elsewhere the fields are separated by tabs, for cut and awk. Files with mistakes are
left out, and the exit status is 2.

    labrun list topologies`,
		Args: args(1, math.MaxInt, "one or more FILEs or FOLDERs"),
		RunE: func(_ *cobra.Command, paths []string) error {
			files, err := c.topologyFiles(paths)
			if err != nil {
				return err
			}
			topologies, bad := c.load(files)
			rows := make([][]string, len(topologies))
			for i, t := range topologies {
				rows[i] = []string{t.File, t.Name, strconv.Itoa(len(t.Experiments)), strconv.Itoa(t.CountCells()),
					lesson(t)}
			}
			w := bufio.NewWriter(c.stdout)
			if terminal(c.stdout) && len(rows) > 0 {
				writeTable(w, width(c.stdout), append([][]string{{"file", "name", "experiments", "cells",
					"what it teaches"}}, rows...))
			} else {
				for _, r := range rows {
					fmt.Fprintln(w, strings.Join(r, "\t"))
				}
			}
			return cmp.Or(w.Flush(), bad)
		},
	}
}

// topologyFiles replaces each folder by the topologies in it, and says in a line which other
// files in it have such a name.
func (c command) topologyFiles(paths []string) ([]string, error) {
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
			fmt.Fprintf(c.stderr, "%s: left out %s\n", p, left)
		}
	}
	return files, nil
}

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

func isTopology(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains(topologySuffixes,
		strings.ToLower(strings.TrimPrefix(filepath.Ext(name), ".")))
}

// topologySuffixes are what names of topology files end in.
var topologySuffixes = []string{"yaml", "yml"}

// lesson returns the first sentence about a topology.
func lesson(t *lab.Topology) string {
	if t.Doc != "" {
		return firstSentence(t.Doc)
	}
	var comment []string
	for line := range strings.Lines(t.Source) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok || strings.TrimSpace(text) == "" && len(comment) > 0 {
			break
		}
		comment = append(comment, text)
	}
	return firstSentence(strings.Join(comment, " "))
}

// firstSentence returns a text up to its first full stop, question mark or
// exclamation mark before a blank, in one line.
func firstSentence(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		// One letter is an initial, "e.g." and "i.e." have a full stop inside.
		if strings.ContainsRune(".?!", rune(w[len(w)-1])) && len(w) > 2 && !strings.Contains(w[:len(w)-1], ".") {
			words = words[:i+1]
			break
		}
	}
	return strings.Join(words, " ")
}

// writeTable writes rows with a head; the last column is folded to the width that
// is left for it, on a terminal too narrow for that on lines of its own.
func writeTable(w io.Writer, width int, rows [][]string) {
	last := len(rows[0]) - 1
	widths := make([]int, last)
	left := width
	for i := range widths {
		for _, r := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
		left -= widths[i] + 2
	}
	const least = 24
	for n, r := range rows {
		var line strings.Builder
		for i, n := range widths {
			fmt.Fprintf(&line, "%-*s  ", n, r[i])
		}
		switch {
		case left >= least:
			for _, part := range fold(r[last], left) {
				fmt.Fprintln(w, strings.TrimRight(line.String()+part, " "))
				line.Reset()
				line.WriteString(strings.Repeat(" ", width-left))
			}
		default:
			fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
			for _, part := range fold(r[last], max(width-2, least)) {
				if n > 0 && part != "" {
					fmt.Fprintln(w, "  "+part)
				}
			}
		}
	}
}

// fold breaks a text at blanks into lines of at most that width, where a word does
// not take more. There is always one line.
func fold(s string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(s) {
		at := len(lines) - 1
		switch {
		case lines[at] == "":
			lines[at] = word
		case utf8.RuneCountInString(lines[at])+1+utf8.RuneCountInString(word) <= width:
			lines[at] += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
