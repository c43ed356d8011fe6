package main

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/topology"
	"labrun/topologies"
)

// TestLessons: every lesson says what it asks, what was found and on which shelf it stands, and what it tells to read
// next exists.
func TestLessons(t *testing.T) {
	files, err := fs.Glob(topologies.Files, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		top, err := topology.Load(topology.Source{File: "../../topologies/" + file})
		if err != nil {
			t.Error(err)
			continue
		}
		l := top.Lesson
		if l.Question == "" || l.Found == "" || l.Level == "" || len(l.See) == 0 {
			t.Errorf("%s has question %q, found %q, level %q, see %q, want all of them", file, l.Question, l.Found,
				l.Level, l.See)
		}
		if !strings.HasSuffix(l.Question, "?") {
			t.Errorf("%s: %q is not a question", file, l.Question)
		}
		if top.Name != strings.TrimSuffix(file, ".yaml") {
			t.Errorf("%s has the name %s: lessons are named as their files", file, top.Name)
		}
		for _, see := range l.See {
			if strings.HasSuffix(see, ")") {
				continue // a manual page, which the machine may not have
			}
			if _, err := fs.Stat(topologies.Files, see+".yaml"); err != nil || see == top.Name {
				t.Errorf("%s: see %s: there is no such other lesson", file, see)
			}
		}
	}
}

// TestAtlasIsNoLesson: the atlas has names as lessons have, and is not among them; what lessons include has none.
func TestAtlasIsNoLesson(t *testing.T) {
	files, err := fs.Glob(topologies.Files, atlas+"/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		source, ok := lessonNamed(name)
		if !ok || slices.Contains(lessonNames(), name) {
			t.Errorf("%s can be named: %t, it is among %v", name, ok, lessonNames())
			continue
		}
		top, err := topology.Load(source)
		if err != nil {
			t.Error(err)
			continue
		}
		if want := strings.ReplaceAll(name, "/", "-"); top.Name != want || !strings.HasSuffix(top.Lesson.Question, "?") {
			t.Errorf("%s has the name %s and the question %q, want %s", name, top.Name, top.Lesson.Question, want)
		}
		for i := range top.Experiments {
			row := result.NewRow(&top.Experiments[i], lab.Kernel{})
			open := false
			for n := range row.Slots {
				for s := range row.Slots[n].All() {
					open = open || s.Open
				}
			}
			if !open {
				t.Errorf("%s: %s leaves nothing open", name, row.Name)
			}
		}
	}
	if _, ok := lessonNamed("shared/two-addresses"); ok {
		t.Error("a part of lessons can be run")
	}
}
