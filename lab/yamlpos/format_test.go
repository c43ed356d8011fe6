package yamlpos

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var plainDialect = &Dialect{Noun: "file", NounOf: func(string) string { return "" }}

func formattedAs(text string) (string, error) {
	s := NewSource("f", []byte(text), plainDialect)
	same := func(*yaml.Node) map[*yaml.Node]string { return nil }
	after, err := s.Format(Style{Order: []string{"a", "b", "c"}, Respell: same})
	return string(after), err
}

func TestFormat(t *testing.T) {
	for _, test := range []struct{ name, before, after string }{
		{"indentation", "a:\n    b:\n        c: d\n", "a:\n  b:\n    c: d\n"},
		{"list as far in as its key", "a:\n- b\n- c:\n    d\n", "a:\n  - b\n  - c:\n      d\n"},
		{"blanks behind a dash", "a:\n  -   b: 1\n      c: 2\n  -   - d\n      -  e\n",
			"a:\n  - b: 1\n    c: 2\n  - - d\n    - e\n"},
		{"a dash alone", "a:\n    - # why\n      b: 1\n", "a:\n  - # why\n    b: 1\n"},
		{"comments", "a:\n    # of b\n    b: 1 # one\n\n    # of none\n# at the end\n",
			"a:\n  # of b\n  b: 1 # one\n\n  # of none\n# at the end\n"},
		{"comment of a key that is gone", "a:\n    b:\n        c: 1\n        # d: 2\n    e: 3\n",
			"a:\n  b:\n    c: 1\n    # d: 2\n  e: 3\n"},
		{"empty lines", "\n\na: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"},
		{"empty lines of a text", "a: |\n  one\n\n\n  two\n\n\nb: 1\n", "a: |\n  one\n\n\n  two\n\nb: 1\n"},
		{"empty lines that are kept", "a: |+\n  one\n\n\nb: 1\n", "a: |+\n  one\n\n\nb: 1\n"},
		{"empty lines without quotes", "a: one\n\n\n  two\nb: 1\n", "a: one\n\n\n  two\nb: 1\n"},
		{"empty lines in quotes", "a: \"one  \n\n\n  # two\"\n", "a: \"one  \n\n\n  # two\"\n"},
		{"text further in", "a:\n    b: |\n          one\n            two\n    c: 1\n",
			"a:\n  b: |\n    one\n      two\n  c: 1\n"},
		{"text with its own indentation", "a:\n    b: |2\n         one\n      two\n", "a:\n  b: |2\n       one\n    two\n"},
		{"list over several lines", "a:\n    b: [c,\n        d, # why\n        e]\n",
			"a:\n  b: [c,\n      d, # why\n      e]\n"},
		{"columns", "a:\n  b:   1\n  ccc: 2\n", "a:\n  b:   1\n  ccc: 2\n"},
		{"quotes", `a: ["b", 'c', "d, e", 'f: g', "no", "1", "", "'", '"', "\t", 'h''i', "x:80", "c:"]` + "\n",
			`a: [b, c, "d, e", "f: g", "no", "1", "", "'", '"', "\t", h'i, x:80, "c:"]` + "\n"},
		{"quotes of keys", "\"a\": {\"b c\": 1, \"d,\": 2}\n", "a: {b c: 1, \"d,\": 2}\n"},
		{"quotes outside of a list", "a: \"b, c\"\nb: 'd: e'\nc: 'f # g'\n", "a: b, c\nb: \"d: e\"\nc: \"f # g\"\n"},
		{"text for a shell", "a: \"b & c\"\nb: 'd >e'\n", "a: \"b & c\"\nb: \"d >e\"\n"},
		{"line ends", "a: 1  \r\nb: 2\t\r\n", "a: 1\nb: 2\n"},
		{"order", "# the file\n\n# of c\nc: 1\n\nd: 2\n\n# of a\na: 3\nb: 4\n",
			"# the file\n\n# of a\na: 3\nb: 4\n\n# of c\nc: 1\n\nd: 2\n"},
		{"no order where there are anchors", "c: &c 1\na: *c\n", "c: &c 1\na: *c\n"},
		{"odd keys", "? a\n:    b\n", "? a\n:    b\n"},
		{"no end of line", "a: 1", "a: 1\n"},
		{"a document", "--- # first\na: 1\n...\n", "--- # first\na: 1\n...\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := formattedAs(test.before)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			if again, err := formattedAs(got); err != nil || again != got {
				t.Errorf("not final: %q, then %q, %v", got, again, err)
			}
		})
	}
}

// commentsIn returns what stands behind each #, sorted.
func commentsIn(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if _, comment, ok := strings.Cut(line, "#"); ok {
			all = append(all, strings.TrimRight(comment, " \t\r\n"))
		}
	}
	slices.Sort(all)
	return all
}

// FuzzFormat: any YAML has its form, which says the same, keeps the comments and is final.
func FuzzFormat(f *testing.F) {
	for _, text := range []string{
		"a:\n    b: |2-\n        c\n\n      # d\n  # e\nf:\n- - g # h\n  # i\n-\n  j: 'k\n\n    l'\n",
		"# a\n\nc: &x [d,\n # e\n {f: g}]\nb: *x\na: >+\n  h\n\n\n# i\n",
		"a: \"b \\\n  c\"\nd: e\n\n  f\n? g\n: h\n",
		"a:\n   b: |2\n    # c\n", "a:\n|\n  b\n # c\n", "a: |\n  bb\n # c\n",
		": >+\n\n", "  :\n # a\n", "a: |\n       \n \n",
		"a:\n  - b:\n    # c\n    -   d: 1\n        e:\n        - f\n\n\n # g\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewSource("f", []byte(text), plainDialect)
		c := &Complaints{Source: s}
		if s.CheckText(c); len(c.List) > 0 {
			return
		}
		var documents []*yaml.Node
		for loader, err := yaml.NewLoader(strings.NewReader(text)); err == nil; {
			var n yaml.Node
			if err = loader.Load(&n); err == nil {
				documents = append(documents, n.Content[0])
			} else if err != io.EOF {
				return
			}
		}
		// Of what has no line end at its end the last line may be an odd part of a text: that is refused.
		if len(documents) != 1 || !strings.HasSuffix(text, "\n") {
			return
		}
		root := documents[0]
		if _, ok := s.CheckTree(c, root, 0); !ok || len(c.List) > 0 {
			return
		}
		after, err := formattedAs(text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		again, err := formattedAs(after)
		if err != nil || again != after {
			t.Errorf("not final: %q, then %q, %v", after, again, err)
		}
		if diff := cmp.Diff(commentsIn(text), commentsIn(after)); diff != "" && !anyHas(root, "#") {
			t.Errorf("comments of %q in %q: %s", text, after, diff)
		}
	})
}

func anyHas(n *yaml.Node, mark string) bool {
	has := func(c *yaml.Node) bool { return anyHas(c, mark) }
	return strings.Contains(n.Value, mark) || slices.ContainsFunc(n.Content, has)
}
