package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"labrun/lab"
)

// inMemory is a readFunc of texts by name.
func inMemory(files map[string]string) readFunc {
	return func(file string) ([]byte, error) {
		if text, ok := files[file]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
	}
}

// outcome is what comes of a topology: the whole of it, or the complaints.
func outcome(t *testing.T, top *lab.Topology, err error) string {
	t.Helper()
	var ds Diagnostics
	if err == nil {
		files := ""
		for _, i := range top.Included {
			files += fmt.Sprintf("included %s, %d bytes\n", i.File, len(i.Text))
		}
		return files + describe(top)
	}
	if !errors.As(err, &ds) {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// TestInclude reads the archives in testdata/include: the first file is the
// topology, the last one what comes of it. From a folder comes the same as from
// texts, and from the texts that the topology kept.
func TestInclude(t *testing.T) {
	archives, err := filepath.Glob("testdata/include/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(filepath.Base(name), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			last := len(a.Files) - 1
			if a.Files[last].Name != "want" {
				a.Files, last = append(a.Files, txtar.File{Name: "want"}), last+1
			}
			files := map[string]string{}
			for _, f := range a.Files[:last] {
				files[f.Name] = string(f.Data)
				if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			own := a.Files[0]
			top, err := Load(Source{File: own.Name, Text: own.Data, read: inMemory(files)})
			got := outcome(t, top, err)
			if want := string(a.Files[last].Data); got != want && !*update {
				t.Error(cmp.Diff(want, got))
			}
			loaded, loadErr := Load(Source{File: own.Name})
			words := strings.NewReplacer("no such file or directory", "file does not exist")
			if diff := cmp.Diff(got, words.Replace(outcome(t, loaded, loadErr))); diff != "" {
				t.Errorf("texts (-), folder (+):\n%s", diff)
			}
			if err == nil {
				again, err := Load(Source{File: own.Name, Text: []byte(top.Source), Included: top.Included})
				if diff := cmp.Diff(got, outcome(t, again, err)); diff != "" {
					t.Errorf("texts (-), kept texts (+):\n%s", diff)
				}
			}
			if *update {
				a.Files[last].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

const includes = "name: n\nnetworks: {red: 10.0.0.0/8}\n" + twoHosts + "include: "

// TestIncludedPretty: the line under a complaint is that of its own file.
func TestIncludedPretty(t *testing.T) {
	_, err := Load(Source{File: "f", Text: []byte(includes + "part.yaml\nbad: key\n"),
		read: inMemory(map[string]string{"part.yaml": "probes:\n  p: x\n"})})
	var ds Diagnostics
	if !errors.As(err, &ds) {
		t.Fatal(err)
	}
	want := `f:7:1: unknown key "bad" in the file; allowed: claims, defaults, doc, experiments, found, hosts, include, kernels, level, name, networks, probes, question, see
bad: key
^
part.yaml:2:6: probe "p" must be a mapping with doc, processes, steps; found "x" (included by f:6)
  p: x
     ^
`
	if diff := cmp.Diff(want, ds.Pretty(false)); diff != "" {
		t.Error(diff)
	}
}

// TestFolderOf: standard input has no folder.
func TestFolderOf(t *testing.T) {
	for file, want := range map[string]string{
		"lab.yaml": ".", "a/lab.yaml": "a", "../lab.yaml": "..", "/a/lab.yaml": "/a",
		"/dev/stdin": ".", "/dev/fd/63": ".", "/proc/self/fd/0": ".",
	} {
		if got := folderOf(file); string(got) != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// TestIncludeLimits: many files are no way round the limits of one.
func TestIncludeLimits(t *testing.T) {
	const many = 300
	list := func(n int) string { return includes + "[" + strings.TrimSuffix(repeat(n, "#.yaml, "), ", ") + "]\n" }
	each := func(n int, text string) map[string]string {
		files := map[string]string{}
		for i := range n {
			files[fmt.Sprint(i, ".yaml")] = strings.ReplaceAll(text, "%", fmt.Sprint(i))
		}
		return files
	}
	nested := each(many, "")
	for i := range many {
		nested[fmt.Sprint(i, ".yaml")] = fmt.Sprintf("include: %d.yaml\n", i+1)
	}
	for _, tt := range []struct {
		name, text string
		files      map[string]string
		want       []string
	}{
		{"files", list(many), each(many, "probes: {}\n"),
			[]string{"f:6:2461: include: more than 256 files, the limit"}},
		{"depth", list(1), nested, []string{
			"255.yaml:1:10: include: more than 256 files, the limit (included by 254.yaml:1, that by 253.yaml:1, that by 252.yaml:1, that by 251.yaml:1, ..., that by f:6)"}},
		{"bytes", list(5), each(5, "doc: "+strings.Repeat("x", 1<<20)+"\nprobes: {}\n"), []string{
			`f:6:35: include: with "3.yaml" the files are larger than 4194304 bytes (4 MiB) together, the limit`,
			`f:6:43: include: with "4.yaml" the files are larger than 4194304 bytes (4 MiB) together, the limit`}},
		{"one file", list(1), each(1, strings.Repeat("x", 5<<20)), []string{
			`f:6:11: include: with "0.yaml" the files are larger than 4194304 bytes (4 MiB) together, the limit`}},
		{"marks", list(5), each(5, strings.Repeat("\n", 90_000)+"probes: {}\n"), []string{
			"4.yaml:1:1: the files up to this one have 450036 lines, commas and brackets, the limit is 400000 (included by f:6)"}},
		{"values", list(9), each(9, "claims: {a: &a ["+strings.Repeat("a, ", 1000)+"], b: ["+strings.Repeat("*a, ",
			150)+"]}\n"), []string{
			"6.yaml:1:1: aliases make the file larger than 1000000 values, the limit (included by f:6)",
			"7.yaml:1:1: aliases make the file larger than 1000000 values, the limit (included by f:6)",
			"8.yaml:1:1: aliases make the file larger than 1000000 values, the limit (included by f:6)"}},
		{"claims", list(3), each(3, "claims:\n"+repeat(500, "  c#-%: x\n")), []string{
			"2.yaml:2:3: the file has 1500 claims, the limit is 1000 (included by f:6)"}},
		{"experiments", list(3), each(3, "experiments:\n"+repeat(5000, "  c#-%: {steps: [exit()]}\n")), []string{
			"2.yaml:2:3: the file has 15000 experiments, the limit is 10000 (included by f:6)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Source{File: "f", Text: []byte(tt.text), read: inMemory(tt.files)})
			var ds Diagnostics
			if !errors.As(err, &ds) {
				t.Fatal(err)
			}
			var got []string
			for _, d := range ds {
				if strings.Contains(d.Msg, "limit") {
					got = append(got, d.String())
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
