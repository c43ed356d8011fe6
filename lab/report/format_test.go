package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/result"
)

// hostile is a report that tries to be more than text in every format.
func hostile() result.Report {
	const bad = "a|b`c``` <script>alert(1)</script> </details> ]]> & \"q\" 'p' # SKIP \\ % , : *x* _y_ " +
		"[z](http://z) @someone #1" +
		"\r\nok 1 - fooled\nnot ok 2 - fooled\n1..9\nKTAP version " +
		"1\n::error::fooled\n```\n...\n---\n\x00\x1b[31m\x7f\u2028\ufffe\xff"
	m := result.Matrix{
		File: bad, Included: []lab.Included{{File: bad, Text: bad}}, Name: bad, Doc: bad,
		Lesson:  lab.Lesson{Question: bad, Found: bad, Level: bad, See: []string{bad}},
		Columns: []result.Column{{Host: bad, Kernel: bad}},
		Rows: []result.Row{{Name: bad, Doc: bad, File: bad, Line: 1,
			Slots: []result.RowSlot{slot(step(2, bad, bad, bad))}}},
		Claims: []result.ClaimResult{{Name: bad, Text: bad, Verdict: result.Partly, When: []string{bad},
			Against: []result.ClaimEvidence{{Experiment: bad, When: bad}}}},
	}
	note := &result.Note{
		Reason: bad, Flaky: result.Tallies{{Answer: bad, Times: 1}},
		Evidence: []result.Snapshot{{Sockets: []result.SocketInfo{{Host: bad, Protocol: bad, State: bad,
			Local: bad, Owners: []string{bad}, Options: []string{bad}}}}},
		Outputs: []result.Output{{Process: bad, Stdout: bad, Stderr: bad}},
	}
	var matrices []result.Matrix
	for _, v := range []result.Verdict{result.Pass, result.Fail, result.Skip, result.Error} {
		n := m
		n.Cells = []result.Cell{{Verdict: v, Got: &[]string{bad}, Note: note}}
		matrices = append(matrices, n)
	}
	env := result.Environment{Labrun: bad, Kernels: []result.KernelInfo{{Release: bad, Machine: bad,
		User: bad, Sysctls: map[string]string{"a": bad}}}}
	return result.NewReport(env, matrices)
}

