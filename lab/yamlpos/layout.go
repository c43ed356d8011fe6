package yamlpos

import (
	"bytes"
	"math"
	"strings"

	"go.yaml.in/yaml/v4"
)

// step is how many blanks a level is further in than the one around it.
const step = 2

// layOut puts every key and item as far in as it is deep, and takes away what an editor does not
// show: blanks at the ends of lines, and empty lines beyond one. What goes on over several lines, a
// text or a list in brackets, moves as a whole, so its lines stay below each other.
func layOut(s *Source) ([]byte, error) {
	root, err := parsed(s.Text)
	if err != nil {
		return nil, err
	}
	if root.Kind == yaml.ScalarNode { // it has no level
		return s.Text, nil
	}
	l := &layouter{Source: s, lines: make([]laidLine, len(s.Lines)+1)}
	for i := range l.lines {
		l.lines[i].most = math.MaxInt
	}
	l.value(root, level{-1, -step})
	if l.odd {
		return s.Text, nil
	}
	l.rest()
	return l.print(), nil
}

// level is a column of the file before and after, counted from 0.
type level struct{ old, now int }

// laidLine is what is known of a line: whose it is decides what may be done with its blanks.
type laidLine struct {
	levels []level  // of the keys and items that begin on it, outer ones first; none on other lines
	gaps   [][2]int // blanks behind the dash of an item
	indent int      // how far in it is to be
	moved  int      // by how much what goes on behind it moves
	inside bool     // it goes on a text in quotes or of several lines, where blanks count
	flow   bool     // it goes on a list or mapping in brackets
	kept   bool     // its end goes on on the next line
	most   int      // how far in a comment may be that comes next; below a text in literal style it would be a part of it
}

type layouter struct {
	*Source
	lines []laidLine // from 1
	odd   bool       // it has keys of a kind that is left as it is
}

// value lays out what stands at a key or in an item; around is its level.
func (l *layouter) value(n *yaml.Node, around level) {
	inner := level{now: around.now + step}
	switch {
	case n.Kind == yaml.ScalarNode:
		l.scalar(n, around)
	case n.Style&yaml.FlowStyle != 0:
		for line := n.Line + 1; line <= lastLine(n); line++ {
			l.lines[line].flow = true
		}
		l.scalars(n)
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			before := l.before(k)
			l.odd = l.odd || before != "" && !strings.HasSuffix(before, "-") || IsEmpty(k) ||
				k.Kind != yaml.ScalarNode && k.Kind != yaml.AliasNode
			inner.old = k.Column - 1
			l.begin(k.Line, inner)
			l.value(n.Content[i+1], inner)
		}
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			line, before := item.Line, l.before(item)
			for !strings.HasSuffix(before, "-") && !l.odd {
				// The dash is on a line of its own above, where comments may be between.
				if line--; line < n.Line {
					l.odd = true
					return
				}
				before, _, _ = strings.Cut(string(l.Line(line)), " #")
				before = strings.TrimRight(before, " \t")
			}
			if l.odd {
				return
			}
			inner.old = len([]rune(before)) - 1
			l.begin(line, inner)
			if line == item.Line && !IsEmpty(item) {
				l.lines[line].gaps = append(l.lines[line].gaps, [2]int{inner.old + 1, item.Column - 1})
			}
			l.value(item, inner)
		}
	}
}

// before returns what stands before a node on its line, without blanks behind it.
func (l *layouter) before(n *yaml.Node) string {
	return strings.TrimRight(string(l.Line(n.Line)[:n.Column-1]), " \t")
}

// begin notes that a key or an item begins on a line.
func (l *layouter) begin(line int, at level) {
	here := &l.lines[line]
	if here.levels == nil {
		here.indent = at.now
	}
	here.levels = append(here.levels, at)
	here.moved = at.now - at.old
}

// lastLine returns the last line on which a part of a node begins.
func lastLine(n *yaml.Node) int {
	line := n.Line
	for _, c := range n.Content {
		line = max(line, lastLine(c))
	}
	return line
}

// scalars looks for texts over several lines in a list in brackets.
func (l *layouter) scalars(n *yaml.Node) {
	for _, c := range n.Content {
		if c.Kind == yaml.ScalarNode {
			l.quoted(c)
		}
		l.scalars(c)
	}
}

