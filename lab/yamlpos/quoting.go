package yamlpos

import (
	"bytes"
	"cmp"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/wording"
)

// In [...] and {...} of YAML a comma, a bracket and a brace end a text that is not
// quoted, and calls have all of them, as regular expressions do. What follows reads such
// a list as it was meant, to say which text has to be quoted, and how.

// Unquoted is a text that has to be quoted.
type Unquoted struct {
	pos     lab.Pos
	text    string
	dialect *Dialect
}

func (u Unquoted) Complaint() string {
	noun := cmp.Or(u.dialect.NounOf(u.text), "text")
	ends := "a comma, bracket or brace"
	if !strings.ContainsAny(u.text, ",[]{}") {
		ends = "a colon or # with a blank beside it"
	}
	if strings.HasSuffix(u.text, "::") {
		ends = "a colon before a comma, bracket or brace"
	}
	return "inside [...] and {...} " + ends + " ends a text, so quote this " + noun + ": " + wording.YAML(u.text)
}

// longestText is how long a text without quotes may be, in bytes.
const longestText = 300_000

// flowReader reads lists and mappings of YAML's flow style as a person does: brackets inside of a
// text belong to it, so a comma within them does not end it. Where that differs from YAML's
// reading, the text has to be quoted.
type flowReader struct {
	*Source
	at      int
	found   []Unquoted
	comment int // where one begins that has a bracket or brace in it, 0 for none
}

// unquotedTexts returns the texts that have to be quoted in the list or mapping that
// begins there, or that is there on that line; or where a comment begins that took its end.
func (s *Source) unquotedTexts(at lab.Pos) (all []Unquoted, comment lab.Pos) {
	line := s.Line(at.Line)
	const most = 10 // each may read the file to its end
	for col, tried := 1, 0; col <= min(at.Col, len(line)) && tried < most; col++ {
		if line[col-1] == '[' || line[col-1] == '{' {
			tried++
			r := &flowReader{Source: s, at: s.Offset(lab.Pos{Line: at.Line, Col: col})}
			switch ok := r.collection(0); {
			case ok && len(r.found) > 0:
				return r.found, lab.Pos{}
			case !ok && r.comment > 0 && comment.Line == 0:
				comment = s.pos(r.comment)
			}
		}
	}
	return nil, comment
}

// UnquotedText returns the text that begins there, as it was meant.
func (s *Source) UnquotedText(begin lab.Pos) (Unquoted, bool) {
	r := &flowReader{Source: s, at: s.Offset(begin)}
	if !r.plain() || len(r.found) == 0 {
		return Unquoted{}, false
	}
	return r.found[0], true
}

// Offset is the reverse of pos.
func (s *Source) Offset(p lab.Pos) int {
	if p.Line < 1 || p.Line > len(s.Lines) {
		return len(s.Text)
	}
	line := s.Line(p.Line)
	return s.Lines[p.Line-1] + len(string(line[:min(max(p.Col-1, 0), len(line))]))
}

// collection reads what stands between the brackets or braces that begin here.
func (r *flowReader) collection(depth int) bool {
	const deepest = 100
	if depth > deepest || len(r.found) > MaxComplaints || !r.is("[{") {
		return false
	}
	r.at++
	for {
		r.space()
		switch {
		case r.at == len(r.Text):
			return false
		case r.is("]}"):
			r.at++
			return true
		case r.is(",:"):
			r.at++
		case r.is("[{"):
			if !r.collection(depth + 1) {
				return false
			}
		case r.is(`"'`):
			if !r.quotes() {
				return false
			}
		case !r.plain():
			return false
		}
	}
}

func (r *flowReader) is(marks string) bool {
	return r.at < len(r.Text) && strings.IndexByte(marks, r.Text[r.at]) >= 0
}

// space passes over blanks, line ends and comments.
func (r *flowReader) space() {
	for r.at < len(r.Text) {
		switch {
		case r.is(" \t\r\n"):
			r.at++
		case r.comments():
			begin := r.at
			for r.at < len(r.Text) && r.Text[r.at] != '\n' {
				r.at++
			}
			if r.comment == 0 && bytes.ContainsAny(r.Text[begin:r.at], "]}") {
				r.comment = begin
			}
		default:
			return
		}
	}
}

// comments reports whether a comment begins here.
func (r *flowReader) comments() bool {
	return r.is("#") && r.at > 0 && strings.IndexByte(" \t\n", r.Text[r.at-1]) >= 0
}

