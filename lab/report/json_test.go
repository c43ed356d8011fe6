package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"labrun/lab"
	"labrun/lab/result"
)

func mustJSON(tb testing.TB, r result.Report) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestJSONComesBack(t *testing.T) {
	want := sample()
	got, err := ReadJSON("r.json", bytes.NewReader(mustJSON(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Error(diff)
	}
	if got.Digest != result.DigestOf(got.Matrices) {
		t.Error("the digest is not that of the cells that came back")
	}
	cells := got.Matrices[1].Cells
	if cells[0].Got != cells[1].Got {
		t.Error("two cells with the same answers do not share them")
	}
}

// TestReadMakesRoomOnce reads cells into no more room than the counts tell, and a
// report whose counts say what is not so.
func TestReadMakesRoomOnce(t *testing.T) {
	r := result.NewReport(result.Environment{}, []result.Matrix{many(5000), many(500)})
	for _, passed := range []int{r.Counts.Passed, -1, 100, 1 << 60} {
		lying := r
		lying.Counts.Passed = passed
		got, err := ReadJSON("r.json", bytes.NewReader(mustJSON(t, lying)))
		if err != nil {
			t.Fatal(err)
		}
		left := r.Counts.Sum()
		for i := range got.Matrices {
			cells, want := got.Matrices[i].Cells, r.Matrices[i].Cells
			if len(cells) != len(want) {
				t.Errorf("%d passed: %d cells, want %d", passed, len(cells), len(want))
			}
			if passed == r.Counts.Passed && cap(cells) > left+left/20 { // allocations are rounded up
				t.Errorf("%d cells in the room of %d", len(cells), cap(cells))
			}
			left -= len(cells)
		}
	}
}

// TestJSONIsJSON asks encoding/json, and counts the lines of cells.
func TestJSONIsJSON(t *testing.T) {
	r := sample()
	text := mustJSON(t, r)
	var any map[string]json.RawMessage
	if err := json.Unmarshal(text, &any); err != nil {
		t.Fatal(err)
	}
	lines, want := 0, 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(strings.TrimSpace(line), ",")
		if strings.HasPrefix(line, `{"cell":`) && json.Valid([]byte(line)) {
			lines++
		}
	}
	for _, m := range r.Matrices {
		want += len(m.Cells)
	}
	if lines != want {
		t.Errorf("%d lines are cells, of %d cells", lines, want)
	}
}

func TestJSONStrings(t *testing.T) {
	j := &jsonWriter{}
	j.enc = json.NewEncoder(&j.scratch)
	j.enc.SetEscapeHTML(false)
	for _, s := range []string{"", "plain", `"quoted" \ <tag> &`, "tab\t", "caf\u00e9", "\x00\u2028", "broken \xff"} {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		got := appendString([]byte("before "), j, s)
		if w := "before " + strings.TrimSpace(want.String()); string(got) != w {
			t.Errorf("%q: %s, want %s", s, got, w)
		}
	}
}

// onKernels is a report about two kernels that have to answer otherwise.
func onKernels() result.Report {
	other := shown(5, "bind(a, x:80)", "EACCES")
	s := slot(shown(5, "bind(a, x:80)", "ok"))
	s.Others = []result.Other{{Kernel: "6.1", Indices: []int{0}, Variants: [][]result.RowStep{{other}}}}
	m := result.Matrix{
		File: "lab.yaml", Name: "lab",
		Columns: []result.Column{{Host: "alpha", Kernel: "6.18"}, {Host: "alpha", Kernel: "6.1"}},
		Rows:    []result.Row{{Name: "one", Line: 4, Slots: []result.RowSlot{s}}},
	}
	for c := range m.Columns {
		m.Cells = append(m.Cells, result.Cell{Column: int32(c), Verdict: result.Fail, Got: &[]string{"EPERM"}})
	}
	env := result.Environment{Labrun: "v1", Kernels: []result.KernelInfo{
		{Name: "6.18", Release: "6.18.44", Machine: "x86_64", User: "root", Sysctls: map[string]string{"a": "1"}},
		{Name: "6.1", Release: "6.1.0-49-amd64", Machine: "x86_64", User: "root", Sysctls: map[string]string{"a": "0"}},
	}}
	return result.NewReport(env, []result.Matrix{m})
}

// TestKernels writes and reads a report about two kernels, and sees each column's own in
// the text.
func TestKernels(t *testing.T) {
	r := onKernels()
	text := write(t, JSON, r)
	back, err := ReadJSON("report.json", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("written (-), read (+):\n%s", diff)
	}
	if err := validate(schema(t), text); err != nil {
		t.Error(err)
	}
	out := write(t, Text{}.Write, back)
	for _, want := range []string{
		"FAIL one on alpha, linux 6.18\n  lab.yaml:5: main: bind(a, x:80)\n    wanted  ok\n",
		"FAIL one on alpha, linux 6.1\n  lab.yaml:5: main: bind(a, x:80)\n    wanted  EACCES\n",
		"\nlinux 6.1   6.1.0-49-amd64  x86_64  0 passed, 1 failed, 0 skipped  sha256:",
		"\nlinux 6.18  6.18.44         x86_64  0 passed, 1 failed, 0 skipped  sha256:",
		"\n2 kernels, labrun v1, root, sha256:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, f := range Formats[2:4] { // those that list the environment as names and values
		out := write(t, f.Write, back)
		for _, want := range []string{"kernel (6.1)", "a (6.18)"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", f.Name, want, out)
			}
		}
	}
	for _, wrong := range [][2]string{{`"which": [0]`, `"which": [1]`}, {`"which": [0]`, `"which": [0, 0]`},
		{`"which": [0]`, `"which": [-1]`}} {
		if _, err := ReadJSON("report.json",
			strings.NewReader(strings.Replace(text, wrong[0], wrong[1], 1))); err == nil {
			t.Errorf("it takes %s", wrong[1])
		}
	}
}