func (l *layouter) scalar(n *yaml.Node, around level) {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		l.quoted(n)
		return
	}
	l.lines[n.Line].most = max(around.now, 0)
	// The first line that is not empty says how far in all are, unless the header does.
	header := string(l.Line(n.Line)[n.Column-1:])
	header, _, _ = strings.Cut(header[max(0, strings.IndexAny(header, "|>")):], " ")
	first := n.Line + 1
	for first < len(l.Lines) && isBlank(l.Line(first)) {
		first++
	}
	old, now := indentOf(l.Line(first)), around.now+step
	if i := strings.IndexAny(header, "123456789"); i >= 0 {
		digit := int(header[i] - '0')
		old, now = max(around.old, 0)+digit, max(around.now, 0)+digit
	} else if old <= around.old || isBlank(l.Line(first)) { // it is empty, but for line ends
		old = math.MaxInt
	}
	last := n.Line // that has a text
	for line := n.Line + 1; line < len(l.Lines) || line == len(l.Lines) && len(l.Line(line)) > 0; line++ {
		blank := isBlank(l.Line(line))
		if !blank && indentOf(l.Line(line)) < old {
			break
		}
		if !blank || len(l.Line(line)) > old || strings.Contains(header, "+") {
			last = line
		}
	}
	for line := n.Line + 1; line <= last; line++ {
		here := &l.lines[line]
		here.inside, here.kept = true, true
		if length := indentOf(l.Line(line)); length >= old {
			here.indent = length + now - old
		}
	}
}

// quoted notes the lines of a text in quotes.
func (l *layouter) quoted(n *yaml.Node) {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return
	}
	begin := l.Offset(PosOf(n))
	r := &flowReader{Source: l.Source, at: begin + bytes.IndexAny(l.Text[begin:], `"'`)}
	for mark := l.Text[r.at]; r.quotes() && mark == '\'' && r.is("'"); {
	}
	end := l.pos(r.at).Line
	for line := n.Line; line < end; line++ {
		l.lines[line].kept = true
		l.lines[line+1].inside = true
		l.lines[line+1].indent = -1 // with what it belongs to
	}
}

func isBlank(line []rune) bool { return len(line) == indentOf(line) }

func indentOf(line []rune) int {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	return i
}

// rest finds out how far in the lines are on which nothing begins.
func (l *layouter) rest() {
	moved, most := 0, math.MaxInt
	for line := 1; line <= len(l.Lines); line++ {
		here, text := &l.lines[line], l.Line(line)
		old := indentOf(text)
		switch {
		case here.levels != nil:
			moved, most = here.moved, math.MaxInt
		case here.inside && here.indent >= 0: // in literal style
		case !here.inside && !here.flow && old < len(text) && text[old] == '#':
			here.indent = min(l.comment(line, old), most)
		default:
			here.indent = max(old+moved, 0)
		}
		most = min(most, here.most)
	}
}

// comment returns how far in a comment is to be: as the next key or item, if it was as far in as that,
// or else as an earlier one of the same level.
func (l *layouter) comment(line, old int) int {
	if old == 0 {
		return 0
	}
	for next := line + 1; next <= len(l.Lines); next++ {
		if levels := l.lines[next].levels; levels != nil {
			if levels[0].old == old {
				return levels[0].now
			}
			break
		}
	}
	for before := line - 1; before > 0; before-- {
		levels := l.lines[before].levels
		for i := len(levels) - 1; i >= 0; i-- {
			switch at := levels[i]; {
			case at.old == old:
				return at.now
			case at.old < old:
				return at.now + step
			}
		}
	}
	return 0
}

// print writes the lines.
func (l *layouter) print() []byte {
	var b bytes.Buffer
	empty := 0
	for line := 1; line <= len(l.Lines); line++ {
		here, text := &l.lines[line], l.Line(line)
		for i := len(here.gaps) - 1; i >= 0; i-- {
			gap := here.gaps[i]
			text = append(append(append([]rune(nil), text[:gap[0]]...), ' '), text[gap[1]:]...)
		}
		words := string(text[min(indentOf(text), len(text)):])
		if here.inside && here.levels == nil && here.kept && len(words) == 0 { // a blank may be a part of it
			words = strings.Repeat(" ", max(0, here.indent))
			here.indent = 0
		}
		if !here.kept {
			words = strings.TrimRight(words, " \t")
		}
		if words == "" && !here.inside {
			empty++
			continue
		}
		// Empty lines in a text without quotes are a part of it, too: all that goes on has no level.
		goesOn := here.levels == nil && !strings.HasPrefix(words, "#")
		if empty > 0 && b.Len() > 0 {
			if !goesOn {
				empty = 1
			}
			b.WriteString(strings.Repeat("\n", empty))
		}
		empty = 0
		if words != "" {
			b.WriteString(strings.Repeat(" ", here.indent))
		}
		b.WriteString(words + "\n")
	}
	// A text in literal style that the file ends within has a line end at its end, or has none.
	if last := len(l.Lines); len(l.Line(last)) > 0 && l.lines[last].inside {
		b.Truncate(b.Len() - 1)
	}
	return b.Bytes()
}
