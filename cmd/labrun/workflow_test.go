package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// actionlint checks workflows. It is run at its own version and not as a tool of this module: it needs another yaml than
// this program.
const actionlint = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"

// TestWorkflows checks what others copy into their repositories: keys, expressions, and as far as actionlint can tell
// that a step's shell is right.
func TestWorkflows(t *testing.T) {
	program := filepath.Join(t.TempDir(), "actionlint")
	install := exec.Command("go", "install", actionlint)
	install.Env = append(os.Environ(), "GOBIN="+filepath.Dir(program), "GOFLAGS=-mod=mod")
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("LABRUN_NETNS") != "required" { // set where all has to be there
			t.Skipf("go install %s: %v\n%s", actionlint, err, out)
		}
		t.Fatalf("go install %s: %v\n%s", actionlint, err, out)
	}
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	lint := func(files ...string) ([]byte, error) {
		return exec.Command(program, append([]string{"-no-color"}, files...)...).CombinedOutput()
	}
	if out, err := lint(files...); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
	// What looks is there: a misspelt key is not taken.
	wrong := filepath.Join(t.TempDir(), "wrong.yml")
	text := "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    stepz: []\n"
	if err := os.WriteFile(wrong, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := lint(wrong); err == nil {
		t.Errorf("actionlint takes a misspelt key:\n%s", out)
	}
}
