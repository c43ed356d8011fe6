package yamlpos

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
)

// Style is the form that Format writes a file in.
type Style struct {
	// Order is that of the keys of the file. Other keys come behind these, as they were.
	Order []string
	// Respell returns texts that are to be spelled otherwise and mean the same, by their nodes. The
	// text of a node in YAML's literal style may have other lines, and not more of them.
	Respell func(root *yaml.Node) map[*yaml.Node]string
}

// Format writes a file in one form: two blanks for each level, one empty line at most, quotes where
// YAML needs them, and the keys of the file in order. Comments stay where they are, and so does what
// an author chose: a list in a line or over several, columns that stand below each other, long lines.
//
// It edits the text and not the tree. The library has comments in its nodes too, but puts some
// of them to another node than an author would, and none has the blanks before it; and a tree that
// is printed again has lost which list stood in one line. Each pass parses anew, so that none
// has to keep the places of another. The result is compared with what was read: a file is never
// written that says something else.
//
// The file has to be one that CheckText and ParseYAML take.
func (s *Source) Format(style Style) ([]byte, error) {
	root, err := parsed(s.Text)
	if err != nil {
		return nil, err
	}
	respelled := style.Respell(root)
	text := bytes.ReplaceAll(s.Text, []byte("\r\n"), []byte("\n"))
	if text, err = respell(NewSource(s.File, text, s.dialect), respelled); err != nil {
		return nil, err
	}
	if text, err = layOut(NewSource(s.File, text, s.dialect)); err != nil {
		return nil, err
	}
	if text, err = arrange(NewSource(s.File, text, s.dialect), style.Order); err != nil {
		return nil, err
	}
	again, err := parsed(text)
	if err == nil && !alike(root, again, respelled, style.Order) {
		err = fmt.Errorf("it would say something else")
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be formatted, which is a mistake of labrun: %w", s.File, err)
	}
	return text, nil
}

// parsed returns the root of the document that a text is.
func parsed(text []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

// alike reports whether two trees say the same but for what was respelled and for the order of the
// root's keys.
func alike(a, b *yaml.Node, respelled map[*yaml.Node]string, order []string) bool {
	value := a.Value
	if other, ok := respelled[a]; ok {
		value = other
	}
	if a.Kind != b.Kind || a.Anchor != b.Anchor || value != b.Value || IsEmpty(a) != IsEmpty(b) ||
		a.ShortTag() != b.ShortTag() || len(a.Content) != len(b.Content) {
		return false
	}
	pairs := func(n *yaml.Node) [][]*yaml.Node { return slices.Collect(slices.Chunk(n.Content, 2)) }
	left, right := pairs(a), pairs(b)
	if order != nil && a.Kind == yaml.MappingNode {
		byKey := func(x, y []*yaml.Node) int { return strings.Compare(x[0].Value, y[0].Value) }
		slices.SortStableFunc(left, byKey)
		slices.SortStableFunc(right, byKey)
	}
	for i := range left {
		for j := range left[i] {
			if !alike(left[i][j], right[i][j], respelled, nil) {
				return false
			}
		}
	}
	return true
}

// edit is a part of a text that becomes another one.
type edit struct {
	begin, end int
	text       string
}

// apply makes the edits, which do not overlap. Those of one place come in their order.
func apply(text []byte, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.begin - b.begin })
	var b bytes.Buffer
	last := 0
	for _, e := range edits {
		b.Write(text[last:e.begin])
		b.WriteString(e.text)
		last = e.end
	}
	b.Write(text[last:])
	return b.Bytes()
}

// arrange puts the sections of a file in order, each with the comment that stands right above it. The
// comment on top of a file that an empty line follows is about the file, and stays there.
func arrange(s *Source, order []string) ([]byte, error) {
	root, err := parsed(s.Text)
	if err != nil {
		return nil, err
	}
	// An alias must come behind its anchor, which may be in another section.
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 || bytes.Contains(s.Text, []byte("&")) {
		return s.Text, nil
	}
	rank := func(key string) int {
		if i := slices.Index(order, key); i >= 0 {
			return i
		}
		return len(order)
	}
	type section struct{ rank, line int }
	var sections []section
	for i := 0; i < len(root.Content); i += 2 {
		k := root.Content[i]
		if k.Column != 1 || s.Text[s.Offset(PosOf(k))] == '?' {
			return s.Text, nil
		}
		line := k.Line
		for line > 1 && strings.HasPrefix(string(s.Line(line-1)), "#") {
			line--
		}
		sections = append(sections, section{rank(k.Value), line})
	}
	byRank := func(a, b section) int { return a.rank - b.rank }
	if slices.IsSortedFunc(sections, byRank) {
		return s.Text, nil
	}
	part := func(begin, end int) string { // lines
		from, to := s.Offset(lab.Pos{Line: begin, Col: 1}), len(s.Text)
		if end <= len(s.Lines) {
			to = s.Lines[end-1]
		}
		return strings.Trim(string(s.Text[from:to]), "\n") + "\n"
	}
	texts := map[section]string{}
	spaced := false // some sections have an empty line between them, so all get one
	for i, sec := range sections {
		end := len(s.Lines) + 1
		if i+1 < len(sections) {
			end = sections[i+1].line
			spaced = spaced || len(s.Line(end-1)) == 0
		}
		texts[sec] = part(sec.line, end)
	}
	head := string(s.Text[:s.Lines[sections[0].line-1]])
	slices.SortStableFunc(sections, byRank)
	var b strings.Builder
	b.WriteString(head)
	for i, sec := range sections {
		if i > 0 && spaced && (sec.rank > 1 || sections[i-1].rank > 1) { // name and doc stand together
			b.WriteString("\n")
		}
		b.WriteString(texts[sec])
	}
	return []byte(b.String()), nil
}
