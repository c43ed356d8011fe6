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
	digest := regexp.MustCompile("sha256:[0-9a-f]{64}")
	if got, want := digest.FindString(string(out)), digest.FindString(want); got != want {
		t.Errorf("the README's digest is %s, of its example it is %s", want, got)
	}
	got := environmentLine.ReplaceAllString(string(out), "")
	want = environmentLine.ReplaceAllString(want, "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md (-) and labrun (+):\n%s", diff)
	}
}

// TestReadmeExamples runs the other examples of the README: all of them pass.
func TestReadmeExamples(t *testing.T) {
	needNetNS(t)
	blocks := regexp.MustCompile("(?s)```yaml\n(  .*?)```").FindAllStringSubmatch(read(t, "../../README.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples, want axes and programs", len(blocks))
	}
	head := `name: example
networks: {red: 192.0.2.0/24, blue: 198.51.100.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
  beta:  {nics: {eth0: {network: red, as: x}, eth1: {network: blue, as: y}}}
experiments:
`
	for _, b := range blocks {
		example := b[1]
		if strings.HasPrefix(example, "      - ") {
			example = "  example:\n    steps:\n" + example
		}
		file := filepath.Join(t.TempDir(), "example.yaml")
		write(t, file, head+example)
		if out, err := labrun(t, file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, example, out)
		} else if !regexp.MustCompile(`\n[1-9][0-9]* passed, 0 failed`).Match(out) {
			t.Errorf("nothing passed:\n%s", out)
		}
	}
}
