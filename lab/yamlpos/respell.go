package yamlpos

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"labrun/lab/wording"
)

// respell writes the texts of a file, of which some are to be others, with quotes where YAML needs
// them. Texts over several lines stay as they are, but for those in literal style, which have no
// quotes: their lines are edited one by one.
func respell(s *Source, others map[*yaml.Node]string) ([]byte, error) {
	root, err := parsed(s.Text)
	if err != nil {
		return nil, err
	}
	w := &speller{Source: s, others: map[place]string{}}
	for n, text := range others { // they are of the tree before
		w.others[place{n.Line, n.Column}] = text
	}
	w.node(root, context{})
	return apply(s.Text, w.edits), nil
}

type place struct{ line, column int }

// longestKey is what a key without quotes may have, in characters (YAML 1.2.2, 7.4.2).
const longestKey = 1000

// context is where a text stands, which decides what it may have without quotes.
type context struct{ flow, key bool }

type speller struct {
	*Source
	others map[place]string
	edits  []edit
}

func (w *speller) node(n *yaml.Node, c context) {
	switch n.Kind {
	case yaml.ScalarNode:
		w.text(n, c)
	case yaml.MappingNode, yaml.SequenceNode:
		c.flow = c.flow || n.Style&yaml.FlowStyle != 0
		for i, child := range n.Content {
			w.node(child, context{c.flow, n.Kind == yaml.MappingNode && i%2 == 0})
		}
	}
}

func (w *speller) text(n *yaml.Node, c context) {
	text, other := w.others[place{n.Line, n.Column}]
	if !other {
		text = n.Value
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if other {
			w.lines(n, text)
		}
		return
	}
	begin, end, ok := w.extent(n)
	written := string(w.Text[begin:end])
	if !ok || !other && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		w.edits = append(w.edits, edit{begin, end, spelled(text, c)})
	} else if other && written != text {
		w.edits = append(w.edits, edit{begin, end, wording.YAML(text)})
	}
}

// lines edits the lines of a text in literal style. Which of the file's they are follows from their
// order: the text has all of them.
func (w *speller) lines(n *yaml.Node, text string) {
	before, after := strings.Split(n.Value, "\n"), strings.Split(text, "\n")
	for i := range min(len(before), len(after)) {
		line := n.Line + 1 + i
		if before[i] == after[i] || line > len(w.Lines) {
			continue
		}
		whole := string(w.Line(line))
		if !strings.HasSuffix(whole, before[i]) {
			continue
		}
		end := w.Lines[line-1] + len(whole)
		w.edits = append(w.edits, edit{end - len(before[i]), end, after[i]})
	}
}

// extent returns where a text stands that is in one line, with its quotes.
func (s *Source) extent(n *yaml.Node) (begin, end int, ok bool) {
	begin = s.Offset(PosOf(n))
	rest := s.Text[begin:]
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || len(rest) == 0 {
		return begin, begin, false
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		end = begin + len(n.Value)
		return begin, end, strings.HasPrefix(string(rest), n.Value) && n.Value != ""
	}
	r := &flowReader{Source: s, at: begin}
	if !r.is(`"'`) {
		return begin, begin, false
	}
	mark := rest[0]
	for r.quotes() && mark == '\'' && r.is("'") { // '' is a quote inside
	}
	return begin, r.at, !strings.Contains(string(s.Text[begin:r.at]), "\n")
}

// Spelled returns a text as Format spells it as the value of a key, on a line of its own or, in flow, within
// brackets.
func Spelled(text string, flow bool) string { return spelled(text, context{flow: flow}) }

// SpelledName returns a name as it stands within brackets: y and no have no quotes, as names are taken as written.
func SpelledName(name string) string {
	if c := (context{flow: true}); isPlain("a"+name, c) && readsAs(name, c) {
		return name
	}
	return wording.YAML(name)
}

// spelled returns a text as it stands in a file: without quotes where that says the same, else in
// those that need no escapes.
func spelled(text string, c context) string {
	if isPlain(text, c) {
		return text
	}
	return wording.YAML(text)
}

// isPlain reports whether a text without quotes is the same text there, to readers of YAML 1.1 too,
// which editors have: to them "no" in quotes is a word and without them it is false. What begins with a
// mark, and what a shell is to read, is left in quotes although YAML would take some of it.
func isPlain(text string, c context) bool {
	const first, anywhere = "-?:,[]{}#&*!|>'\"%@`=<~ ", "&;<>*`"
	if text == "" || len(text) > longestKey || strings.ContainsAny(text[:1], first) ||
		strings.ContainsAny(text, anywhere) ||
		slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "..."}, strings.ToLower(text)) {
		return false
	}
	return readsAs(text, c)
}

// readsAs reports whether YAML reads a text without quotes as that text.
func readsAs(text string, c context) bool {
	var document string
	switch {
	case c.key && c.flow:
		document = "{" + text + ": a}"
	case c.key:
		document = text + ": a"
	case c.flow:
		document = "{a: " + text + "}"
	default:
		document = "a: " + text
	}
	root, err := parsed([]byte(document + "\n"))
	if err != nil || root.Kind != yaml.MappingNode || len(root.Content) != 2 {
		return false
	}
	n := root.Content[1]
	if c.key {
		n = root.Content[0]
	}
	return n.Kind == yaml.ScalarNode && n.Value == text && n.ShortTag() == "!!str"
}
