package yamlpos

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"labrun/lab"
)

// TestRewrite: a part of a text becomes another one, in whatever way the text is written, and no other byte changes.
func TestRewrite(t *testing.T) {
	for name, test := range map[string]struct{ before, old, new, after string }{
		"plain":              {"a: f(x) = ?  # why\n", "?", "ok", "a: f(x) = ok  # why\n"},
		"plain needs quotes": {"a: f(x) = ?\n", "?", `"a: #b"`, "a: 'f(x) = \"a: #b\"'\n"},
		"in brackets":        {"a: [b, f(x) = ?, c]\n", "?", "ok", "a: [b, f(x) = ok, c]\n"},
		"a comma":            {"a: [b, f(x) = ?, c]\n", "?", "{ok, ok}", "a: [b, \"f(x) = {ok, ok}\", c]\n"},
		"double":             {"a: \"f(x) = ?\" # why\n", "?", "ok", "a: \"f(x) = ok\" # why\n"},
		"double, a quote":    {"a: \"f(x) = ?\"\n", "?", `"hello"`, "a: 'f(x) = \"hello\"'\n"},
		"double, escapes":    {"a: \"f(\\\"\\x41\\\") = ?\"\n", "?", "ok", "a: 'f(\"A\") = ok'\n"},
		"double, quotes":     {"a: \"f(\\\"b\\\") = ?\"\n", "?", "ok", "a: \"f(\\\"b\\\") = ok\"\n"},
		"single":             {"a: 'f(''x'') = ?'\n", "?", "ok", "a: 'f(''x'') = ok'\n"},
		"single, a quote":    {"a: 'f(x) = ?'\n", "?", "'", "a: \"f(x) = '\"\n"},
		"an anchor":          {"a: &n f(x) = ?\nb: *n\n", "?", "ok", "a: &n f(x) = ok\nb: *n\n"},
		"an anchor, quotes":  {"a: &n \"f(x) = ?\"\nb: *n\n", "?", `"h"`, "a: &n 'f(x) = \"h\"'\nb: *n\n"},
		"unicode":            {"ä: {é: \"f(ü) = ?\"} # ö\n", "?", "ß", "ä: {é: \"f(ü) = ß\"} # ö\n"},
		"lines":              {"a: |\n  b\n\n  ü f(x) = ? # why\n  c\n", "?", "\"#\"", "a: |\n  b\n\n  ü f(x) = \"#\" # why\n  c\n"},
		"a mapping in lines": {"a: |\n  b\n  {c: [\"f(x) = ?\", d]} # why\n", "?", "ok", "a: |\n  b\n  {c: [\"f(x) = ok\", d]} # why\n"},
		"behind lines":       {"a: |\n  b\nc: f(x) = ?\n", "?", "ok", "a: |\n  b\nc: f(x) = ok\n"},
		"an item":            {"- f(x) = ?\n- b", "?", "ok", "- f(x) = ok\n- b"},
		"the whole":          {"a: ?b\n", "?b", "ok", "a: ok\n"},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			before, after := strings.ReplaceAll(test.before, "\n", end), strings.ReplaceAll(test.after, "\n", end)
			s := NewSource("t.yaml", []byte("\ufeff"+before), plainDialect)
			texts, err := s.Texts()
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			// The text that has the part, as the parser or a line has it.
			var part *Part
			for at, n := range texts.at {
				if i := strings.Index(n.Value, test.old); i >= 0 {
					part = &Part{at, i, i + len(test.old), test.new}
				}
			}
			if part == nil {
				at := s.pos(strings.Index(before, test.old))
				text, inLine, ok := texts.TextAt(at)
				if !inLine || !ok || !strings.HasPrefix(text, test.old) {
					t.Errorf("%s: at %s is %q, in a line %t", name, at, text, inLine)
				}
				part = &Part{at, 0, len(test.old), test.new}
			}
			got, err := texts.Rewrite([]Part{*part}, nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if diff := cmp.Diff(after, string(got)); diff != "" {
				t.Errorf("%s: want (-), got (+):\n%s", name, diff)
			}
		}
	}
}

// TestRewriteItems: a new item stands as the one behind it does.
func TestRewriteItems(t *testing.T) {
	for name, test := range map[string]struct{ before, after string }{
		"a line":         {"a:\n  # why\n  - b\n", "a:\n  # why\n  - {n: 1}\n  - {n: 2}\n  - b\n"},
		"brackets":       {"a: [c, b]\n", "a: [c, {n: 1}, {n: 2}, b]\n"},
		"brackets, long": {"a: [\n    c,\n    b,\n  ]\n", "a: [\n    c,\n    {n: 1},\n    {n: 2},\n    b,\n  ]\n"},
		"behind a dash":  {"a:\n  - - b\n", ""},
	} {
		s := NewSource("t.yaml", []byte(test.before), plainDialect)
		texts, err := s.Texts()
		if err != nil {
			t.Fatal(err)
		}
		at := s.pos(strings.Index(test.before, "b"))
		flow := strings.Contains(test.before, "[")
		got, err := texts.Rewrite(nil, []Item{{at, flow, "{n: 1}"}, {at, flow, "{n: 2}"}})
		if (err != nil) != (test.after == "") {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(test.after, string(got)); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", name, diff)
		}
	}
}

// TestRewriteRefused: what cannot be a part of one line is left, and so is what is no text.
func TestRewriteRefused(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		at   lab.Pos
		to   int
	}{
		"several lines":    {"a: f(x)\n  = ?\n", lab.Pos{Line: 1, Col: 4}, 8},
		"folded":           {"a: >\n  f(x) = ?\n", lab.Pos{Line: 1, Col: 4}, 8},
		"no text":          {"a: [b]\n", lab.Pos{Line: 1, Col: 4}, 1},
		"behind the line":  {"a: |\n  b\n", lab.Pos{Line: 2, Col: 9}, 1},
		"behind all lines": {"a: b\n", lab.Pos{Line: 7, Col: 1}, 1},
	} {
		texts, err := NewSource("t.yaml", []byte(test.text), plainDialect).Texts()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := texts.Rewrite([]Part{{test.at, test.to - 1, test.to, "ok"}}, nil); err == nil {
			t.Errorf("%s: it is %q", name, got)
		}
	}
}
