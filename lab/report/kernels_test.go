package report

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"labrun/lab"
	"labrun/lab/result"
)

// several is a report of runs on four kernels, asked in another order than that of their versions. In the first
// topology both hosts are alike, in the second they are not.
func several() result.Report {
	var parts []result.Part
	for _, version := range []string{"6.18.44", "5.10.218", "7.2.13", "6.1.10"} {
		k := result.KernelInfo{Name: version, Release: version[:strings.LastIndex(version, ".")] + ".0-cloud",
			Version: version, Machine: "x86_64", User: "root"}
		env := result.Environment{Labrun: "v1.2.3", Jobs: 1, Kernels: []result.KernelInfo{k},
			Started: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC), Elapsed: 3}
		parts = append(parts, result.Part{Name: version,
			Report: result.NewReport(env, []result.Matrix{alikeHosts(version), unlikeHosts(version)})})
	}
	r, err := result.Merge(parts...)
	if err != nil {
		panic(err)
	}
	return r
}

// alikeHosts has every way in which kernels differ: wanted so by the file, in a red cell, in some combinations of
// axes, with a skip and with an error between.
func alikeHosts(version string) result.Matrix {
	old, newest := version == "5.10.218" || version == "6.1.10", version == "7.2.13"
	answer := func(is bool, yes, no string) string {
		if is {
			return yes
		}
		return no
	}
	wanted := answer(old, "ok", "EADDRINUSE")
	axes := result.Row{Name: "axes", Line: 20, Axes: []lab.Axis{{Name: "first", Values: []string{"x", "any"}},
		{Name: "second", Values: []string{"x", "y", "any"}}}, Slots: []result.RowSlot{slot(shown(21, "bind(b, x:80)", "?"))}}
	axes.Slots[0].Variants[0][0].Asked = true
	m := result.Matrix{File: "alike.yaml", Name: "alike", Doc: "hosts that are alike",
		Rows: []result.Row{
			{Name: "the-same", Line: 3, Slots: []result.RowSlot{slot(step(4, "main", "a = socket(tcp)", "ok"))}},
			{Name: "as-wanted", Line: 5, Slots: []result.RowSlot{slot(step(6, "main", "setsockopt(a, SO_REUSEADDR, 0)", "ok"),
				step(7, "main", "bind(b, x:80)", wanted))}},
			{Name: "red-on-one", Line: 10, Slots: []result.RowSlot{slot(step(11, "main", "getsockname(a)", "x:80"))}},
			{Name: "not-everywhere", Line: 15,
				Slots: []result.RowSlot{slot(step(16, "main", "setsockopt(a, IP_LOCAL_PORT_RANGE, 1-2)", "ok"))}},
			axes,
		}}
	for i, host := range []string{"alpha", "beta"} {
		m.Columns = append(m.Columns, result.Column{Host: host, Kernel: version})
		m.Layout.Hosts = append(m.Layout.Hosts, lab.Host{Name: host})
		add := func(row int32, verdict result.Verdict, reason string, got ...string) {
			c := result.Cell{Row: row, Column: int32(i), Verdict: verdict, Got: &got}
			if reason != "" {
				c.Note, c.Got = &result.Note{Reason: reason}, nil
			}
			m.Cells = append(m.Cells, c)
		}
		add(0, result.Pass, "", "ok")
		add(1, result.Pass, "", "ok", wanted)
		if newest {
			add(2, result.Fail, "", "any:80")
			add(3, result.Error, "the kernel has panicked:\nBUG: unable to handle page fault")
		} else {
			add(2, result.Pass, "", "x:80")
			switch version {
			case "5.10.218":
				add(3, result.Skip, "the kernel lacks IP_LOCAL_PORT_RANGE")
			default:
				add(3, result.Pass, "", "ok")
			}
		}
		for combo := range lab.Combo(6) {
			c := result.Cell{Row: 4, Column: int32(i), Combo: combo, Got: &[]string{answer(combo == 0 || combo == 5 || !old &&
				combo == 2, "EADDRINUSE", "ok")}}
			m.Cells = append(m.Cells, c)
		}
	}
	slices.SortStableFunc(m.Cells, func(a, b result.Cell) int { return a.Compare(&b) })
	return m
}

// unlikeHosts has one host more, which is another one on one kernel.
func unlikeHosts(version string) result.Matrix {
	m := result.Matrix{File: "unlike.yaml", Name: "unlike", Rows: []result.Row{{Name: "one", Line: 3,
		Axes:  []lab.Axis{{Name: "of", Values: []string{"tcp", "udp"}}},
		Slots: []result.RowSlot{slot(step(4, "main", "listen(a, 5)", "ok"))}}}}
	for i, host := range []string{"alpha", "beta", "gamma"} {
		m.Columns = append(m.Columns, result.Column{Host: host, Kernel: version})
		m.Layout.Hosts = append(m.Layout.Hosts, lab.Host{Name: host})
		for combo := range lab.Combo(2) {
			c := result.Cell{Column: int32(i), Combo: combo, Got: &[]string{"ok"}}
			if host == "gamma" && version == "6.1.10" && combo == 1 {
				c.Verdict, c.Got = result.Fail, &[]string{"EOPNOTSUPP"}
			}
			m.Cells = append(m.Cells, c)
		}
	}
	return m
}

