package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadme holds the README to the truth: its first topology has at most 12
// lines, and gives the matrix that follows it.
func TestReadme(t *testing.T) {
	needNetNS(t)
	blocks := regexp.MustCompile("(?s)```(?:yaml)?\n(.*?)```").FindAllStringSubmatch(read(t, "../../README.md"), 2)
	if len(blocks) != 2 {
		t.Fatal("the README has to begin with a topology and its matrix")
	}
	source, want := blocks[0][1], blocks[1][1]
	if n := strings.Count(source, "\n"); n > 12 {
		t.Errorf("the topology has %d lines", n)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hello.yaml"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := labrun(t, "hello.yaml")
	cmd.Dir = dir
	out, err := cmd.Output()
	if status := exitCode(err); status != exitFailed {
		t.Errorf("exit status %d, want %d", status, exitFailed)
	}
	got := environmentLine.ReplaceAllString(string(out), "")
	want = environmentLine.ReplaceAllString(want, "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md (-) and labrun (+):\n%s", diff)
	}
}
