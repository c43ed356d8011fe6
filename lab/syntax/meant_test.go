package syntax

import (
	"strings"
	"testing"

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
