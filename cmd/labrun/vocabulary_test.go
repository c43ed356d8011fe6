package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/syntax"
)

// TestVocabulary demands a line of the reference and an example that runs, in a lesson or in
// a script, for every call, every word of an argument, control message and socket option. That
// each has a row which carries it out is for lab/process and lab/kernel/local to test, and that
// it fits the schema for lab/topology.
func TestVocabulary(t *testing.T) {
	var help bytes.Buffer
	if status := execute(rootCommand(), []string{"help", "steps"}, &help, os.Stderr); status != 0 {
		t.Fatalf("labrun help steps: exit %d", status)
	}
	lines := strings.Split(help.String(), "\n")
	lessons, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder
	for _, file := range slices.Concat(lessons, scripts) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples.Write(b)
	}
	check := func(what, pattern, line string) {
		if !regexp.MustCompile(pattern).MatchString(examples.String()) {
			t.Errorf("no lesson and no script has %s", what)
		}
		if !slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, "    ") &&
				strings.Contains(l, line)
		}) {
			t.Errorf("labrun help steps does not have %s", what)
		}
	}
	for _, s := range lab.Signatures {
		for _, k := range slices.Concat(s.Args, s.Long) {
			for _, word := range syntax.WordsOf(k) {
				check(word, `(^|[^\w-])`+word+`([^\w-]|$)`, word)
			}
		}
		check(s.Name+"()", `\b`+s.Name+`\(`, s.Name+"(")
	}
	for _, c := range lab.Controls {
		check(c.Name, `\bwith\b.* `+c.Name+`\b`, "    "+c.Name+"(")
	}
	for kind, words := range lab.SpecWords {
		for _, w := range words {
			check(string(kind)+" "+w, `[( \[]`+w+`\b`, "        "+w)
		}
		if !slices.ContainsFunc(specKinds, func(k struct {
			kind  lab.Kind
			where string
		}) bool {
			return k.kind == kind
		}) {
			t.Errorf("labrun help steps does not have %s", kind)
		}
	}
	for _, o := range lab.Options {
		check(o.Name, `sockopt\(\w+, `+o.Name+`\b`, "    "+o.Name+" ")
	}
}
