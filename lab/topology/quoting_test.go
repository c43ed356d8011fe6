package topology

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab/yamlpos"
)

// proposal is what a complaint says to write in the place of a step.
var proposal = regexp.MustCompile(`^.*: (["'].*["'])$`)

// TestUnquotedSteps: what is proposed for a step that has to be quoted makes the file good.
func TestUnquotedSteps(t *testing.T) {
	const axes = "axes: {a: {one: []}, b: {one: []}, type: [socket(udp)]}\n    steps: "
	for _, c := range []struct {
		body string
		want []string
	}{
		{`steps: [{main: [sysctl(net.ipv4.tcp_fastopen, "3"), a = socket(tcp)]}]`,
			[]string{`'sysctl(net.ipv4.tcp_fastopen, "3")'`}},
		{"want: [{else: x}]\n    " + `steps: [s = socket(udp), {main: [recv(s) = "${want}", close(s)]}]`,
			[]string{`'recv(s) = "${want}"'`}},
		{axes + `[{main: [${a}, ${b}]}, "s = ${type}"]`, []string{`"${a}"`, `"${b}"`}},
		{`steps: [b = socket(tcp, SOCK_NONBLOCK), close(b)]`, []string{`"b = socket(tcp, SOCK_NONBLOCK)"`}},
		{`steps: [{main: b = socket(tcp, SOCK_NONBLOCK)}, close(b)]`, []string{`"b = socket(tcp, SOCK_NONBLOCK)"`}},
		{`steps: [{main: 'a = socket(tcp)', limit: 1s}, {main: bind(a, x:80), limit: 1s}]`,
			[]string{`"bind(a, x:80)"`}},
		{`steps: [a = socket(tcp), bind(a, x:80) = ok [EADDRINUSE on linux < 6.2], "close(a)"]`,
			[]string{`"bind(a, x:80) = ok [EADDRINUSE on linux < 6.2]"`}},
		{`steps: [u = socket(unix), bind(u, "it's, [here]"), 'close(u)']`, []string{`'bind(u, "it''s, [here]")'`}},
		{`steps: [a = socket(tcp), # a comment, [with this
      bind(a, x:80),
      setsockopt(a, SO_LINGER,
        {1, 0})]`, []string{`"bind(a, x:80)"`, `"setsockopt(a, SO_LINGER, {1, 0})"`}},
		{`steps: [{run: x, stdout: /a{2}/}]`, []string{`"/a{2}/"`}},
		{`steps: [{run: x, stdout: /h[a-z]+/, exit: 0}]`, []string{`"/h[a-z]+/"`}},
		{`steps: [{run: x, stdout: /a, b/}]`, []string{`"/a, b/"`}},
		{`steps: [{run: x, exit: 0, stderr: /a: b/}]`, []string{`"/a: b/"`}},
		{`steps: [{run: x, stdout: /a #b/, exit: 0}]`, []string{`"/a #b/"`}},
		{`steps: [{run: x, stdout: /[0-9]+, \S{2,3}$/, stderr: /it's[.]/}]`,
			[]string{`'/[0-9]+, \S{2,3}$/'`, `"/it's[.]/"`}},
		{`steps: [{run: "ls /bin", stdout: /tmp, exit: 0}, {run: echo {a}}]`, []string{`"echo {a}"`}},
		{`steps: [{run: sh -c 'echo a, b', stdout: a}]`, []string{`"sh -c 'echo a, b'"`}},
		{`steps: [{run: [sh, -c, echo [a]]}]`, []string{`"echo [a]"`}},
		{"steps:\n      - {run: x, stdout: /a{2}/}\n      - {run: x, stdout: /b[a]/}\n",
			[]string{`"/a{2}/"`, `"/b[a]/"`}},
		{"steps:\n      - run: x\n        stdout: /a: b/\n", []string{`"/a: b/"`}},
		{"steps:\n      - run: x\n        stdout: [a-z]+\n", []string{`"[a-z]+"`}},
		{"steps:\n      - a = socket(udp)\n      - sendto(a, \"b: c\", x:80)\n", []string{`'sendto(a, "b: c", x:80)'`}},
	} {
		text := "name: n\nnetworks: {red: 192.0.2.0/24}\nhosts: {alpha: {nics: {eth0: {network: red, as: x}}}}\n" +
			"experiments:\n  e:\n    " + c.body + "\n"
		var got []string
		for range len(c.want) {
			_, err := parse("f", []byte(text))
			if err == nil {
				break
			}
			d := err.(Diagnostics)[0]
			m := proposal.FindStringSubmatch(d.Msg)
			if m == nil {
				t.Errorf("%s: %s", c.body, d)
				break
			}
			got = append(got, m[1])
			text = apply(text, d, m[1])
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.body, diff)
		}
		if _, err := parse("f", []byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// apply puts a proposal in the place of the step that a complaint is about.
func apply(text string, d yamlpos.Diagnostic, proposal string) string {
	at := d.Source.Offset(d.Pos)
	step := strings.ReplaceAll(proposal[1:len(proposal)-1], "''", "'")
	end := at
	for _, r := range strings.ReplaceAll(step, " ", "") {
		for strings.ContainsRune(" \n", rune(text[end])) {
			end++
		}
		end += len(string(r))
	}
	return text[:at] + proposal + text[end:]
}
