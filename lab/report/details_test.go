package report

import (
	"strings"
	"testing"

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
