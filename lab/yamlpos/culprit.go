package yamlpos

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// YAML's parser says where it could not go on, which is often behind the mistake, and
// nothing of what was meant. What follows looks at the lines around that place.

var (
	// keyLine is a line "key: value", perhaps of a list.
	keyLine = once.Regexp(`^(\s*(?:- +)*)([^\s:#'"\[{][^:#]*): +(\S.*)$`)
	// gluedLine is one without the blank behind its colon.
	gluedLine = once.Regexp(`^(\s*(?:- +)*)([A-Za-z_][A-Za-z0-9_.-]*):([^\s:].*)$`)
	// bareLine is one without the colon.
	bareLine = once.Regexp(`^(\s*(?:- +)*)([a-z6]+) *([\[{ ].*)$`)
	// wordLine is one word, and wordsLine several.
	wordLine  = once.Regexp(`^[A-Za-z0-9_.-]+$`)
	wordsLine = once.Regexp(`^[A-Za-z0-9_.]+ +[^:]+$`)
	// itemLine is an item of a list.
	itemLine = once.Regexp(`^(\s*)- +(\S.*)$`)
	// sameLine is a value that goes on with another key.
	sameLine = once.Regexp(`^[^:]*, ([a-z]+): `)
)

// culprit returns where the mistake behind an error of the parser is and what it is, ""
// when that is not to be seen. Each helper below knows some mistakes that lead to one error, and
// returns the place it was given with "" when it finds none of them: no guess is better than one
// that sends an author to a line which is right.
func (s *Source) culprit(e *yaml.LoadError, pos lab.Pos) (lab.Pos, string) {
	switch {
	case strings.Contains(e.Message, "mapping values are not allowed"):
		return s.strayColon(pos)
	case strings.Contains(e.Message, "could not find expected ':'"):
		return s.lacksColon(placeOf(e.ContextMark))
	case strings.Contains(e.Message, "did not find expected key"):
		if at, words := s.goesOn(pos); words != "" {
			return at, words
		}
		return s.between(pos)
	case strings.Contains(e.Message, "did not find expected '-' indicator"):
		if at, words := s.keysBeside(pos); words != "" {
			return at, words
		}
		return s.goesOn(pos)
	case strings.Contains(e.Message, "cannot start any token"):
		return pos, s.badStart(pos)
	}
	if name, ok := strings.CutPrefix(e.Message, "unknown anchor '"); ok {
		return pos, fmt.Sprintf("no anchor %s before this alias; a text that begins with * has to be quoted",
			wording.Quote("&"+strings.TrimSuffix(name, "' referenced")))
	}
	return pos, ""
}

// badStart says why a value cannot begin with the character at that place: @ and ` are kept by YAML
// for later, % begins a directive.
func (s *Source) badStart(pos lab.Pos) string {
	line := s.Line(pos.Line)
	if pos.Col < 1 || pos.Col > len(line) {
		return "a value is missing"
	}
	if line[pos.Col-1] == '\t' {
		return "a tab cannot indent, use spaces"
	}
	return "text cannot begin with " + wording.Quote(string(line[pos.Col-1])) + " unless it is quoted"
}

// line is a line of the file: what is wrong in it is found by byte offsets and shown by columns.
type line struct {
	number int
	text   string
}

func (s *Source) line(n int) line { return line{n, string(s.Line(n))} }

// lineBefore returns the line before that says something, one of no text where none does.
func (s *Source) lineBefore(n int) line {
	for n--; n > 0; n-- {
		l := s.line(n)
		if text := strings.TrimSpace(l.text); text != "" && !strings.HasPrefix(text, "#") {
			return l
		}
	}
	return line{}
}

func (l line) at(offset int) lab.Pos { return lab.Pos{Line: l.number, Col: l.column(offset)} }

func (l line) column(offset int) int { return 1 + utf8.RuneCountInString(l.text[:offset]) }

func (l line) indent() int { return len(l.text) - len(strings.TrimLeft(l.text, " ")) }

func (l line) isItem() bool { return itemLine().MatchString(l.text) }

// explain says what is wrong at an offset of the line.
func (l line) explain(offset int, format string, args ...any) (lab.Pos, string) {
	return l.at(offset), fmt.Sprintf(format, args...)
}

// deeperItem explains an item of a list that begins in another column than the one before.
func (s *Source) deeperItem(l line, before int) (lab.Pos, string) {
	return l.explain(l.indent(), "this line is further in than the \"- \" of line %d, and so a part of that %s; "+
		"begin both in the same column", before, s.dialect.Item)
}

// keysBeside explains a key below an item that is a text: YAML goes on with the text, up to the colon.
func (s *Source) keysBeside(pos lab.Pos) (lab.Pos, string) {
	l, before := s.line(pos.Line), s.lineBefore(pos.Line)
	m := itemLine().FindStringSubmatchIndex(before.text)
	switch {
	case m == nil || !keyLine().MatchString(l.text) || l.indent() <= before.indent() ||
		strings.IndexByte("[{&*", before.text[m[4]]) >= 0:
		return pos, ""
	case l.isItem():
		return s.deeperItem(l, before.number)
	}
	return before.at(m[4]), s.dialect.Beside(uncommented(before.text[m[4]:]))
}

