// Package session makes experiments of calls that a person types, one a line, for answers and not for verdicts: a
// call without an answer behind it is asked whatever comes. It is pure. The lines become a topology, the
// hosts of which are those of another one, so that all that is true of files is true of what is typed: the same
// checks, the same names, and a file that can be kept.
package session

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/topology"
	"labrun/lab/yamlpos"
)

// Session is hosts, and one of them in which calls are made.
type Session struct {
	name   string // what places are called by, as that of a file
	layout []byte // the text that declares the hosts
	host   string // the subject
}

// Experiment is the name of the only experiment of a session.
const Experiment = "try"

// New returns a session in a host of a topology, which Load has taken. Complaints call the lines by the name.
func New(name string, from topology.Source, host string) (*Session, error) {
	layout, err := topology.LayoutText(from)
	if err != nil {
		return nil, err
	}
	return &Session{name: name, layout: layout, host: host}, nil
}

// stepIndent is how far the steps of a file stand in its lines.
const stepIndent = 6

// text returns the file that the lines are the steps of, and how many lines of it come before the first of them.
// The first line of a text may begin with blanks, so its indentation is said.
func (s *Session) text(name string, lines []string) (text []byte, before int) {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\n\n%sexperiments:\n  %s:\n    hosts: [%s]\n    steps: |2\n", name, s.layout, Experiment,
		s.host)
	before = strings.Count(b.String(), "\n")
	for _, line := range lines {
		b.WriteString(strings.TrimRight(strings.Repeat(" ", stepIndent)+line, " \t") + "\n")
	}
	return []byte(b.String()), before
}

// Load returns the topology whose one experiment has the lines as its steps. What is wrong with them is
// topology.Diagnostics, whose places are lines and columns of what was typed.
func (s *Session) Load(lines []string) (*lab.Topology, error) {
	asked := make([]string, len(lines))
	for i, line := range lines {
		asked[i] = ask(line)
	}
	text, before := s.text(Experiment, asked)
	t, err := topology.Load(topology.Source{File: s.name, Text: text})
	if found, ok := err.(topology.Diagnostics); ok {
		return nil, s.renumber(found, lines, before)
	}
	if err != nil {
		return nil, err
	}
	t.Warnings = slices.DeleteFunc(t.Warnings, func(w lab.Warning) bool { return w.Pos.Line <= before })
	forPerson(t)
	return t, nil
}

// Warnings returns what the lines from an index on say to no effect, with their places in what was typed.
func (s *Session) Warnings(t *lab.Topology, lines []string, from int) topology.Diagnostics {
	_, before := s.text(Experiment, nil)
	var all topology.Diagnostics
	for _, d := range topology.Warnings(t) {
		if d.Pos.Line > before+from {
			all = append(all, d)
		}
	}
	return s.renumber(all, lines, before)
}

// ask returns a line of steps with "= ?" where it says no answer: the kernel may answer what it likes. A line that
// has mistakes stays as it is, and so does a step in braces, which has keys beside its call, and a line of strace,
// which says what was answered.
func ask(line string) string {
	process, step, comment := topology.CutLine(line)
	if step == "" || strings.HasPrefix(step, "{") {
		return line
	}
	if read := syntax.ParseForeign(step); len(read.Mistakes) > 0 || len(read.WantsAt) > 0 && read.WantsAt[0] > read.CallAt {
		return line
	}
	asked := step + " = ?"
	if len(syntax.ParseForeign(asked).Mistakes) > 0 {
		return line
	}
	// Blanks before it stay, so that columns are those of what was typed.
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	return indent + process + asked + comment
}

// forPerson makes of calls whose answer is open what a person wants to see. Those that may wait get the limit of those that
// are to be "blocked", for somebody waits for the answer; what waits for an error that the network tells of has the usual
// one. Datagrams say who sent them.
func forPerson(t *lab.Topology) {
	for _, slot := range t.Experiment(Experiment).Slots {
		for _, steps := range slot.Variants {
			for i := range steps {
				s := &steps[i]
				sig, _ := lab.SignatureOf(s.Call.Name)
				open := len(s.Want) == 1 && s.Want[0].Answer.Outcome == lab.Unasked
				s.Sender = open && s.Call.Makes == "" && (s.Call.Name == "recvfrom" || s.Call.Name == "recvmsg")
				if open && s.Limit == 0 && s.Pending == "" && sig.Waits && !sig.Hears {
					s.Limit = lab.BlockedLimit
				}
			}
		}
	}
}

var (
	lineNumber = regexp.MustCompile(`\bline (\d+)\b`)
	scope      = regexp.MustCompile(`^experiment "` + Experiment + `"(, steps)?: `)
)

// renumber gives complaints the places of what was typed, where the file of the session has others. Within a
// message too, a line is one that was typed.
func (s *Session) renumber(found topology.Diagnostics, lines []string, before int) topology.Diagnostics {
	typed := yamlpos.NewSource(s.name, []byte(strings.Join(lines, "\n")+"\n"), nil)
	all := slices.Clone(found)
	for i := range all {
		d := &all[i]
		d.Msg = renumbered(scope.ReplaceAllString(d.Msg, ""), before)
		if d.Pos.Line > before {
			d.Pos.Line -= before
			d.Pos.Col = max(d.Pos.Col-stepIndent, 1)
			d.Source = typed
		}
	}
	return all
}

// Line returns the index of the line that stands on a line of the session's file.
func (s *Session) Line(inFile int) int {
	_, before := s.text(Experiment, nil)
	return inFile - before - 1
}

// Words returns a text about the session's file in places of what was typed.
func (s *Session) Words(text string) string {
	_, before := s.text(Experiment, nil)
	place := regexp.MustCompile(`(^|\s)` + regexp.QuoteMeta(s.name) + `:(\d+):(\d+): `)
	text = place.ReplaceAllStringFunc(text, func(at string) string {
		m := place.FindStringSubmatch(at)
		line, err := strconv.Atoi(m[2])
		column, err2 := strconv.Atoi(m[3])
		if err != nil || err2 != nil || line <= before {
			return at
		}
		return fmt.Sprintf("%s%s:%d:%d: ", m[1], s.name, line-before, max(column-stepIndent, 1))
	})
	return renumbered(text, before)
}

// renumbered returns a text in which the lines that it names are so many less: those of a file become those of what
// was typed.
func renumbered(text string, before int) string {
	return lineNumber.ReplaceAllStringFunc(text, func(words string) string {
		n, err := strconv.Atoi(words[len("line "):])
		if err != nil || n <= before {
			return words
		}
		return fmt.Sprintf("line %d", n-before)
	})
}
