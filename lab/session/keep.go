package session

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/accept"
	"labrun/lab/syntax"
	"labrun/lab/topology"
)

// Answers are what a kernel answered to the lines of a session, in words of the file.
type Answers struct {
	Version lab.KernelVersion
	Lines   map[int]string // by index of the line; one without an answer was not asked
	Red     map[int]bool   // the lines that say another answer
}

// File returns the session as a topology in the form of labrun fmt: the lines, and behind each that leaves its
// answer open, or says another one, what the kernels answered: so the file is green when they run it. A port or a name
// that the kernel chose gets a name. Lines that were not asked, behind a red one or a call that could not be made, are
// comments.
func (s *Session) File(name string, lines []string, answers []Answers) ([]byte, error) {
	var kept []string
	chosen := 0
	for i, line := range lines {
		line = strings.TrimSpace(line)
		process, step, comment := topology.CutLine(line)
		switch {
		case step == "" && comment == "":
			// One between calls, as labrun fmt has it: lines of a conversation that are not calls are empty ones.
			if len(kept) == 0 || kept[len(kept)-1] == "" {
				continue
			}
		case step == "":
		case !slices.ContainsFunc(answers, func(a Answers) bool { _, ok := a.Lines[i]; return ok }):
			line = "# not asked: " + line
		case ask(line) != line || slices.ContainsFunc(answers, func(a Answers) bool { return a.Red[i] }) && line[0] != '{':
			read := syntax.ParseForeign(step)
			answer, doubt := written(read.Call, i, answers, &chosen)
			line = process + read.Call.String() + answer + comment + doubt
		}
		kept = append(kept, line)
	}
	for len(kept) > 0 && kept[len(kept)-1] == "" {
		kept = kept[:len(kept)-1]
	}
	text, before := s.text(name, kept)
	text = []byte(strings.Replace(string(text), "steps: |2\n", "steps: |\n", 1))
	_, after, err := topology.Format(topology.Source{File: name, Text: text})
	if found, ok := err.(topology.Diagnostics); ok {
		return nil, fmt.Errorf("the session cannot be kept as a file: %w", s.renumber(found, kept, before))
	}
	return after, err
}

// written writes what kernels answered to a line, as a file does. It is empty where that is ok, as a call is to
// succeed.
// Where a file cannot say what each of them answered it leaves that open, and a comment says why.
func written(call lab.Call, line int, answers []Answers, chosen *int) (answer, doubt string) {
	var kernels []accept.Answered
	words := map[string]string{} // of one answer: what the kernel chose has one name in all of them
	for _, a := range answers {
		got, ok := a.Lines[line]
		if !ok {
			continue
		}
		if _, ok := words[got]; !ok {
			words[got] = wanted(call, got, chosen)
		}
		kernels = append(kernels, accept.Answered{Version: a.Version, Answer: words[got]})
	}
	want, err := accept.ByKernel(call, kernels)
	if err != nil {
		return " = " + string(lab.Unasked), " # " + err.Error()
	}
	if text := want.String(); text != string(lab.OK) {
		answer = " = " + text
	}
	return answer, ""
}

// unnamed is how answers call a port that the kernel chose, and a name of unix(7).
var unnamed = regexp.MustCompile(`\bephemeral\b|\bautobind\b`)

// wanted returns an answer as a file may want it, "?" for one that it cannot. What the kernel chose gets a name of
// its own each time: whether it is the same thing again is not in the answer.
func wanted(call lab.Call, got string, chosen *int) string {
	got = unnamed.ReplaceAllStringFunc(got, func(word string) string {
		*chosen++
		if word == "autobind" {
			return fmt.Sprintf(`"@$n%d"`, *chosen)
		}
		return fmt.Sprintf("$p%d", *chosen)
	})
	if _, err := syntax.ParseAnswer(call, got); err != nil {
		return string(lab.Unasked)
	}
	return got
}
