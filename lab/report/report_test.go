package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sample has every verdict, and everything that a cell can carry.
func sample() lab.Report {
	ok := lab.StepResult{Line: 20, Process: "web", Call: "a = socket(tcp)", Want: "ok", Got: "ok", Match: true}
	red := lab.StepResult{
		Line: 23, Process: "main", Call: "bind(b, any:80)", Want: "ok", Got: "EADDRINUSE",
		Holders: []lab.Holder{
			{Host: "alpha", Protocol: "tcp", State: "LISTEN", Local: "x:80", User: 1000, Owners: []string{"web (a)", "child (a)"}},
			{Host: "alpha", Protocol: "tcp6", State: "BOUND", Local: "any6:80", Device: "eth0", V6Only: true, Owners: []string{"six (s)"}},
			{Host: "alpha", Protocol: "tcp", State: "ESTABLISHED", Local: "x:80", Remote: "peer.x:ephemeral"},
			{Host: "alpha", Protocol: "tcp", State: "TIME_WAIT", Local: "x:80", Remote: "peer.x:$p"},
		},
	}
	refused := lab.StepResult{Line: 30, Process: "peer/client", Call: "connect(c, subject.x:80)", Want: "ok", Got: "ECONNREFUSED"}
	nobody := lab.StepResult{Line: 31, Process: "main", Call: "bind(a, 203.0.113.1:80)", Want: "ok", Got: "EADDRNOTAVAIL"}
	m := lab.Matrix{
		File: "some folder/lab.yaml", Name: "lab", Doc: "every verdict there is\nand a second line",
		Hosts: []string{"alpha", "beta"},
		Rows: []lab.Row{
			{Name: "good", Doc: "holds", Claim: "SEED 1", Line: 10}, {Name: "wrong", Claim: "not SEED 2", Line: 20},
			{Name: "one-host", Line: 30}, {Name: "skipped", Line: 40}, {Name: "broken", Line: 50},
		},
		Cells: []lab.Cell{
			{Experiment: "good", Host: "alpha", Verdict: lab.Pass, Steps: []lab.StepResult{ok}},
			{Experiment: "good", Host: "beta", Verdict: lab.Pass, Steps: []lab.StepResult{ok}},
			{Experiment: "wrong", Host: "alpha", Verdict: lab.Fail, Steps: []lab.StepResult{ok, red}},
			{Experiment: "wrong", Host: "beta", Verdict: lab.Fail, Steps: []lab.StepResult{ok, refused}},
			{Experiment: "one-host", Host: "beta", Verdict: lab.Fail, Steps: []lab.StepResult{nobody}},
			{Experiment: "skipped", Host: "alpha", Verdict: lab.Skip, Reason: "no such thing here", Steps: []lab.StepResult{}},
			{Experiment: "skipped", Host: "beta", Verdict: lab.Skip, Reason: "no such thing here", Steps: []lab.StepResult{}},
			{Experiment: "broken", Host: "alpha", Verdict: lab.Error, Reason: "process alpha/main died: panic\nmain.go:1", Steps: []lab.StepResult{ok}},
			{Experiment: "broken", Host: "beta", Verdict: lab.Pass, Steps: []lab.StepResult{ok}},
		},
		Claims: []lab.ClaimResult{
			{Name: "SEED 1", Text: "A sentence.", Verdict: "holds", For: []lab.ClaimEvidence{{Experiment: "good"}}},
			{Name: "SEED 2", Verdict: "not settled", Unknown: []lab.ClaimEvidence{{Experiment: "wrong", When: "the moon is full"}}},
			{Name: "SEED 3", Text: strings.Repeat("A long sentence that has to wrap. ", 5), Verdict: "holds only when it rains",
				For:     []lab.ClaimEvidence{{Experiment: "rain", When: "it rains"}},
				Against: []lab.ClaimEvidence{{Experiment: "sun", When: "the sun shines"}, {Experiment: "snow"}}},
		},
	}
	env := lab.Environment{
		Labrun: "v1.2.3", Kernel: "6.18.44", Machine: "x86_64", User: "root", Jobs: 2,
		Started: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC), Elapsed: 0.25,
		Sysctls: map[string]string{"net.ipv4.tcp_timestamps": "1"},
	}
	return lab.NewReport(env, []lab.Matrix{m, {File: "empty.yaml", Name: "empty", Hosts: []string{"alpha"}}})
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file  string
		write func(*bytes.Buffer, lab.Report) error
	}{
		{"text.golden", func(b *bytes.Buffer, r lab.Report) error { return Text{}.Write(b, r) }},
		{"colour.golden", func(b *bytes.Buffer, r lab.Report) error { return Text{Colour: true}.Write(b, r) }},
		{"verbose.golden", func(b *bytes.Buffer, r lab.Report) error { return Text{Verbose: true}.Write(b, r) }},
		{"report.json", func(b *bytes.Buffer, r lab.Report) error { return JSON(b, r) }},
	} {
		t.Run(c.file, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b, sample()); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", c.file)
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("golden (-), report (+):\n%s", diff)
			}
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

func TestJSONComesBack(t *testing.T) {
	var b bytes.Buffer
	want := sample()
	if err := JSON(&b, want); err != nil {
		t.Fatal(err)
	}
	var got lab.Report
	dec := json.NewDecoder(&b)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Digest != lab.DigestOf(got.Matrices) {
		t.Error("the digest is not that of the cells that came back")
	}
}

// TestManyHosts has more hosts than a table has room for columns.
func TestManyHosts(t *testing.T) {
	m := lab.Matrix{Name: "many", Rows: []lab.Row{{Name: "one"}}}
	for i := range 1000 {
		host := fmt.Sprintf("h%d", i)
		verdict := lab.Pass
		if i == 7 {
			verdict = lab.Skip
		}
		m.Hosts = append(m.Hosts, host)
		m.Cells = append(m.Cells, lab.Cell{Experiment: "one", Host: host, Verdict: verdict})
	}
	var b bytes.Buffer
	if err := (Text{}).Write(&b, lab.NewReport(lab.Environment{}, []lab.Matrix{m})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\none         999   -     1     -\n") {
		t.Errorf("no counts in:\n%s", b.String())
	}
}
