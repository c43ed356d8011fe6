package session

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"labrun/lab"
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
// answer open, or says another one, what the kernels answered: so the file is green when they run it. A port or a name that the kernel
// chose gets a name. Lines that were not asked, behind a red one or a call that could not be made, are comments.
func (s *Session) File(name string, lines []string, answers []Answers) ([]byte, error) {
	slices.SortStableFunc(answers, func(a, b Answers) int { return a.Version.Compare(b.Version) })
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
		case len(byKernel(i, answers)) == 0:
			line = "# not asked: " + line
		case ask(line) != line || slices.ContainsFunc(answers, func(a Answers) bool { return a.Red[i] }) && line[0] != '{':
			read := syntax.ParseForeign(step)
			line = process + read.Call.String() + written(read.Call, byKernel(i, answers), &chosen) + comment
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

// answer is what kernels from a version on answered.
type answer struct {
	from lab.KernelVersion
	got  string
}

// byKernel returns what the kernels answered to a line, older ones first, where they differ.
func byKernel(line int, answers []Answers) []answer {
	var all []answer
	for _, a := range answers {
		if got, ok := a.Lines[line]; ok && (len(all) == 0 || all[len(all)-1].got != got) {
			all = append(all, answer{a.Version, got})
		}
	}
	return all
}

// written writes answers as a file does: that of the newest kernel, and in brackets those of older ones. It is
// empty where that says the same, as a call is to succeed.
func written(call lab.Call, answers []answer, chosen *int) string {
	newest := len(answers) - 1
	words := wanted(call, answers[newest].got, chosen)
	for i, a := range answers[:newest] {
		before := answers[i+1].from
		words += fmt.Sprintf(" [%s on linux %s]", wanted(call, a.got, chosen), lab.VersionBound{Op: "<", Version: before})
	}
	if words == string(lab.OK) {
		return ""
	}
	return " = " + words
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