// strayColon explains a colon that cannot be a key's: the value before it has a colon itself, a line
// above lacks one, so that this line seemed to go on with it, or the indentation is another.
func (s *Source) strayColon(pos lab.Pos) (lab.Pos, string) {
	l, before := s.line(pos.Line), s.lineBefore(pos.Line)
	if m := keyLine().FindStringSubmatchIndex(l.text); m != nil && l.column(m[6]) < pos.Col &&
		l.text[m[6]] != '"' && l.text[m[6]] != '\'' {
		value := uncommented(l.text[m[6]:])
		if other := sameLine().FindStringSubmatch(value); other != nil && slices.Contains(s.dialect.Keys, other[1]) {
			return l.explain(m[4], "keys on one line stand in braces: {%s}", wording.Clip(uncommented(l.text[m[4]:])))
		}
		return l.explain(m[6], `a text with ": " in it has to be quoted: %s`, wording.YAML(wording.Clip(value)))
	}
	if m := gluedLine().FindStringSubmatchIndex(before.text); m != nil {
		return before.explain(m[4], "a blank is missing behind this colon: %s: %s", before.text[m[4]:m[5]],
			wording.Clip(before.text[m[6]:m[7]]))
	}
	if at, words := s.withoutColon(before); words != "" {
		return at, words
	}
	const noColon = "%s has no colon behind its key"
	if bare := uncommented(before.text); wordLine().MatchString(bare) && l.indent() > before.indent() ||
		wordsLine().MatchString(bare) && l.indent() == before.indent() && !l.isItem() {
		return before.explain(before.indent(), noColon, wording.Quote(bare))
	}
	if l.isItem() { // below a key without colon there may be items before it
		up := before
		for up.isItem() && up.number > pos.Line-50 {
			up = s.lineBefore(up.number)
		}
		if bare := uncommented(up.text); wordLine().MatchString(bare) && up.indent() <= l.indent() {
			return up.explain(up.indent(), noColon, wording.Quote(bare))
		}
	}
	if at, words := s.keysBeside(pos); words != "" {
		return at, words
	}
	if l.indent() > before.indent() && keyLine().MatchString(before.text) {
		return l.explain(l.indent(), "this line is further in than line %d, whose key has its value; "+
			"begin it in the same column", before.number)
	}
	return pos, ""
}

// lacksColon explains a line that cannot be a key and its value. A few words are taken for a key and
// its value, more of them for a sentence that belongs to something above.
func (s *Source) lacksColon(pos lab.Pos) (lab.Pos, string) {
	line := s.Line(pos.Line)
	if pos.Col < 1 || pos.Col > len(line) {
		return pos, ""
	}
	text := uncommented(string(line[pos.Col-1:]))
	key, value, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "-"):
		return pos, `a blank is missing behind the "-" of this item: - ` + wording.Clip(strings.TrimLeft(text, "-"))
	case s.dialect.Stray(text) != "":
		return pos, s.dialect.Stray(text)
	case value == "":
		return pos, wording.Quote(text) + " has no colon and no value; check the indentation"
	case len(strings.Fields(value)) > 3:
		return pos, wording.Quote(text) + " has no colon; check the indentation"
	}
	return pos, fmt.Sprintf("%s has no colon: %s: %s", wording.Quote(text), wording.Clip(key), wording.Clip(value))
}

// goesOn explains what follows a value that has ended: with its closing quote or bracket, a value is
// over for YAML.
func (s *Source) goesOn(pos lab.Pos) (lab.Pos, string) {
	l := s.line(pos.Line)
	if at, words := s.withoutColon(l); words != "" {
		return at, words
	}
	rest := string(s.Line(pos.Line)[min(pos.Col-1, len(s.Line(pos.Line))):])
	if rest != "" && strings.Trim(rest, " }]") == "" {
		return pos, fmt.Sprintf("this %c closes nothing", rest[0])
	}
	at := -1
	if m := keyLine().FindStringSubmatchIndex(l.text); m != nil {
		at = m[6]
	} else if m := itemLine().FindStringSubmatchIndex(l.text); m != nil {
		at = m[4]
	}
	if at < 0 || l.column(at) >= pos.Col {
		return pos, ""
	}
	value := uncommented(l.text[at:])
	switch mark := value[0]; {
	case mark == '[' && s.dialect.NounOf(value) == s.dialect.Item: // a line of strace, say, [pid 12] before the call
		return l.explain(at, "a %[1]s that begins with [ is a list to YAML, and has to be quoted: %[2]s; below \"%[1]ss: |\" it "+
			"needs no quotes", s.dialect.Item, wording.YAML(wording.Clip(value)))
	case mark == '[', mark == '{':
		return l.explain(at, "a text that begins with %c has to be quoted: %s", mark, wording.YAML(wording.Clip(value)))
	case mark == '\'', mark == '"':
		inner := strings.TrimSuffix(value[1:], value[:1])
		return pos, "the quote ends before this; in quotes the whole text is written " + wording.YAML(wording.Clip(inner))
	}
	return pos, ""
}

