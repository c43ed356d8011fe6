package clab_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"labrun/lab/imports/clab"
	"labrun/lab/topology"
)

var update = flag.Bool("update", false, "write the golden files")

// file returns the topology that a text becomes, and what was left out, one in a line.
func file(text string) (made, left string) {
	f, lines, _ := clab.Read("lab", text)
	for _, l := range lines {
		left += fmt.Sprintf("%d:%d: %s: %s\n", l.Line, l.Col, l.Text, l.Why)
	}
	return f.Text(), left
}

// Topologies of containerlab become those that stand beside them, which labrun takes and labrun fmt does not change.
func TestTopologies(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) != 3 {
				t.Fatalf("%d files, %v", len(a.Files), err)
			}
			text := string(a.Files[0].Data)
			if !clab.Sniff(text) {
				t.Error("it does not look like a topology of containerlab")
			}
			yaml, left := file(text)
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

// Whatever a text says, nothing fails, and it is not a topology of containerlab when it has no nodes.
func TestOther(t *testing.T) {
	for _, text := range []string{"", "a", "topology:", "topology: {nodes: [a]}",
		"topology: {nodes: {a: {exec: [1]}}, links: [{}]}",
		"- topology:", "topology: {nodes: {a: {kind: bridge}}, links: [{endpoints: [a, a]}, {endpoints: [b:c]}]}",
		"topology: {links: [{endpoints: [a:b, c:d]}], nodes: {a: , peer: {}}}", "{", "x: &x\n  y: *x\n",
		"topology: {nodes: {a: &n {exec: [ip addr add x dev, ip addr add, ip]}, b: *n}, links: [{endpoints: ['a:e', a]}]}",
	} {
		made, _ := file(text)
		if !strings.Contains(made, "name: lab\n") {
			t.Errorf("%q becomes\n%s", text, made)
		}
	}
	for text, want := range map[string]bool{
		"topology: {nodes: {a: {}}}": true, "topology: {nodes: {}}": false, "name: a\nhosts: {}": false,
		"listen(3, 5) = 0": false,
	} {
		if got := clab.Sniff(text); got != want {
			t.Errorf("Sniff(%q) is %v, want %v", text, got, want)
		}
	}
}
