package topology

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// pieces are the text of a step, each of which knows where it comes from: what a placeholder stands for
// is written elsewhere in the file. So a mistake in a filled-in step is shown where it was made.
type pieces []piece

// piece is a part of a text that is written in one place.
type piece struct {
	text  string
	node  *yaml.Node // that it is written in; nil for a rule's
	at    int        // where in what the node says
	whole bool       // it stands for what is written there, and has no places of its own
	rule  *wantRule  // that it is the answer of; nil for none
}

// String returns the filled-in text, which is what is parsed.
func (t pieces) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
	}
	return b.String()
}

// from returns the piece that an offset is in, and where in what its node says it is. An offset at
// the very end, where something is missing, is in the last one.
func (t pieces) from(offset int) (piece, int) {
	for i, p := range t {
		if offset < len(p.text) || i == len(t)-1 {
			if p.whole {
				return p, p.at
			}
			return p, p.at + offset
		}
		offset -= len(p.text)
	}
	return piece{}, 0
}

// answer returns the answer of a combination as a step writes it, false when no rule covers
// it: what holds for all kernels, and in brackets what holds for some. Rules know no calls, so their
// answers are put into the step's text and read with it; each is a piece of its own, which is how
// a mistake in one is shown at the rule.
func (w *wantSet) answer(values []int) (pieces, bool) {
	from := w.rulesFor(values)
	if from == nil {
		return nil, false
	}
	last := from[len(from)-1]
	all := pieces{{text: last.answer, rule: last}}
	for _, r := range from[:len(from)-1] {
		all = append(all, piece{text: " [" + r.answer + r.on + "]", rule: r})
	}
	return all, true
}
