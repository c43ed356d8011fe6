package packetdrill_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"labrun/lab/imports/packetdrill"
	"labrun/lab/topology"
	"labrun/lab/trace"
)

var update = flag.Bool("update", false, "write the golden files")

// file returns the topology that a script becomes, and what was left out, one in a line.
func file(script string) (yaml, left string) {
	events, lines := packetdrill.Parse(script)
	m := trace.Import(events, trace.Options{})
	for _, l := range append(lines, m.Left...) {
		left += fmt.Sprintf("%d:%d: %s: %s\n", l.Line, max(1, l.Col), l.Text, l.Why)
	}
	return m.File("script", "From a script of packetdrill.").Text(), left
}

// Scripts become the topologies that stand beside them, which labrun takes and labrun fmt does not change.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) != 3 {
				t.Fatalf("%d files, %v", len(a.Files), err)
			}
			script := string(a.Files[0].Data)
			if !packetdrill.Sniff(script) {
				t.Error("it does not look like a script of packetdrill")
			}
			yaml, left := file(script)
			source := topology.Source{File: "script.yaml", Text: []byte(yaml)}
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

// Whatever a script says, nothing fails, and what was made of whole lines is a file.
func FuzzPacketdrill(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range files {
		if a, err := txtar.ParseFile(name); err == nil {
			f.Add(string(a.Files[0].Data))
		}
	}
	f.Add("+0 listen(3, 5) = 0\n0...1 read(4, ..., -1) = 5 %{\n/* `")
	f.Fuzz(func(t *testing.T, script string) {
		yaml, left := file(script)
		packetdrill.Sniff(script)
		if strings.Contains(yaml, "\x00") || strings.Count(left, "\n") > 10*strings.Count(script, "\n")+10 {
			t.Errorf("%q", left)
		}
	})
}
