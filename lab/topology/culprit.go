package topology

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

// knownKeys are keys that a file may have somewhere, at the start of a line.
var knownKeys = slices.Concat(topologyKeys, sharedKeys, stepKeys,
	[]string{"defaults", "sysctls", "nics", "network", "address", "subnet",
		"subnet6", "link", "steps", "claim", "when", "processes", "hosts", "user", "capabilities"})

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
	// callLine is a call.
	callLine = once.Regexp(`^([A-Za-z0-9_]+ *= *)?[a-z_]+\(`)
	// sameLine is a value that goes on with another key.
	sameLine = once.Regexp(`^[^:]*, ([a-z]+): `)
)

// culprit returns where the mistake behind an error of the parser is and what it is, ""
// when that is not to be seen.
func (s *source) culprit(e *yaml.LoadError, pos lab.Pos) (lab.Pos, string) {
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

// deeperItem is for an item of a list that begins in another column than the one before.
const deeperItem = "this line is further in than the \"- \" of line %d, and so a part of that step; begin both in the same column"

// keysBeside explains a key below a step that is a text.
func (s *source) keysBeside(pos lab.Pos) (lab.Pos, string) {
	number, before := s.lineBefore(pos.Line)
	m := itemLine().FindStringSubmatchIndex(before)
	line := string(s.line(pos.Line))
	if m == nil || !keyLine().MatchString(line) || indentation(line) <= indentation(before) ||
		strings.ContainsAny(before[m[4]:m[4]+1], "[{&*") {
		return pos, ""
	}
	if itemLine().MatchString(line) {
		return inLine(pos.Line, line, indentation(line)), fmt.Sprintf(deeperItem, number)
	}
	return inLine(number, before, m[4]), "a step with keys beside it names the process that makes the call: main: " +
		wording.Clip(uncommented(before[m[4]:]))
}

// strayColon explains a colon that cannot be a key's.
func (s *source) strayColon(pos lab.Pos) (lab.Pos, string) {
	line := string(s.line(pos.Line))
	if at := submatch(keyLine().FindStringSubmatchIndex(line), 3); at > 0 && column(line, at) < pos.Col &&
		line[at] != '"' && line[at] != '\'' {
		value := uncommented(line[at:])
		if m := sameLine().FindStringSubmatch(value); m != nil && slices.Contains(knownKeys, m[1]) {
			begin := submatch(keyLine().FindStringSubmatchIndex(line), 2)
			return inLine(pos.Line, line, begin), "keys on one line stand in braces: {" +
				wording.Clip(uncommented(line[begin:])) + "}"
		}
		return inLine(pos.Line, line, at), `a text with ": " in it has to be quoted: ` + wording.YAML(wording.Clip(value))
	}
	number, before := s.lineBefore(pos.Line)
	if m := gluedLine().FindStringSubmatchIndex(before); m != nil {
		return inLine(number, before, m[4]), fmt.Sprintf("a blank is missing behind this colon: %s: %s",
			before[m[4]:m[5]], wording.Clip(before[m[6]:m[7]]))
	}
	if at, words := withoutColon(before); words != "" {
		return inLine(number, before, at), words
	}
	if bare := uncommented(before); wordLine().MatchString(bare) && indentation(line) > indentation(before) ||
		wordsLine().MatchString(bare) && indentation(line) == indentation(before) && !itemLine().MatchString(line) {
		return inLine(number, before, indentation(before)), fmt.Sprintf("%s has no colon behind its key", wording.Quote(bare))
	}
	if itemLine().MatchString(line) { // below a key without colon there may be items before it
		n, up := number, before
		for itemLine().MatchString(up) && n > pos.Line-50 {
			n, up = s.lineBefore(n)
		}
		if bare := uncommented(up); wordLine().MatchString(bare) && indentation(up) <= indentation(line) {
			return inLine(n, up, indentation(up)), fmt.Sprintf("%s has no colon behind its key", wording.Quote(bare))
		}
	}
	if at, words := s.keysBeside(pos); words != "" {
		return at, words
	}
	if indent := indentation(line); indent > indentation(before) && keyLine().MatchString(before) {
		return inLine(pos.Line, line, indent), fmt.Sprintf("this line is further in than line %d, whose key has its value; begin it in the same column", number)
	}
	return pos, ""
}

// lacksColon explains a line that cannot be a key and its value.
func (s *source) lacksColon(pos lab.Pos) (lab.Pos, string) {
	line := s.line(pos.Line)
	if pos.Col < 1 || pos.Col > len(line) {
		return pos, ""
	}
	text := uncommented(string(line[pos.Col-1:]))
	key, value, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "-"):
		return pos, `a blank is missing behind the "-" of this item: - ` + wording.Clip(strings.TrimLeft(text, "-"))
	case callLine().MatchString(text):
		return pos, `this call is neither an item of a list, "- ` + wording.Clip(text) + `", nor behind a process: "main: ` +
			wording.Clip(text) + `"`
	case value == "":
		return pos, wording.Quote(text) + " has no colon and no value; check the indentation"
	case len(strings.Fields(value)) > 3:
		return pos, wording.Quote(text) + " has no colon; check the indentation"
	}
	return pos, fmt.Sprintf("%s has no colon: %s: %s", wording.Quote(text), key, wording.Clip(value))
}

