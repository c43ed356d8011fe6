package main

import (
	"io"
	"os"

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

// colour reports whether w is a terminal that wants colours, no-color.org.
func colour(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
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
