package topology

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSyntax gives files that are not YAML, or not the YAML that we take.
func TestSyntax(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "f:1:1: the file is empty; it needs name, networks and hosts"},
		{"comment", "# nothing\n", "f:1:1: the file is empty; it needs name, networks and hosts"},
		{"marker", "---\n", "f:1:1: the file is empty; it needs name, networks and hosts"},
		{"scalar", "labrun", `f:1:1: the file must be a mapping with claims, defaults, doc, experiments, found, hosts, include, kernels, level, name, networks, probes, question, see; found "labrun"`},
		{"list", "- a\n", `f:1:1: the file must be a mapping with claims, defaults, doc, experiments, found, hosts, include, kernels, level, name, networks, probes, question, see; found a list`},
		{"second document", "name: a\n---\nname: b\n", "f:2:1: a second document begins; a topology is one document"},
		{"trailing text", "name: a\n...\nb\n", "f:3:1: a second document begins; a topology is one document"},
		{"tab", "name:\n\ta: b\n", "f:2:1: a tab cannot indent, use spaces"},
		{"tab after text", "a: b\n\tc: d\n", "f:2:1: a tab cannot indent, use spaces"},
		{"open list", "a:\n  b: [x, y\n", "f:2:6: this list does not end: a comma or ] is missing"},
		{"open mapping", "a: {b: c", "f:1:4: this mapping does not end: a comma or } is missing"},
		{"open quote", "a: 'x\nb: c", "f:1:4: this quote does not end"},
		{"no value", "a: [", "f:1:5: a value, ] or } is missing"},
		{"colon", "a: b: c", `f:1:4: a text with ": " in it has to be quoted: "b: c"`},
		{"colon after quotes", "a: 'b': c", "f:1:7: a colon cannot stand here; quote the text, or check the indentation"},
		{"keys on one line", "a:\n  - run: ls, stdout: x",
			"f:2:5: keys on one line stand in braces: {run: ls, stdout: x}"},
		{"no blank", "name:n\nhosts: {}", "f:1:1: a blank is missing behind this colon: name: n"},
		{"no blank in a list", "a:\n  - main:exit()\n    limit: 3s",
			"f:2:5: a blank is missing behind this colon: main: exit()"},
		{"no colon", "name n\nhosts: {}", `f:1:1: "name" has no colon: name: n`},
		{"no colon before braces", "a: b\nhosts {x: {}}", `f:2:1: "hosts" has no colon: hosts: {x: {}}`},
		{"no colon at the end", "a:\n  main: exit()\n  until 3s", `f:3:3: "until 3s" has no colon: until: 3s`},
		{"keys beside a call", "a:\n  - bind(a, x:80) # it\n    answer: x",
			"f:2:5: a step with keys beside it names the process that makes the call: main: bind(a, x:80)"},
		{"key alone", "a:\n  steps\n    - b: c", `f:2:3: "steps" has no colon behind its key`},
		{"key alone of ours", "a:\n  alpha\n    b: c", `f:2:3: "alpha" has no colon behind its key`},
		{"key alone and items", "a:\n  steps\n    - b\n    - c: d", `f:2:3: "steps" has no colon behind its key`},
		{"item further in", "a:\n  - b\n    - c: d",
			"f:3:5: this line is further in than the \"- \" of line 2, and so a part of that step; begin both in the same column"},
		{"bracket in a text", "a: [b{c, d]\ne: >-\n  text\n", "f:1:4: this list does not end: a comma or ] is missing"},
		{"key and words", "a:\n  plain  SO_X, 0\n  b: c", `f:2:3: "plain  SO_X, 0" has no colon behind its key`},
		{"list open before", "a: [b, c\nd: >-\n  text\n", "f:1:4: this list does not end: a comma or ] is missing"},
		{"mapping open before", "a: {b: c\nd: |\n  text\n",
			"f:1:4: this mapping does not end: a comma or } is missing"},
		{"quote open before", "a: \"b\nc: d\ne: \"f\"\n", "f:1:4: this quote goes on to line 3; is its end missing?"},
		{"further in", "name: n\n hosts: {}", "f:2:2: this line is further in than line 1, whose key has its value; begin it in the same column"},
		{"glued item", "a:\n  - b\n  -exit()", `f:3:3: a blank is missing behind the "-" of this item: - exit()`},
		{"call among keys", "a:\n  main: b\n  exit()",
			`f:3:3: this call is neither an item of a list, "- exit()", nor behind a process: "main: exit()"`},
		{"bracket first", "a: [a-z]+ # it", `f:1:4: a text that begins with [ has to be quoted: "[a-z]+"`},
		{"line of strace in a list", "- [pid 12] bind(3, x) = 0",
			`f:1:3: a step that begins with [ is a list to YAML, and has to be quoted: "[pid 12] bind(3, x) = 0"; ` +
				`below "steps: |" it needs no quotes`},
		{"bracket first in a list", "- {a}b", `f:1:3: a text that begins with { has to be quoted: "{a}b"`},
		{"quote within", "a: 'it's good'", `f:1:8: the quote ends before this; in quotes the whole text is written "it's good"`},
		{"closes nothing", "a: {b: {}}}", "f:1:11: this } closes nothing"},
		{"comment in a list", "a: [b, # c, d]\ne: f\n",
			"f:1:8: this comment takes the rest of its line with it, so that the list or mapping around it does not end there"},
		{"comment behind a text", "a: [b # c, \"d\"]",
			"f:1:7: this comment takes the rest of its line with it, so that the list or mapping around it does not end there"},
		{"comment in a mapping", "a: {b: {c: d} # e}}\n",
			"f:1:15: this comment takes the rest of its line with it, so that the list or mapping around it does not end there"},
		{"comment aside", "a: [b, # it's c\n  d\n", "f:1:4: this list does not end: a comma or ] is missing"},
		{"no-break space", "name:\u00a0n\nhosts: {}",
			"f:1:6: U+00A0 looks like a blank and is a letter to YAML; write a blank"},
		{"no-break indentation", "a:\n\u00a0b: c\n d: e",
			"f:2:1: U+00A0 looks like a blank and is a letter to YAML; write a blank"},
		{"indentation", "a:\n  - b\n c: d", "f:3:2: no block begins in this column; check the indentation of this line and of line 2"},
		{"dedented", " a: b\nc: d", "f:2:1: this does not belong to what stands before it; check the indentation"},
		{"list and mapping", "- a\nb: c", "f:2:1: an item of the list that this line belongs to begins with \"- \"; check the indentation"},
		{"item", "a: - b", "f:1:4: a list item cannot stand here, begin a new line"},
		{"bad key", "a: |\n x\nb", `f:3:1: "b" has no colon and no value; check the indentation`},
		{"at sign", "a: @x", `f:1:4: text cannot begin with "@" unless it is quoted`},
		{"backquote", "a: `x`", "f:1:4: text cannot begin with \"`\" unless it is quoted"},
		{"percent", "a: b\n%x", "f:2:3: a % at the start of a line is a YAML directive; quote the text"},
		{"directive", "%YAML 1.2\n---\na: b", "f:1:1: a %YAML directive; a topology file needs none"},
		{"escape", `a: "\q"`, `f:1:5: unknown escape in a double-quoted string; use single quotes to take \ as written`},
		{"anchor", "a: *x", `f:1:4: no anchor "&x" before this alias; a text that begins with * has to be quoted`},
		{"cycle", "name: &x [*x]", `f:1:11: alias "*x" contains itself`},
		{"utf16", "\xff\xfea\x00", "f:1:1: the file is UTF-16, a topology file is UTF-8"},
		{"not utf8", "name: a\nd\xc3oc: b", "f:2:2: byte 0xc3 is not UTF-8"},
		{"control", "name: \x1b[31m", "f:1:7: control character U+001B"},
		{"lone return", "name: a\rdoc: b", "f:1:8: a carriage return without a line feed; end lines with a line feed"},
		{"separator", "name: a\u2028doc: b", "f:1:8: line separator U+2028; end lines with a line feed"},
		{"inner mark", "name: a\ufeff", "f:1:8: a byte order mark inside the file"},
		{"deep", "a: " + strings.Repeat("[", 20000), "f:1:10004: values are nested too deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse("f", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestEncodings reads one file in the ways that editors write it.
func TestEncodings(t *testing.T) {
	text := string(mustRead(t, "testdata/ok/dual-nic.yaml"))
	want, err := parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{
		"crlf":           strings.ReplaceAll(text, "\n", "\r\n"),
		"bom":            "\ufeff" + text,
		"both":           "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"),
		"no end of line": strings.TrimRight(text, "\n"),
	} {
		got, err := parse("f", []byte(other))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(describe(want), describe(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
