package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/result"
)

// twoKernels is a report on two kernels, one of which has not been asked all.
func twoKernels() result.Report {
	m := result.Matrix{File: "try", Name: "try", Columns: []result.Column{{Host: "alpha", Kernel: "6.1.10"},
		{Host: "alpha", Kernel: "6.18.44"}},
		Rows: []result.Row{{Name: "try", Line: 1, Slots: []result.RowSlot{
			slot(step(2, "main", "a = socket(tcp)", "?")), slot(step(3, "peer/web", "bind(a, x:80)", "?")),
			slot(step(4, "main", "listen(a, 5)", "ok")), slot(step(5, "main", "close(a)", "?")),
		}}}}
	holder := []result.SocketInfo{{Host: "alpha", Protocol: "tcp", State: "BOUND", Local: "x:80", Owners: []string{"main (b)"}}}
	m.Cells = []result.Cell{
		{Column: 0, Verdict: result.Fail, Got: &[]string{"ok", "EADDRINUSE", "EINVAL"},
			Note: &result.Note{Evidence: []result.Snapshot{{Step: 1, Sockets: holder}}}},
		{Column: 1, Got: &[]string{"ok", "ok", "ok", "ok"}},
	}
	return result.Report{Matrices: []result.Matrix{m}}
}

// printing is a report of a program that has ended, with what it has printed, and of a server in the background that
// no step has waited for; with what the first one has printed on another kernel, where that is not "".
func printing(o *result.Output, other string) result.Report {
	got := []string{"exit 0"}
	m := result.Matrix{File: "try", Name: "try", Columns: result.OnHosts("alpha"),
		Rows: []result.Row{{Name: "try", Line: 1, Slots: []result.RowSlot{slot(step(2, "p", `run("p")`, "exit 0"))}}},
		Cells: []result.Cell{{Got: &got, Note: &result.Note{
			Evidence: []result.Snapshot{{Output: o}}, Outputs: []result.Output{*o, {Process: "alpha/server", Stderr: "hm\n"}}}}}}
	if other != "" {
		second := *o
		second.Stdout = other
		m.Columns = []result.Column{{Host: "alpha", Kernel: "6.1.10"}, {Host: "alpha", Kernel: "6.18.44"}}
		m.Cells = append(m.Cells, result.Cell{Column: 1, Got: &got, Note: &result.Note{
			Evidence: []result.Snapshot{{Output: &second}}, Outputs: []result.Output{second}}})
	}
	return result.Report{Matrices: []result.Matrix{m}}
}

func meaning(errno string) string {
	return map[string]string{"EADDRINUSE": "Address already in use", "EINVAL": "Invalid argument"}[errno]
}

// TestTranscript has a column for each kernel and a mark where they differ; answers below each other on a terminal
// that is too narrow; and of one kernel what an errno means.
func TestTranscript(t *testing.T) {
	one := twoKernels()
	one.Matrices[0].Columns, one.Matrices[0].Cells = result.OnHosts("alpha"), one.Matrices[0].Cells[:1]
	for _, c := range []struct {
		name  string
		r     result.Report
		width int
		want  string
	}{
		{"columns", twoKernels(), 0, `                           6.1.10           6.18.44
  a = socket(tcp)          ok               ok
* peer/web: bind(a, x:80)  EADDRINUSE       ok
    held by tcp BOUND x:80 on host alpha, process main (b), user 0 (6.1.10)
* listen(a, 5)             EINVAL, want ok  ok
  close(a)                 -                ok
linux 6.1.10: the call behind that was not made
`},
		{"narrow", twoKernels(), 40, `  a = socket(tcp)
    6.1.10   ok
    6.18.44  ok
* peer/web: bind(a, x:80)
    6.1.10   EADDRINUSE
    6.18.44  ok
    held by tcp BOUND x:80 on host
              alpha, process main (b),
              user 0 (6.1.10)
* listen(a, 5)
    6.1.10   EINVAL, want ok
    6.18.44  ok
  close(a)
    6.1.10   -
    6.18.44  ok
linux 6.1.10: the call behind that was
  not made
`},
		{"one", one, 0, `a = socket(tcp) = ok
peer/web: bind(a, x:80) = EADDRINUSE (Address already in use)
    held by tcp BOUND x:80 on host alpha, process main (b), user 0
listen(a, 5) = EINVAL (Invalid argument), want ok
the call behind that was not made
`},
		{"one, 40 columns", one, 40, `a = socket(tcp) = ok
peer/web: bind(a, x:80) = EADDRINUSE
  (Address already in use)
    held by tcp BOUND x:80 on host
              alpha, process main (b),
              user 0
listen(a, 5) = EINVAL (Invalid
  argument), want ok
the call behind that was not made
`},
		{"one, 80 columns", one, 80, `a = socket(tcp) = ok
peer/web: bind(a, x:80) = EADDRINUSE (Address already in use)
    held by tcp BOUND x:80 on host alpha, process main (b), user 0
listen(a, 5) = EINVAL (Invalid argument), want ok
the call behind that was not made
`},
		{"programs", printing(&result.Output{Process: "alpha/p", Stdout: strings.Repeat("one\n", 22), Status: new(0)}, ""), 140,
			"p: run(\"p\") = exit 0\n    stdout  one\n" + strings.Repeat("            one\n", 19) +
				"            (2 lines behind these)\n    program alpha/server, still running\n    stderr  hm\n"},
		{"programs, a red one", printing(&result.Output{Process: "alpha/p", Stdout: strings.Repeat("one\n", 22), Status: new(1)}, ""), 140,
			"p: run(\"p\") = exit 0\n    stdout  (2 lines before these)\n" + strings.Repeat("            one\n", 20) +
				"    program alpha/server, still running\n    stderr  hm\n"},
		{"programs on two kernels, alike", printing(&result.Output{Stdout: "one\ntwo", Status: new(0)}, "one\ntwo"), 0, `               6.1.10  6.18.44
  p: run("p")  exit 0  exit 0
    stdout  one
            two
    program alpha/server (6.1.10), still running
    stderr  hm
`},
		{"programs on two kernels", printing(&result.Output{Stdout: "one\ntwo", Status: new(0)}, "three"), 0, `               6.1.10  6.18.44
  p: run("p")  exit 0  exit 0
    stdout  one (6.1.10)
            two (6.1.10)
    stdout  three (6.18.44)
    program alpha/server (6.1.10), still running
    stderr  hm
`},
	} {
		var b bytes.Buffer
		if err := (Transcript{Text: Text{Width: c.width}, Meaning: meaning}).Write(&b, c.r); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}
