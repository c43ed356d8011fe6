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
	// ItemLine is an item of a list.
	ItemLine = once.Regexp(`^(\s*)- +(\S.*)$`)
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
		return s.lacksColon(lab.Pos{Line: e.ContextMark.Line, Col: e.ContextMark.Column})
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
	}
	return pos, ""
}

// DeeperItem is for an item of a list that begins in another column than the one before.
func (s *Source) DeeperItem(before int) string {
	return fmt.Sprintf("this line is further in than the \"- \" of line %d, and so a part of that %s; begin both in "+
		"the same column",
		before, s.dialect.Item)
}

// keysBeside explains a key below an item that is a text: YAML goes on with the text, up to the colon.
func (s *Source) keysBeside(pos lab.Pos) (lab.Pos, string) {
	number, before := s.lineBefore(pos.Line)
	m := ItemLine().FindStringSubmatchIndex(before)
	line := string(s.Line(pos.Line))
	if m == nil || !keyLine().MatchString(line) || Indentation(line) <= Indentation(before) ||
		strings.ContainsAny(before[m[4]:m[4]+1], "[{&*") {
		return pos, ""
	}
	if ItemLine().MatchString(line) {
		return InLine(pos.Line, line, Indentation(line)), s.DeeperItem(number)
	}
	return InLine(number, before, m[4]), s.dialect.Beside(uncommented(before[m[4]:]))
}

// strayColon explains a colon that cannot be a key's: the value before it has a colon itself, a line
// above lacks one, so that this line seemed to go on with it, or the indentation is another.
func (s *Source) strayColon(pos lab.Pos) (lab.Pos, string) {
	line := string(s.Line(pos.Line))
	if at := submatch(keyLine().FindStringSubmatchIndex(line), 3); at > 0 && column(line, at) < pos.Col &&
		line[at] != '"' && line[at] != '\'' {
		value := uncommented(line[at:])
		if m := sameLine().FindStringSubmatch(value); m != nil && slices.Contains(s.dialect.Keys, m[1]) {
			begin := submatch(keyLine().FindStringSubmatchIndex(line), 2)
			return InLine(pos.Line, line, begin), "keys on one line stand in braces: {" +
				wording.Clip(uncommented(line[begin:])) + "}"
		}
		return InLine(pos.Line, line, at), `a text with ": " in it has to be quoted: ` + wording.YAML(wording.Clip(value))
	}
	number, before := s.lineBefore(pos.Line)
	if m := gluedLine().FindStringSubmatchIndex(before); m != nil {
		return InLine(number, before, m[4]), fmt.Sprintf("a blank is missing behind this colon: %s: %s",
			before[m[4]:m[5]], wording.Clip(before[m[6]:m[7]]))
	}
	if at, words := s.withoutColon(before); words != "" {
		return InLine(number, before, at), words
	}
	if bare := uncommented(before); wordLine().MatchString(bare) && Indentation(line) > Indentation(before) ||
		wordsLine().MatchString(bare) && Indentation(line) == Indentation(before) && !ItemLine().MatchString(line) {
		return InLine(number, before, Indentation(before)), fmt.Sprintf("%s has no colon behind its key",
			wording.Quote(bare))
	}
	if ItemLine().MatchString(line) { // below a key without colon there may be items before it
		n, up := number, before
		for ItemLine().MatchString(up) && n > pos.Line-50 {
			n, up = s.lineBefore(n)
		}
		if bare := uncommented(up); wordLine().MatchString(bare) && Indentation(up) <= Indentation(line) {
			return InLine(n, up, Indentation(up)), fmt.Sprintf("%s has no colon behind its key", wording.Quote(bare))
		}
	}
	if at, words := s.keysBeside(pos); words != "" {
		return at, words
	}
	if indent := Indentation(line); indent > Indentation(before) && keyLine().MatchString(before) {
		return InLine(pos.Line, line,
				indent), fmt.Sprintf("this line is further in than line %d, whose key has its value; begin it in the same "+
				"column", number)
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
	return pos, fmt.Sprintf("%s has no colon: %s: %s", wording.Quote(text), key, wording.Clip(value))
}

// goesOn explains what follows a value that has ended: with its closing quote or bracket, a value is
// over for YAML.
func (s *Source) goesOn(pos lab.Pos) (lab.Pos, string) {
	line := string(s.Line(pos.Line))
	if at, words := s.withoutColon(line); words != "" {
		return InLine(pos.Line, line, at), words
	}
	rest := string(s.Line(pos.Line)[min(pos.Col-1, len(s.Line(pos.Line))):])
	if rest != "" && strings.Trim(rest, " }]") == "" {
		return pos, fmt.Sprintf("this %c closes nothing", rest[0])
	}
	at := submatch(keyLine().FindStringSubmatchIndex(line), 3)
	if at < 0 {
		at = submatch(ItemLine().FindStringSubmatchIndex(line), 2)
	}
	if at < 0 || column(line, at) >= pos.Col {
		return pos, ""
	}
	value := uncommented(line[at:])
	switch mark := value[0]; mark {
	case '[', '{':
		return InLine(pos.Line, line, at), fmt.Sprintf("a text that begins with %c has to be quoted: %s", mark,
			wording.YAML(wording.Clip(value)))
	case '\'', '"':
		inner := strings.TrimSuffix(value[1:], value[:1])
		return pos, "the quote ends before this; in quotes the whole text is written " + wording.YAML(wording.Clip(inner))
	}
	return pos, ""
}

// between explains a line that begins in a column between those of the lines around it.
func (s *Source) between(pos lab.Pos) (lab.Pos, string) {
	line := string(s.Line(pos.Line))
	number, before := s.lineBefore(pos.Line)
	if indent := Indentation(line); pos.Col == indent+1 && indent < Indentation(before) {
		return pos, fmt.Sprintf("no block begins in this column; check the indentation of this line and of line %d", number)
	}
	return pos, ""
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
		r := &flowReader{Source: s, at: s.Offset(lab.Pos{Line: e.ContextMark.Line, Col: e.ContextMark.Column})}
		if r.collection(0) && len(r.found) == 0 {
			return nil
		}
	}
	return e
}

