package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/topology"
)

const readmeFile = "../../README.md"

// TestReadmeReference: what follows the marker in the README is made from the lessons and from the reference that the
// program has; -update writes it.
func TestReadmeReference(t *testing.T) {
	readme := read(t, readmeFile)
	const command = "go test ./cmd/labrun -run TestReadmeReference -update"
	at := strings.Index(readme, command)
	end := strings.Index(readme[max(at, 0):], "-->\n\n")
	if at < 0 || end < 0 {
		t.Fatalf("README.md has no comment with %q", command)
	}
	head := readme[:at+end+len("-->\n\n")]
	want := head + lessonTable(t) + strings.ReplaceAll("\n"+reference, "\n##", "\n###")
	if *update {
		write(t, readmeFile, want)
		return
	}
	if diff := cmp.Diff(readme, want); diff != "" {
		t.Errorf("README.md (-) is not what the program says (+); type: %s\n%s", command, diff)
	}
}

// lessonTable has a line for every lesson, shelf by shelf.
func lessonTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("### Lessons\n\n`topologies/` has one question per file, with the answer and what in the kernel gives it. " +
		"labrun has them in it:\n`labrun list`, `labrun overlap`, `labrun init --from overlap`.\n")
	for _, level := range lab.Levels {
		fmt.Fprintf(&b, "\n**%s**: %s\n\n| lesson | question |\n|---|---|\n", level.Name, level.Doc)
		for _, name := range lessonNames() {
			top, err := topology.Load(topology.Source{File: filepath.Join("../../topologies", name+".yaml")})
			if err != nil {
				t.Fatal(err)
			}
			if top.Lesson.Level == level.Name {
				fmt.Fprintf(&b, "| [%s](topologies/%s.yaml) | %s |\n", name, name, inOneLine(top.Lesson.Question))
			}
		}
	}
	return b.String()
}

// TestReadmeActs types what the README tells a newcomer to type, in an empty folder, and finds what it says is printed.
// Other lines may stand between those: a report has more than a README needs.
func TestReadmeActs(t *testing.T) {
	needNetNS(t)
	acts := strings.Split(read(t, readmeFile), "<!-- act: ")[1:]
	var names []string
	for _, act := range acts {
		name, text, _ := strings.Cut(act, " -->")
		text, _, _ = strings.Cut(text, "\n## ")
		names = append(names, name)
		typed, printed, _ := strings.Cut(text, "<!-- prints -->")
		t.Run(name, func(t *testing.T) {
			needs := map[string]string{"record": "nginx", "shards": "parallel"}[name]
			if _, err := exec.LookPath(needs); needs != "" && err != nil {
				t.Skipf("%s is not installed", needs)
			}
			typed := indented(typed)
			if name == "kernels" {
				typed = onTestKernels(t, typed)
			}
			dir := t.TempDir()
			out, status := typeIn(t, dir, typed)
			wantStatus := map[string]int{"record": exitFailed}[name]
			if status != wantStatus {
				t.Errorf("exit status %d, want %d", status, wantStatus)
			}
			rest := out
			for _, line := range strings.Split(strings.TrimSpace(indented(printed)), "\n") {
				_, after, found := strings.Cut(rest, strings.TrimSpace(line)+"\n")
				if !found {
					t.Errorf("%q was not printed there", line)
					continue
				}
				rest = after
			}
			if name == "kernels" {
				if page := read(t, filepath.Join(dir, "report.html")); !strings.Contains(page, "What changed between kernels") {
					t.Error("report.html does not compare kernels")
				}
			}
			if t.Failed() {
				t.Logf("typed:\n%s\nprinted:\n%s", typed, out)
			}
		})
	}
	if diff := cmp.Diff([]string{"try", "record", "init", "kernels", "shards"}, names); diff != "" {
		t.Errorf("acts (-), those of the README (+):\n%s", diff)
	}
}

// indented returns the lines of the first block of code of a text.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimLeft(text, "\n")) {
		code, ok := strings.CutPrefix(line, "    ")
		if !ok && strings.TrimSpace(line) != "" {
			break
		}
		b.WriteString(code)
	}
	return b.String()
}

// onTestKernels names the kernels that the tests have, in place of those that apt would have to fetch: the command is
// the README's but for that.
func onTestKernels(t *testing.T, typed string) string {
	kernels := filepath.SplitList(os.Getenv("LABRUN_TEST_KERNELS"))
	if len(kernels) == 0 {
		t.Skip("LABRUN_TEST_KERNELS names no kernels")
	}
	changed := strings.Replace(typed, "debian:6.1", lab.Command(kernels[0]), 1)
	if changed == typed {
		t.Fatalf("no kernel debian:6.1 is asked: %s", typed)
	}
	return changed
}

// typeIn runs commands as a shell does, with this program as labrun, and returns what they print and the last one's
// exit status.
func typeIn(t *testing.T, dir, commands string) (string, int) {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "labrun")); err != nil {
		t.Fatal(err)
	}
	cmd := labrun(t)
	cmd.Path, cmd.Args, cmd.Dir = "/bin/sh", []string{"sh", "-c", commands}, dir
	cmd.Env = append(cmd.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), exitCode(err)
}
