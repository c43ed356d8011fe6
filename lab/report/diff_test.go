package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"labrun/lab/compare"
	"labrun/lab/result"
)

// difference has all that a difference may have: between a report and the sample.
func difference() *compare.Difference {
	before, after := sample(), sample()
	m := &before.Matrices[0]
	// wrong on alpha was as wanted then
	m.Rows[1].Slots[1].Variants[0][0].Want = "EADDRINUSE"
	m.Cells[2].Verdict, m.Cells[2].Got = result.Pass, &[]string{"ok", "EADDRINUSE", "ok"} // and went on
	m.Cells[3].Verdict, m.Cells[3].Got = m.Cells[2].Verdict, m.Cells[2].Got
	m.Rows[2].Slots[0].Variants[0][0].Call = "bind(a, 203.0.113.99:80)" // one-host asked something else
	m.Cells[5].Verdict, m.Cells[5].Got, m.Cells[5].Note = result.Pass, nil, nil
	m.Cells[6].Note = &result.Note{Reason: "another reason is no difference"}
	m.Cells = m.Cells[:8] // broken on beta appears
	m.Claims[0].Verdict = result.Refuted
	m.Rows[0].Name = "old-name"
	axes := &before.Matrices[1]
	axes.Cells[4].Got = &[]string{"EPERM"}
	axes.Rows[2].Axes[2].Values = []string{"gone", "same"}
	open := &before.Matrices[4]
	open.Cells[0].Got = &[]string{"ok", "1", "a2"} // no difference
	open.Cells[2].Got = &[]string{`"1"`}           // nor is this one
	open.Cells[7].Got = &[]string{"EHOSTUNREACH"}  // and this is one
	e := &before.Environment
	e.Labrun, e.Jobs = "v1.0.0", 77
	e.Kernels = slices.Clone(e.Kernels)
	k := &e.Kernels[0]
	k.Release = "6.1.0"
	k.Sysctls = map[string]string{"net.ipv4.tcp_timestamps": "0", "net.ipv4.tcp_tw_reuse": "2"}
	before = result.NewReport(*e, before.Matrices)
	d := compare.Reports(before, after)
	return &d
}

func TestDiffGolden(t *testing.T) {
	for _, c := range []struct {
		file  string
		write func(io.Writer, *compare.Difference) error
	}{
		{"diff.golden", Text{}.Diff},
		{"diff-colour.golden", Text{Colour: true}.Diff},
		{"diff.json", DiffJSON},
		{"diff.md", DiffMarkdown},
	} {
		t.Run(c.file, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b, difference()); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, b.String())
		})
	}
}

// manyDiffer is a difference of so many cells, in a third of which a cell changed, or is there alone.
func manyDiffer(cells int) *compare.Difference {
	before, after := many(cells), many(cells)
	for i := range after.Cells {
		if i%3 == 0 {
			after.Cells[i].Verdict, after.Cells[i].Got = result.Fail, &[]string{"EINVAL"}
		}
	}
	for i := range 1000 {
		row := result.Row{Name: fmt.Sprint("row-", i),
			Slots: []result.RowSlot{slot(step(i, "main", "a = socket(tcp)", "ok"))}}
		before.Rows = append(before.Rows, row)
		row.Name = "new-" + row.Name
		after.Rows = append(after.Rows, row)
		c := result.Cell{Row: int32(i + 1), Got: &[]string{"ok"}}
		before.Cells, after.Cells = append(before.Cells, c), append(after.Cells, c)
	}
	report := func(m result.Matrix) result.Report { return result.NewReport(result.Environment{}, []result.Matrix{m}) }
	d := compare.Reports(report(before), report(after))
	return &d
}

func differences() map[string]*compare.Difference {
	bad, worse := hostile(), hostile()
	for i := range worse.Matrices {
		m := &worse.Matrices[i]
		c := m.Cells[0]
		c.Verdict, c.Got = result.Fail, &[]string{c.Answers()[0] + " and more"}
		m.Cells = []result.Cell{c}
		m.Claims = []result.ClaimResult{{Name: m.Name, Verdict: result.Holds}}
	}
	worse.Matrices[3].Name += "other"
	worse.Environment.Kernels = []result.KernelInfo{{Release: "other"}}
	hostile := compare.Reports(bad, result.NewReport(worse.Environment, worse.Matrices))
	nothing := compare.Reports(result.NewReport(result.Environment{}, nil), result.NewReport(result.Environment{}, nil))
	same := compare.Reports(sample(), sample())
	return map[string]*compare.Difference{"sample": difference(), "hostile": &hostile, "nothing": &nothing,
		"same": &same, "many": manyDiffer(5000), "kernels": kernelsDiffer()}
}

