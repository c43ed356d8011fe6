package compare

import "labrun/lab"

// StepPair is a step of a cell in both reports; nil where it was not made.
type StepPair struct {
	Before, After *lab.StepResult
}

// Asked reports whether both made the same call.
func (p StepPair) Asked() bool {
	return p.Before != nil && p.After != nil && sameQuestion(p.Before.RowStep, p.After.RowStep)
}

// Steps returns the steps of a changed cell in which it changed: what was answered
// or wanted otherwise, and the first step that is another call. The steps that
// only one of the two still made follow from what came before, and are returned
// only when nothing did: then the first of them.
func (d *Difference) Steps(p Pair) []StepPair {
	before, after := stepsOf(&d.Before, p.Before), stepsOf(&d.After, p.After)
	var pairs []StepPair
	others := 0
	for i := range max(len(before), len(after)) {
		var pair StepPair
		if i < len(before) {
			pair.Before = &before[i]
		}
		if i < len(after) {
			pair.After = &after[i]
		}
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
		case pair.Before.Want != pair.After.Want || pair.Before.Got != pair.After.Got:
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

func stepsOf(r *lab.Report, p Place) []lab.StepResult {
	m, c := p.In(r)
	return m.StepsOf(c)
}
