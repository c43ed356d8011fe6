package syntax

import (
	"strings"
	"testing"
)

// A range of kernels that holds no kernel at all would skip an experiment everywhere, without a word.
func TestVersionsOfNoKernel(t *testing.T) {
	for bounds, none := range map[string]bool{
		"<= 4 > 5": true, "> 5 <= 4": true, "< 6.1 >= 6.1": true, "> 6.1.3 < 6.1.4": true, "== 6.1 == 6.2": true,
		"> 6.1 <= 6.1": true,
		"> 4 <= 5":     false, ">= 6.1 <= 6.1": false, "> 6.1 < 6.1.2": false, "< 6.2": false, "> 6.17.9": false,
		">= 6.1 == 6.5 < 6.8": false,
	} {
		s := Parse("close(a) = ok [EBADF on linux " + bounds + "]")
		if got := len(s.Mistakes) == 1 && strings.HasPrefix(s.Mistakes[0].Msg, "no kernel is "); got != none ||
			!none && len(s.Mistakes) > 0 {
			t.Errorf("%s: %v, want a mistake: %t", bounds, s.Mistakes, none)
		}
	}
}
