package report

import (
	"bytes"
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
linux 6.1.10: the call behind that was not made
`},
		{"one", one, 0, `a = socket(tcp) = ok
peer/web: bind(a, x:80) = EADDRINUSE (Address already in use)
    held by tcp BOUND x:80 on host alpha, process main (b), user 0
listen(a, 5) = EINVAL (Invalid argument), want ok
the call behind that was not made
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
