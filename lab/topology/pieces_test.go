package topology

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlacesBehindPlaceholders: a mistake in a filled-in step is shown where it is written, in
// the step behind a placeholder, in the value of an axis, or in a rule.
func TestPlacesBehindPlaceholders(t *testing.T) {
	const text = `name: n
networks: {red: 192.0.2.0/24}
hosts: {a: {nics: {eth0: {network: red, as: x}}}}
experiments:
  behind:
    axes: {s: [one, other]}
    steps: ["${s} = socket(tcp)", "setsockopt(${s}, SO_REUSEADR, 1)"]
  within:
    axes: {o: [SO_KEEPALIVE, SO_REUSEPRT]}
    steps: [s = socket(tcp), "setsockopt(s, ${o}, 1)"]
  turn:
    steps: [{repeat: 2, main: ["a${i} = socket(tcp)", "listen(a${i}, ${i}, 3)"]}]
  rule:
    axes: {a: [x, any]}
    want: [{a: x, linux: "< 6.2", answer: EADDRINUSED}, {else: okay}]
    steps: [s = socket(tcp), "bind(s, ${a}:80) = ${want}"]
`
	_, err := parse("f", []byte(text))
	var ds Diagnostics
	if !errors.As(err, &ds) {
		t.Fatal(err)
	}
	var got []string
	for _, d := range ds {
		line := strings.Split(text, "\n")[d.Pos.Line-1]
		got = append(got, line[d.Pos.Col-1:])
	}
	want := []string{
		`SO_REUSEADR, 1)"]`,
		`SO_REUSEPRT]}`,
		`listen(a${i}, ${i}, 3)"]}]`,
		`EADDRINUSED}, {else: okay}]`,
		`okay}]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%v", diff, err)
	}
}
