package syntax

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlaces: every answer is found as it is written, and nothing beside it.
func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string // the answers; nil for none, and for a text that is not a call
		ok   bool
	}{
		{"bind(a, x:80)", nil, true},
		{"a = socket(tcp)", nil, true},
		{"a = socket(tcp) = EMFILE", []string{"EMFILE"}, true},
		{"bind(a, x:80) =  ?", []string{"?"}, true},
		{"bind(a, [2001:db8::1]:80) = EADDRINUSE | EINVAL", []string{"EADDRINUSE | EINVAL"}, true},
		{"getsockname(a) = [2001:db8::1]:80", []string{"[2001:db8::1]:80"}, true},
		{`recvfrom(a) = "ü [x] = ok" from peer.x:9`, []string{`"ü [x] = ok" from peer.x:9`}, true},
		{"bind(a, x:80) = ok [EADDRINUSE on linux < 6.2] [EINVAL on no option SO_REUSEPORT]",
			[]string{"EADDRINUSE", "EINVAL", "ok"}, true},
		{"sockets(any:80) ~ LISTEN TIME_WAIT", []string{"~ LISTEN TIME_WAIT"}, true},
		{"bind(a, ${first}:80) = ${want}", []string{"${want}"}, true},
		{"together(bind(a, x:80), p: bind(b, x:80)) = {ok, EADDRINUSE}", []string{"{ok, EADDRINUSE}"}, true},
		{"${call} = ok", nil, false},
		{"bind(3, x:80) -1 EADDRINUSE", nil, false},
		{`bind(a, "x`, nil, false},
		{"", nil, false},
	} {
		p, ok := PlacesOf(test.text)
		var got []string
		for _, at := range p.Answers {
			got = append(got, test.text[at[0]:at[1]])
		}
		if diff := cmp.Diff(test.want, got); ok != test.ok || ok && diff != "" {
			t.Errorf("%s: %t, want %t; answers wanted (-), found (+):\n%s", test.text, ok, test.ok, diff)
		}
	}
}
