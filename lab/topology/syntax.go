package topology

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/wording"
)

// parseYAML returns the root of the one document in the file, nil after a
// complaint.
func (s *source) parseYAML(c *complaints) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(s.text))
	if err != nil {
		c.add(lab.Pos{}, "%v", err)
		return nil
	}
	var doc, next yaml.Node
	switch err := loader.Load(&doc); {
	case err == io.EOF, err == nil && isEmpty(deref(doc.Content[0])):
		needs := "name, networks and hosts"
		if s.via != "" {
			needs = "experiments, probes or claims"
		}
		c.add(lab.Pos{}, "the file is empty; it needs %s", needs)
		return nil
	case err != nil:
		s.syntaxError(c, err)
		return nil
	}
	switch err := loader.Load(&next); {
	case err == nil:
		c.add(posOf(&next), "a second document begins; a topology is one document")
		return nil
	case err != io.EOF:
		s.syntaxError(c, err)
		return nil
	}
	return doc.Content[0]
}

// syntaxWords are our words for the parser's. The first row whose problem, and
// context if it has one, occur in the parser's message counts.
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
	{"did not find expected '-' indicator", "", "an item of the list that this line belongs to begins with \"- \"; check the indentation"},
	{"did not find expected key", "", "a key is expected here; check the indentation, and the quotes"},
	{"did not find expected <document start>", "",
		"this does not belong to what stands before it; check the indentation"},
	{"block sequence entries are not allowed", "", "a list item cannot stand here, begin a new line"},
	{"mapping keys are not allowed", "", "a key cannot stand here"},
	{"unknown escape character", "", "unknown escape in a double-quoted string; use single quotes to take \\ as written"},
	{"incompatible YAML document", "", "a %YAML directive; a topology file needs none"},
	{"directive", "", "a % at the start of a line is a YAML directive; quote the text"},
}

// syntaxError words the parser's error as a complaint.
func (s *source) syntaxError(c *complaints, err error) {
	var e *yaml.LoadError
	if !errors.As(err, &e) {
		c.add(lab.Pos{}, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	pos := lab.Pos{Line: e.Mark.Line, Col: e.Mark.Column}
	if s.checkSpaces(c) {
		return
	}
	if open := s.unfinished(pos.Line); open != nil && !strings.Contains(e.ContextMsg, "flow") &&
		!strings.Contains(e.ContextMsg, "quoted") {
		if strings.Contains(open.ContextMsg, "quoted") {
			c.add(lab.Pos{Line: open.ContextMark.Line, Col: open.ContextMark.Column},
				"this quote goes on to line %d; is its end missing?", pos.Line)
			return
		}
		e, pos = open, lab.Pos{Line: open.Mark.Line, Col: open.Mark.Column}
	}
	if name, ok := strings.CutPrefix(e.Message, "unknown anchor '"); ok {
		c.add(pos, "no anchor %s before this alias; a text that begins with * has to be quoted",
			wording.Quote("&"+strings.TrimSuffix(name, "' referenced")))
		return
	}
	if strings.Contains(e.Message, "cannot start any token") {
		c.add(pos, "%s", s.badStart(pos))
		return
	}
	if at, words := s.culprit(e, pos); words != "" {
		c.add(at, "%s", words)
		return
	}
	for _, w := range syntaxWords {
		if !strings.Contains(e.Message, w.problem) || !strings.Contains(e.ContextMsg, w.context) {
			continue
		}
		texts, comment := s.unquotedTexts(lab.Pos{Line: e.ContextMark.Line, Col: e.ContextMark.Column})
		if w.context == "flow" { // it ends behind the list or mapping, where the file does
			for n := s.clamp(pos).Line; n > 0 && n > pos.Line-50 && len(texts) == 0 && comment.Line == 0; n-- {
				texts, comment = s.unquotedTexts(lab.Pos{Line: n, Col: len(s.line(n))})
			}
		}
		for _, u := range texts {
			c.add(u.pos, "%s", u.complaint())
		}
		if len(texts) > 0 {
			return
		}
		if comment.Line > 0 && strings.Contains(e.ContextMsg, "flow") {
			c.add(comment, "this comment takes the rest of its line with it, so that the list or mapping around it does not end there")
			return
		}
		// What does not end is better shown where it begins.
		if strings.HasPrefix(w.words, "this ") && e.ContextMark.Line > 0 {
			pos = lab.Pos{Line: e.ContextMark.Line, Col: e.ContextMark.Column}
		}
		c.add(pos, "%s", w.words)
		return
	}
	words := "YAML: " + e.Message
	if e.ContextMsg != "" {
		words += " " + e.ContextMsg
	}
	c.add(pos, "%s", words)
}

// badStart says why a value cannot begin with the character at that place.
func (s *source) badStart(pos lab.Pos) string {
	line := s.line(pos.Line)
	if pos.Col < 1 || pos.Col > len(line) {
		return "a value is missing"
	}
	if line[pos.Col-1] == '\t' {
		return "a tab cannot indent, use spaces"
	}
	return "text cannot begin with " + wording.Quote(string(line[pos.Col-1])) + " unless it is quoted"
}

// checkTree complains about tags, and about aliases that contain themselves or
// make the file too large, with the values that were read before it. It returns how
// many there are now, and false when the tree must not be walked.
func (s *source) checkTree(c *complaints, root *yaml.Node, before int) (values int, ok bool) {
	const open = -1
	sizes := map[*yaml.Node]int{}
	anchors := map[string]*yaml.Node{}
	ok = true
	var size func(n *yaml.Node) int
	size = func(n *yaml.Node) int {
		if n.Kind == yaml.AliasNode {
			if sizes[n.Alias] == open {
				if ok {
					c.add(posOf(n), "alias %s contains itself", wording.Quote("*"+n.Value))
				}
				ok = false
				return 1
			}
			return size(n.Alias)
		}
		if r, at := oddBlank(n); at >= 0 {
			c.add(lab.Pos{Line: n.Line, Col: n.Column + at},
				"%U looks like a blank and is a letter to YAML; write a blank", r)
		}
		if n.Anchor != "" {
			if first := anchors[n.Anchor]; first == nil {
				anchors[n.Anchor] = n
			} else if first != n {
				c.warn(posOf(n), "anchor %s is set a second time, first on line %d; an alias means the last one before it", wording.Quote("&"+n.Anchor), first.Line)
			}
		}
		if n.Style&yaml.TaggedStyle != 0 {
			c.add(posOf(n), "tag %s; a topology file has no tags", wording.Quote(n.Tag))
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
		c.add(posOf(root), "aliases make the file larger than %d values, the limit", maxValues)
		ok = false
	}
	return values, ok
}
