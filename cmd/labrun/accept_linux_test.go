package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/topology"
	"labrun/lab/yamlpos"
)

// TestAcceptLessons takes lessons, puts ? in the place of some answers, and has labrun write them again: all that is
// written is what the lesson says, or a case of it, the file is green, and no other line has changed.
func TestAcceptLessons(t *testing.T) {
	needNetNS(t)
	files, err := filepath.Glob("../../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	var places, left atomic.Int32
	forLessons(t, files, func(t *testing.T, file, name string) {
		if testing.Short() && !slices.Contains(short, name) {
			t.Skip("-short: the other lessons do it in the same way")
		}
		w, err := topology.LoadWritten(topology.Source{File: file})
		if err != nil {
			t.Fatal(err)
		}
		asked := askedPlaces(t, w, name)
		if len(asked) == 0 {
			t.Skip("the answers chosen have no place of their own")
		}
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "shared"), os.DirFS("../../topologies/shared")); err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, filepath.Base(file))
		write(t, target, openAnswers(t, w, asked))
		args := []string{target, "--accept", "--yes"}
		for _, p := range asked {
			args = append(args, "--only", p.experiment)
		}
		cmd := labrun(t, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if out, err := cmd.Output(); err != nil {
			t.Fatalf("%v:\n%s\n%s", err, out, stderr.String())
		}
		before, after := strings.Split(w.Source, "\n"), strings.Split(read(t, target), "\n")
		if len(before) != len(after) {
			t.Fatalf("%d lines have become %d:\n%s", len(before), len(after), cmp.Diff(before, after))
		}
		for i := range before {
			mine := slices.DeleteFunc(slices.Clone(asked), func(p askedPlace) bool { return p.pos.Line != i+1 })
			if len(mine) == 0 && before[i] != after[i] {
				t.Errorf("line %d was not asked and has become %s", i+1, after[i])
			}
		}
		again, err := topology.LoadWritten(topology.Source{File: target})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range asked {
			places.Add(1)
			now := stepAt(again, p)
			if now.Step == nil {
				t.Errorf("line %d has no %s any more", p.pos.Line, p.call)
				continue
			}
			if len(now.Want) == 1 && now.Want[0].Answer.Outcome == lab.Unasked {
				left.Add(1)
				continue
			}
			if !slices.ContainsFunc(p.want, func(r lab.WantRule) bool {
				return slices.ContainsFunc(r.Answer.All(), func(a lab.Answer) bool { return covers(a, now.Want[0].Answer) })
			}) {
				t.Errorf("line %d: %s was %s, and has become %s", p.pos.Line, now.Call, p.want, now.Want)
			}
		}
		// What is neither skipped nor left is answered: a place that is still open has its reason on standard error.
	})
	t.Logf("%d places, of which %d are left open", places.Load(), left.Load())
	if left.Load()*4 > places.Load() && !testing.Short() {
		t.Errorf("%d of %d places are left open", left.Load(), places.Load())
	}
}

// askedPlace is a place whose answer is taken away.
type askedPlace struct {
	experiment string
	pos        lab.Pos
	from, to   int // in the text there
	want       lab.Want
	call       string
	nth        int // of the same calls on its line
}

// stepAt returns the step at a place once the answers before it on its line may have become longer.
func stepAt(w *topology.Written, p askedPlace) placedStep {
	nth, seen := 0, map[lab.Pos]bool{}
	for _, s := range stepsByPlace(w) {
		if s.Pos.Line != p.pos.Line || s.Pos.File != "" || s.Call.String() != p.call || seen[s.Pos] {
			continue
		}
		seen[s.Pos] = true
		if nth++; nth > p.nth {
			return s
		}
	}
	return placedStep{}
}

// placedStep is a step, and the experiment that it is of.
type placedStep struct {
	*lab.Step
	experiment string
}

// stepsByPlace returns every step of a file once, in an order that does not depend on its answers.
func stepsByPlace(w *topology.Written) (all []placedStep) {
	for i := range w.Experiments {
		e := &w.Experiments[i]
		for s := range e.Steps() {
			all = append(all, placedStep{s, e.Name})
		}
	}
	return all
}

// mostPlaces is how many answers of a lesson are taken away: each is an experiment that runs three times.
const mostPlaces = 4

