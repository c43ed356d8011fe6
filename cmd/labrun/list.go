package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"labrun/lab"
)

// listCommand makes "labrun list". What a file teaches is in the file, so that no list elsewhere has to be kept in
// step with the files.
func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [FILE-OR-FOLDER...]",
		Short: "say what each topology file teaches",
		Long: `list prints a line for every topology file, or every one in a folder: the file, its
name, how many experiments and cells it has, and its question; without one the first
sentence about it, of its doc or of the comment on top. On a terminal that is a table as
wide as the terminal; elsewhere the fields are separated by tabs, for cut and awk, with
its level and what was found behind them. Files with mistakes are left out, and the exit
status is 2.

Without a FILE it lists the lessons that labrun has in it, by their levels, in the order
in which they are read. Every command takes a lesson by its name: "labrun dual-nic",
"labrun graph dual-nic". The atlas is not among them: atlas/tcp, atlas/udp,
atlas/connected, atlas/left and atlas/chosen are every combination of addresses, options,
devices, users and states, most of a million cells that expect nothing, for a diff of
two kernels.

    labrun list topologies`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			own := len(paths) == 0
			if own {
				paths = lessonNames()
			}
			files, err := topologyFiles(cmd.ErrOrStderr(), paths)
			if err != nil {
				return err
			}
			topologies, bad := load(cmd, files)
			if own {
				slices.SortStableFunc(topologies, func(a, b *lab.Topology) int { return cmp.Compare(shelf(a), shelf(b)) })
			}
			out := cmd.OutOrStdout()
			w := bufio.NewWriter(out)
			switch {
			case len(topologies) == 0:
			case !terminal(out):
				for _, t := range topologies {
					fmt.Fprintln(w, strings.Join(append(listed(t), t.Lesson.Level, inOneLine(t.Lesson.Found)), "\t"))
				}
			case own:
				rows := [][]string{{"level", "lesson", "question"}}
				for _, t := range topologies {
					rows = append(rows, []string{t.Lesson.Level, t.File, lesson(t)})
				}
				writeTable(w, width(out), rows)
			default:
				rows := [][]string{{"file", "name", "experiments", "cells", "what it teaches"}}
				for _, t := range topologies {
					rows = append(rows, listed(t))
				}
				writeTable(w, width(out), rows)
			}
			return cmp.Or(w.Flush(), bad)
		},
	}
}

// shelf returns the place of a topology's level in the order of reading.
func shelf(t *lab.Topology) int { return slices.Index(lab.LevelNames(), t.Lesson.Level) }

// listed returns what a list says of a topology.
func listed(t *lab.Topology) []string {
	return []string{t.File, t.Name, strconv.Itoa(len(t.Experiments)), strconv.Itoa(t.CountCells()), lesson(t)}
}

// inOneLine returns a text with a blank for every piece of white space.
func inOneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// lesson returns the question of a topology, or the first sentence about it.
func lesson(t *lab.Topology) string {
	if q := inOneLine(t.Lesson.Question); q != "" {
		return q
	}
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

// writeTable writes rows with a head; the last column is folded to the width that
// is left for it, on a terminal too narrow for that on lines of its own.
// It is not text/tabwriter, which folds nothing: the last column is a sentence, wider than any
// terminal.
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
