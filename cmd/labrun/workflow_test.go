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

// actionlintProgram installs it for a test, and skips the test where it cannot be had.
func actionlintProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "actionlint")
	install := exec.Command("go", "install", actionlint)
	install.Env = append(os.Environ(), "GOBIN="+filepath.Dir(program), "GOFLAGS=-mod=mod")
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("LABRUN_NETNS") != "required" { // set where all has to be there
			t.Skipf("go install %s: %v\n%s", actionlint, err, out)
		}
		t.Fatalf("go install %s: %v\n%s", actionlint, err, out)
	}
	return program
}

// TestWorkflows checks what others copy into their repositories: keys, expressions, and as far as actionlint can tell
// that a step's shell is right.
func TestWorkflows(t *testing.T) {
	program := actionlintProgram(t)
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

	// A workflow that uses the action as it is in this repository: actionlint reads the action for it, and tells inputs
	// that it does not have.
	repository := t.TempDir()
	for _, folder := range []string{".git", ".github/workflows", ".github/actions/labrun"} {
		if err := os.MkdirAll(filepath.Join(repository, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	action, err := os.ReadFile("../../.github/actions/labrun/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repository, ".github/actions/labrun/action.yml"), action, 0o600); err != nil {
		t.Fatal(err)
	}
	user := filepath.Join(repository, ".github/workflows/user.yml")
	for with, right := range map[string]bool{
		"{files: topologies, args: -v, kernels: host, version: v0.2.0}": true,
		"{files: topologies, kernel: host}":                             false,
		"{kernels: host}":                                               false,
	} {
		text := "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n" +
			"      - id: labrun\n        uses: ./.github/actions/labrun\n        with: " + with + "\n" +
			"      - run: ls \"$PAGE\"\n        env: {PAGE: \"${{ steps.labrun.outputs.page }}\"}\n"
		if err := os.WriteFile(user, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-no-color")
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); (err == nil) != right {
			t.Errorf("with %s: actionlint: %v\n%s", with, err, out)
		}
	}
}
