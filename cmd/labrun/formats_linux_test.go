package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/report"
	"labrun/lab/result"
)

// pageParts are the style and the scripts of a page, which are not the report's.
var pageParts = regexp.MustCompile(`(?s)(<style>|<script>).*?(</style>|</script>)|sha256-[A-Za-z0-9+/=]+`)

// TestEveryFormat holds the report of the first lesson, and of a copy of it in which
// expectations are turned round, to golden files in every format.
func TestEveryFormat(t *testing.T) {
	needNetNS(t)
	lesson := read(t, dualNIC)
	wrong := strings.ReplaceAll(lesson, `"bind(b, any:44567) = EADDRINUSE"`, `"bind(b, any:44567)"`)
	if wrong == lesson {
		t.Fatal("the lesson has changed")
	}
	for name, text := range map[string]string{"dual-nic": lesson, "wrong": wrong} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, name+".yaml"), text)
		cmd := labrun(t, "-o", "report.json", name+".yaml")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); exitCode(err) > exitFailed {
			t.Fatalf("%v:\n%s", err, out)
		}
		r := result.NewReport(result.Environment{
			Labrun: "v1.2.3", Jobs: 2,
			Kernels: []result.KernelInfo{{Release: "6.18.0", Machine: "x86_64", User: "root"}},
			Started: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), Elapsed: 0.5,
		}, readReport(t, filepath.Join(dir, "report.json")).Matrices)
		for _, f := range report.Formats {
			var b bytes.Buffer
			if err := f.Write(&b, r); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			if f.Name == "html" {
				got = pageParts.ReplaceAllString(got, "$1$2")
			}
			golden := filepath.Join("testdata/formats", name+"."+f.Name)
			if *update {
				write(t, golden, got)
			}
			if diff := cmp.Diff(read(t, golden), got); diff != "" {
				t.Errorf("%s: golden (-), labrun (+):\n%s", golden, diff)
			}
		}
	}
}
