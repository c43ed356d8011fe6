package report

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden holds a text to a file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-), now (+):\n%s", file, diff)
	}
}

// sample has every verdict, and everything that a cell can carry.
func sample() result.Report {
	ok := slot(step(20, "web", "a = socket(tcp)", "ok"))
	m := result.Matrix{
		File: "some folder/lab.yaml", Name: "lab", Doc: "every verdict there is\nand a second line",
		Lesson: lab.Lesson{Question: "What does a report\nshow?", Found: "every verdict, and that is what the file says: a " +
			"sentence that is long enough for the end of a line", Level: "basics", See: []string{"axes", "socket(7)"}},
		Source: "name: lab # <the> \"text\"\nnetworks: {red: 192.0.2.0/24}\n", Layout: layout(),
		Included: []lab.Included{
			{File: "some folder/shared/none.yaml", Text: "doc: nobody <uses> it\n"},
			{File: "some folder/shared/hosts.yaml",
				Text: "experiments:\n  one-host:\n    steps:\n      - bind(a, 203.0.113.1:80)\n"},
		},
		Columns: result.OnHosts("alpha", "beta"),
		Rows: []result.Row{
			{Name: "good", Doc: "holds", Claim: lab.ClaimRef{Name: "SEED 1"}, Line: 10, Slots: []result.RowSlot{ok}},
			{Name: "wrong", Claim: lab.ClaimRef{Name: "SEED 2", Against: true, When: "the moon is full"}, Line: 20,
				Slots: []result.RowSlot{
					ok, slot(step(23, "main", "bind(b, any:80)", "ok")),
					slot(step(30, "peer/client", "connect(c, subject.x:80)", "ok"))}},
			{Name: "one-host", File: "some folder/shared/hosts.yaml", Line: 2,
				Slots: []result.RowSlot{slot(step(4, "main", "bind(a, 203.0.113.1:80)", "ok"))}},
			{Name: "skipped", Line: 40},
			{Name: "broken", Line: 50, Slots: []result.RowSlot{ok}},
		},
		Cells: []result.Cell{
			{Row: 0, Column: 0, Got: &[]string{"ok"}},
			{Row: 0, Column: 1, Got: &[]string{"ok"}},
			{Row: 1, Column: 0, Verdict: result.Fail, Got: &[]string{"ok", "EADDRINUSE"},
				Note: &result.Note{Evidence: []result.Snapshot{{Step: 1, Sockets: []result.SocketInfo{
					{Host: "alpha", Protocol: "tcp", State: "LISTEN", Local: "x:80", User: 1000,
						Owners: []string{"web (a)", "child (a)"}, Options: []string{"SO_REUSEADDR", "IP_FREEBIND"}},
					{Host: "alpha", Protocol: "tcp6", State: "BOUND", Local: "any6:80", Device: "eth0", V6Only: true,
						Owners: []string{"six (s)"}},
					{Host: "alpha", Protocol: "tcp", State: "ESTABLISHED", Local: "x:80", Remote: "peer.x:ephemeral"},
					{Host: "alpha", Protocol: "tcp", State: "TIME_WAIT", Local: "x:80", Remote: "peer.x:$p",
						Timer: "timewait"},
				}}}, Captures: []string{"pcap/wrong@alpha/red.pcapng", "pcap/wrong@alpha/lo.pcapng"}}},
			{Row: 1, Column: 1, Verdict: result.Fail, Got: &[]string{"ok", "ok", "ECONNREFUSED"}},
			{Row: 2, Column: 1, Verdict: result.Fail, Got: &[]string{"EADDRNOTAVAIL"},
				Note: &result.Note{Evidence: []result.Snapshot{{Sockets: []result.SocketInfo{}}}}},
			{Row: 3, Column: 0, Verdict: result.Skip, Note: &result.Note{Reason: "no such thing here"}},
			{Row: 3, Column: 1, Verdict: result.Skip, Note: &result.Note{Reason: "no such thing here"}},
			{Row: 4, Column: 0, Verdict: result.Error, Got: &[]string{"ok"},
				Note: &result.Note{Reason: "process alpha/main died: panic\nmain.go:1"}},
			{Row: 4, Column: 1, Got: &[]string{"ok"}},
		},
		Claims: []result.ClaimResult{
			{Name: "SEED 1", Text: "A sentence.", Verdict: result.Holds,
				For: []result.ClaimEvidence{{Experiment: "good"}}},
			{Name: "SEED 2", Verdict: result.NotSettled,
				Unknown: []result.ClaimEvidence{{Experiment: "wrong", When: "the moon is full"}}},
			{Name: "SEED 3", Text: strings.Repeat("A long sentence that has to wrap. ", 5), Verdict: result.Partly,
				When:    []string{"it rains"},
				For:     []result.ClaimEvidence{{Experiment: "rain", When: "it rains"}},
				Against: []result.ClaimEvidence{{Experiment: "sun", When: "the sun shines"}, {Experiment: "snow"}}},
		},
	}
	env := result.Environment{
		Labrun: "v1.2.3", Jobs: 2, Kernels: []result.KernelInfo{{Release: "6.18.44", Machine: "x86_64",
			User: "root", Sysctls: map[string]string{"net.ipv4.tcp_timestamps": "1"}}},
		Started: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC), Elapsed: 0.25,
		Seconds: [][]float32{{0.002, 0.0125, 0.25, 1, 0.003, 0, 0, 2.5, 0.000018}, {}},
	}
	return result.NewReport(env,
		[]result.Matrix{m, axes(), programs(), {File: "empty.yaml", Name: "empty", Columns: result.OnHosts("alpha")},
			asked()})
}

