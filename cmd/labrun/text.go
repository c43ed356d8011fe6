package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/wording"
)

// count is a number with its noun, for lines that programs and people read alike.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func list(names []string) string { return strings.Join(names, ", ") }

// didYouMean ends a complaint about a name, when one of the names that there are is near it.
func didYouMean(found string, names []string) string {
	if near := wording.Nearest(found, names); near != "" && near != found {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// meant is didYouMean in a complaint that goes on with the names.
func meant(found string, names []string) string { return cmp.Or(didYouMean(found, names), ";") }

func hostNames(topologies []*lab.Topology) []string {
	var names []string
	for _, t := range topologies {
		for _, h := range t.Hosts {
			names = append(names, h.Name)
		}
	}
	return unique(names)
}

func experimentNames(topologies []*lab.Topology) []string {
	var names []string
	for _, t := range topologies {
		for _, e := range t.Experiments {
			names = append(names, e.Name)
		}
	}
	return unique(names)
}

// unique sorts names for a list in a complaint; several files have hosts of the same name.
func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// nics describes a host's NICs in a line.
func nics(h *lab.Host) string {
	var words []string
	for _, n := range h.NICs {
		s := n.Name
		for _, a := range n.Addresses {
			s += " " + a.Prefix.String()
			if a.Alias != "" {
				s += " (" + a.Alias + ")"
			}
		}
		words = append(words, s)
	}
	return strings.Join(words, ", ")
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
