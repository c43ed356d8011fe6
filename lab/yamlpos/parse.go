package yamlpos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/wording"
)

// CheckText complains about bytes that cannot be YAML, or that YAML would read
// as line ends where an editor does not.
func (s *Source) CheckText(c *Complaints) {
	if bytes.HasPrefix(s.Text, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.Text, []byte{0xfe, 0xff}) {
		c.Complain(lab.Pos{}, "the file is UTF-16, a %s file is UTF-8", s.dialect.Noun)
		return
	}
	for i := 0; i < len(s.Text); {
		r, size := utf8.DecodeRune(s.Text[i:])
		if problem := badRune(r, size, s.Text[i:]); problem != "" {
			c.Complain(s.pos(i), "%s", problem)
			return // one usually comes with many
		}
		i += size
	}
}

// badRune says why a character cannot be in a file. YAML takes some of those for line ends
// (YAML 1.1 5.4) that editors and our places do not, so every line below would have another number.
func badRune(r rune, size int, rest []byte) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0])
	case r == '\r' && (len(rest) < 2 || rest[1] != '\n'):
		return "a carriage return without a line feed; end lines with a line feed"
	case r == '\u0085', r == '\u2028', r == '\u2029':
		return fmt.Sprintf("line separator %U; end lines with a line feed", r)
	case r == '\ufeff':
		return "a byte order mark inside the file"
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
		return fmt.Sprintf("control character %U", r)
	}
	return ""
}

// CheckSize complains about a file that would take long to read, with what was
// read before it. It returns how much all of that is. It counts bytes that can begin a value, before
// the parser sees them: 4 MB of "[" are four million nodes, of some hundred bytes each.
func (s *Source) CheckSize(c *Complaints, before int) (marks int) {
	marks = before + len(s.Lines)
	for i, b := range s.Text {
		switch b {
		case ',', '[', '{':
			marks++
		case '-', '?': // "- - -" nests without any other mark
			if i > 1 && s.Text[i-1] == ' ' && s.Text[i-2] == b {
				marks++
			}
		}
	}
	switch {
	case marks <= maxMarks:
	case before > 0:
		c.Complain(lab.Pos{}, "the files up to this one have %d lines, commas and brackets, the limit is %d", marks, maxMarks)
	default:
		c.Complain(lab.Pos{}, "the file has %d lines, commas and brackets, the limit is %d", marks, maxMarks)
	}
	return marks
}

// ParseYAML returns the root of the one document in the file, which needs some keys; nil
// after a complaint.
func (s *Source) ParseYAML(c *Complaints, needs string) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(s.Text))
	if err != nil {
		c.Complain(lab.Pos{}, "%v", err)
		return nil
	}
	var doc, next yaml.Node
	switch err := loader.Load(&doc); {
	case err == io.EOF, err == nil && IsEmpty(Deref(doc.Content[0])):
		c.Complain(lab.Pos{}, "the file is empty; it needs %s", needs)
		return nil
	case err != nil:
		s.syntaxError(c, err)
		return nil
	}
	switch err := loader.Load(&next); {
	case err == nil:
		c.Wrong(&next, "a second document begins; a %s is one document", s.dialect.Noun)
		return nil
	case err != io.EOF:
		s.syntaxError(c, err)
		return nil
	}
	return doc.Content[0]
}

// syntaxWords are our words for the parser's. The first row whose problem, and
// context if it has one, occur in the parser's message counts. Its messages are those of libyaml,
// which name what the parser expected of its own grammar.
var syntaxWords = []struct{ problem, context, words string }{
	{"tab character", "", "a tab cannot indent, use spaces"},
	{"exceeded max depth", "", "values are nested too deep"},
	{"did not find expected ',' or ']'", "", "this list does not end: a comma or ] is missing"},
	{"did not find expected ',' or '}'", "", "this mapping does not end: a comma or } is missing"},
	{"did not find expected node content", "flow", "a value, ] or } is missing"},
	{"found unexpected end of stream", "quoted scalar", "this quote does not end"},
	{"found unexpected document indicator", "quoted scalar", "this quote does not end before the document does"},
	{"mapping values are not allowed", "", "a colon cannot stand here; quote the text, or check the indentation"},
	{"could not find expected ':'", "", "a key needs a colon after it; check the indentation"},
	{"did not find expected '-' indicator", "",
		"an item of the list that this line belongs to begins with \"- \"; check the indentation"},
	{"did not find expected key", "", "a key is expected here; check the indentation, and the quotes"},
	{"did not find expected <document start>", "",
		"this does not belong to what stands before it; check the indentation"},
	{"block sequence entries are not allowed", "", "a list item cannot stand here, begin a new line"},
	{"mapping keys are not allowed", "", "a key cannot stand here"},
	{"unknown escape character", "",
		"unknown escape in a double-quoted string; use single quotes to take \\ as written"},
	{"incompatible YAML document", "", "a %YAML directive; a NOUN file needs none"},
	{"directive", "", "a % at the start of a line is a YAML directive; quote the text"},
}

