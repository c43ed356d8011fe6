package accept

import (
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
)

// answerIn returns the answer behind a call as it is written, "" when none is.
func answerIn(text string) string {
	p, ok := syntax.PlacesOf(text)
	if !ok || len(p.Answers) != 1 {
		return ""
	}
	return text[p.Answers[0][0]:p.Answers[0][1]]
}

// answerFor returns what a file is to say of an answer that a report has. What the kernel chose by itself, a port or a
// name that the file does not keep, has another value in every run: of that a file says ok, which demands that the
// call succeeds, and what a message brought is all that is said of it. How many bytes were sent is not asked either,
// as no report shows it.
func answerFor(s *lab.Step, got, wanted string) string {
	sig, _ := lab.SignatureOf(s.Call.Name)
	read, err := syntax.ParseAnswer(s.Call, got)
	if err == nil && !(sig.Counts && read.Outcome == lab.OK && isOpenWant(wanted)) {
		return got
	}
	for _, clause := range []string{" with ", " from "} {
		if at := strings.LastIndex(got, clause); at >= 0 && err != nil {
			if _, err := syntax.ParseAnswer(s.Call, got[:at]); err == nil {
				return got[:at]
			}
		}
	}
	return string(lab.OK)
}