// layout has all that a NIC may have, and may be without.
func layout() lab.Layout {
	return lab.Layout{
		Networks: []lab.Network{
			{Name: "red", Subnet: netip.MustParsePrefix("192.0.2.0/24")},
			{Name: "blue", Subnet: netip.MustParsePrefix("198.51.100.0/24"),
				Subnet6: netip.MustParsePrefix("2001:db8:b::/64")},
			{Name: "six", Subnet6: netip.MustParsePrefix("2001:db8:6::/64")},
		},
		Hosts: []lab.Host{
			{Name: "alpha", NICs: []lab.NIC{
				{Name: "eth0", Network: "red", Addresses: []lab.Address{
					{Prefix: netip.MustParsePrefix("192.0.2.10/24"), Alias: "x"},
					{Prefix: netip.MustParsePrefix("192.0.2.11/24")}}},
				{Name: "eth1", Network: "blue", Addresses: []lab.Address{
					{Prefix: netip.MustParsePrefix("198.51.100.1/24"), Alias: "y"},
					{Prefix: netip.MustParsePrefix("2001:db8:b::1/64"), Alias: "y6"}}},
			}},
			{Name: "beta", NICs: []lab.NIC{
				{Name: "eth0", Network: "red",
					Addresses: []lab.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Alias: "x"}}},
				{Name: "eth1", Network: "six"},
			}},
			{Name: "alone"},
		},
	}
}

func step(line int, process, call, want string) result.RowStep {
	return result.RowStep{Line: line, Process: process, Call: call, Want: want}
}

// shown is a step whose answer a grid shows.
func shown(line int, call, want string) result.RowStep {
	return result.RowStep{Line: line, Process: "main", Call: call, Want: want, Shown: true}
}

// slot is one that no axis changes.
func slot(steps ...result.RowStep) result.RowSlot {
	return result.RowSlot{Variants: [][]result.RowStep{steps}}
}

// axes has experiments with one, two and three axes.
func axes() result.Matrix {
	m := result.Matrix{
		File: "axes.yaml", Name: "axes", Columns: result.OnHosts("alpha", "beta"),
		Rows: []result.Row{one(), two(), three()},
	}
	for h := range int32(2) { // one[option=reuse] fails on beta
		for c, got := range [][]string{{"ok"}, {"ok"}, {"EADDRINUSE"}} {
			m.Cells = append(m.Cells, result.Cell{Row: 0, Column: h, Combo: lab.Combo(c), Got: &got})
		}
	}
	m.Cells[4].Verdict, m.Cells[4].Got = result.Fail, &[]string{"EACCES"}
	for h := range int32(2) { // alike in both hosts; first=any,second=y is left out
		for c, got := range []string{"EADDRINUSE", "ok", "EADDRINUSE", "ok", "EADDRINUSE", "ok", "EADDRINUSE"} {
			m.Cells = append(m.Cells, result.Cell{Row: 1, Column: h, Combo: lab.Combo(c), Got: &[]string{"ok", got}})
		}
		failed := &m.Cells[len(m.Cells)-2]
		failed.Verdict = result.Fail
		m.Cells = append(m.Cells, result.Cell{Row: 1, Column: h, Combo: 8, Verdict: result.Skip,
			Note: &result.Note{Reason: "no any here"}})
	}
	for h := range int32(2) {
		for c := range lab.Combo(8) {
			cell := result.Cell{Row: 2, Column: h, Combo: c, Got: &[]string{"ok", "ok", "ok"}}
			if c%2 == 1 { // no listen, see three
				cell.Got = &[]string{"ok", "EADDRINUSE"}
			}
			if h == 1 {
				switch c {
				case 2: // the first step already fails
					cell.Verdict, cell.Got = result.Fail, &[]string{"EMFILE"}
				case 3:
					cell.Verdict, cell.Got, cell.Note = result.Error, nil, &result.Note{Reason: "no lab: no memory"}
				case 4: // the first of two answers is wrong, the second is missing
					cell.Verdict, cell.Got = result.Fail, &[]string{"ok", "EINVAL"}
				}
			}
			m.Cells = append(m.Cells, cell)
		}
	}
	return m
}

