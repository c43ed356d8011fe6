package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/report"
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

// TestReadmeFormats: the README lists the formats, each with its suffixes.
func TestReadmeFormats(t *testing.T) {
	readme := read(t, "../../README.md")
	for _, f := range report.Formats {
		suffixes := ""
		if len(f.Suffixes) > 0 {
			suffixes = "`" + strings.Join(f.Suffixes, "`, `") + "` "
		}
		if row := "| `" + f.Name + "` | " + suffixes + "| "; !strings.Contains(readme, row) {
			t.Errorf("README.md has no row %q", row)
		}
	}
}

// TestReadmeStatuses: the README's table of exit statuses has every command, and a command
// ends with no status that its row leaves empty.
func TestReadmeStatuses(t *testing.T) {
	needNetNS(t)
	readme := read(t, "../../README.md")
	_, table, _ := strings.Cut(readme, "| exit status | 0 | 1 | 2 | 3 |\n|---|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		for _, m := range regexp.MustCompile("`([a-z]+)[^`]*`").FindAllStringSubmatch(cells[0], -1) {
			rows[m[1]] = append(cells, "", "", "")
		}
	}
	for _, name := range append(commandNames(rootCommand()), "labrun") {
		if name != "help" && rows[name] == nil {
			t.Errorf("README.md has no exit status of %s", name)
		}
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	good := file("good.yaml",
		"name: good\nnetworks: {red: 192.0.2.0/24}\nhosts: {alpha: {nics: {eth0: {network: red, as: x}}}}\n"+
			"experiments: {one: {steps: [a = socket(tcp)]}}\n")
	bad := file("bad.yaml", "name: bad\n")
	idle := file("idle.yaml", "name: idle\nnetworks: {red: 192.0.2.0/24}\nhosts: {alpha: {}}\n")
	failing := file("failing.yaml", strings.Replace(read(t, good), "socket(tcp)", "socket(tcp) = EACCES", 1))
	messy := file("messy.yaml", read(t, good)+"\n\n")
	kept := map[string]string{}
	for name, topology := range map[string]string{"passed": good, "failed": failing} {
		kept[name] = filepath.Join(dir, name+".json")
		_ = labrun(t, topology, "-o", kept[name]).Run() // its status is looked at below
	}
	for _, tt := range []struct {
		args   string
		status int
	}{
		{good, 0}, {failing, 1}, {bad, 2}, {good + " --baseline " + kept["passed"], 0},
		{good + " --baseline " + kept["failed"], 1},
		{good + " -o /dev/full --format json", 3},
		{"rerun " + kept["failed"], 0}, {"rerun " + bad, 2},
		{"diff " + kept["passed"] + " " + kept["passed"], 0}, {"diff " + kept["passed"] + " " + kept["failed"], 1},
		{"diff " + bad + " " + bad, 2},
		{"report " + kept["failed"], 0}, {"report " + bad, 2},
		{"report " + kept["failed"] + " -o /dev/full --format json", 3},
		{"check " + good, 0}, {"check " + bad, 2}, {"check --strict " + idle, 2}, {"list " + good, 0},
		{"list " + bad, 2}, {"fmt " + good, 0}, {"fmt --check " + messy, 1}, {"fmt " + bad, 2}, {"fmt /nonexistent", 2},
		{"plan " + good, 0}, {"plan " + bad, 2}, {"graph " + good, 0}, {"graph " + bad, 2}, {"schema topology", 0},
		{"schema", 2},
		{"man", 2}, {"man " + file("f", "") + "/x", 3}, {"completion bash", 0}, {"version", 0}, {"version x", 2},
		{"exec " + good + " alpha -- true", 0}, {"exec " + good + " alpha -- sh -c exit\\ 7", 7},
		{"exec " + good + " alpha -- no-such-command", 127},
		{"exec " + good + " beta -- true", 2}, {"shell " + bad + " alpha", 2}, {"up " + bad, 2}, {"connect", 2},
		{"server", 2},
	} {
		t.Run(strings.ReplaceAll(tt.args, dir+"/", ""), func(t *testing.T) {
			args, err := lab.Words(tt.args)
			if err != nil {
				t.Fatal(err)
			}
			out, err := labrun(t, args...).CombinedOutput()
			if got := exitCode(err); got != tt.status {
				t.Errorf("exit status %d, want %d\n%s", got, tt.status, out)
			}
			row := rows[args[0]]
			if row == nil {
				row = rows["labrun"]
			}
			if tt.status > 0 && tt.status < 4 && strings.TrimSpace(row[1+tt.status]) == "" {
				t.Errorf("README.md says nothing of exit status %d", tt.status)
			}
		})
	}
}
