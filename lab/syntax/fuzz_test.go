package syntax

import (
	"os"
	"strings"
	"testing"
)

// FuzzStep: what is read and printed reads the same again.
func FuzzStep(f *testing.F) {
	for _, file := range []string{"../topology/testdata/ok/steps.yaml", "../topology/testdata/err/steps.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f.Add(strings.TrimPrefix(strings.TrimSpace(line), "- "))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		call, want, err := ParseStep(text)
		if err == nil {
			roundTrip(t, call, want)
			return
		}
		step := Parse(text)
		if len(step.Mistakes) == 0 {
			t.Fatal(err)
		}
		for _, m := range step.Mistakes {
			if m.At < 0 || m.At > len(step.Text) || m.Msg == "" {
				t.Errorf("%+v", m)
			}
		}
	})
}
