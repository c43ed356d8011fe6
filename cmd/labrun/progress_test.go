package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestProgressWords(t *testing.T) {
	for _, test := range []struct {
		status      *status
		done, total int
		want        string
	}{
		{&status{runs: 1}, 0, 4, "0 of 4 cells"},
		{&status{runs: 1}, 1, 4, "1 of 4 cells, 7s left, 0/s"},
		{&status{runs: 1, red: 3}, 3, 4, "3 of 4 cells, 3 not passed, 1s left, 2/s"},
		{&status{runs: 1}, 4, 4, "4 of 4 cells"},
		{&status{runs: 2}, 4, 8, "4 of 8 cells, 3s left, 2/s, run 2 of 2"},
		{&status{runs: 2}, 8, 8, "8 of 8 cells, run 2 of 2"},
	} {
		if got := test.status.words(test.done, test.total, 2*time.Second); got != test.want {
			t.Errorf("%d of %d: %q, want %q", test.done, test.total, got, test.want)
		}
	}
}

// TestProgressLine: what a kernel does before its cells are counted is said, and nothing is counted then.
func TestProgressLine(t *testing.T) {
	var b strings.Builder
	s := &status{w: &b, runs: 1, began: time.Now()}
	line := func() string {
		b.Reset()
		s.redraw(s.began.Add(2 * time.Second))
		return b.String()
	}
	s.does("debian:6.1", "is fetched")
	if got := line(); got != "debian:6.1 is fetched" {
		t.Errorf("%q", got)
	}
	s.does("debian:6.1", "boots")
	host := s.of(hostKernel)
	host(1, 4)
	if got := line(); !strings.HasSuffix(got, "1 of 4 cells, 7s left, 0/s; debian:6.1 boots, host 1/4") {
		t.Errorf("%q", got)
	}
	s.of("debian:6.1")(4, 4)
	if got := line(); !strings.HasSuffix(got, "5 of 8 cells, 2s left, 2/s; host 1/4") {
		t.Errorf("%q", got)
	}
	s.end("debian:6.1")
	if got := line(); strings.Contains(got, "debian") {
		t.Errorf("%q", got)
	}
}

// TestProgressPhases: what comes after something else is counted from its own beginning.
func TestProgressPhases(t *testing.T) {
	var b strings.Builder
	s := &status{w: &b, runs: 1, began: time.Now().Add(-time.Hour)}
	line := func() string {
		b.Reset()
		s.redraw(s.phased.Add(2 * time.Second))
		return b.String()
	}
	s.phase("MB read")(5, 10)
	if got := line(); !strings.HasSuffix(got, "5 of 10 MB read, 3s left, 2/s") {
		t.Errorf("%q", got)
	}
	written := s.phase("cells written")
	if got := line(); strings.Contains(got, "of") {
		t.Errorf("%q before there is something to count", got)
	}
	written(1, 4)
	if got := line(); !strings.HasSuffix(got, "1 of 4 cells written, 7s left, 0/s") {
		t.Errorf("%q", got)
	}
}

// TestWipe has a line that takes several rows of a window that became narrower. An
// output that is not a terminal has 80 columns.
func TestWipe(t *testing.T) {
	for line, want := range map[int]string{
		0: "", 1: "\r\x1b[K", 80: "\r\x1b[K", 81: "\r\x1b[K\x1b[A\x1b[K", 240: "\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K",
	} {
		var b strings.Builder
		s := status{w: &b, line: line}
		if s.wipe(); b.String() != want {
			t.Errorf("%d characters: %q, want %q", line, b.String(), want)
		}
	}
}

func TestFirstSentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"One. Two.":                    "One.",
		"May it? Yes.":                 "May it?",
		"no stop\nat all":              "no stop at all",
		"At 192.0.2.1, e.g. or J. Doe": "At 192.0.2.1, e.g. or J. Doe",
	} {
		if got := firstSentence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	got := fold("one two  three-is-long four", 8)
	if want := []string{"one two", "three-is-long", "four"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := fold("", 8); !slices.Equal(got, []string{""}) {
		t.Errorf("%q of nothing", got)
	}
}