// between explains a line that begins in a column between those of the lines around it.
func (s *Source) between(pos lab.Pos) (lab.Pos, string) {
	l, before := s.line(pos.Line), s.lineBefore(pos.Line)
	if pos.Col != l.indent()+1 || l.indent() >= before.indent() {
		return pos, ""
	}
	return pos, fmt.Sprintf("no block begins in this column; check the indentation of this line and of line %d",
		before.number)
}

// Folded explains a mistake at an offset of a text without quotes that goes on on a further line, ""
// when that line has no part in it. YAML puts lines that are further in together with a blank, so
// a step whose "- " is missing, or is in another column, becomes a part of the one above.
func (s *Source) Folded(n *yaml.Node, offset int) (lab.Pos, string) {
	begin := s.Line(n.Line)
	if n.Style != 0 || n.Column < 1 || n.Column > len(begin) {
		return PosOf(n), ""
	}
	text := uncommented(string(begin[n.Column-1:]))
	if len(text) >= len(n.Value) || !strings.HasPrefix(n.Value, text) {
		return PosOf(n), ""
	}
	next := s.line(n.Line + 1)
	for next.number < len(s.Lines) && strings.TrimSpace(next.text) == "" {
		next = s.line(next.number + 1)
	}
	switch {
	case next.isItem():
		return s.deeperItem(next, n.Line)
	case offset >= len(text):
		return next.explain(next.indent(), "this line goes on with the %s of line %d; begin it with \"- \" in the "+
			"same column", s.dialect.Item, n.Line)
	}
	return PosOf(n), ""
}

// unfinished returns the parser's error about a quote, list or mapping that is open before a
// line, so that what the parser says of the line is about something else than was meant; nil
// when there is none.
func (s *Source) unfinished(number int) *yaml.LoadError {
	if number < 2 || number > len(s.Lines) {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(s.Text[:s.Lines[number-1]]))
	if err != nil {
		return nil
	}
	var e *yaml.LoadError
	if !errors.As(loader.Load(new(yaml.Node)), &e) || e.ContextMark.Line == 0 {
		return nil
	}
	quote := strings.Contains(e.Message, "unexpected end of stream")
	if !quote && !strings.Contains(e.ContextMsg, "flow") {
		return nil
	}
	if !quote { // is it finished further on?
		r := &flowReader{Source: s, at: s.Offset(placeOf(e.ContextMark))}
		if r.collection(0) && len(r.found) == 0 {
			return nil
		}
	}
	return e
}

// withoutColon explains a line with a key of ours at its start that has no colon behind it.
func (s *Source) withoutColon(l line) (lab.Pos, string) {
	m := bareLine().FindStringSubmatchIndex(l.text)
	if m == nil || !slices.Contains(s.dialect.Keys, l.text[m[4]:m[5]]) {
		return lab.Pos{}, ""
	}
	return l.explain(m[4], "%q has no colon: %[1]s: %s", l.text[m[4]:m[5]],
		wording.Clip(strings.TrimSpace(l.text[m[6]:m[7]])))
}

// uncommented cuts a comment and the blanks before it off.
func uncommented(text string) string {
	text, _, _ = strings.Cut(text, " #")
	return strings.TrimSpace(text)
}

// checkSpaces complains about characters where the structure of the file is that look like
// blanks, and are letters to YAML: before the first word of a line, and beside a colon.
func (s *Source) checkSpaces(c *Complaints) bool {
	found := 0
	const most = 10
	for n := 1; n <= len(s.Lines) && found < most; n++ {
		line := s.Line(n)
		start := slices.IndexFunc(line, func(r rune) bool { return r != ' ' && r != '\t' && !LooksBlank(r) })
		for i, r := range line {
			if LooksBlank(r) && (i < start || i > 0 && line[i-1] == ':' || i+1 < len(line) && line[i+1] == ':') {
				c.Complain(lab.Pos{Line: n, Col: i + 1}, "%U looks like a blank and is a letter to YAML; write a blank", r)
				found++
				break
			}
		}
	}
	return found > 0
}

// LooksBlank reports whether a character other than a blank looks like one, or like nothing.
func LooksBlank(r rune) bool {
	return r != ' ' && unicode.Is(unicode.Zs, r) || strings.ContainsRune("\u200b\u200c\u200d\u2060\ufeff\u00ad", r)
}

// oddBlank returns the character that looks like a blank at the start or the end of a text
// without quotes, and where it is; -1 for none.
func oddBlank(n *yaml.Node) (rune, int) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return 0, -1
	}
	if r, _ := utf8.DecodeRuneInString(n.Value); r >= utf8.RuneSelf && LooksBlank(r) {
		return r, 0
	}
	if r, _ := utf8.DecodeLastRuneInString(n.Value); r >= utf8.RuneSelf && LooksBlank(r) {
		return r, utf8.RuneCountInString(n.Value) - 1
	}
	return 0, -1
}
