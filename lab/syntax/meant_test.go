package syntax

import (
	"strings"
	"testing"

	"labrun/lab"
	"labrun/lab/wording"
)

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ found, want string }{
		{"bnid", "bind"}, {"BIND", "bind"}, {"bin", "bind"}, {"listens", "listen"}, {"x", ""}, {"frobnicate", ""},
		{"sockopt", "socket"}, {"getsocketname", "getsockname"}, {"", ""}, {strings.Repeat("bind", 100), ""},
	} {
		if got := wording.Nearest(tt.found, CallNames()); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.found, got, tt.want)
		}
	}
}

// TestSynonymsMeanOneThing: a word that stood in two rows would mean the one or the other by chance.
func TestSynonymsMeanOneThing(t *testing.T) {
	for _, rows := range []map[string][]string{callsElsewhere, outcomes, wellKnown} {
		seen := map[string]string{}
		for ours, others := range rows {
			for _, word := range others {
				if seen[word] != "" {
					t.Errorf("%q is %s and %s", word, seen[word], ours)
				}
				seen[word] = ours
			}
		}
	}
	for ours := range callsElsewhere {
		if _, ok := lab.SignatureOf(ours); !ok {
			t.Errorf("%s is not a call", ours)
		}
	}
}
