package result

import "testing"

// TestSocketInfoObeysNoName gives a socket names that programs have chosen.
func TestSocketInfoObeysNoName(t *testing.T) {
	h := SocketInfo{
		Host: "alpha", Protocol: "tcp", State: "LISTEN", Local: "any:80", Device: "e\x1b[2J",
		Owners: []string{"web (a\x1b[31m\nb\u202e\xff)", "web (wörk \"`)"},
	}
	const want = "tcp LISTEN any:80 on e\\x1b[2J on host alpha, process web (a\\x1b[31m\\nb\\u202e\\xff) and web (wörk \"`), user 0"
	if got := h.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