// TestSeveralKernels holds every format of a report about several kernels to a file.
func TestSeveralKernels(t *testing.T) {
	r := several()
	for _, c := range []struct {
		file  string
		write func(*bytes.Buffer) error
	}{
		{"kernels.golden", func(b *bytes.Buffer) error { return Text{}.Write(b, r) }},
		{"kernels80.golden", func(b *bytes.Buffer) error { return Text{Width: 80}.Write(b, r) }},
		{"kernels.json", func(b *bytes.Buffer) error { return JSON(b, r) }},
		{"kernels.md", func(b *bytes.Buffer) error { return Markdown(b, r) }},
		{"kernels.xml", func(b *bytes.Buffer) error { return JUnit(b, r) }},
		{"kernels.tap", func(b *bytes.Buffer) error { return TAP(b, r) }},
		{"kernels-github.golden", func(b *bytes.Buffer) error { return GitHub(b, r) }},
	} {
		t.Run(c.file, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, b.String())
			if c.file == "kernels.json" {
				if err := validate(schema(t), b.String()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestDigestsOfKernelsArePrinted: the digest in a kernel's line is that which a run on it alone prints.
func TestDigestsOfKernelsArePrinted(t *testing.T) {
	r := several()
	text := write(t, Text{}.Write, r)
	for _, k := range r.Kernels {
		alone := r.On(k.Name)
		last := regexp.MustCompile(`sha256:\w+\n`).FindString(write(t, Text{}.Write, alone))
		if line := regexp.MustCompile(`(?m)^linux ` + regexp.QuoteMeta(k.Name) + ` .*\n`).FindString(text); last == "" ||
			!strings.HasSuffix(line, last) {
			t.Errorf("alone it prints %q, of several %q", last, line)
		}
	}
}

// TestPartIsNamed: a report of a part says so in every format for people, that of one kernel and of several.
func TestPartIsNamed(t *testing.T) {
	of := several()
	for name, r := range map[string]result.Report{"several": of, "one": of.On(of.Kernels[0].Name)} {
		r.Environment.Shard = &result.Shard{Index: 1, Of: 2, Lacks: 3, Cells: 90}
		for format, text := range map[string]string{
			"text": write(t, Text{}.Write, r), "summary": write(t, Text{}.Summary, r), "Markdown": write(t, Markdown, r),
			"TAP": write(t, TAP, r), "HTML": mustHTML(t, r),
		} {
			if !strings.Contains(text, ", part 1 of 2, without 3 cells") {
				t.Errorf("%s, %s does not say which part it is", name, format)
			}
		}
	}
}

// TestManyKernels has more hosts than there is room for beside as many kernels: the kernels stay apart.
func TestManyKernels(t *testing.T) {
	bind := slot(step(1, "main", "bind(a, x:0)", "ok"))
	m := result.Matrix{Name: "many", Rows: []result.Row{{Name: "one", Slots: []result.RowSlot{bind}}}}
	for i := range 20 {
		for k := range 20 {
			got := []string{"ok"}
			c := result.Cell{Column: int32(len(m.Columns)), Got: &got}
			if k == 7 && i == 3 || k == i { // no two hosts are alike
				c.Verdict, got[0] = result.Fail, "EINVAL"
			}
			m.Columns = append(m.Columns, result.Column{Host: fmt.Sprint("h", i), Kernel: fmt.Sprint("6.", k)})
			m.Cells = append(m.Cells, c)
		}
	}
	out := write(t, Text{}.Write, result.NewReport(result.Environment{}, []result.Matrix{m}))
	for _, want := range []string{"\non all 20 hosts\nexperiment  6.0 ",
		"\none         FAIL 1 of 20  FAIL 1 of 20 *  FAIL"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestLargeGridOfKernels: a grid of more rows than show a rule is drawn once, and then the rows that kernels differ in.
func TestLargeGridOfKernels(t *testing.T) {
	var values []string
	for i := range 6 {
		values = append(values, fmt.Sprint("v", i))
	}
	bind := slot(step(5, "main", "bind(b, x:80)", "?"))
	m := result.Matrix{Name: "large", Rows: []result.Row{{Name: "pairs", Slots: []result.RowSlot{bind},
		Axes: []lab.Axis{{Name: "first", Values: values}, {Name: "second", Values: values}}}}}
	for k, kernel := range []string{"6.1", "6.8", "6.9"} {
		m.Columns = append(m.Columns, result.Column{Host: "alpha", Kernel: kernel})
		for combo := range lab.Combo(36) {
			got := []string{"ok"}
			if kernel == "6.8" && combo == 9 {
				got[0] = "EADDRINUSE"
			}
			m.Cells = append(m.Cells, result.Cell{Column: int32(k), Combo: combo, Got: &got})
		}
	}
	out := write(t, Text{}.Write, result.NewReport(result.Environment{}, []result.Matrix{m}))
	for _, want := range []string{
		"\npairs on linux 6.1, 6.9\n       second\nfirst  v0      v1  v2  v3  v4  v5\nv0     ok ",
		"\npairs, the rows in which columns differ\nfirst  second  linux 6.1, 6.9  linux 6.8\n" +
			"v1     v3      ok              EADDRINUSE *\n\"*\""} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
