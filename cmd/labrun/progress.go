package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"labrun/lab"
	"labrun/lab/result"
)

// status tells on a terminal how far a long run has come, in a line that is gone at
// the end, and of the first failure at once. There is nothing of it elsewhere, nor
// in the first second. It looks at the clock and at the window's width by itself: a
// cell costs it two stores.
type status struct {
	w    io.Writer // nil shows nothing
	runs int
	stop chan struct{}

	counters sync.Map // *counter by kernel

	mu     sync.Mutex
	noun   string    // what is counted; "" is cells
	phased time.Time // when the counting of that began
	began  time.Time // but for the time in which it was hidden
	hidden time.Time // since when; zero when it is not
	red    int
	told   bool   // the first failure was, or is to be
	first  string // what is to be told of it
	line   int    // how many characters are on the screen
}

// newStatus returns the status of a run that begins now. It draws only on a terminal: standard
// error in a log of CI would have a line for every fifth of a second.
func newStatus(stderr io.Writer, runs int) *status {
	s := &status{began: time.Now(), runs: max(runs, 1), stop: make(chan struct{})}
	if terminal(stderr) {
		s.w = stderr
		go s.draw()
	}
	return s
}

// draw draws the line several times a second.
func (s *status) draw() {
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-ticks.C:
			s.redraw(now)
		}
	}
}

// counter is how far a kernel has come.
type counter struct {
	done, total atomic.Int64
	does        string // before its first cell
}

// does says what a kernel does before it has cells to count, "boots" for instance.
func (s *status) does(kernel, what string) { s.counters.Store(kernel, &counter{does: what}) }

// end has a kernel no longer shown.
func (s *status) end(kernel string) { s.counters.Delete(kernel) }

// of returns what is to be called after every cell of a kernel, hundreds of thousands of times a minute:
// it stores, and another goroutine looks.
func (s *status) of(kernel string) func(done, total int) {
	var c counter
	return func(done, total int) {
		if c.total.Swap(int64(total)) == 0 {
			s.counters.Store(kernel, &c)
		}
		c.done.Store(int64(done))
	}
}

// phase begins to count something else, and returns what is to be called with how much of it is done.
func (s *status) phase(noun string) func(done, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noun, s.phased = noun, time.Now()
	s.counters.Clear()
	return s.of("")
}

// sum adds the kernels up, and names those that are under way where there are several.
func (s *status) sum() (done, total int, under []string) {
	for kernel, value := range s.counters.Range {
		c := value.(*counter)
		d, t := int(c.done.Load()), int(c.total.Load())
		done, total = done+d, total+t
		switch {
		case c.does != "":
			under = append(under, fmt.Sprint(kernel, " ", c.does))
		case d < t:
			under = append(under, fmt.Sprintf("%s %d/%d", kernel, d, t))
		}
	}
	slices.Sort(under)
	return done, total, under
}

// note takes note of a cell that failed or is an error.
func (s *status) note(m *result.Matrix, c *result.Cell) {
	if s.w == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.red++; !s.told {
		s.told, s.first = true, lab.Visible(firstRed(m, c))
	}
}

// firstRed is a red cell in one line.
func firstRed(m *result.Matrix, c *result.Cell) string {
	name := m.NameOf(c) + " on " + m.ColumnOf(c)
	steps := m.StepsOf(c)
	if c.Verdict == result.Error || len(steps) == 0 {
		return strings.ToUpper(c.Verdict.String()) + " " + name + ": " + c.Reason()
	}
	last := steps[len(steps)-1]
	return fmt.Sprintf("FAIL %s: %s:%d: %s: %s = %s, want %s", name, m.FileOf(c), last.Line, last.Process, last.Call,
		last.Words(last.Got), last.Words(last.Want))
}

// redraw draws the line, and before it the first failure, which stays above: a user who sees it
// after a second of a run of an hour can stop there.
func (s *status) redraw(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A run of less than a second is over before anything could be read.
	since := now.Sub(s.began)
	if !s.hidden.IsZero() || since < time.Second {
		return
	}
	s.wipe()
	if s.first != "" {
		fmt.Fprintln(s.w, s.first)
		s.first = ""
	}
	if done, total, under := s.sum(); total > 0 || len(under) > 0 {
		var words []string
		if total > 0 {
			if !s.phased.IsZero() {
				since = min(since, now.Sub(s.phased))
			}
			words = append(words, s.words(done, total, since))
		}
		if _, alone := s.counters.Load(""); !alone && len(under) > 0 {
			words = append(words, strings.Join(under, ", "))
		}
		line := cut(strings.Join(words, "; "), width(s.w)-1)
		s.line = utf8.RuneCountInString(line)
		fmt.Fprint(s.w, line)
	}
}

// words is what there is to say, the most important first.
func (s *status) words(done, total int, since time.Duration) string {
	words := []string{fmt.Sprintf("%d of %d %s", done, total, cmp.Or(s.noun, "cells"))}
	if s.red > 0 {
		words = append(words, fmt.Sprintf("%d not passed", s.red))
	}
	if done > 0 && done < total {
		left := time.Duration(float64(since) / float64(done) * float64(total-done))
		words = append(words, (left+time.Second).Truncate(time.Second).String()+" left",
			fmt.Sprintf("%.0f/s", float64(done)/since.Seconds()))
	}
	if s.runs > 1 {
		words = append(words, fmt.Sprintf("run %d of %d", min(done/max(total/s.runs, 1)+1, s.runs), s.runs))
	}
	return strings.Join(words, ", ")
}

// cut shortens a line to so many characters.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= max(width, 0) {
		return s
	}
	return string([]rune(s)[:max(width, 0)])
}

// wipe clears the line, which may take several now if the window has become
// narrower since. Each is cleared by itself, EL of ECMA-48: some terminals keep what
// ED clears when that is all of the screen, and scroll it away.
func (s *status) wipe() {
	if s.line == 0 {
		return
	}
	fmt.Fprint(s.w, "\r\x1b[K"+strings.Repeat("\x1b[A\x1b[K", (s.line-1)/width(s.w)))
	s.line = 0
}

// close takes the line away for good.
func (s *status) close() {
	s.hide(true)
	close(s.stop)
}

// pause takes the line away while the first failed cell is looked at: nothing more
// is to be said then.
func (s *status) pause() {
	s.hide(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = true
}

// hide takes the line away until it may have the terminal again.
func (s *status) hide(hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
	switch {
	case hidden:
		s.hidden = time.Now()
	case !s.hidden.IsZero():
		s.began = s.began.Add(time.Since(s.hidden))
		s.hidden = time.Time{}
	}
}
