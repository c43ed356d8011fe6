package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"labrun/lab/result"
)

// TAP writes the report in the Test Anything Protocol: a test for each topology, a subtest
// for each cell. Subtests are of version 14, but it says 13: prove(1) of Perl 5.36 refuses
// what it does not know, takes subtests for comments, and readers of version 14 take
// both. The kernel's readers of KTAP take it
// too, which know no YAML: every value of a diagnostic is on one line, quoted, so
// that none looks like a test.
func TAP(w io.Writer, r result.Report) error {
	r = visible(r)
	t := &tap{bufio.NewWriterSize(w, 1<<16)}
	t.printf("TAP version 13\n")
	t.printf("# %s\n", oneLine(r.Environment.String()+", "+r.Digest))
	t.printf("1..%d\n", len(r.Matrices))
	for i := range r.Matrices {
		t.matrix(i+1, &r.Matrices[i])
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		t.printf("# changed: %s: %s\n", oneLine(experimentOf(&r, c)), oneLine(changeLine(c)))
	}
	for _, k := range r.Kernels {
		t.printf("# %s\n", oneLine(strings.Join(kernelWords(&r, &k), ", ")))
	}
	t.printf("# %s\n", r.Counts)
	return t.Flush()
}

// tap writes lines; its Flush returns the first error.
type tap struct{ *bufio.Writer }

func (t *tap) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// matrix writes the subtests of a topology, indented by four spaces as the protocol demands,
// and then its own line: it is ok when none of them failed.
func (t *tap) matrix(number int, m *result.Matrix) {
	t.printf("# Subtest: %s\n", escapeTAP(m.Name))
	t.printf("    1..%d\n", len(m.Cells))
	ok, skipped := true, 0
	for i := range m.Cells {
		c := &m.Cells[i]
		t.cell(i+1, m, c)
		ok = ok && (c.Verdict == result.Pass || c.Verdict == result.Skip)
		if c.Verdict == result.Skip {
			skipped++
		}
	}
	t.printf("%s %d - %s", okWord(ok), number, escapeTAP(m.Name))
	switch {
	case len(m.Cells) == 0:
		t.printf(" # SKIP no experiment to run")
	case skipped == len(m.Cells):
		t.printf(" # SKIP all cells")
	}
	t.printf("\n")
}

func okWord(ok bool) string {
	if ok {
		return "ok"
	}
	return "not ok"
}

// cell writes a subtest. Number, name and all that stands before the "#" are the same in every
// run, as readers compare runs by them.
func (t *tap) cell(number int, m *result.Matrix, c *result.Cell) {
	ok := c.Verdict == result.Pass || c.Verdict == result.Skip
	t.printf("    %s %d - %s on %s", okWord(ok), number, escapeTAP(m.NameOf(c)), escapeTAP(m.ColumnOf(c)))
	if c.Verdict == result.Skip {
		t.printf(" # SKIP %s", oneLine(c.Reason()))
	}
	t.printf("\n")
	if ok {
		return
	}
	t.printf("      ---\n")
	t.value("severity", c.Verdict.String())
	t.value("message", headline(m, c))
	t.value("file", m.FileOf(c))
	t.value("line", lineOf(m, c))
	if s, ran := lastStep(m, c); ran && c.Verdict == result.Fail {
		t.value("process", s.Process)
		t.value("call", s.Call)
		t.said("address", c.Seen().To)
		t.value("wanted", s.Words(s.Want))
		t.value("got", s.Words(s.Got))
		t.causes(s, c.Seen())
	}
	if c.Note != nil {
		t.note(c)
	}
	t.printf("      ...\n")
}

// note writes why a cell is an error, or flaky, and what its programs printed: the end of it,
// as a text report has, for a log of a CI job is read from its end.
func (t *tap) note(c *result.Cell) {
	n := c.Note
	t.said("reason", c.Reason())
	if len(n.Outputs) > 0 {
		t.printf("      programs:\n")
		for _, o := range n.Outputs {
			o.Stdout, o.Stderr = strings.Join(endOf(o.Stdout), "\n"), strings.Join(endOf(o.Stderr), "\n")
			t.printf("        - %s\n", quoteYAML(o))
		}
	}
	if len(n.Captures) > 0 {
		t.value("captures", n.Captures)
	}
}

// causes lists what explains a red answer, under the words that a text report has.
func (t *tap) causes(s result.StepResult, seen result.Snapshot) {
	for _, c := range causes(s, seen) {
		t.printf("      %s:\n", strings.ReplaceAll(c.word, " ", "_"))
		for _, text := range c.texts {
			t.printf("        - %s\n", quoteYAML(text))
		}
	}
}

// said writes a value that may be missing.
func (t *tap) said(key, s string) {
	if s != "" {
		t.value(key, s)
	}
}

func (t *tap) value(key string, v any) { t.printf("      %s: %s\n", key, quoteYAML(v)) }

// quoteYAML writes a value as JSON, which YAML is a superset of.
func quoteYAML(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings and numbers, and a Builder takes every write
	return strings.TrimSuffix(b.String(), "\n")
}

// escapeTAP writes text for the description of a test, which ends at a "#".
func escapeTAP(s string) string {
	return strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(oneLine(s))
}
