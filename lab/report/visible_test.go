package report

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/compare"
	"labrun/lab/result"
)

// poison has what a terminal obeys, and lines that a log or a reader of TAP does.
const poison = "A\x1b[31mB\rC\x00D\u009b31mE\u0085F\x7fG\u202eH\u2066I\u2028J\u2029K\nok 99 - " +
	"fooled\n::error::fooled\nL"

// eachString calls do with each string that can be reached from v, and with how to
// plant another in its place.
func eachString(v reflect.Value, path string, do func(path string, plant func(string))) {
	switch v.Kind() {
	case reflect.String:
		was := v.String()
		do(path, func(s string) { v.SetString(cmpOr(s, was)) })
	case reflect.Pointer:
		if !v.IsNil() {
			eachString(v.Elem(), path, do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachString(v.Index(i), fmt.Sprintf("%s[%d]", path, i), do)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			was := v.MapIndex(key)
			do(path+" value", func(s string) { v.SetMapIndex(key, reflect.ValueOf(cmpOr(s, was.String()))) })
			do(path+" key", func(s string) {
				v.Clear()
				v.SetMapIndex(reflect.ValueOf(cmpOr(s, key.String())), was)
			})
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				eachString(v.Field(i), path+"."+f.Name, do)
			}
		}
	}
}

// textFields adds the fields of a type, and of those that it holds, which are strings
// or lists and maps of them.
func textFields(t reflect.Type, all map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		textFields(t.Elem(), all)
	case reflect.Struct:
		for f := range t.Fields() {
			inner := f.Type
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
				inner = inner.Elem()
			}
			switch {
			case !f.IsExported():
			case inner.Kind() == reflect.String:
				all[f.Name] = true
			default:
				textFields(f.Type, all)
			}
		}
	}
}

func cmpOr(s, was string) string {
	if s == "" {
		return was
	}
	return s
}

// whole is a report in which every string there can be is set, and a cell of every verdict.
func whole() result.Report {
	r := sample()
	m := &r.Matrices[0]
	status := 1
	listens := []result.SocketInfo{{Host: "beta", Protocol: "tcp", State: "LISTEN", Local: "y:80",
		Owners: []string{"web (w)"}}}
	note := func() *result.Note {
		return &result.Note{Reason: "reason", Flaky: result.Tallies{{Answer: "ok", Times: 1}},
			Captures: []string{"red.pcapng"},
			Evidence: []result.Snapshot{{Step: 1, To: "192.0.2.2 on beta", Why: []string{"user 0"},
				Listens: slices.Clone(listens),
				Sockets: []result.SocketInfo{{Host: "alpha", Protocol: "tcp", State: "LISTEN", Local: "x:80",
					Remote: "y:80",
					Device: "eth0", Owners: []string{"web (a)"}, Timer: "on", Options: []string{"SO_REUSEADDR"}}}}},
			Outputs: []result.Output{{Process: "alpha/web", Stdout: "out", Stderr: "err", Status: &status}}}
	}
	for i := range m.Cells {
		if m.Cells[i].Verdict != result.Pass {
			m.Cells[i].Note = note()
		}
	}
	m.Layout.Hosts = slices.Clone(m.Layout.Hosts)
	m.Layout.Hosts[0].NICs = append(slices.Clone(m.Layout.Hosts[0].NICs),
		lab.NIC{Name: "v5", Type: "vlan id 5 link eth0", Master: "br0"})
	m.Layout.Hosts[0].NFT = "table t {}"
	m.Layout.Hosts[0].Routes = []lab.HostSpec{{Spec: "default via 192.0.2.2"}}
	m.Layout.Hosts[0].Sysctls = []lab.Sysctl{{Name: "net.ipv4.ip_forward", Value: "1"}}
	for i := range m.Claims {
		evidence := []result.ClaimEvidence{{Experiment: "e", When: "when"}}
		m.Claims[i].Text, m.Claims[i].For, m.Claims[i].Against, m.Claims[i].Unknown = "text", evidence, evidence,
			evidence
	}
	return withChanges(r)
}

// withChanges sets every string of what shards and several kernels have beside cells.
func withChanges(r result.Report) result.Report {
	r.Environment.Shard = &result.Shard{Index: 1, Of: 2, By: result.ByKernel, Node: "node-1", Only: []string{"one"},
		Hosts: []string{"alpha"}, Kernels: []string{"host"}}
	r.Environment.Machines = []result.Machine{{Node: "node-1", Kernel: "6.18", Shard: 1, Of: 2}}
	r.Kernels = []result.KernelResult{{Name: "6.18", Digest: "sha256:"}}
	r.Changes = []result.Change{{Topology: "lab", Experiment: "wrong", Cells: []string{"wrong[a=b]"},
		Hosts: []string{"alpha"}, File: "lab.yaml", Line: 1, Process: "main", Call: "bind(a, x:80)",
		Before: result.KernelSaid{Kernel: "6.1", Answer: "ok"},
		After:  result.KernelSaid{Kernel: "6.18", Answer: "EINVAL"}, Machines: []string{"x86_64", "aarch64"},
		Known: result.KnownChange{Versions: "6.2", Says: "a sentence", Function: "inet_csk_get_port"}}}
	return r
}

