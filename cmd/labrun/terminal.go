package main

import (
	"io"
	"os"
	"slices"

	"labrun/lab/report"
)

// fileOf returns the file that w writes to, nil when it is none: standard output is one
// behind a writer that keeps its first error.
func fileOf(w io.Writer) *os.File {
	if first, ok := w.(*firstError); ok {
		w = first.w
	}
	f, _ := w.(*os.File)
	return f
}

// terminal reports whether w is a terminal.
func terminal(w io.Writer) bool {
	f := fileOf(w)
	return f != nil && isTerminal(f)
}

// width returns how many columns the terminal has now, 80 when it does not say.
func width(w io.Writer) int {
	if f := fileOf(w); f != nil {
		if n := columns(f); n > 0 {
			return n
		}
	}
	return 80
}

// colourWish is --color. It is of the whole program, as NO_COLOR is: whatever writes asks colour.
var colourWish = "auto"

// checkColour finds a mistake in it.
func checkColour() error {
	words := []string{"auto", "always", "never"}
	if !slices.Contains(words, colourWish) {
		return usagef("--color %s: no such word%s there are %s", colourWish, meant(colourWish, words), list(words))
	}
	return nil
}

// colour reports whether w gets colours: as --color says, or else where it is a terminal and nothing in the environment
// says no (no-color.org, force-color.org).
func colour(w io.Writer) bool {
	switch {
	case colourWish != "auto":
		return colourWish == "always"
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("FORCE_COLOR") != "":
		return os.Getenv("FORCE_COLOR") != "0"
	}
	return terminal(w) && os.Getenv("TERM") != "dumb"
}

// textFor is how a text looks there. What is not a terminal has no width: the bytes in a
// pipe depend on nothing. COLUMNS is not asked, which shells keep for themselves and
// which stays as it was when the window changes.
func textFor(w io.Writer) report.Text {
	t := report.Text{Colour: colour(w)}
	if terminal(w) {
		t.Width = columns(fileOf(w))
	}
	return t
}

// firstError keeps the first error of standard output, for those that do not look at what they
// print: cobra, the note's programs, lists. Each of them would need a check after every line,
// and one is forgotten sooner or later.
type firstError struct {
	w   io.Writer
	err error
}

// Write goes on after an error: what prints does not look, and the error is told at the end.
func (f *firstError) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	if f.err == nil {
		f.err = err
	}
	return n, err
}
