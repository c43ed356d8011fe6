package report

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
	"labrun/lab/result"
)

// TestVersion1 reads a report that a labrun wrote before reports named their version, with
// every verdict on a claim and a flaky cell, and prints what that labrun printed.
func TestVersion1(t *testing.T) {
	text, err := os.ReadFile("testdata/version1.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReadJSON("r.json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/version1.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), write(t, Text{}.Write, r)); diff != "" {
		t.Errorf("that labrun's text (-), this one's (+):\n%s", diff)
	}
	m := &r.Matrices[0]
	if got, want := m.Rows[1].Claim, (lab.ClaimRef{Name: "taken", Against: true,
		When: "one is bound to another address"}); got != want {
		t.Errorf("the second experiment is about %+v, want %+v", got, want)
	}
	var verdicts []result.ClaimVerdict
	for _, c := range m.Claims {
		verdicts = append(verdicts, c.Verdict)
	}
	all := []result.ClaimVerdict{result.Partly, result.Holds, result.Refuted, result.NotSettled, result.NotTested}
	if diff := cmp.Diff(all, verdicts); diff != "" {
		t.Errorf("verdicts, want (-), got (+):\n%s", diff)
	}
	var flaky result.Tallies
	for _, c := range m.Cells {
		if c.Note != nil && len(c.Note.Flaky) > 0 {
			flaky = append(flaky, c.Note.Flaky...)
		}
	}
	if diff := cmp.Diff(result.Tallies{{Answer: "exit 1", Times: 5}, {Answer: "exit 0", Times: 4}}, flaky); diff != "" {
		t.Errorf("tallies, want (-), got (+):\n%s", diff)
	}
	if made := result.NewReport(r.Environment, r.Matrices); made.Digest != r.Digest || made.Counts != r.Counts {
		t.Errorf("digest and counts %s, %s, and of its cells %s, %s", r.Digest, r.Counts, made.Digest, made.Counts)
	}
	again := write(t, JSON, r)
	back, err := ReadJSON("r.json", strings.NewReader(again))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		t.Error("written in this version and read again it is another report")
	}
	if err := validate(schema(t), again); err != nil {
		t.Errorf("in this version it does not fit the schema: %v", err)
	}
}

func TestOlderFlaky(t *testing.T) {
	for reason, want := range map[string]string{
		"flaky: ok 9 times, EADDRINUSE once":                 "flaky: ok 9 times, EADDRINUSE once",
		"flaky: x, y:80 twice, skip (no sctp, none) 3 times": "flaky: x, y:80 twice, skip (no sctp, none) 3 times",
		"flaky: a stranger's words":                          "",
		"another reason once":                                "",
	} {
		c := result.Cell{Note: &result.Note{Reason: reason}}
		olderFlaky(c.Note)
		switch {
		case want == "" && (c.Note.Reason != reason || c.Note.Flaky != nil),
			want != "" && (c.Note.Reason != "" || c.Reason() != want):
			t.Errorf("%q became %+v", reason, c.Note)
		}
	}
}

// TestVersion: a form that is not known yet is not read, and the message says why.
func TestVersion(t *testing.T) {
	text := write(t, JSON, sample())
	if !strings.HasPrefix(text, "{\n  \"version\": 2,\n") {
		t.Fatalf("it begins %.40q", text)
	}
	for version, want := range map[string]string{
		"1": "", "2": "", "3": "the report's form is 3, and this labrun knows those up to 2: read it with a newer one",
		"0": "form is 0", `"2"`: "string",
	} {
		_, err := ReadJSON("r.json",
			strings.NewReader(strings.Replace(text, `"version": 2`, `"version": `+version+`, "digest": "x"`, 1)))
		if want == "" {
			want = "duplicate key" // it has been read beyond the version
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %s: %v, want %s", version, err, want)
		}
	}
}

// write returns what a format writes.
func write(t *testing.T, format func(io.Writer, result.Report) error, r result.Report) string {
	t.Helper()
	var b strings.Builder
	if err := format(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