// asked has answers that the file leaves open, and a call that was given up.
func asked() result.Matrix {
	open := func(line int, call, want string) result.RowStep {
		return result.RowStep{Line: line, Process: "main", Call: call, Want: want, Open: true, Asked: true}
	}
	sent := result.RowStep{Line: 7, Process: "main", Call: `sendto(c, "x", lo:20001)`, Want: "ok", Open: true,
		Limit: 0.3}
	waits := result.RowStep{Line: 10, Process: "peer/client", Call: "connect(c, subject.x:80)", Want: "ok", Limit: 4}
	m := result.Matrix{
		File: "asked.yaml", Name: "asked", Columns: result.OnHosts("alpha", "beta"),
		Rows: []result.Row{
			{Name: "group", Line: 3,
				Slots: []result.RowSlot{slot(step(6, "main", "c = socket(udp)", "ok"), sent,
					open(8, "who(a1, a2)", "ok"))}},
			{Name: "read", Line: 20, Axes: []lab.Axis{{Name: "key", Values: []string{"ip_forward", "somaxconn"}}},
				Slots: []result.RowSlot{{Axes: []int{0},
					Variants: [][]result.RowStep{{open(22, "sysctl(ip_forward)", "?")},
						{open(22, "sysctl(somaxconn)", "?")}}}}},
			{Name: "given-up", Line: 9, Slots: []result.RowSlot{slot(waits)}},
		},
	}
	for h, who := range []string{"a1", "a2"} {
		m.Cells = append(m.Cells, result.Cell{Row: 0, Column: int32(h), Got: &[]string{"ok", "1", who}})
	}
	for h := range int32(2) {
		for c, value := range []string{`"0"`, `"4096"`} {
			m.Cells = append(m.Cells, result.Cell{Row: 1, Column: h, Combo: lab.Combo(c), Got: &[]string{value}})
		}
	}
	for h := range int32(2) {
		m.Cells = append(m.Cells, result.Cell{Row: 2, Column: h, Verdict: result.Fail,
			Got: &[]string{string(lab.Blocked)}})
	}
	return m
}

// one has one axis, whose answer is shown.
func one() result.Row {
	return result.Row{
		Name: "one", Line: 3, Axes: []lab.Axis{{Name: "option", Values: []string{"none", "reuse", "both"}}},
		Slots: []result.RowSlot{{Axes: []int{0}, Shown: true, Variants: [][]result.RowStep{
			{shown(5, "bind(a, x:80)", "ok")}, {shown(5, "bind(a, y:80)", "ok")},
			{shown(5, "bind(a, any:80)", "EADDRINUSE")},
		}}},
	}
}

// two has two axes and shows nothing: its last step counts.
func two() result.Row {
	r := result.Row{Name: "two", Line: 10, Axes: []lab.Axis{
		{Name: "first", Values: []string{"x", "y", "any"}}, {Name: "second", Values: []string{"x", "y", "any"}}}}
	first, second := result.RowSlot{Axes: []int{0}}, result.RowSlot{Axes: []int{0, 1}}
	for i, a := range r.Axes[0].Values {
		first.Variants = append(first.Variants, []result.RowStep{step(12, "main", "bind(a, "+a+":80)", "ok")})
		for j, b := range r.Axes[1].Values {
			want := "ok"
			if i == j || i == 2 || j == 2 {
				want = "EADDRINUSE"
			}
			second.Variants = append(second.Variants, []result.RowStep{step(13, "main", "bind(b, "+b+":80)", want)})
		}
	}
	r.Slots = []result.RowSlot{first, second}
	return r
}