// TestNothingRaw plants what a terminal obeys in every string of a report in turn, and
// looks for it in every format.
func TestNothingRaw(t *testing.T) {
	type rendered struct {
		name  string
		write func(io.Writer, result.Report) error
	}
	formats := []rendered{{"verbose text", Text{Verbose: true}.Write}, {"explanation", explained}}
	for _, f := range Formats {
		formats = append(formats, rendered{f.Name, f.Write})
	}
	for _, f := range Formats {
		if f.Diff == nil {
			continue
		}
		formats = append(formats,
			rendered{"diff as " + f.Name,
				func(w io.Writer, r result.Report) error { return f.Diff(w, changes(whole(), r)) }},
			rendered{"diff back as " + f.Name,
				func(w io.Writer, r result.Report) error { return f.Diff(w, changes(r, whole())) }})
	}
	seen := map[string]bool{}
	r := whole()
	eachString(reflect.ValueOf(&r), "", func(path string, plant func(string)) {
		field := strings.TrimRight(path, "[0123456789] aeklvuy")
		if field = field[strings.LastIndex(field, ".")+1:] + fmt.Sprint(strings.Count(path, ".")); seen[path] ||
			testing.Short() && seen[field] {
			return
		}
		seen[path], seen[field] = true, true
		plant(poison)
		defer plant("")
		for _, f := range formats {
			var b bytes.Buffer
			if err := f.write(&b, r); err != nil {
				t.Fatalf("%s: %s: %v", path, f.name, err)
			}
			for _, what := range raw(b.String(), f.name) {
				t.Errorf("%s: %s has %s", path, f.name, what)
			}
		}
	})
	fields := map[string]bool{}
	textFields(reflect.TypeFor[result.Report](), fields)
	for path := range seen {
		for field := range fields {
			if strings.Contains(path+".", "."+field+".") || strings.Contains(path, "."+field+"[") ||
				strings.Contains(path, "."+field+" ") {
				delete(fields, field)
			}
		}
	}
	if len(fields) > 0 {
		t.Errorf("the report has no %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
}

// raw says what a text has that a terminal, a log or a reader of TAP would obey.
func raw(text, format string) []string {
	var found []string
	for i, r := range text {
		// thousands; what keeps @ apart
		if r != '\n' && r != '\t' && r != '\u202f' && r != '\u200b' && !unicode.IsPrint(r) {
			found = append(found, fmt.Sprintf("%q in %q", r, text[max(0, i-20):min(len(text), i+20)]))
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "ok 99") || strings.HasPrefix(line, "::error::fooled") {
			switch format {
			case "markdown", "html", "junit": // quoted: a block of code, an element
			default:
				found = append(found, fmt.Sprintf("the line %q", line))
			}
		}
	}
	return found
}

// explained writes what is said of single cells.
func explained(w io.Writer, r result.Report) error {
	for i := range r.Matrices {
		m := &r.Matrices[i]
		for j := range m.Cells {
			if m.Cells[j].Verdict == result.Pass {
				continue
			}
			if _, err := fmt.Fprintln(w, Explain(m, &m.Cells[j])); err != nil {
				return err
			}
			if err := (Text{}).Last(w, m, &m.Cells[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes is the difference of two reports, of which half of the cells are there alone.
func changes(a, b result.Report) *compare.Difference {
	a.Digest = ""
	for _, r := range []*result.Report{&a, &b} {
		r.Matrices = append([]result.Matrix(nil), r.Matrices...)
	}
	a.Matrices[0].Claims = append([]result.ClaimResult(nil), a.Matrices[0].Claims...)
	a.Matrices[0].Claims[0].Verdict = result.Refuted
	cells := append([]result.Cell(nil), a.Matrices[0].Cells...)
	cells[1].Verdict, cells[1].Got = result.Fail, &[]string{"EINVAL"}
	cells[2].Got = &[]string{"ok", "ENOENT"}
	a.Matrices[0].Cells = cells[:7]
	b.Matrices[0].Cells = b.Matrices[0].Cells[1:]
	d := compare.Reports(a, b)
	return &d
}

// TestVisibleSharesWhatItCan: a report that is visible already is the same, and what many cells
// share is written out once.
func TestVisibleSharesWhatItCan(t *testing.T) {
	r := result.NewReport(result.Environment{}, []result.Matrix{many(1000)})
	if v := visible(r); &v.Matrices[0] != &r.Matrices[0] {
		t.Error("a report without a strange character was copied")
	}
	got := &[]string{"\x1b"}
	for i := range r.Matrices[0].Cells {
		r.Matrices[0].Cells[i].Got = got
	}
	v := visible(r)
	first := v.Matrices[0].Cells[0].Got
	for _, c := range v.Matrices[0].Cells {
		if c.Got != first {
			t.Fatal("answers are not shared any more")
		}
	}
	if diff := cmp.Diff([]string{`\x1b`}, *first); diff != "" {
		t.Error(diff)
	}
	if (*got)[0] != "\x1b" {
		t.Error("the report itself was changed")
	}
}

// TestStrangeSteps holds what is looked at without reflection to the strings of a step.
func TestStrangeSteps(t *testing.T) {
	n := 0
	for f := range reflect.TypeFor[result.RowStep]().Fields() {
		if f.Type.Kind() == reflect.String {
			var s result.RowStep
			reflect.ValueOf(&s).Elem().FieldByIndex(f.Index).SetString("\x1b")
			if n++; !areStrange([]result.RowStep{{}, s}) {
				t.Errorf("nothing looks at %s", f.Name)
			}
		}
	}
	if n == 0 {
		t.Error("a step has no strings")
	}
}

// TestVisibleJSONComesBack: what JSON escapes for a terminal is read back as it was.
func TestVisibleJSONComesBack(t *testing.T) {
	r := sample()
	r.Matrices[0].Doc = poison + "\U000e0001"
	text := mustJSON(t, r)
	if found := raw(string(text), "json"); found != nil {
		t.Error(found)
	}
	back, err := ReadJSON("r.json", bytes.NewReader(text))
	if err != nil || back.Matrices[0].Doc != r.Matrices[0].Doc {
		t.Errorf("%q, %v", back.Matrices[0].Doc, err)
	}
}
