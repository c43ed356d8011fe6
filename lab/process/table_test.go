package process

import (
	"testing"

	"labrun/lab"
)

// TestTables holds the numbers here and the names in the vocabulary together.
func TestTables(t *testing.T) {
	for _, o := range lab.Options {
		if _, ok := options[o.Name]; !ok {
			t.Errorf("option %s has no number", o.Name)
		}
	}
	if len(options) != len(lab.Options) {
		t.Errorf("%d options have numbers, the vocabulary has %d", len(options), len(lab.Options))
	}
	for _, w := range lab.SocketTypes {
		if _, ok := socketTypes[w]; !ok {
			t.Errorf("socket type %s has no numbers", w)
		}
	}
	for _, w := range lab.ShutdownHows {
		if _, ok := shutdownHows[w]; !ok {
			t.Errorf("%s has no number", w)
		}
	}
}
