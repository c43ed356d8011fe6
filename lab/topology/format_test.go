package topology

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"labrun/lab"
	"labrun/lab/question"
)

// formatted are all files of lessons and scripts, by name.
func formatted(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, pattern := range []string{"../../topologies/*.yaml", "../../topologies/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files: %v", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[file] = text
		}
	}
	scripts, err := filepath.Glob("../../cmd/labrun/testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".yaml") || strings.HasSuffix(f.Name, ".yml") {
				all[script+"/"+f.Name] = f.Data
			}
		}
	}
	return all
}

// commentsOf returns what stands behind each #, sorted; a text may have one too.
func commentsOf(text []byte) []string {
	var all []string
	for line := range strings.Lines(string(text)) {
		if i := strings.Index(" "+line, " #"); i >= 0 {
			all = append(all, strings.TrimRight(line[i:], " \t\r\n\"'],}"))
		}
	}
	slices.Sort(all)
	return all
}

// TestFormat: in its one form a file asks the same, has all of its comments, and stays as it is.
func TestFormat(t *testing.T) {
	n := 0
	for file, text := range formatted(t) {
		read := func(string) ([]byte, error) { return nil, os.ErrNotExist }
		if strings.HasSuffix(file, ".yaml") && !strings.Contains(file, ".txtar") {
			read = folderOf(file).read
		}
		_, after, err := Format(Source{File: file, Text: text, read: read})
		if _, mistaken := err.(Diagnostics); mistaken {
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		n++
		checkFormatted(t, file, text, after, read)
	}
	t.Logf("%d files", n)
}

func checkFormatted(t *testing.T, file string, before, after []byte, read readFunc) {
	t.Helper()
	if diff := cmp.Diff(commentsOf(before), commentsOf(after)); diff != "" {
		t.Errorf("%s: comments: %s", file, diff)
	}
	_, again, err := Format(Source{File: file, Text: after, read: read})
	if err != nil {
		t.Errorf("%s: %v", file, err)
	} else if diff := cmp.Diff(string(after), string(again)); diff != "" {
		t.Errorf("%s is not final: %s", file, diff)
	}
	a, errA := Load(Source{File: file, Text: before, read: read})
	b, errB := Load(Source{File: file, Text: after, read: read})
	if (errA == nil) != (errB == nil) {
		t.Errorf("%s: %v, %v", file, errA, errB)
	}
	if errA != nil || errB != nil {
		return
	}
	if diff := cmp.Diff(withoutPlaces(t, a), withoutPlaces(t, b)); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}

// placesIn are places of a file in printed questions. Only those may differ.
var placesIn = regexp.MustCompile(`"(at|line|named|file)": *("[^"]*"|[0-9]+|\{[^}]*\}|\[[^\]]*\])`)

func withoutPlaces(t *testing.T, top *lab.Topology) string {
	t.Helper()
	var b strings.Builder
	if err := question.Print(&b, top); err != nil {
		t.Fatal(err)
	}
	return placesIn.ReplaceAllString(b.String(), "")
}

// FuzzFormat: whatever the file, its form asks the same, keeps the comments and stays as it is.
func FuzzFormat(f *testing.F) {
	for _, text := range formatted(f) {
		f.Add(text)
	}
	read := func(string) ([]byte, error) { return nil, os.ErrNotExist }
	f.Fuzz(func(t *testing.T, text []byte) {
		_, after, err := Format(Source{File: "f", Text: text, read: read})
		if _, mistaken := err.(Diagnostics); mistaken {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkFormatted(t, "f", text, after, read)
	})
}
