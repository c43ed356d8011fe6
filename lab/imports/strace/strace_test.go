package strace_test

import (
	"testing"

	"labrun/lab/imports/importtest"
	"labrun/lab/imports/strace"
	"labrun/lab/trace"
)

var log = importtest.Importer{Sniff: strace.Sniff, Read: func(text string) (string, []trace.Left) {
	events, lines := strace.Parse(text)
	m := trace.Import(events, trace.Options{})
	return m.File("log", "From a log of strace.").Text(), append(lines, m.Left...)
}}

func TestLogs(t *testing.T) { log.Golden(t) }

func FuzzStrace(f *testing.F) {
	log.Fuzz(f, "listen(3, 5) = 0",
		"1 clone(flags=CLONE_FILES) = 2\n2 clone(flags=CLONE_FILES) = 1\n1 fork() = 2\n2 fork() = 1\n")
}
