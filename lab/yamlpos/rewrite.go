package yamlpos

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/wording"
)

// Part is a piece of a text of the file that is to be another one.
type Part struct {
	At       lab.Pos // where the text begins, as PosOf has it
	From, To int     // the piece, in bytes of what the text says
	Text     string  // what is to be said there
}

// Item is a new item of a list, which comes before one that there is.
type Item struct {
	Before lab.Pos // where that one begins
	Flow   bool    // the list is in brackets
	Text   string  // as it is to be written
}

// Texts are the texts of a file by the places where they begin: its scalars, and the lines of those in literal
// style, each of which may be a text of its own that begins anywhere in it.
type Texts struct {
	*Source
	root  *yaml.Node
	at    map[lab.Pos]placedText
	lines map[int]*yaml.Node     // the node in literal style that has the line
	of    map[lab.Pos]*yaml.Node // the mapping that has a list for a value, by the place of the list
}

// placedText is a text, and where it stands.
type placedText struct {
	*yaml.Node
	context
}

// Texts finds the texts of a file that CheckText and ParseYAML take.
func (s *Source) Texts() (*Texts, error) {
	root, err := parsed(s.Text)
	if err != nil {
		return nil, err
	}
	t := &Texts{s, root, map[lab.Pos]placedText{}, map[int]*yaml.Node{}, map[lab.Pos]*yaml.Node{}}
	t.add(root, context{})
	return t, nil
}

func (t *Texts) add(n *yaml.Node, c context) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Style&yaml.LiteralStyle != 0:
		for i, text := range strings.Split(n.Value, "\n") {
			if text == "" { // behind the last line end nothing is the text's
				continue
			}
			line := n.Line + 1 + i
			t.lines[line] = n
			// A line may be a mapping in braces. It is all on that line, so its nodes have the line's columns.
			inner, err := parsed([]byte(text))
			if err == nil && inner.Kind == yaml.MappingNode && inner.Style&yaml.FlowStyle != 0 {
				whole := string(t.Line(line))
				shift(inner, line, len([]rune(whole))-len([]rune(text)))
				t.add(inner, context{})
			}
		}
	case n.Kind == yaml.ScalarNode:
		t.at[PosOf(n)] = placedText{n, c}
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		flow := c.flow || n.Style&yaml.FlowStyle != 0
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && child.Kind == yaml.SequenceNode {
				t.of[PosOf(child)] = n
			}
			t.add(child, context{flow, n.Kind == yaml.MappingNode && i%2 == 0})
		}
	}
}

// Beside returns where the value of a key stands in the mapping that has a list for the value of another key: a text,
// or the texts of a list. list is the place of that other one. It is nil where there is no such key, or its value is
// neither.
func (t *Texts) Beside(list lab.Pos, key string) (texts []lab.Pos, isList bool) {
	list.File = ""
	n := t.of[list]
	if n == nil {
		return nil, false
	}
	at := KeyAt(n, key)
	if at < 0 {
		return nil, false
	}
	value := Deref(n.Content[at+1])
	if value.Kind == yaml.ScalarNode {
		return []lab.Pos{PosOf(value)}, false
	}
	for _, item := range List(value) {
		if item.Kind != yaml.ScalarNode {
			return nil, true
		}
		texts = append(texts, PosOf(item))
	}
	return texts, true
}

// shift gives the nodes of a text that was parsed by itself their places in the file.
func shift(n *yaml.Node, line, columns int) {
	n.Line, n.Column = line, n.Column+columns
	for _, c := range n.Content {
		shift(c, line, columns)
	}
}

// TextAt returns what the text says that begins there. Of a line of a text in literal style that is all up to its
// end, and inLine is set; a comment behind it is a part of it for YAML.
func (t *Texts) TextAt(at lab.Pos) (text string, inLine, ok bool) {
	at.File = ""
	if n, ok := t.at[at]; ok {
		return n.Value, false, true
	}
	line := t.Line(at.Line)
	if t.lines[at.Line] == nil || at.Col < 1 || at.Col > len(line) {
		return "", false, false
	}
	return string(line[at.Col-1:]), true, true
}

