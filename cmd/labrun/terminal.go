package main

import (
	"io"
	"os"
	"strings"
)

// terminal reports whether w is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

// width returns how many columns the terminal has now, 80 when it does not say.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n := columns(f); n > 0 {
			return n
		}
	}
	return 80
}

// colour reports whether w is a terminal that wants colours, no-color.org.
func colour(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func list(names []string) string { return strings.Join(names, ", ") }
