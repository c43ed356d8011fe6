package topology

import (
	"bytes"
	"strings"
	"unicode"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// In [...] and {...} of YAML a comma, a bracket and a brace end a text that is not
// quoted, and steps have all of them, as regular expressions do. What follows reads such
// a list as it was meant, to say which text has to be quoted, and how.

// unquoted is a step or another text that has to be quoted.
type unquoted struct {
	pos  lab.Pos
	text string
}

func (u unquoted) complaint() string {
	noun := "text"
	switch {
	case u.text[0] == '/':
		noun = "regular expression"
	case isStep(u.text):
		noun = "step"
	}
	ends := "a comma, bracket or brace"
	if !strings.ContainsAny(u.text, ",[]{}") {
		ends = "a colon or # with a blank beside it"
	}
	if strings.HasSuffix(u.text, "::") {
		ends = "a colon before a comma, bracket or brace"
	}
	return "inside [...] and {...} " + ends + " ends a text, so quote this " + noun + ": " + wording.YAML(u.text)
}

func isStep(text string) bool { return strings.ContainsRune(text, '(') || strings.Contains(text, "${") }

// longestText is how long a text without quotes may be, in bytes.
const longestText = 300_000

// flowReader reads lists and mappings of YAML's flow style.
type flowReader struct {
	*source
	at      int
	found   []unquoted
	comment int // where one begins that has a bracket or brace in it, 0 for none
}

// unquotedTexts returns the texts that have to be quoted in the list or mapping that
// begins there, or that is there on that line; or where a comment begins that took its end.
func (s *source) unquotedTexts(at lab.Pos) (all []unquoted, comment lab.Pos) {
	line := s.line(at.Line)
	const most = 10 // each may read the file to its end
	for col, tried := 1, 0; col <= min(at.Col, len(line)) && tried < most; col++ {
		if line[col-1] == '[' || line[col-1] == '{' {
			tried++
			r := &flowReader{source: s, at: s.offset(lab.Pos{Line: at.Line, Col: col})}
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

// unquotedText returns the text that begins there, as it was meant.
func (s *source) unquotedText(begin lab.Pos) (unquoted, bool) {
	r := &flowReader{source: s, at: s.offset(begin)}
	if !r.plain() || len(r.found) == 0 {
		return unquoted{}, false
	}
	return r.found[0], true
}

// offset is the reverse of pos.
func (s *source) offset(p lab.Pos) int {
	if p.Line < 1 || p.Line > len(s.lines) {
		return len(s.text)
	}
	line := s.line(p.Line)
	return s.lines[p.Line-1] + len(string(line[:min(max(p.Col-1, 0), len(line))]))
}

// collection reads what stands between the brackets or braces that begin here.
func (r *flowReader) collection(depth int) bool {
	const deepest = 100
	if depth > deepest || len(r.found) > maxComplaints || !r.is("[{") {
		return false
	}
	r.at++
	for {
		r.space()
		switch {
		case r.at == len(r.text):
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
	return r.at < len(r.text) && strings.IndexByte(marks, r.text[r.at]) >= 0
}

// space passes over blanks, line ends and comments.
func (r *flowReader) space() {
	for r.at < len(r.text) {
		switch {
		case r.is(" \t\r\n"):
			r.at++
		case r.comments():
			begin := r.at
			for r.at < len(r.text) && r.text[r.at] != '\n' {
				r.at++
			}
			if r.comment == 0 && bytes.ContainsAny(r.text[begin:r.at], "]}") {
				r.comment = begin
			}
		default:
			return
		}
	}
}

// comments reports whether a comment begins here.
func (r *flowReader) comments() bool {
	return r.is("#") && r.at > 0 && strings.IndexByte(" \t\n", r.text[r.at-1]) >= 0
}

// quotes passes over a text in quotes.
func (r *flowReader) quotes() bool {
	mark := r.text[r.at]
	for r.at++; r.at < len(r.text); r.at++ {
		switch {
		case mark == '"' && r.is(`\`):
			r.at++
		case r.text[r.at] == mark:
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
	if n := regexLength(r.text[begin:]); n > 0 {
		r.at += n
		r.note(begin, r.at)
		return true
	}
	for ; r.at < len(r.text) && r.at < begin+longestText; r.at++ {
		switch {
		case r.is("([{"):
			depth++
		case depth == 0 && r.is(":") && r.at > begin && r.text[r.at-1] == ':': // 2001:db8::
			r.at++
			r.note(begin, r.at)
			return true
		case depth == 0 && (r.is(",]}") || r.is(":") && r.at+1 < len(r.text) &&
			strings.IndexByte(" \r\n,[]{}", r.text[r.at+1]) >= 0):
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
		case r.is("\n"):
			if depth == 0 {
				r.note(begin, r.at)
				return true
			}
		case r.is(`"`):
			if !r.quotes() {
				return false
			}
			r.at--
		case r.is("'") && r.text[r.at-1] == ' ': // of a command: sh -c 'a, b'
			if n := bytes.IndexAny(r.text[r.at+1:], "'\n"); n >= 0 && r.text[r.at+1+n] == '\'' {
				r.at += 1 + n
			}
		}
		if depth < 0 {
			return false
		}
	}
	return false
}

// nextKey finds where a mapping goes on with another key of a program.
var nextKey = once.Regexp(`, (run|as|stdout|stderr|exit|limit|until|background): `)

// regexLength returns how long the /regular expression/ is that begins here, 0 for none.
func regexLength(text []byte) int {
	if len(text) == 0 || text[0] != '/' {
		return 0
	}
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		if text[i] != '/' || i == 1 {
			continue
		}
		if rest := bytes.TrimLeft(text[i+1:], " "); len(rest) == 0 ||
			bytes.IndexByte([]byte(",}]\r\n#"), rest[0]) >= 0 {
			if nextKey().Match(text[:i]) {
				return 0 // it is a path, and the slash another text's
			}
			return i + 1
		}
	}
	return 0
}

// note keeps a text when it is one that YAML reads otherwise.
func (r *flowReader) note(begin, end int) {
	text := strings.TrimRightFunc(string(r.text[begin:end]), unicode.IsSpace)
	if strings.ContainsAny(text, ",[]{}") || strings.Contains(text, ": ") || strings.Contains(text, " #") ||
		strings.HasSuffix(text, "::") {
		if strings.Contains(text, "\n") {
			text = strings.Join(strings.Fields(text), " ") // as YAML folds it
		}
		r.found = append(r.found, unquoted{r.pos(begin), text})
	}
}