// Rewrite returns the text of the file, a byte order mark aside, with parts of its texts replaced and items added to
// its lists, and nothing else changed: not a blank, a comment, an anchor or the end of a line. A text has other quotes
// where the new one needs them. Parts of one text must not overlap. It is an error when a text goes on over several
// lines, or the file would come to say something else.
func (t *Texts) Rewrite(parts []Part, items []Item) ([]byte, error) {
	texts := map[lab.Pos][]Part{}
	for _, p := range parts {
		p.At.File = ""
		texts[p.At] = append(texts[p.At], p)
	}
	var edits []edit
	inLines := map[int][]edit{} // of texts in literal style
	said := map[*yaml.Node]string{}
	for at, parts := range texts {
		slices.SortFunc(parts, func(a, b Part) int { return a.From - b.From })
		more, err := t.replace(at, parts, said)
		if err != nil {
			return nil, fmt.Errorf("%s:%d:%d: %w", t.File, at.Line, at.Col, err)
		}
		edits = append(edits, more...)
		if t.lines[at.Line] != nil {
			inLines[at.Line] = append(inLines[at.Line], more...)
		}
	}
	for line, edits := range inLines {
		t.sayLine(said, line, edits)
	}
	again, err := parsed(apply(t.Text, slices.Clone(edits)))
	if err == nil && !alike(t.root, again, said, nil) {
		err = fmt.Errorf("it would say something else")
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be rewritten, which is a mistake of labrun: %w", t.File, err)
	}
	for _, i := range items {
		e, err := t.insert(i)
		if err != nil {
			return nil, fmt.Errorf("%s:%d:%d: %w", t.File, i.Before.Line, i.Before.Col, err)
		}
		edits = append(edits, e)
	}
	text := apply(t.Text, edits)
	_, err = parsed(text)
	return text, err
}

// replace returns the edits that change parts of one text, and notes in said what its node comes to say.
func (t *Texts) replace(at lab.Pos, parts []Part, said map[*yaml.Node]string) ([]edit, error) {
	text, inLine, ok := t.TextAt(at)
	if !ok {
		return nil, fmt.Errorf("no text begins here")
	}
	var edits []edit
	whole, last := "", 0
	for _, p := range parts {
		whole += text[last:p.From] + p.Text
		last = p.To
	}
	whole += text[last:]
	if inLine {
		for _, p := range parts {
			edits = append(edits, edit{t.Offset(at) + p.From, t.Offset(at) + p.To, p.Text})
		}
		return edits, nil
	}
	n := t.at[at]
	said[n.Node] = whole
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
	direct := !plain || readsAs(whole, n.context)
	for _, p := range parts {
		begin, end := t.Within(n.Node, text, p.From), t.Within(n.Node, text, p.To)
		// Within names the place of the node for what is not written as it is said.
		if p.From > 0 && begin == PosOf(n.Node) || p.To > 0 && end == PosOf(n.Node) {
			direct = false
			break
		}
		// A text with marks that need escapes is easier to read in other quotes.
		if n.Style&yaml.DoubleQuotedStyle != 0 && strings.ContainsAny(p.Text, `"\`) ||
			n.Style&yaml.SingleQuotedStyle != 0 && strings.ContainsAny(p.Text, "'") {
			direct = false
		}
		edits = append(edits, edit{t.Offset(begin), t.Offset(end), p.Text})
	}
	if direct {
		return edits, nil
	}
	begin, end, ok := t.bare(n.Node)
	if !ok {
		return nil, fmt.Errorf("this text goes on over several lines")
	}
	return []edit{{begin, end, wording.YAML(whole)}}, nil
}

// sayLine notes what a text in literal style comes to say by edits of one of its lines.
func (t *Texts) sayLine(said map[*yaml.Node]string, line int, edits []edit) {
	n := t.lines[line]
	if _, ok := said[n]; !ok {
		said[n] = n.Value
	}
	lines := strings.Split(said[n], "\n")
	old := &lines[line-n.Line-1]
	whole := string(t.Line(line))
	indent := len(whole) - len(*old)
	var moved []edit
	for _, e := range edits {
		moved = append(moved, edit{e.begin - t.Lines[line-1] - indent, e.end - t.Lines[line-1] - indent, e.text})
	}
	*old = string(apply([]byte(*old), moved))
	said[n] = strings.Join(lines, "\n")
}

// bare is extent without an anchor or a tag before the text.
func (t *Texts) bare(n *yaml.Node) (begin, end int, ok bool) {
	c := *n
	line := t.Line(n.Line)
	for at := n.Column - 1; at < len(line) && (line[at] == '&' || line[at] == '!'); c.Column = at + 1 {
		for at < len(line) && !unicode.IsSpace(line[at]) {
			at++
		}
		for at < len(line) && unicode.IsSpace(line[at]) {
			at++
		}
	}
	c.Anchor, c.Style = "", c.Style&^yaml.TaggedStyle
	return t.extent(&c)
}

// insert returns the edit that adds an item: on a line of its own where the one behind it has one.
func (t *Texts) insert(i Item) (edit, error) {
	at := t.Offset(i.Before)
	begin := t.Lines[i.Before.Line-1]
	before := string(t.Text[begin:at])
	own := strings.Trim(before, " \t") == ""
	switch {
	case i.Flow && !own:
		return edit{at, at, i.Text + ", "}, nil
	case i.Flow:
		return edit{begin, begin, before + i.Text + "," + t.lineEnd()}, nil
	case strings.Trim(before, " \t") == "-":
		return edit{begin, begin, before + i.Text + t.lineEnd()}, nil
	}
	return edit{}, fmt.Errorf("a new item has no place before this one")
}

// lineEnd returns how lines of the file end.
func (s *Source) lineEnd() string {
	if bytes.Contains(s.Text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