// goesOn explains what follows a value that has ended.
func (s *source) goesOn(pos lab.Pos) (lab.Pos, string) {
	line := string(s.line(pos.Line))
	if at, words := withoutColon(line); words != "" {
		return inLine(pos.Line, line, at), words
	}
	rest := string(s.line(pos.Line)[min(pos.Col-1, len(s.line(pos.Line))):])
	if rest != "" && strings.Trim(rest, " }]") == "" {
		return pos, fmt.Sprintf("this %c closes nothing", rest[0])
	}
	at := submatch(keyLine().FindStringSubmatchIndex(line), 3)
	if at < 0 {
		at = submatch(itemLine().FindStringSubmatchIndex(line), 2)
	}
	if at < 0 || column(line, at) >= pos.Col {
		return pos, ""
	}
	value := uncommented(line[at:])
	switch mark := value[0]; mark {
	case '[', '{':
		return inLine(pos.Line, line, at), fmt.Sprintf("a text that begins with %c has to be quoted: %s", mark,
			wording.YAML(wording.Clip(value)))
	case '\'', '"':
		inner := strings.TrimSuffix(value[1:], value[:1])
		return pos, "the quote ends before this; in quotes the whole text is written " + wording.YAML(wording.Clip(inner))
	}
	return pos, ""
}

// between explains a line that begins in a column between those of the lines around it.
func (s *source) between(pos lab.Pos) (lab.Pos, string) {
	line := string(s.line(pos.Line))
	number, before := s.lineBefore(pos.Line)
	if indent := indentation(line); pos.Col == indent+1 && indent < indentation(before) {
		return pos, fmt.Sprintf("no block begins in this column; check the indentation of this line and of line %d",
			number)
	}
	return pos, ""
}

// unfinished returns the parser's error about a quote, list or mapping that is open before a
// line, so that what the parser says of the line is about something else than was meant; nil
// when there is none.
func (s *source) unfinished(number int) *yaml.LoadError {
	if number < 2 || number > len(s.lines) {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(s.text[:s.lines[number-1]]))
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
		r := &flowReader{source: s, at: s.offset(lab.Pos{Line: e.ContextMark.Line, Col: e.ContextMark.Column})}
		if r.collection(0) && len(r.found) == 0 {
			return nil
		}
	}
	return e
}

// withoutColon finds a key of ours at the start of a line that has no colon behind it.
func withoutColon(line string) (at int, words string) {
	m := bareLine().FindStringSubmatchIndex(line)
	if m == nil || !slices.Contains(knownKeys, line[m[4]:m[5]]) {
		return 0, ""
	}
	return m[4], fmt.Sprintf("%q has no colon: %[1]s: %s", line[m[4]:m[5]], wording.Clip(strings.TrimSpace(line[m[6]:m[7]])))
}

// lineBefore returns the line before that says something, and its number.
func (s *source) lineBefore(n int) (int, string) {
	for n--; n > 0; n-- {
		if line := string(s.line(n)); strings.TrimSpace(line) != "" &&
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

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// submatch returns the offset of a group, -1 when nothing matched.
func submatch(m []int, group int) int {
	if m == nil {
		return -1
	}
	return m[2*group]
}

func column(line string, offset int) int { return 1 + utf8.RuneCountInString(line[:offset]) }

func inLine(number int, line string, offset int) lab.Pos {
	return lab.Pos{Line: number, Col: column(line, offset)}
}

// checkSpaces complains about characters where the structure of the file is that look like
// blanks, and are letters to YAML: before the first word of a line, and beside a colon.
func (s *source) checkSpaces(c *complaints) bool {
	found := 0
	const most = 10
	for n := 1; n <= len(s.lines) && found < most; n++ {
		line := s.line(n)
		start := slices.IndexFunc(line, func(r rune) bool { return r != ' ' && r != '\t' && !looksBlank(r) })
		for i, r := range line {
			if looksBlank(r) && (i < start || i > 0 && line[i-1] == ':' || i+1 < len(line) && line[i+1] == ':') {
				c.add(lab.Pos{Line: n, Col: i + 1}, "%U looks like a blank and is a letter to YAML; write a blank", r)
				found++
				break
			}
		}
	}
	return found > 0
}

// looksBlank reports whether a character other than a blank looks like one, or like nothing.
func looksBlank(r rune) bool {
	return r != ' ' && unicode.Is(unicode.Zs, r) || strings.ContainsRune("\u200b\u200c\u200d\u2060\ufeff\u00ad", r)
}

// oddBlank returns the character that looks like a blank at the start or the end of a text
// without quotes, and where it is; -1 for none.
func oddBlank(n *yaml.Node) (rune, int) {
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return 0, -1
	}
	if r, _ := utf8.DecodeRuneInString(n.Value); r >= utf8.RuneSelf && looksBlank(r) {
		return r, 0
	}
	if r, _ := utf8.DecodeLastRuneInString(n.Value); r >= utf8.RuneSelf && looksBlank(r) {
		return r, utf8.RuneCountInString(n.Value) - 1
	}
	return 0, -1
}
