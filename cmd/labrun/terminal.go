package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// terminal reports whether w is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// colour reports whether w is a terminal that wants colours, no-color.org.
func colour(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func list(names []string) string { return strings.Join(names, ", ") }

// status is the line that tells how far a long run has come. It is shown on a
// terminal only, and only once a second has passed.
type status struct {
	w       io.Writer // nil shows nothing
	started time.Time
	shown   time.Time
}

func (c command) status() *status {
	s := &status{started: time.Now()}
	if terminal(c.stderr) {
		s.w = c.stderr
	}
	return s
}

func (s *status) show(done, total int) {
	now := time.Now()
	if s.w == nil || now.Sub(s.started) < time.Second || now.Sub(s.shown) < 100*time.Millisecond {
		return
	}
	s.shown = now
	fmt.Fprintf(s.w, "\r\x1b[K%d of %d cells", done, total)
}

func (s *status) clear() {
	if !s.shown.IsZero() {
		fmt.Fprint(s.w, "\r\x1b[K")
	}
}
