package local

import "labrun/lab/question"

// explainer finds out why a step was answered as it was.
type explainer struct {
	*view
	step *question.Step
	got  got
}

func (v *view) explainer(s *question.Step, g got) *explainer { return &explainer{v, s, g} }