// syntaxError words the parser's error as a complaint: the first of these that fits. Characters that
// look like blanks come first, as they make errors of every kind; then a quote or bracket above that
// is still open, since all below it is read as a part of it; then what the lines around the place
// tell; and last the parser's message, in our words where there are some.
func (s *Source) syntaxError(c *Complaints, err error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		c.Complain(lab.Pos{}, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	pos := placeOf(e.Mark)
	if s.checkSpaces(c) {
		return
	}
	if open := s.unfinished(pos.Line); open != nil && !strings.Contains(e.ContextMsg, "flow") &&
		!strings.Contains(e.ContextMsg, "quoted") {
		if strings.Contains(open.ContextMsg, "quoted") {
			c.Complain(placeOf(open.ContextMark), "this quote goes on to line %d; is its end missing?", pos.Line)
			return
		}
		e, pos = open, placeOf(open.Mark)
	}
	if at, words := s.culprit(e, pos); words != "" {
		c.Complain(at, "%s", words)
		return
	}
	for _, w := range syntaxWords {
		if !strings.Contains(e.Message, w.problem) || !strings.Contains(e.ContextMsg, w.context) {
			continue
		}
		texts, comment := s.unquotedTexts(placeOf(e.ContextMark))
		if w.context == "flow" { // it ends behind the list or mapping, where the file does
			for n := s.clamp(pos).Line; n > 0 && n > pos.Line-50 && len(texts) == 0 && comment.Line == 0; n-- {
				texts, comment = s.unquotedTexts(lab.Pos{Line: n, Col: len(s.Line(n))})
			}
		}
		for _, u := range texts {
			c.Complain(u.pos, "%s", u.Complaint())
		}
		if len(texts) > 0 {
			return
		}
		if comment.Line > 0 && strings.Contains(e.ContextMsg, "flow") {
			c.Complain(comment,
				"this comment takes the rest of its line with it, so that the list or mapping around it does not end there")
			return
		}
		// What does not end is better shown where it begins.
		if strings.HasPrefix(w.words, "this ") && e.ContextMark.Line > 0 {
			pos = placeOf(e.ContextMark)
		}
		c.Complain(pos, "%s", strings.Replace(w.words, "NOUN", s.dialect.Noun, 1))
		return
	}
	words := "YAML: " + e.Message
	if e.ContextMsg != "" {
		words += " " + e.ContextMsg
	}
	c.Complain(pos, "%s", words)
}

// CheckTree complains about tags, and about aliases that contain themselves or
// make the file too large, with the values that were read before it. It returns how
// many there are now, and false when the tree must not be walked. Ten aliases of ten aliases, nine
// levels deep, are a thousand million values from a page of text; sizes counts each node once.
func (s *Source) CheckTree(c *Complaints, root *yaml.Node, before int) (values int, ok bool) {
	const open = -1
	sizes := map[*yaml.Node]int{}
	anchors := map[string]*yaml.Node{}
	ok = true
	var size func(n *yaml.Node) int
	size = func(n *yaml.Node) int {
		if n.Kind == yaml.AliasNode {
			if sizes[n.Alias] == open {
				if ok {
					c.Wrong(n, "alias %s contains itself", wording.Quote("*"+n.Value))
				}
				ok = false
				return 1
			}
			return size(n.Alias)
		}
		if r, at := oddBlank(n); at >= 0 {
			c.Complain(lab.Pos{Line: n.Line, Col: n.Column + at}, "%U looks like a blank and is a letter to YAML; write a blank",
				r)
		}
		if n.Anchor != "" {
			if first := anchors[n.Anchor]; first == nil {
				anchors[n.Anchor] = n
			} else if first != n {
				c.Warn(PosOf(n), "anchor %s is set a second time, first on line %d; an alias means the last one before it",
					wording.Quote("&"+n.Anchor), first.Line)
			}
		}
		if n.Style&yaml.TaggedStyle != 0 {
			c.Wrong(n, "tag %s; a %s file has no tags", wording.Quote(n.Tag), s.dialect.Noun)
		}
		if len(n.Content) == 0 {
			return 1
		}
		if known := sizes[n]; known != 0 {
			return known
		}
		sizes[n] = open
		total := 1
		for _, child := range n.Content {
			total = min(total+size(child), maxValues+1)
		}
		sizes[n] = total
		return total
	}
	if values = before + size(root); values > maxValues {
		c.Wrong(root, "aliases make the file larger than %d values, the limit", maxValues)
		ok = false
	}
	return values, ok
}