// withoutColon finds a key of ours at the start of a line that has no colon behind it.
func (s *Source) withoutColon(line string) (at int, words string) {
	m := bareLine().FindStringSubmatchIndex(line)
	if m == nil || !slices.Contains(s.dialect.Keys, line[m[4]:m[5]]) {
		return 0, ""
	}
	return m[4], fmt.Sprintf("%q has no colon: %[1]s: %s", line[m[4]:m[5]],
		wording.Clip(strings.TrimSpace(line[m[6]:m[7]])))
}

// lineBefore returns the line before that says something, and its number.
func (s *Source) lineBefore(n int) (int, string) {
	for n--; n > 0; n-- {
		if line := string(s.Line(n)); strings.TrimSpace(line) != "" &&
			!strings.HasPrefix(strings.TrimSpace(line), "#") {
			return n, line
		}
	}
	return 0, ""
}

// uncommented cuts a comment and the blanks before it off.
func uncommented(text string) string {
	text, _, _ = strings.Cut(text, " #")
	return strings.TrimSpace(text)
}

func Indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// submatch returns the offset of a group in what FindSubmatchIndex returned, -1 when nothing matched.
func submatch(m []int, group int) int {
	if m == nil {
		return -1
	}
	return m[2*group]
}

func column(line string, offset int) int { return 1 + utf8.RuneCountInString(line[:offset]) }

// InLine returns the place of an offset, in bytes, of a line.
func InLine(number int, line string, offset int) lab.Pos {
	return lab.Pos{Line: number, Col: column(line, offset)}
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
