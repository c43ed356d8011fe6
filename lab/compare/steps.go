package compare

import "labrun/lab/result"

// StepPair is a step of a cell in both reports; nil where it was not made.
type StepPair struct {
	Before, After *result.StepResult
}

// Asked reports whether both made the same call.
func (p StepPair) Asked() bool {
	return p.Before != nil && p.After != nil && sameQuestion(p.Before.RowStep, p.After.RowStep)
}

// open reports whether both made the same call, and were answered otherwise where the
// file leaves that open.
func (p StepPair) open() bool {
	return p.Asked() && p.Before.Got != p.After.Got && sameAnswer(*p.Before, *p.After)
}

// Steps returns the steps of a changed cell in which it changed: what was answered
// or wanted otherwise, and the first step that is another call. The steps that
// only one of the two still made follow from what came before, and are returned
// only when nothing did: then the first of them.
func (d *Difference) Steps(p Pair) []StepPair {
	var pairs []StepPair
	others := 0
	for _, pair := range d.pairs(p) {
		switch {
		case pair.Before == nil || pair.After == nil:
			if len(pairs) == 0 {
				pairs = append(pairs, pair)
			}
			return pairs
		case !pair.Asked():
			if others++; others == 1 {
				pairs = append(pairs, pair)
			}
		case pair.Before.Want != pair.After.Want || !sameAnswer(*pair.Before, *pair.After):
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// OpenSteps returns the steps of a cell in which the answers differ that the file
// leaves open.
func (d *Difference) OpenSteps(p Pair) []StepPair {
	var pairs []StepPair
	for _, pair := range d.pairs(p) {
		if pair.open() {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

func (d *Difference) pairs(p Pair) []StepPair {
	before, c := p.Before.In(&d.Before)
	after, e := p.After.In(&d.After)
	return pairsOf(before.StepsOf(c), after.StepsOf(e))
}

// pairsOf puts the steps of a cell in two reports together, in their order.
func pairsOf(before, after []result.StepResult) []StepPair {
	pairs := make([]StepPair, max(len(before), len(after)))
	for i := range before {
		pairs[i].Before = &before[i]
	}
	for i := range after {
		pairs[i].After = &after[i]
	}
	return pairs
}
