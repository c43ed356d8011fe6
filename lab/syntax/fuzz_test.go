package syntax

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
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
		errs, ok := err.(StepErrors)
		if !ok || len(errs) == 0 {
			t.Fatalf("%T", err)
		}
		for _, e := range errs {
			if e.Col < 1 || e.Col > 1+utf8.RuneCountInString(text) || e.Msg == "" {
				t.Errorf("%+v", e)
			}
		}
	})
}