// kernelsDiffer is a difference of reports about several kernels, of which three are in both and one is another.
func kernelsDiffer() *compare.Difference {
	before, after := several(), several()
	after = after.Only([]string{"5.10.218", "6.1.10", "6.18.44"})
	for i := range after.Matrices[1].Cells {
		if c := &after.Matrices[1].Cells[i]; c.Verdict == result.Fail {
			c.Verdict, c.Got = result.Pass, &[]string{"ok"}
		}
	}
	d := compare.Reports(before, after.Recount())
	return &d
}

// TestDiffOfKernels holds a difference of several kernels to files.
func TestDiffOfKernels(t *testing.T) {
	golden(t, "diff-kernels.golden", writtenDiff(t, Text{}.Diff, kernelsDiffer()))
	golden(t, "diff-kernels.json", writtenDiff(t, DiffJSON, kernelsDiffer()))
	golden(t, "diff-kernels.md", writtenDiff(t, DiffMarkdown, kernelsDiffer()))
}

func writtenDiff(t *testing.T, write func(io.Writer, *compare.Difference) error, d *compare.Difference) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiffFormats(t *testing.T) {
	var names []string
	for _, f := range Formats {
		if f.Diff == nil {
			continue
		}
		names = append(names, f.Name)
		if err := f.Diff(full{}, difference()); err == nil {
			t.Errorf("%s: a full disk is not an error", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "text json markdown" {
		t.Errorf("differences are written as %s", got)
	}
}

func TestDifferencesFitTheSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(DiffSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("diff.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("diff.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range differences() {
		if err := validate(s, writtenDiff(t, DiffJSON, d)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := writtenDiff(t, DiffJSON, difference())
	for _, key := range []string{"same", "changed", "host", "verdict", "got", "claim", "name", "digest"} {
		if err := validate(s, strings.Replace(text, `"`+key+`":`, `"other":`, 1)); err == nil {
			t.Errorf("the schema takes a difference whose %q is called something else", key)
		}
	}
}

// TestDiffIsText holds what strangers wrote to be text and nothing else.
func TestDiffIsText(t *testing.T) {
	d := differences()["hostile"]
	if len(d.Changed) != 3 || len(d.Appeared) != 1 || len(d.Vanished) != 1 {
		t.Fatalf("%d changed, %d appeared, %d vanished", len(d.Changed), len(d.Appeared), len(d.Vanished))
	}
	text, page := writtenDiff(t, Text{}.Diff, d), writtenDiff(t, DiffMarkdown, d)
	for name, s := range map[string]string{"text": text, "markdown": page} {
		if strings.ContainsAny(s, "\x00\x1b\x7f\r\u2028") {
			t.Errorf("%s has what a terminal obeys:\n%q", name, s)
		}
		for _, line := range strings.Split(s, "\n") {
			if line := strings.TrimSpace(line); strings.HasPrefix(line, "::") || strings.HasPrefix(line, "ok 1") {
				t.Errorf("%s has a line of a stranger's: %q", name, line)
			}
		}
	}
}

// TestLargeDiff holds a page of many thousand cells to what a page can bear.
func TestLargeDiff(t *testing.T) {
	d := manyDiffer(100_000)
	if len(d.Changed) < 30_000 || len(d.Appeared) != 1000 || len(d.Vanished) != 1000 {
		t.Fatalf("%d changed, %d appeared, %d vanished", len(d.Changed), len(d.Appeared), len(d.Vanished))
	}
	text, page := writtenDiff(t, Text{}.Diff, d), writtenDiff(t, DiffMarkdown, d)
	if n := strings.Count(text, "\n"); n > 600 {
		t.Errorf("the text has %d lines", n)
	}
	if len(page) > 65_536 {
		t.Errorf("the page has %d bytes, a comment takes 65536", len(page))
	}
	for _, want := range []string{"changed many-cells: 33328 cells", "more classes: labrun diff --format json has them all",
		"and 800 cells more",
		"33334 changed, 1000 appeared, 1000 vanished"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
	if n := strings.Count(writtenDiff(t, DiffJSON, d), "\n"); n < 35_334 {
		t.Errorf("the JSON has %d lines, one for each cell was wanted", n)
	}
}
