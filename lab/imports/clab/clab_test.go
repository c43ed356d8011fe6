package clab_test

import (
	"strings"
	"testing"

	"labrun/lab/imports/clab"
	"labrun/lab/imports/importtest"
	"labrun/lab/trace"
)

func read(text string) (string, []trace.Left) {
	f, left, _ := clab.Read("lab", text)
	return f.Text(), left
}

var topologies = importtest.Importer{Sniff: clab.Sniff, Read: read}

func TestTopologies(t *testing.T) { topologies.Golden(t) }

func FuzzClab(f *testing.F) {
	topologies.Fuzz(f, "topology: {nodes: {a: &n {exec: [ip addr add x dev, ip addr add, ip]}, b: *n}, links: [{endpoints: ['a:e', a]}]}",
		"x: &x\n  y: *x\n", "topology: {nodes: {a: {kind: bridge}}, links: [{endpoints: [a, a]}, {endpoints: [b:c]}]}")
}

// Whatever a text says, nothing fails, and it is not a topology of containerlab when it has no nodes.
func TestOther(t *testing.T) {
	for _, text := range []string{"", "a", "topology:", "topology: {nodes: [a]}",
		"topology: {nodes: {a: {exec: [1]}}, links: [{}]}",
		"- topology:", "topology: {nodes: {a: {kind: bridge}}, links: [{endpoints: [a, a]}, {endpoints: [b:c]}]}",
		"topology: {links: [{endpoints: [a:b, c:d]}], nodes: {a: , peer: {}}}", "{", "x: &x\n  y: *x\n",
		"topology: {nodes: {a: &n {exec: [ip addr add x dev, ip addr add, ip]}, b: *n}, links: [{endpoints: ['a:e', a]}]}",
	} {
		made, _ := read(text)
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
