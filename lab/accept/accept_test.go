package accept

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// fake is a kernel that answers a call by a table: the first entry whose words are all in the call, its cell and its
// host. Other calls answer ok.
type fake struct {
	version lab.KernelVersion
	answers [][2]string
}

func (f fake) answer(call, cell, host string) string {
	at := call + " " + cell + " " + host
	for _, a := range f.answers {
		if !slices.ContainsFunc(strings.Split(a[0], " && "), func(word string) bool { return !strings.Contains(at, word) }) {
			return a[1]
		}
	}
	return "ok"
}

// ask runs topologies on the kernel: a cell ends at the first answer that is not the one wanted.
func (f fake) ask(files []*topology.Written, only func(name string, c lab.Combo) bool) result.Report {
	on := lab.Kernel{Version: f.version}
	var matrices []result.Matrix
	for _, w := range files {
		m := result.Matrix{File: w.File, Name: w.Name, Source: w.Source, Included: w.Included, Layout: w.Layout}
		for _, h := range w.Hosts {
			m.Columns = append(m.Columns, result.Column{Host: h.Name})
		}
		for i := range w.Experiments {
			e := &w.Experiments[i]
			m.Rows = append(m.Rows, result.NewRow(e, on))
			for column, h := range w.Hosts {
				for _, c := range e.Combos {
					if only != nil && !only(e.Name, c) || !e.RunsOn(h.Name) {
						continue
					}
					one := result.Cell{Row: int32(len(m.Rows) - 1), Column: int32(column), Combo: c}
					var got []string
					for _, s := range e.StepsOf(c) {
						got = append(got, f.answer(s.Call.String(), e.CellName(c), h.Name))
						want := s.Want.On(on)
						if last := got[len(got)-1]; want.Outcome != lab.Unasked && want.String() != last {
							one.Verdict, one.Note = result.Fail, &result.Note{}
							break
						}
					}
					one.Got = &got
					m.Cells = append(m.Cells, one)
				}
			}
		}
		matrices = append(matrices, m)
	}
	env := result.Environment{Kernels: []result.KernelInfo{{Release: f.version.String() + "-" + f.answers[0][1]}}}
	return result.NewReport(env, matrices)
}

