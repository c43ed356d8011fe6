package topology

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFolder: no link leads out of the topology's folder, and nothing is read that
// is not a regular file, least of all waited for.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "lab/shared"), 0o755))
	in := func(name string) string { return filepath.Join(dir, "lab", name) }
	part := []byte("experiments: {one: {steps: [exit()]}}\n")
	must(os.WriteFile(filepath.Join(dir, "outside.yaml"), part, 0o644))
	must(os.WriteFile(in("shared/part.yaml"), part, 0o644))
	must(os.Symlink("../outside.yaml", in("out.yaml")))
	must(os.Symlink("..", in("up")))
	must(os.Symlink(filepath.Join(dir, "outside.yaml"), in("absolute.yaml")))
	must(os.Symlink("/dev/null", in("device.yaml")))
	must(os.Symlink("loop.yaml", in("loop.yaml")))
	must(os.Symlink("shared/part.yaml", in("within.yaml")))
	must(syscall.Mkfifo(in("pipe.yaml"), 0o644))
	const out = `": a link leads out of the folder of the topology`
	for name, want := range map[string]string{
		"shared/part.yaml": "", "within.yaml": "",
		"out.yaml": out, "up/outside.yaml": out, "absolute.yaml": out, "device.yaml": out,
		"loop.yaml": `": too many levels of symbolic links`,
		"pipe.yaml": `": it is not a regular file`, "shared": `": it is a folder`,
		"shared/part.yaml/x": `": not a directory`,
	} {
		must(os.WriteFile(in("lab.yaml"), []byte(includes+name+"\n"), 0o644))
		top, err := Load(Source{File: in("lab.yaml")})
		switch {
		case want == "" && (err != nil || len(top.Experiments) != 1):
			t.Errorf("%s: %v", name, err)
		case want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)):
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if diff := cmp.Diff([]string{in("lab.yaml"), in(name)}, Scan(Source{File: in("lab.yaml")}).Files); diff != "" {
			t.Error(diff)
		}
	}
	for name, text := range map[string]string{
		"broken.yaml": "name: [\nnetworks: {\nhosts:\n", "mistaken.yaml": "networks: 1\nhosts: 2\n",
		"compose.yaml": "name: web\nnetworks: {back: }\nservices: {}\n",
	} {
		must(os.WriteFile(in(name), []byte(text), 0o644))
	}
	for name, want := range map[string]Kind{
		"lab.yaml": Whole, "broken.yaml": Whole, "mistaken.yaml": Whole, "shared/part.yaml": Shared,
		"compose.yaml": Other, "missing.yaml": Other, "shared": Other,
	} {
		if got := Scan(Source{File: in(name)}).Kind; got != want {
			t.Errorf("Scan(%s) = %d, want %d", name, got, want)
		}
	}
	must(os.WriteFile(in("lab.yaml"), []byte(includes+"shared/part.yaml\nbad: [\n"), 0o644))
	if diff := cmp.Diff([]string{in("lab.yaml")}, Scan(Source{File: in("lab.yaml")}).Files); diff != "" {
		t.Error(diff)
	}
}
