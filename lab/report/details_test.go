package report

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestEndOf(t *testing.T) {
	long := strings.Repeat("x", mostBytes)
	twenty := strings.TrimSuffix(strings.Repeat("l\n", lastLines), "\n")
	for output, want := range map[string]string{
		"": "", "\n": "", "a\nb\n": "a\nb", "a\nb": "a\nb",
		"first\nsecond\n" + twenty: "(2 lines before these)\n" + twenty,
		long + "\nb":               long + "\nb",
		long + "yyyy\n":            long + " ... 4 more bytes",
		"x" + long[2:] + "é\nb":    "x" + long[2:] + " ... 2 more bytes\nb", // no half of a character
	} {
		if diff := cmp.Diff(want, strings.Join(endOf(output), "\n")); diff != "" {
			t.Errorf("endOf(%.20q): -want +got:\n%s", output, diff)
		}
	}
}

// TestNarrow: below the tables a narrow terminal gets the same words as a file, and lines of prose, of sockets and of
// commands that end at words. A shell takes the lines of a command for one.
func TestNarrow(t *testing.T) {
	details := func(width int) string {
		r := sample()
		r.Matrices = r.Matrices[:1]
		text := write(t, Text{Width: width}.Write, r)
		return text[strings.Index(text, "FAIL wrong"):]
	}
	narrow := details(40)
	var words []string
	for _, w := range strings.Fields(narrow) {
		if w != `\` {
			words = append(words, w)
		}
	}
	if diff := cmp.Diff(strings.Fields(details(0)), words); diff != "" {
		t.Errorf("other words than in a file: %s", diff)
	}
	label := regexp.MustCompile(`^    (held by|sockets|why|look)? {3,}`)
	for line := range strings.Lines(narrow) {
		if label.MatchString(line) && utf8.RuneCountInString(line) > 41 && strings.Count(strings.TrimSpace(line), " ") > 1 {
			t.Errorf("a line that is too long: %s", line)
		}
	}
	if last := narrow[strings.Index(narrow, "\nlinux "):]; !strings.Contains(last, ",\n  sha256:") {
		t.Errorf("the last lines are not cut at words: %s", last)
	}
	m := sample().Matrices[0]
	m.Rows[1].Name = "it's (a) test\\"
	var b bytes.Buffer
	Text{Width: 40}.look(&b, &m, &m.Cells[2])
	command := strings.TrimPrefix(strings.TrimSpace(b.String()), "look")
	out, err := exec.Command("sh", "-c", "labrun() { for w; do echo \"$w\"; done; }; "+command).Output()
	if want := "shell\n--after\n" + m.Rows[1].Name + "\nsome folder/lab.yaml\nalpha\n"; err != nil || string(out) != want {
		t.Errorf("a shell reads %q, %v, and not %q, of %s", out, err, want, command)
	}
}
