package main

import (
	"strings"

	"labrun/lab"
)

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
