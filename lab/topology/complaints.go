package topology

import (
	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

// complaints is what every pass adds to: all that is wrong with a topology's files. Each pass has a
// reader with them in it, and goes on after a mistake, so that one look at a file shows all.
type complaints struct{ *yamlpos.Complaints }

// checkName complains about a name that its rule does not allow. What is named so is read all the
// same, as other parts of the file refer to it.
func (c complaints) checkName(pos lab.Pos, r syntax.NameRule, name string) bool {
	problem := r.Check(name)
	if problem != "" {
		c.Complain(pos, "%s", problem)
	}
	return problem == ""
}

// number reads a number between low and high, false after a complaint.
func (c complaints) number(n *yaml.Node, what string, low, high int64) (int64, bool) {
	text, ok := c.Text(n, what)
	if !ok {
		return 0, false
	}
	value, problem := syntax.Decimal(text, low, high)
	if problem != "" {
		c.Wrong(n, "%s: %s", what, problem)
	}
	return value, problem == ""
}

// doc reads a text for people, which reports show and nothing depends on.
func (c complaints) doc(e yamlpos.Entry) string {
	text, _ := c.Text(e.Value, "doc")
	return text
}

// warnOfSysctl warns of a parameter that is near to one that labrun knows. That kernels have
// others is nothing to complain about.
func (c complaints) warnOfSysctl(pos lab.Pos, s yamlpos.Scope, name string) {
	if near := lab.NearSysctl(name); near != "" {
		c.Warn(pos, "%s: labrun knows no kernel parameter %s, did you mean %s?", s, name, near)
	}
}
