package topology

import (
	"strings"
	"unicode"

	"labrun/lab"
)

// In [...] and {...} of YAML a comma, a bracket and a brace end a text that is not
// quoted, and steps have all of them. What follows reads such a list as somebody
// meant it who forgot that, to say which step has to be quoted, and how.

// unquoted is a step that has to be quoted.
type unquoted struct {
	pos  lab.Pos
	text string
}

func (u unquoted) complaint() string {
	return "inside [...] and {...} a comma, bracket or brace ends a text, so quote this step: " + quoted(u.text)
}

// quoted writes a text as YAML has it in quotes.
func quoted(text string) string {
	if strings.ContainsAny(text, `"\`) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return `"` + text + `"`
}

// flowReader reads lists and mappings of YAML's flow style.
type flowReader struct {
	*source
	at    int
	found []unquoted
}

// unquotedSteps returns the steps that have to be quoted in the list or mapping that
// begins there, or that is there on that line.
func (s *source) unquotedSteps(at lab.Pos) []unquoted {
	line := s.line(at.Line)
	const most = 10 // each may read the file to its end
	for col, tried := 1, 0; col <= min(at.Col, len(line)) && tried < most; col++ {
		if line[col-1] == '[' || line[col-1] == '{' {
			tried++
			r := &flowReader{source: s, at: s.offset(lab.Pos{Line: at.Line, Col: col})}
			if ok := r.collection(0); ok && len(r.found) > 0 {
				return r.found
			}
		}
	}
	return nil
}

// unquotedStep returns the step that begins there, as it was meant.
func (s *source) unquotedStep(begin lab.Pos) (unquoted, bool) {
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
		case r.is("#") && r.at > 0 && strings.IndexByte(" \t\n", r.text[r.at-1]) >= 0:
			for r.at < len(r.text) && r.text[r.at] != '\n' {
				r.at++
			}
		default:
			return
		}
	}
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
	for ; r.at < len(r.text) && r.at < begin+maxStep; r.at++ {
		switch {
		case r.is("([{"):
			depth++
		case depth == 0 && (r.is(",]}") || r.is(":") && r.at+1 < len(r.text) && strings.IndexByte(" \n", r.text[r.at+1]) >= 0):
			r.note(begin)
			return true
		case r.is(")]}"):
			depth--
		case r.is("\n"):
			if depth == 0 {
				r.note(begin)
				return true
			}
		case r.is(`"`):
			if !r.quotes() {
				return false
			}
			r.at--
		}
		if depth < 0 {
			return false
		}
	}
	return false
}

// note keeps the text from begin when it is a step that YAML reads otherwise.
func (r *flowReader) note(begin int) {
	text := strings.TrimRightFunc(string(r.text[begin:r.at]), unicode.IsSpace)
	step := strings.ContainsRune(text, '(') || strings.Contains(text, "${")
	if step && (strings.ContainsAny(text, ",[]{}") || strings.Contains(text, ": ") || strings.Contains(text, " #")) {
		if strings.Contains(text, "\n") {
			text = strings.Join(strings.Fields(text), " ") // as YAML folds it
		}
		r.found = append(r.found, unquoted{r.pos(begin), text})
	}
}
