package report

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"labrun/lab/result"
)

// The lines that the kernel's reader of KTAP knows, Documentation/dev-tools/ktap.rst;
// all others are diagnostics to it, however far they are indented.
var (
	ktapVersion = regexp.MustCompile(`^\s*K?TAP version ([0-9]+)$`)
	ktapPlan    = regexp.MustCompile(`^\s*1\.\.([0-9]+)`)
	ktapHeader  = regexp.MustCompile(`^\s*# Subtest: (.*)$`)
	ktapResult  = regexp.MustCompile(`^(\s*)(ok|not ok) ([0-9]+) ?(- )?(.*?)( # SKIP ?.*)?$`)
)

// readKTAP counts the subtests as such a reader does.
func readKTAP(t *testing.T, text string) result.Counts {
	t.Helper()
	var n result.Counts
	versions, headers, number, plan := 0, 0, 0, 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := ktapPlan.FindStringSubmatch(line); m != nil && line[0] == ' ' {
			number, plan = 0, atoi(t, m[1])
		}
		if ktapVersion.MatchString(line) {
			versions++
		}
		if ktapHeader.MatchString(line) {
			headers++
		}
		m := ktapResult.FindStringSubmatch(line)
		switch {
		case m == nil:
			continue
		case m[1] == "": // a topology, over
			if number != plan {
				t.Errorf("%s: %d tests, of %d planned", line, number, plan)
			}
			headers--
			continue
		}
		if number++; number != atoi(t, m[3]) {
			t.Errorf("%q is test %d", line, number)
		}
		switch {
		case m[6] != "":
			n.Skipped++
		case m[2] == "ok":
			n.Passed++
		default:
			n.Failed++
		}
	}
	if versions != 1 || headers != 0 {
		t.Errorf("%d versions, and %d subtests more than results of them", versions, headers)
	}
	return n
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTAPIsKTAP(t *testing.T) {
	for name, r := range map[string]result.Report{"sample": sample(), "hostile": hostile()} {
		want := r.Counts
		want.Failed += want.Errors // TAP has no word for that
		want.Errors = 0
		if got := readKTAP(t, written(t, "tap", r)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestTAPIsTAP asks prove, which reads what is not indented.
func TestTAPIsTAP(t *testing.T) {
	prove := program(t, "prove", "perl")
	run := func(r result.Report) (string, error) {
		cmd := exec.Command(prove, "--exec", "cat", "/dev/stdin")
		cmd.Stdin = strings.NewReader(written(t, "tap", r))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run(sample())
	if err == nil || !strings.Contains(out, "Failed tests:  1-3, 5\n") ||
		!strings.Contains(out, "Tests: 5 Failed: 4") || strings.Contains(out, "Parse errors") {
		t.Errorf("%v\n%s", err, out)
	}
	r := sample()
	r.Matrices = r.Matrices[3:4]
	if out, err := run(r); err != nil || !strings.Contains(out, "Result: NOTESTS") &&
		!strings.Contains(out, "Result: PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}