func written(tb testing.TB, format string, r result.Report) string {
	tb.Helper()
	f, ok := FormatNamed(format)
	if !ok {
		tb.Fatalf("there is no format %s", format)
	}
	var b bytes.Buffer
	if err := f.Write(&b, r); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Formats {
		for _, s := range append([]string{f.Name}, f.Suffixes...) {
			if seen[s] {
				t.Errorf("%s is there twice", s)
			}
			seen[s] = true
		}
		for _, s := range f.Suffixes {
			if got, ok := FormatOf("some.folder/REPORT" + strings.ToUpper(s)); !ok || got.Name != f.Name {
				t.Errorf("a file %s is %q, want %q", s, got.Name, f.Name)
			}
			for _, c := range CompressionSuffixes() {
				if got, ok := FormatOf("report" + s + c); !ok || got.Name != f.Name {
					t.Errorf("a file %s%s is %q, want %q", s, c, got.Name, f.Name)
				}
			}
		}
		for _, r := range []result.Report{{}, hostile(),
			result.NewReport(result.Environment{}, []result.Matrix{many(2000)})} {
			if err := f.Write(io.Discard, r); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		if err := f.Write(full{}, hostile()); err == nil {
			t.Errorf("%s: a full disk is no error", f.Name)
		}
	}
	for _, file := range []string{"report", "report.pdf", "json", "report.json.xz", "report.gz", ".zst"} {
		if f, ok := FormatOf(file); ok {
			t.Errorf("%s is %s", file, f.Name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// program returns the path of a program that a test needs.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("LABRUN_NETNS") == "required":
		t.Fatalf("no %s: apt-get install %s", name, pkg)
	default:
		t.Skipf("no %s: apt-get install %s", name, pkg)
	}
	return path
}

func TestJUnitFitsTheSchema(t *testing.T) {
	xmllint := program(t, "xmllint", "libxml2-utils")
	for name, r := range map[string]result.Report{"sample": sample(), "hostile": hostile(), "nothing": {},
		"kernels": several()} {
		cmd := exec.Command(xmllint, "--noout", "--nonet", "--schema", filepath.Join("testdata", "junit.xsd"), "-")
		cmd.Stdin = strings.NewReader(written(t, "junit", r))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestJUnitCounts reads the file back: what a suite says of itself is what it has.
func TestJUnitCounts(t *testing.T) {
	type counts struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	var got struct {
		counts
		Suites []struct {
			Name string `xml:"name,attr"`
			counts
			Cases []struct {
				Name    string  `xml:"name,attr"`
				Failure *string `xml:"failure"`
				Error   *string `xml:"error"`
				Skipped *string `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	r := sample()
	if err := xml.Unmarshal([]byte(written(t, "junit", r)), &got); err != nil {
		t.Fatal(err)
	}
	var all counts
	for _, s := range got.Suites {
		n := counts{Tests: len(s.Cases)}
		for _, c := range s.Cases {
			for _, one := range []struct {
				text  *string
				count *int
			}{{c.Failure, &n.Failures}, {c.Error, &n.Errors}, {c.Skipped, &n.Skipped}} {
				if one.text != nil {
					*one.count++
				}
			}
		}
		if n != s.counts {
			t.Errorf("%s says %+v and has %+v", s.Name, s.counts, n)
		}
		all.Tests += n.Tests
		all.Failures += n.Failures
		all.Errors += n.Errors
		all.Skipped += n.Skipped
	}
	want := counts{Tests: 57, Failures: r.Counts.Failed, Errors: r.Counts.Errors, Skipped: r.Counts.Skipped}
	if got.counts != want || all != want {
		t.Errorf("the root says %+v, its suites have %+v, want %+v", got.counts, all, want)
	}
}

// TestGitHubSaysNothingElse holds a hostile report to annotations of a line each.
func TestGitHubSaysNothingElse(t *testing.T) {
	command := regexp.MustCompile(`^::error file=[^,:\r\n]*,line=[0-9]+,title=[^,:\r\n]*::[^\r\n]+$`)
	lines := strings.Split(strings.TrimSuffix(written(t, "github", hostile()), "\n"), "\n")
	if len(lines) != 2 {
		t.Errorf("%d lines, want one of the fail and one of the error", len(lines))
	}
	for _, line := range lines {
		if !command.MatchString(line) {
			t.Errorf("%q is no annotation", line)
		}
	}
}

// TestGitHubGathers has one line for all cells that fail at a line of the file.
func TestGitHubGathers(t *testing.T) {
	got := written(t, "github", result.NewReport(result.Environment{}, []result.Matrix{many(500_000)}))
	if n := strings.Count(got, "\n"); n != 1 || !strings.Contains(got, "%0Aand 96 more cells\n") {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// TestMarkdownFitsAComment has more failures than a comment on GitHub takes.
func TestMarkdownFitsAComment(t *testing.T) {
	m := many(50_000)
	for i := range m.Cells {
		if i%3 == 0 {
			m.Cells[i].Verdict, m.Cells[i].Got = result.Fail, &[]string{fmt.Sprint("E", i)} // no two alike
		}
	}
	for i := range 1000 {
		m.Rows = append(m.Rows, result.Row{Name: fmt.Sprint("row-", i), Line: 1})
		m.Cells = append(m.Cells, result.Cell{Row: int32(i + 1), Verdict: result.Verdict(i % 4), Got: &[]string{"ok"}})
	}
	got := written(t, "markdown", result.NewReport(result.Environment{}, []result.Matrix{m}))
	if len(got) > 65_000 || len(got) < 40_000 {
		t.Errorf("%d bytes, of the 65 536 that there are", len(got))
	}
	for _, want := range []string{"And 16", " more that a comment has no room for", "And 801 more lines"} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// TestMarkdownIsText holds a hostile report to text: outside code nothing is left
// that Markdown or HTML means something by, but what the format itself writes.
func TestMarkdownIsText(t *testing.T) {
	got := written(t, "markdown", hostile())
	got = regexp.MustCompile("(?ms)^(````+)text\n.*?^````+$").ReplaceAllString(got, "")
	got = regexp.MustCompile(`\\[[:punct:]]`).ReplaceAllString(got, "") // escaped
	got = regexp.MustCompile("````.*?````|<code>[^<]*</code>").ReplaceAllString(got, "")
	for _, bad := range []string{"<script", "</details> ]]", "](http", "@someone", "#1", "*x*", "_y_", "\x00", "\x1b",
		"\n::error", "\nok 1"} {
		if strings.Contains(got, bad) {
			t.Errorf("there is %q in:\n%s", bad, got)
		}
	}
}