// askAll is ask on several kernels.
func askAll(t *testing.T, kernels []fake, files []*topology.Written, only func(string, lab.Combo) bool) result.Report {
	t.Helper()
	if len(kernels) == 1 {
		return kernels[0].ask(files, only)
	}
	var parts []result.Part
	for i, k := range kernels {
		parts = append(parts, result.Part{Name: fmt.Sprintf("k%d", i), Report: k.ask(files, only)})
	}
	result.NameKernels(parts)
	r, err := result.Merge(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// accepted asks until nothing changes, and returns the text of the file and what is left.
func accepted(t *testing.T, text string, kernels []fake, only func(string, lab.Combo) bool) (string, []string) {
	t.Helper()
	w, err := topology.LoadWritten(topology.Source{File: "t.yaml", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	s := New([]*topology.Written{w})
	s.Add(askAll(t, kernels, s.files, only), s.files, nil)
	var before *Decision
	for turn := 0; ; turn++ {
		d, err := s.Decide()
		if err != nil {
			t.Fatal(err)
		}
		if d.Anew(before) == nil {
			after, ok := d.Texts["t.yaml"]
			if !ok {
				after = text
			}
			var left []string
			for _, l := range d.Left {
				left = append(left, l.String())
			}
			return after, left
		}
		if turn > 20 {
			t.Fatal("it does not come to an end")
		}
		edited, err := s.With(d.Texts)
		if err != nil {
			t.Fatal(err)
		}
		s.Add(askAll(t, kernels, edited, only), edited, d)
		before = d
	}
}

const head = `name: t
networks: {red: 192.0.2.0/24}
hosts:
  alpha: {nics: {eth0: {network: red, as: x}}}
  beta: {nics: {eth0: {network: red, as: x}}}
experiments:
  e:
`

func version(t *testing.T, text string) lab.KernelVersion {
	t.Helper()
	v, err := lab.ParseKernelVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// kernelsOf reads "5.10.3 EADDRINUSE, 6.1.2 ok": kernels, and what each answers to bind.
func fakes(t *testing.T, text string) []fake {
	var all []fake
	for _, one := range strings.Split(text, ", ") {
		v, answer, _ := strings.Cut(one, " ")
		all = append(all, fake{version(t, v), [][2]string{{"bind(", answer}}})
	}
	return all
}

// TestKernels: what becomes of an answer that kernels differ in.
func TestKernels(t *testing.T) {
	for name, test := range map[string]struct{ kernels, before, after, left string }{
		"one":                       {"6.18.4 EADDRINUSE", "= ?", "= EADDRINUSE", ""},
		"one, without an answer":    {"6.18.4 EADDRINUSE", "", "= EADDRINUSE", ""},
		"one, as it was":            {"6.18.4 EADDRINUSE", "= EADDRINUSE", "= EADDRINUSE", ""},
		"one, its condition's":      {"5.10.4 EINVAL", "= ok [EADDRINUSE on linux < 6.2]", "= ok [EINVAL on linux < 6.2]", ""},
		"one, the others' is taken": {"5.10.4 ok", "= ok [EADDRINUSE on linux < 6.2]", "= ok", ""},
		"all alike":                 {"5.10.4 EINVAL, 6.1.3 EINVAL, 6.18.4 EINVAL", "= ?", "= EINVAL", ""},
		"a new one":                 {"6.1.9 EADDRINUSE, 6.2.4 ok", "= ?", "= ok [EADDRINUSE on linux < 6.2]", ""},
		"in any order":              {"6.18.4 ok, 5.10.9 EADDRINUSE, 6.6.1 ok, 6.1.9 EADDRINUSE", "= ?", "= ok [EADDRINUSE on linux < 6.6]", ""},
		"the newest was right":      {"6.1.9 EADDRINUSE, 6.2.4 ok", "", "= ok [EADDRINUSE on linux < 6.2]", ""},
		"the oldest was right":      {"6.1.9 EADDRINUSE, 6.2.4 ok", "= EADDRINUSE", "= ok [EADDRINUSE on linux < 6.2]", ""},
		"three answers": {"5.4.1 EINVAL, 6.1.9 EADDRINUSE, 6.2.4 ok", "= ?",
			"= ok [EINVAL on linux < 6.1] [EADDRINUSE on linux < 6.2]", ""},
		"one in between": {"5.4.1 ok, 6.1.9 EADDRINUSE, 6.2.4 ok", "= ?", "= ok [EADDRINUSE on linux >= 6.1 < 6.2]", ""},
		"one series":     {"6.1.9 EADDRINUSE, 6.1.40 ok", "= ?", "= ok [EADDRINUSE on linux < 6.1.40]", ""},
		"stable updates of two series": {"5.10.4 EADDRINUSE, 5.10.200 ok, 6.1.3 EADDRINUSE, 6.1.90 ok", "= ?",
			"= ok [EADDRINUSE on linux < 5.10.200] [EADDRINUSE on linux >= 6.1 < 6.1.90]", ""},
		"a condition that is right": {"5.4.1 EINVAL, 6.1.9 EADDRINUSE, 6.2.4 ok", "= ok [EADDRINUSE on linux < 6.2]",
			"= ok [EINVAL on linux < 6.1] [EADDRINUSE on linux < 6.2]", ""},
		"a condition that is too wide":   {"5.4.1 EINVAL, 6.1.9 ok", "= ok [EINVAL on linux < 6.2]", "= ok [EINVAL on linux < 6.1]", ""},
		"a condition that is too narrow": {"6.1.9 EINVAL, 6.6.9 EINVAL, 6.12.1 ok", "= ok [EINVAL on linux < 6.2]", "= ok [EINVAL on linux < 6.12]", ""},
		"a condition that none has met":  {"6.6.9 EINVAL, 6.12.1 ok", "= ? [EBADF on linux < 6.2]", "= ok [EBADF on linux < 6.2] [EINVAL on linux < 6.12]", ""},
		"one version": {"6.1.9 EINVAL, 6.1.9 ok", "= ?", "= ?",
			`t.yaml:10:9: experiment "e": bind(a, x:80): left as it is: kernels of one version differ: `},
	} {
		t.Run(name, func(t *testing.T) {
			text := func(answer string) string {
				return head + "    steps:\n      - a = socket(tcp)\n      - " + strings.TrimSpace("bind(a, x:80) "+answer) + " # why\n"
			}
			after, left := accepted(t, text(test.before), fakes(t, test.kernels), nil)
			if diff := cmp.Diff(text(test.after), after); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if !strings.HasPrefix(strings.Join(left, "\n"), test.left) || (test.left == "") != (len(left) == 0) {
				t.Errorf("left %q, want %q", left, test.left)
			}
		})
	}
}

// TestAxes: what becomes of rules that combinations differ in.
func TestAxes(t *testing.T) {
	const axes = "    axes: {first: [x, any], second: [x, y, any], option: [none, both]}\n"
	const steps = `    steps:
      - a = socket(${option}, ${first}, ${second})
      - bind(a, x:80) = ${want}
`
	for name, test := range map[string]struct {
		before, after string // rules
		kernels       []fake
		only          string
		left          string
	}{
		"all alike": {"want: [{else: ?}]", "want: [{else: EINVAL}]", fakes(t, "6.1.2 EINVAL"), "", ""},
		"one axis": {"want: [{else: ?}]", "want: [{second: y, answer: ok}, {else: EADDRINUSE}]",
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && second=y", "ok"}, {"bind", "EADDRINUSE"}}}}, "", ""},
		"two axes": {"want: [{else: ?}]", "want: [{first: x, second: [x, any], answer: EADDRINUSE}, {else: ok}]",
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && first=any", "ok"}, {"bind && second=y", "ok"}, {"bind", "EADDRINUSE"}}}}, "", ""},
		"a rule that is wrong": {"want:\n      # why\n      - {second: y, answer: ok} # behind\n      - else: EADDRINUSE",
			"want:\n      # why\n      - {second: y, answer: EACCES} # behind\n      - else: EADDRINUSE",
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && second=y", "EACCES"}, {"bind", "EADDRINUSE"}}}}, "", ""},
		"a rule that is missing": {"want:\n      - {second: y, answer: ok}\n      # other\n      - else: EADDRINUSE",
			"want:\n      - {second: y, answer: ok}\n      # other\n      - {first: any, answer: EINVAL}\n      - else: EADDRINUSE",
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && second=y", "ok"}, {"bind && first=any && second=x", "EINVAL"},
				{"bind && first=any && second=any", "EINVAL"}, {"bind", "EADDRINUSE"}}}}, "", ""},
		"a rule of which a part is wrong": {"want: [{second: y, answer: ok}, {else: EADDRINUSE}]",
			"want: [{first: x, second: y, answer: EINVAL}, {second: y, answer: ok}, {else: EADDRINUSE}]",
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && second=y && first=x", "EINVAL"}, {"bind && second=y", "ok"}, {"bind", "EADDRINUSE"}}}}, "", ""},
		"by kernel": {"want: [{else: ?}]", `want: [{linux: "< 6.6", answer: EINVAL}, {else: ok}]`,
			fakes(t, "6.1.2 EINVAL, 6.6.1 ok"), "", ""},
		"by kernel and axis": {"want: [{else: ?}]", `want: [{second: y, linux: "< 6.6", answer: EINVAL}, {second: y, answer: ok}, {else: EADDRINUSE}]`,
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && second=y", "EINVAL"}, {"bind", "EADDRINUSE"}}},
				{version(t, "6.6.2"), [][2]string{{"bind && second=y", "ok"}, {"bind", "EADDRINUSE"}}}}, "", ""},
		"what was not asked stays": {"want: [{else: ok}]", "want: [{second: y, answer: EINVAL}, {else: ok}]",
			fakes(t, "6.1.2 EINVAL"), "second=y", ""},
		"by host": {"want: [{else: ?}]", "want: [{else: ?}]",
			[]fake{{version(t, "6.1.2"), [][2]string{{"bind && alpha", "EINVAL"}}}}, "",
			`t.yaml:9:11: experiment "e": want: left as it is: cells differ that this place is for: EINVAL in e[first=x,second=x,option=none] on alpha and `},
	} {
		t.Run(name, func(t *testing.T) {
			text := func(rules string) string {
				return head + axes + "    " + rules + "\n" + strings.NewReplacer("${option}, ${first}, ${second}", "tcp").Replace(steps) +
					"      - {\"p${first}${second}${option}\": sleep(1ms)}\n"
			}
			var only func(string, lab.Combo) bool
			if test.only != "" {
				only = func(name string, c lab.Combo) bool {
					w, _ := topology.LoadWritten(topology.Source{File: "t.yaml", Text: []byte(text(test.before))})
					return strings.Contains(w.Experiment(name).CellName(c), test.only)
				}
			}
			after, left := accepted(t, text(test.before), test.kernels, only)
			if diff := cmp.Diff(text(test.after), after); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if !strings.HasPrefix(strings.Join(left, "\n"), test.left) || (test.left == "") != (len(left) == 0) {
				t.Errorf("left %q, want %q", left, test.left)
			}
		})
	}
}

// TestValues: a step that is nothing but ${axis} has its answer in the value of the axis, each value its own.
func TestValues(t *testing.T) {
	const text = head + `    axes:
      first: [x, any]
      second:
        a: "bind(a, x:1) = ?" # a
        b: bind(a, x:2)
        c: bind(a, ${first}:3) = ?
    steps:
      - a = socket(tcp)
      - ${second}
`
	kernel := func(v string, answers ...[2]string) fake { return fake{version(t, v), answers} }
	for name, test := range map[string]struct {
		kernels []fake
		only    string
		edits   []string // of the text, in pairs
		left    string
	}{
		"each its own": {[]fake{kernel("6.1.2", [2]string{"x:1", "EACCES"}, [2]string{"x:2", "EINVAL"})}, "",
			[]string{`x:1) = ?`, `x:1) = EACCES`, `x:2)`, `x:2) = EINVAL`, `${first}:3) = ?`, `${first}:3) = ok`}, ""},
		"by kernel": {[]fake{kernel("6.1.2", [2]string{"x:2", "EINVAL"}), kernel("6.6.1", [2]string{"", "ok"})}, "second=b",
			[]string{`x:2)`, `x:2) = ok [EINVAL on linux < 6.6]`}, ""},
		"by another axis": {[]fake{kernel("6.1.2", [2]string{"x:1 && first=any", "EINVAL"})}, "second=a", nil,
			`t.yaml:11:12: experiment "e": bind(a, x:1): left as it is: cells differ that this place is for: ok in `},
		"not asked with all": {[]fake{kernel("6.1.2", [2]string{"", "ok"})}, "first=x,second=c", nil,
			`t.yaml:13:12: experiment "e": bind(a, x:3): left as it is: it is a step of e[first=any,second=c] too, which`},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := topology.LoadWritten(topology.Source{File: "t.yaml", Text: []byte(text)})
			if err != nil {
				t.Fatal(err)
			}
			after, left := accepted(t, text, test.kernels, func(name string, c lab.Combo) bool {
				return strings.Contains(w.Experiment(name).CellName(c), test.only)
			})
			if diff := cmp.Diff(strings.NewReplacer(test.edits...).Replace(text), after); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if !strings.HasPrefix(strings.Join(left, "\n"), test.left) || (test.left == "") != (len(left) == 0) {
				t.Errorf("left %q, want %q", left, test.left)
			}
		})
	}
}

// TestTogether: the answers of calls at the same instant are in a list of their own, in no order.
func TestTogether(t *testing.T) {
	const text = head + `    steps:
      - a = socket(tcp)
      - {other: b = socket(tcp)}
      - together: ["bind(a, x:1)", "other: bind(b, x:1)"]
        answers: ANSWERS # why
`
	for name, test := range map[string]struct{ kernels, before, after, left string }{
		"a list":         {"6.1.2 {EADDRINUSE,·ok}", "[ok, EINVAL]", "[ok, EADDRINUSE]", ""},
		"as it was":      {"6.1.2 {EADDRINUSE,·ok}", "[ok, EADDRINUSE]", "[ok, EADDRINUSE]", ""},
		"all of a list":  {"6.1.2 {EADDRINUSE,·EADDRINUSE}", "[ok, ok]", "[EADDRINUSE, EADDRINUSE]", ""},
		"a text":         {"6.1.2 {EADDRINUSE,·ok}", `"?"`, `"{EADDRINUSE, ok}"`, ""},
		"a text, kernel": {"6.1.2 {EINVAL,·ok}, 6.6.1 {ok,·ok}", `"?"`, `"{ok, ok} [{EINVAL, ok} on linux < 6.6]"`, ""},
		"a list, kernel": {"6.1.2 {EINVAL,·ok}, 6.6.1 {ok,·ok}", "[ok, ok]", "[ok, ok]",
			`t.yaml:11:19: experiment "e": together(bind(a, x:1), other: bind(b, x:1)): left as it is: no list beside it has ` +
				`room for the answer; write below together: answers: "{ok, ok} [{EINVAL, ok} on linux < 6.6]"`},
	} {
		t.Run(name, func(t *testing.T) {
			var kernels []fake
			for _, k := range fakes(t, test.kernels) {
				kernels = append(kernels, fake{k.version, [][2]string{
					{"together(", strings.ReplaceAll(k.answers[0][1], "·", " ")}, {"bind(", "ok"}}})
			}
			after, left := accepted(t, strings.Replace(text, "ANSWERS", test.before, 1), kernels, nil)
			if diff := cmp.Diff(strings.Replace(text, "ANSWERS", test.after, 1), after); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if strings.Join(left, "\n") != test.left {
				t.Errorf("left %q, want %q", left, test.left)
			}
		})
	}
}

// TestGreen: whatever kernels answer by version and combination, the file is green on them once it has the answers,
// and stays as it is when it is accepted again. It is left alone only where kernels of one version differ.
func TestGreen(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	answers := []string{"ok", "EADDRINUSE", "EINVAL", "EACCES"}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	changed := 0
	for range 120 {
		var kernels []fake
		for range 1 + r.IntN(4) {
			v := lab.KernelVersion{5 + r.IntN(2), r.IntN(3), r.IntN(3)}
			if slices.ContainsFunc(kernels, func(k fake) bool { return k.version == v }) {
				continue
			}
			k := fake{version: v}
			for range r.IntN(3) {
				where := "bind && " + pick("first=x", "first=any", "first=y", "second=x", "second=y")
				if r.IntN(3) == 0 {
					where += " && " + pick("second=x", "second=y", "first=any")
				}
				k.answers = append(k.answers, [2]string{where, pick(answers...)})
			}
			k.answers = append(k.answers, [2]string{"bind", pick(answers...)}, [2]string{"listen", pick(answers...)})
			kernels = append(kernels, k)
		}
		condition := func(indent string) string {
			return pick("", indent+"[EINVAL on linux < 5.1]", indent+"[ok on linux >= 5.1.1 < 6.1]")
		}
		text := head + "    axes: {first: [x, y, any], second: [x, y]}\n" +
			pick("", "    skip: [{first: any, second: x}]\n") + "    want:\n" +
			pick("", "      - {first: x, answer: "+pick(answers...)+"}\n", "      - {first: {not: x}, linux: \"< 6.0\", answer: EACCES}\n") +
			pick("", "      - second: "+pick("x", "[x, y]")+"\n        answer: "+pick(answers...)+"\n") +
			"      - else: " + pick(append(answers, `"?"`)...) + "\n" +
			"    steps:\n      - a = socket(tcp)\n      - bind(a, x:80) = ${want}\n      - {\"p${first}${second}\": sleep(1ms)}\n" +
			"      - " + pick("listen(a, 5)", "listen(a, 5) = EINVAL", "\"listen(a, 5) = ?") + ""
		if strings.HasSuffix(text, "?") {
			text += condition(" ") + "\""
		}
		text += " # why\n"
		if _, err := topology.LoadWritten(topology.Source{File: "t.yaml", Text: []byte(text)}); err != nil {
			continue // a rule that is never reached, say
		}
		after, left := accepted(t, text, kernels, nil)
		if after != text {
			changed++
		}
		if len(left) > 0 {
			t.Errorf("left %q of:\n%s", left, text)
			continue
		}
		w, err := topology.LoadWritten(topology.Source{File: "t.yaml", Text: []byte(after)})
		if err != nil {
			t.Fatalf("%v:\n%s", err, after)
		}
		for _, k := range kernels {
			report := k.ask([]*topology.Written{w}, nil)
			if counts := report.Counts; counts.Failed > 0 {
				t.Fatalf("on %v: %s:\n%s\nwas\n%s", k, counts, after, text)
			}
			m := &report.Matrices[0]
			for i := range m.Cells {
				for _, s := range m.StepsOf(&m.Cells[i]) {
					if s.Want == "?" {
						t.Fatalf("on %v %s is open:\n%s\nwas\n%s", k, s.Call, after, text)
					}
				}
			}
		}
		if again, _ := accepted(t, after, kernels, nil); again != after {
			t.Fatalf("it is not at rest:\n%s", cmp.Diff(after, again))
		}
		if !strings.HasSuffix(after, " # why\n") {
			t.Fatalf("a comment is gone:\n%s", after)
		}
	}
	if changed < 40 {
		t.Errorf("only %d files have changed", changed)
	}
}