// askedPlaces chooses a tenth of the answers of a file, the same on every run, and one at least: of those that a
// step has as a text of its own and where ? may stand, up to a limit.
func askedPlaces(t *testing.T, w *topology.Written, seed string) []askedPlace {
	t.Helper()
	var all []askedPlace
	seen := map[lab.Pos]bool{}
	counted := map[string]int{}
	for _, s := range stepsByPlace(w) {
		if seen[s.Pos] || s.Pos.File != "" {
			continue
		}
		seen[s.Pos] = true
		same := fmt.Sprint(s.Pos.Line, s.Call)
		counted[same]++
		text, ok := w.TextAt(s.Pos)
		p, isCall := syntax.PlacesOf(text)
		if !ok || !isCall || s.Run != nil || s.Pending != "" || s.Until != 0 ||
			len(p.Answers) == 0 || strings.Contains(text[p.Call:], "$") { // a name that an answer keeps is asked for later
			continue
		}
		all = append(all, askedPlace{s.experiment, s.Pos, p.Call, len(text), s.Want, s.Call.String(), counted[same] - 1})
	}
	r := rand.New(rand.NewPCG(1, uint64(len(seed))))
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var chosen []askedPlace
	for _, p := range all {
		if len(chosen) > len(all)/10 || len(chosen) == mostPlaces {
			break
		}
		if _, err := topology.LoadWritten(topology.Source{File: w.File, Text: []byte(openAnswers(t, w, append(chosen, p))),
			Included: w.Included}); err == nil { // ports are known that an answer keeps, say
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// openAnswers returns the file with ? in those places.
func openAnswers(t *testing.T, w *topology.Written, places []askedPlace) string {
	t.Helper()
	var edits []topology.Edit
	for _, p := range places {
		edits = append(edits, topology.Edit{Part: yamlpos.Part{At: p.pos, From: p.from, To: p.to, Text: " = ?"}})
	}
	text, err := w.Rewrite(w.File, edits)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// covers reports whether an answer that a kernel gave is a case of another one. These are the ways in which a file may
// say less than was answered: any value, some states, a range, a port that was kept or is of a kind, no sender and
// nothing that came along. The kernel may also have answered what has another value in every run, of which ok is said.
func covers(said, got lab.Answer) bool {
	if said.Outcome == lab.Unasked || said.String() == got.String() {
		return true
	}
	if said.Outcome != got.Outcome || said.Errno != got.Errno {
		return false
	}
	if said.From != nil && got.From != nil && said.From.String() != got.From.String() {
		return false
	}
	switch v := said.Value.(type) {
	case nil:
		return true
	case lab.Containing:
		states, ok := got.Value.(lab.States)
		return ok && !slices.ContainsFunc(v, func(s string) bool { return s != lab.StateBound && !slices.Contains(states, s) })
	case lab.States: // of sockets that are bound only sockets() tells where a file says so
		bound := func(s string) bool { return s == lab.StateBound }
		return got.Value == nil || got.Value.String() == lab.States(slices.DeleteFunc(slices.Clone(v), bound)).String()
	case lab.Between:
		n, ok := got.Value.(lab.Int)
		return ok && v.Low <= int64(n) && int64(n) <= v.High
	case lab.Spec:
		// A host goes by its name or as the peer of the other.
		spec, ok := got.Value.(lab.Spec)
		host := regexp.MustCompile(`\b[a-z0-9]+\.`)
		return ok && host.ReplaceAllString(string(v), "") == host.ReplaceAllString(string(spec), "")
	case lab.Addr:
		a, ok := got.Value.(lab.Addr)
		return got.Value == nil || ok && (v.Base() == "" || v.Base() == a.Base() || v.IP == a.IP)
	}
	return got.Value == nil || said.Value.String() == got.Value.String()
}

// TestWriteText: a file has its new text whole or keeps the old one, and its mode, and links lead to it as before.
func TestWriteText(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "link.yaml")
	write(t, name, "old")
	if err := os.Chmod(name, 0o604); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := writeText(link, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode().Type() != fs.ModeSymlink || read(t, name) != "new" {
		t.Errorf("%v, %v, %q", err, info.Mode(), read(t, name))
	}
	if info, err = os.Stat(name); err != nil || info.Mode() != 0o604 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	// Another program has changed it meanwhile.
	if err := writeText(name, []byte("old"), []byte("newer")); err == nil ||
		!strings.Contains(err.Error(), "it has changed since it was read") || read(t, name) != "new" {
		t.Errorf("%v, %q", err, read(t, name))
	}
	if err := writeText(dir, nil, []byte("x")); err == nil {
		t.Error("a folder was written")
	}
	if err := writeText(filepath.Join(dir, "none.yaml"), nil, []byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeText(pipe, nil, []byte("x")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, and in the folder are %v", err, entries)
	}
}