// TestShards writes and reads what a part says of its shard, and a whole of its parts.
func TestShards(t *testing.T) {
	part, whole := sample(), sample()
	part.Environment.Shard = &result.Shard{Index: 3, Of: 8, By: result.ByKernel, Node: "node-3", Cells: 1300, Lacks: 412,
		Only: []string{"claim-1*", "a[x=<y>]"}, Hosts: []string{"alpha"}, Kernels: []string{"host", "debian:6.1"}, Repeat: 2}
	started := part.Environment.Started
	whole.Environment.Machines = []result.Machine{{Node: "node-1", Kernel: "6.1, 6.12", Shard: 1, Of: 2, Started: started,
		Elapsed: 1.5, Jobs: 2}, {Shard: 2, Of: 2, Started: started}}
	for _, r := range []result.Report{part, whole} {
		text := mustJSON(t, r)
		back, err := ReadJSON("r.json", bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Environment, back.Environment); diff != "" {
			t.Error(diff)
		}
		if err := validate(schema(t), string(text)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{`"index": 3`, `"index": 9`, `environment: shard: shard 9 of 8: want one from 1 to as many as there are`},
		{`"index": 3`, `"index": 0`, `shard 0 of 8`},
		{`"lacks": 412`, `"lacks": 1301`, `lacks: found 1301, want as many as its 1300 cells at most`},
		{`"by": "kernel"`, `"by": "host"`, `by: found "host", want "kernel" or none`},
		{`"repeat": 2`, `"repeat": -2`, `repeat: found -2, want 0 or more`},
		{`"node"`, `"knot"`, `unknown key "knot"`},
	} {
		text := strings.Replace(string(mustJSON(t, part)), c.old, c.new, 1)
		if _, err := ReadJSON("r.json", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
}

// TestEveryFieldIsWritten fails when a type has a field that the hand-written
// part of the format does not know of.
func TestEveryFieldIsWritten(t *testing.T) {
	for _, c := range []struct {
		value  any
		fields string
	}{
		{result.Report{}, "Environment Digest Counts Kernels Changes Matrices"},
		{result.Environment{}, "Labrun Kernels Started Elapsed Jobs Shard Machines Seconds"},
		{result.KernelInfo{}, "Name Release Version Machine User Sysctls"},
		{result.Matrix{}, "File Name Doc Lesson Source Included Layout Columns Rows Cells Claims"},
		{lab.Layout{}, "File Name Networks Hosts"}, // a report says File and Name of its matrix,
		{result.Row{}, "Name Doc Claim File Line Axes Slots"},
		{result.RowSlot{}, "Axes Shown VariantOf Variants Others"},
		{result.Cell{}, "Row Column Combo Verdict Got Note"},
		{result.Note{}, "Reason Flaky Evidence Outputs Captures Varies"}, // Varies is for the run itself
	} {
		var names []string
		for f := range reflect.TypeOf(c.value).Fields() {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != c.fields {
			t.Errorf("%T has %s; json.go writes %s", c.value, got, c.fields)
		}
	}
}

// TestJSONStreams holds what is allocated to no more than a line's buffers,
// however many cells there are.
func TestJSONStreams(t *testing.T) {
	m := of(5, 100, 100)
	allocated := func(cells int) uint64 {
		m.Cells = m.Cells[:cells]
		r := result.Report{Matrices: []result.Matrix{m}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := JSON(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	many, few := allocated(50_000), allocated(1000)
	if many > few+16<<10 {
		t.Errorf("1000 cells: %d bytes allocated, 50 000 cells: %d", few, many)
	}
}

// TestReadStreams holds all that is allocated for half a million cells, garbage included, to
// 60 MB, of which the race detector takes a third, and the pieces to a few for each experiment.
func TestReadStreams(t *testing.T) {
	text := mustJSON(t, result.NewReport(result.Environment{}, []result.Matrix{many(500_000)}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ReadJSON("r.json", bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if size, pieces := after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs; size > 60<<20 ||
		pieces > 5000 {
		t.Errorf("%d bytes in %d pieces", size, pieces)
	}
}

// TestReadNamesThePlace plants mistakes all through a report that is read in pieces of any
// size, and finds each on its line.
func TestReadNamesThePlace(t *testing.T) {
	text := string(mustJSON(t, result.NewReport(result.Environment{}, []result.Matrix{many(200)})))
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		at := strings.Index(line, `"pass"`)
		if at < 0 || i%7 > 0 {
			continue
		}
		lines[i] = strings.Replace(line, `"pass"`, `"maybe"`, 1)
		want := fmt.Sprintf("r.json:%d:%d: ", i+1, at+1)
		for _, r := range []io.Reader{strings.NewReader(strings.Join(lines, "")),
			iotest.OneByteReader(strings.NewReader(strings.Join(lines, "")))} {
			if _, err := ReadJSON("r.json", r); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
		lines[i] = line
	}
}

// TestReadHoldsLimits reads what would fill the memory or the stack, were it taken.
func TestReadHoldsLimits(t *testing.T) {
	endless := func(head, body string) io.Reader {
		return io.MultiReader(strings.NewReader(head), &repeated{text: body})
	}
	for _, c := range []struct {
		in   io.Reader
		want string
	}{
		{endless(`{"digest":"`, "a"), "r.json:1:10: more than 64 MB in one value"},
		{endless("{", "\n "), "r.json:1:2: more than 64 MB in one value"},
		{endless(`{"digest":`, "["), "exceeded max depth"},
		{endless(`{"topologies":[`, "["), "r.json:1:10014: topologies: [0]: exceeded max depth"},
	} {
		if _, err := ReadJSON("r.json", c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	broken := errors.New("broken")
	if _, err := ReadJSON("r.json", io.MultiReader(strings.NewReader("{"), iotest.ErrReader(broken))); !errors.Is(err,
		broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

// repeated is a text without end.
type repeated struct{ text string }

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text)
	for n < len(p) {
		n += copy(p[n:], p[:n])
	}
	return n, nil
}

// change replaces some text of the sample report.
func change(tb testing.TB, old, new string) string {
	tb.Helper()
	text := string(mustJSON(tb, sample()))
	if !strings.Contains(text, old) {
		tb.Fatalf("the sample has no %s", old)
	}
	return strings.Replace(text, old, new, 1)
}

func TestReadJSONSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"digest"`, `"disgust"`, `unknown key "disgust"; allowed: by_kernel, changes, counts, digest, `},
		{`"passed"`, `"past"`, `:13: counts: unknown key "past"`},
		{`"file"`, `"fill"`,
			`topologies: [0]: unknown key "fill"; allowed: cells, claims, doc, file, hosts, included, lesson, name, rows, source, topology`},
		{`"shown": true`, `"shone": true`,
			`rows: [0]: steps: [0]: unknown key "shone"; allowed: axes, others, shown, variants`},
		{`"process":"web"`, `"prozess":"web"`, `variants: [0]: unknown key "prozess"`},
		{`"verdict":"pass"`, `"verdict":"maybe"`,
			`:49: topologies: [0]: cells: [0]: verdict: "maybe" is not a verdict; allowed: pass, fail, skip, error`},
		{`"verdict":"pass",`, ``, `cells: [0]: it needs a "cell", a "host" and a "verdict"`},
		{`"verdict":"pass"`, `"verdict":null`, `verdict: found null, want a string`},
		{`"got":["ok"]`, `"got":[1]`, `got: found a number, want a string`},
		{`"got":["ok"]`, `"got":"ok"`, `got: found a string, want an array`},
		{`"got":["ok"]`, "\"got\":[\"\xff\"]", `invalid UTF-8`},
		{`"got":["ok"]`, `"got":["ok"],"got":[]`, `:69: topologies: [0]: cells: [0]: duplicate key "got"`},
		{`"line": 3`, `"line": "3"`, `line: found a string, want a number that fits int`},
		{`"got":["ok"]`, `"gut":["ok"]`,
			`cells: [0]: unknown key "gut"; allowed: captures, cell, evidence, flaky, got, host, kernel, outputs, reason, verdict`},
		{`{"cell":"good","host":"alpha"`, `{"cell":"good","host":"gamma"`,
			`cells: [0]: "good" on "gamma": unknown host`},
		{`{"cell":"good"`, `{"cell":"bad"`, `"bad" on "alpha": unknown experiment "bad"`},
		{`{"cell":"good"`, `{"cell":"good[x=y]"`, `"good[x=y]" on "alpha": the experiment's cells are called good`},
		{`"two[first=x,second=x]"`, `"two[first=x]"`, `the experiment's cells are called two[first=x,second=x]`},
		{`"two[first=x,second=x]"`, `"two"`, `the experiment's cells are called two[first=x,second=x]`},
		{`"two[first=x,second=x]"`, `"two[first=x,second=x]]"`, `second=x] does not exist`},
		{`"two[first=x,second=x]"`, `"two[first=q,second=x]"`, `first=q does not exist`},
		{`"two[first=x,second=x]"`, `"two[first=x,second=y]"`,
			`it is a duplicate, or not in the order of rows, hosts and combinations`},
		{`"got":["ok"]`, `"got":["ok","ok"]`, `it has 2 answers, and its experiment 1 steps`},
		{`"got":["ok","EADDRINUSE"]`, `"got":[]`, `"wrong" on "alpha": it failed without an answer`},
		{`"name": "wrong"`, `"name": "good"`, `rows: [1]: duplicate experiment "good"`},
		{"\"alpha\",\n        \"beta\"", `"alpha","alpha"`, `hosts: duplicate host`},
		{`"values":["none","reuse","both"]`, `"values":[]`, `axis "option" has no values`},
		{`"values":["none","reuse","both"]`, `"values":["none","reuse","none"]`, `axis "option" has a duplicate value`},
		{`"values":["none","reuse","both"]`, `"values":["none","reuse"]`, `step 0: it has 3 variants, its axes have 2`},
		{`"name":"second"`, `"name":"first"`, `duplicate axis "first"`},
		{`[0,1]`, `[1,0]`, `step 1: its axes are [1 0], of 2 in ascending order`},
		{`[0,1]`, `[0,2]`, `step 1: its axes are [0 2], of 2 in ascending order`},
		{`[0,1]`, `[-1,1]`, `step 1: its axes are [-1 1], of 2 in ascending order`},
		{`"rows"`, `"cells": [], "rows"`, `cells: they stand before the "hosts" and "rows" that they are of`},
		{`"name": "lab",`, `"name": "lab", "name": "lab",`, `:22: topologies: [0]: duplicate key "name"`},
		{`"name": "lab",`, ``, `topologies: [0]: key "name" is missing`},
		{`"topologies": [`, `"topologies": {}, "x": [`, `topologies: found an object, want an array`},
		{"{\n", "[]", `r.json:1:1: found an array, want an object`},
	} {
		_, err := ReadJSON("r.json", strings.NewReader(change(t, c.old, c.new)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %s", c.new, c.old, err, c.want)
		}
	}
	text := string(mustJSON(t, sample()))
	for _, c := range []struct{ text, want string }{
		{"", "r.json:1:1: the file is empty, and a report was expected; copy the file again, or remove it and run again what wrote it"},
		{text[:len(text)/2], "r.json:" + placeOf(text[:len(text)/2]) + ": the report is cut short here; copy the file again, or "},
		{text[:strings.Index(text, `"digest"`)+4], "r.json:" + placeOf(text[:strings.Index(text, `"digest"`)+4]) + ": the report is cut short"},
		{"{", "r.json:1:2: the report is cut short"},
		{text + "{}", "unexpected data after the report"},
		{"{}", `key "environment" is missing`},
		{"%", "invalid character '%'"},
	} {
		if _, err := ReadJSON("r.json", strings.NewReader(c.text)); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want %s", c.text, err, c.want)
		}
	}
}

// placeOf returns the line and the column behind a text.
func placeOf(text string) string {
	return fmt.Sprintf("%d:%d", 1+strings.Count(text, "\n"), len(text)-strings.LastIndex(text, "\n"))
}

// FuzzReadJSON reads anything. What it takes can be printed in every format, and
// written comes back as it was.
func FuzzReadJSON(f *testing.F) {
	f.Add(string(mustJSON(f, sample())))
	f.Add(string(mustJSON(f, result.Report{Matrices: []result.Matrix{many(20)}})))
	f.Add(change(f, `"values":["none","reuse","both"]`, `"values":["none",",option=","]"]`))
	f.Add(change(f, `"two[first=x,second=x]"`, `"two[first=q,second=x]"`))
	f.Add(`{"environment":{},"digest":"","counts":{},"topologies":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadJSON("r.json", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, verbose := range []bool{false, true} {
			if err := (Text{Verbose: verbose}).Write(io.Discard, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, format := range Formats {
			if err := format.Write(io.Discard, r); err != nil {
				t.Fatalf("%s: %v", format.Name, err)
			}
		}
		result.DigestOf(r.Matrices)
		first := mustJSON(t, r)
		again, err := ReadJSON("r.json", bytes.NewReader(first))
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		if diff := cmp.Diff(string(first), string(mustJSON(t, again))); diff != "" {
			t.Error(diff)
		}
	})
}