// quotes passes over a text in quotes.
func (r *flowReader) quotes() bool {
	mark := r.Text[r.at]
	for r.at++; r.at < len(r.Text); r.at++ {
		switch {
		case mark == '"' && r.is(`\`):
			r.at++
		case r.Text[r.at] == mark:
			r.at++
			return true
		}
	}
	return false
}

// plain reads a text without quotes, up to the comma or bracket that was meant to end
// it, or the colon of a key.
func (r *flowReader) plain() bool {
	begin, depth := r.at, 0
	if n := r.regexLength(r.Text[begin:]); n > 0 {
		r.at += n
		r.note(begin, r.at)
		return true
	}
	for ; r.at < len(r.Text) && r.at < begin+longestText; r.at++ {
		switch {
		case r.is("([{"):
			depth++
		case depth == 0 && r.is(":") && r.at > begin && r.Text[r.at-1] == ':': // 2001:db8::
			r.at++
			r.note(begin, r.at)
			return true
		case depth == 0 && (r.is(",]}\n") || r.is(":") && r.at+1 < len(r.Text) &&
			strings.IndexByte(" \r\n,[]{}", r.Text[r.at+1]) >= 0):
			r.note(begin, r.at)
			return true
		case r.comments():
			end := r.at
			r.space()
			if depth == 0 {
				r.note(begin, end)
				return true
			}
			r.at--
		case r.is(")]}"):
			depth--
		case r.is(`"`):
			if !r.quotes() {
				return false
			}
			r.at--
		case r.is("'") && r.Text[r.at-1] == ' ': // of a command: sh -c 'a, b'
			if n := bytes.IndexAny(r.Text[r.at+1:], "'\n"); n >= 0 && r.Text[r.at+1+n] == '\'' {
				r.at += 1 + n
			}
		}
		if depth < 0 {
			return false
		}
	}
	return false
}

// regexLength returns how long the /regular expression/ is that begins here, 0 for none. It ends at
// a slash behind which the list goes on, as there are slashes and commas in expressions.
func (r *flowReader) regexLength(text []byte) int {
	if len(text) == 0 || text[0] != '/' {
		return 0
	}
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		if text[i] != '/' || i == 1 {
			continue
		}
		if rest := bytes.TrimLeft(text[i+1:], " "); len(rest) == 0 ||
			bytes.IndexByte([]byte(",}]\r\n#"), rest[0]) >= 0 {
			if r.dialect.Goes().Match(text[:i]) {
				return 0 // it is a path, and the slash another text's
			}
			return i + 1
		}
	}
	return 0
}

// note keeps a text when it is one that YAML reads otherwise. The others need no quotes.
func (r *flowReader) note(begin, end int) {
	text := strings.TrimRightFunc(string(r.Text[begin:end]), unicode.IsSpace)
	if strings.ContainsAny(text, ",[]{}") || strings.Contains(text, ": ") || strings.Contains(text, " #") ||
		strings.HasSuffix(text, "::") {
		if strings.Contains(text, "\n") {
			text = strings.Join(strings.Fields(text), " ") // as YAML folds it
		}
		r.found = append(r.found, Unquoted{r.pos(begin), text, r.dialect})
	}
}

// Within returns the place in the file of an offset of a text, which is a node's. Where it
// is not written in the file as it is (an escape, several lines), that is the place
// where the node begins.
func (s *Source) Within(n *yaml.Node, text string, offset int) lab.Pos {
	pos := PosOf(n)
	line := s.Line(pos.Line)
	at := min(pos.Col-1, len(line))
	for at < len(line) && (line[at] == '&' || line[at] == '!') { // an anchor, a tag
		for at < len(line) && line[at] != ' ' {
			at++
		}
		for at < len(line) && line[at] == ' ' {
			at++
		}
	}
	var quoted rune
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && at < len(line) {
		quoted = line[at]
		at++
	}
	for _, r := range text[:offset] {
		if at+1 < len(line) && (quoted == '\'' && line[at] == '\'' && line[at+1] == '\'' ||
			quoted == '"' && line[at] == '\\' && (line[at+1] == '"' || line[at+1] == '\\')) {
			at++
		}
		if at >= len(line) || line[at] != r {
			return pos
		}
		at++
	}
	return lab.Pos{Line: pos.Line, Col: at + 1}
}
