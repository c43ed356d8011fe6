package main

import (
	"io"
	"os"
	"strings"

	"labrun/lab/report"
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

// textFor is how a text looks there. What is not a terminal has no width: the bytes in a
// pipe depend on nothing. COLUMNS is not asked, which shells keep for themselves and
// which stays as it was when the window changes.
func textFor(w io.Writer) report.Text {
	t := report.Text{Colour: colour(w)}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		t.Width = columns(f)
	}
	return t
}

func list(names []string) string { return strings.Join(names, ", ") }
