// Package importtest holds the tests that all importers share: what a foreign text becomes stands beside it in a file.
package importtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"labrun/lab/topology"
	"labrun/lab/trace"
)

var update = flag.Bool("update", false, "write the golden files")

// Importer is what is tested: whether a text is of its kind, and the topology that it becomes, with what was left out.
type Importer struct {
	Sniff func(text string) bool
	Read  func(text string) (yaml string, left []trace.Left)
}

func (i Importer) read(text string) (yaml, left string) {
	yaml, lines := i.Read(text)
	for _, l := range lines {
		left += fmt.Sprintf("%d:%d: %s: %s\n", l.Line, max(1, l.Col), l.Text, l.Why)
	}
	return yaml, left
}

// Golden reads the text in each testdata/*.txtar: it becomes the topology that is the second file, which labrun takes
// and labrun fmt does not change, and leaves out what the third one says. With -update it writes these two.
func (i Importer) Golden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) != 3 {
				t.Fatalf("%d files, %v", len(a.Files), err)
			}
			text := string(a.Files[0].Data)
			if !i.Sniff(text) {
				t.Error("it does not look like one")
			}
			yaml, left := i.read(text)
			source := topology.Source{File: "made.yaml", Text: []byte(yaml)}
			if _, err := topology.Load(source); err != nil {
				t.Errorf("%v\n%s", err, yaml)
			}
			if _, after, err := topology.Format(source); err == nil && string(after) != yaml {
				t.Errorf("not in the form of labrun fmt:\n%s", cmp.Diff(yaml, string(after)))
			}
			if *update {
				a.Files[1].Data, a.Files[2].Data = []byte(yaml), []byte(left)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(a.Files[1].Data), yaml); diff != "" {
				t.Errorf("topology (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(a.Files[2].Data), left); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
		})
	}
}

// Fuzz reads any text, beginning with those of Golden and seeds. Nothing fails, and what is said of lines is in
// proportion to them.
func (i Importer) Fuzz(f *testing.F, seeds ...string) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range files {
		if a, err := txtar.ParseFile(name); err == nil {
			f.Add(string(a.Files[0].Data))
		}
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		yaml, left := i.read(text)
		i.Sniff(text)
		if strings.Contains(yaml, "\x00") || strings.Count(left, "\n") > 10*strings.Count(text, "\n")+10 {
			t.Errorf("%q", left)
		}
	})
}