// three has three axes and two answers; the second step is left out where the
// first one has to fail.
func three() result.Row {
	return result.Row{
		Name: "three", Line: 20,
		Axes: []lab.Axis{{Name: "option", Values: []string{"none", "reuse"}},
			{Name: "state", Values: []string{"bound", "listening"}},
			{Name: "address", Values: []string{"other", "same"}}},
		Slots: []result.RowSlot{
			slot(step(22, "main", "b = socket(tcp)", "ok")),
			{Axes: []int{2}, Shown: true, Variants: [][]result.RowStep{
				{shown(23, "bind(b, y:80)", "ok")}, {shown(23, "bind(b, x:80)", "EADDRINUSE")}}},
			{Axes: []int{2}, Shown: true, Variants: [][]result.RowStep{{shown(24, "listen(b, 5)", "ok")}, nil}},
		},
	}
}

// programs has cells in which programs ran.
func programs() result.Matrix {
	var lines strings.Builder
	for i := range 25 {
		fmt.Fprintf(&lines, "line %d\n", i+1)
	}
	one, zero := 1, 0
	return result.Matrix{
		File: "programs.yaml", Name: "programs", Columns: result.OnHosts("alpha"),
		Rows: []result.Row{
			{Name: "red", Line: 3,
				Slots: []result.RowSlot{slot(step(5, "peer/web", "python3 -m http.server 80", "exit 0"))}},
			{Name: "stuck", Line: 8, Slots: []result.RowSlot{slot(step(9, "program", "sleep 1000", "exit 0"))}},
		},
		Cells: []result.Cell{
			{Row: 0, Verdict: result.Fail, Got: &[]string{"exit 1"}, Note: &result.Note{Outputs: []result.Output{
				{Process: "alpha/web", Stdout: lines.String(),
					Stderr: "warning: \x1b[31mred\x1b[0m \u00e9\t\u202e\r\nbroken \ufffd, no newline", Status: &one},
				{Process: "beta/quiet", Status: &zero},
			}}},
			{Row: 1, Verdict: result.Error, Note: &result.Note{
				Reason:  "program sleep: still running after 10s",
				Outputs: []result.Output{{Process: "alpha/program", Stdout: "waiting\n"}},
			}},
		},
	}
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file  string
		write func(*bytes.Buffer, result.Report) error
	}{
		{"text.golden", func(b *bytes.Buffer, r result.Report) error { return Text{}.Write(b, r) }},
		{"colour.golden", func(b *bytes.Buffer, r result.Report) error { return Text{Colour: true}.Write(b, r) }},
		{"verbose.golden", func(b *bytes.Buffer, r result.Report) error { return Text{Verbose: true}.Write(b, r) }},
		{"report.json", func(b *bytes.Buffer, r result.Report) error { return JSON(b, r) }},
		{"report.md", func(b *bytes.Buffer, r result.Report) error { return Markdown(b, r) }},
		{"report.xml", func(b *bytes.Buffer, r result.Report) error { return JUnit(b, r) }},
		{"report.tap", func(b *bytes.Buffer, r result.Report) error { return TAP(b, r) }},
		{"github.golden", func(b *bytes.Buffer, r result.Report) error { return GitHub(b, r) }},
	} {
		t.Run(c.file, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b, sample()); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, b.String())
		})
	}
}

// TestColourAddsNothing holds the coloured report to the same words.
func TestColourAddsNothing(t *testing.T) {
	var plain, colour bytes.Buffer
	if err := (Text{}).Write(&plain, sample()); err != nil {
		t.Fatal(err)
	}
	if err := (Text{Colour: true}).Write(&colour, sample()); err != nil {
		t.Fatal(err)
	}
	s := colour.String()
	for _, code := range []string{"0", bold, faint, red, green, yellow} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(plain.String(), s); diff != "" {
		t.Error(diff)
	}
}

// TestManyHosts has more hosts than a table has room for columns.
func TestManyHosts(t *testing.T) {
	m := result.Matrix{Name: "many", Rows: []result.Row{{Name: "one"}}}
	for i := range int32(1000) {
		host := fmt.Sprintf("h%d", i)
		verdict := result.Pass
		if i == 7 {
			verdict = result.Skip
		}
		m.Columns = append(m.Columns, result.Column{Host: host})
		m.Cells = append(m.Cells, result.Cell{Column: i, Verdict: verdict})
	}
	var b bytes.Buffer
	if err := (Text{}).Write(&b, result.NewReport(result.Environment{}, []result.Matrix{m})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\none         999   -     1     -\n") {
		t.Errorf("no counts in:\n%s", b.String())
	}
}
