package topology

import (
	"labrun/lab"
	"labrun/lab/syntax"
)

func (d *decoder) checkName(pos lab.Pos, r syntax.NameRule, name string) bool {
	problem := r.Check(name)
	if problem != "" {
		d.Complain(pos, "%s", problem)
	}
	return problem == ""
}
