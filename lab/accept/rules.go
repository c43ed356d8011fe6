package accept

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/topology"
	"labrun/lab/yamlpos"
)

// member is a combination that a rule gives its answer, with what its kernels answer.
type member struct {
	values  []int // indices, of all axes
	kernels []answered
}

// key is equal of members with the same answers.
func (m member) key() string { return wordsOf(m.kernels) }

// mostAxes and mostRules bound what is worth a rule: a table that nobody reads is no answer.
const (
	mostAxes  = 12
	mostRules = 20
)

// ruleEdits returns the edits of a list of rules: one that is wrong for all that it is about gets another answer, and
// where its combinations differ those that are fewer get rules before it.
func (p *place) ruleEdits(w *topology.Written, s *Session) ([]topology.Edit, error) {
	if p.rules.Shared {
		return nil, errors.New("several experiments have these rules by an anchor")
	}
	var rules []ruled
	for _, r := range p.rules.List {
		rules = append(rules, ruled{answer: r.Answer, on: r.On})
	}
	shape := lab.ShapeOf(p.e.Axes)
	members := make([]map[lab.Combo]map[string]answered, len(rules))
	add := func(c lab.Combo, u *use) error {
		values := shape.Values(c)
		i := p.ruleOf(rules, values, u)
		if i < 0 {
			return fmt.Errorf("no rule is about %s", p.e.CellName(c))
		}
		if members[i] == nil {
			members[i] = map[lab.Combo]map[string]answered{}
		}
		if members[i][c] == nil {
			members[i][c] = map[string]answered{}
		}
		a := answered{u.kernel, u.version, cmp.Or(u.need, rules[i].answer)}
		if other, ok := members[i][c][u.kernel]; ok && other.answer != a.answer {
			return p.differ()
		}
		members[i][c][u.kernel] = a
		return nil
	}
	for _, u := range p.uses {
		if err := add(u.combo, u); err != nil {
			return nil, err
		}
	}
	// What was not asked, by --only, keeps the answer that it has.
	asked := s.asked(p.e)
	for _, c := range p.e.Combos {
		if asked[c] {
			continue
		}
		for k, version := range s.runs[0].versions {
			if err := add(c, &use{cell: cell{e: p.e, combo: c, kernel: k}, version: version}); err != nil {
				return nil, err
			}
		}
	}
	var edits []topology.Edit
	for i, of := range members {
		var all []member
		for c, by := range of {
			all = append(all, member{shape.Values(c), kernelsOf(by)})
		}
		slices.SortFunc(all, func(a, b member) int { return slices.Compare(a.values, b.values) })
		some, err := p.ruleEdit(w, rules[i], i, all)
		if err != nil {
			return nil, err
		}
		edits = append(edits, some...)
	}
	return edits, nil
}

// asked returns the combinations of an experiment that the first run asked, in whatever host.
func (s *Session) asked(e *lab.Experiment) map[lab.Combo]bool {
	asked := map[lab.Combo]bool{}
	for i := range s.runs[0].matrices {
		m := &s.runs[0].matrices[i]
		for top := range s.files {
			if s.files[top].File != m.File || s.files[top].Experiment(e.Name) != e {
				continue
			}
			for j := range m.Cells {
				if m.Rows[m.Cells[j].Row].Name == e.Name {
					asked[m.Cells[j].Combo] = true
				}
			}
		}
	}
	return asked
}

// ruleOf returns the index of the rule that gives a combination its answer on the kernel of a use, -1 for none.
func (p *place) ruleOf(rules []ruled, values []int, u *use) int {
	var about []ruled
	var at []int
	for i := range rules {
		if p.rules.List[i].Matches(values) {
			about, at = append(about, rules[i]), append(at, i)
		}
	}
	if len(about) == 0 {
		return -1
	}
	return at[holding(about, u.version, u.wanted)]
}

// ruleEdit returns the edits of one rule by what its combinations answered.
func (p *place) ruleEdit(w *topology.Written, r ruled, at int, all []member) ([]topology.Edit, error) {
	wrong := func(m member) bool {
		return slices.ContainsFunc(m.kernels, func(k answered) bool { return k.answer != r.answer })
	}
	if !slices.ContainsFunc(all, wrong) {
		return nil, nil
	}
	// The answers of most combinations become the rule's own, and of as many those that it has.
	count := map[string]int{}
	for _, m := range all {
		count[m.key()]++
	}
	base := slices.MaxFunc(all, func(a, b member) int {
		right := func(m member) int { return map[bool]int{false: 1}[wrong(m)] }
		return cmp.Or(count[a.key()]-count[b.key()], right(a)-right(b))
	})
	others := slices.DeleteFunc(slices.Clone(all), func(m member) bool { return m.key() == base.key() })
	if r.on.Has != nil && len(others) > 0 {
		return nil, p.differ()
	}
	var items []string
	if len(others) > 0 {
		axes, err := fewestAxes(len(p.rules.Names), all)
		if err != nil {
			return nil, p.differ()
		}
		for len(others) > 0 {
			key := others[0].key()
			same := func(m member) bool { return m.key() == key }
			some, err := split(ruled{answer: r.answer, on: r.on}, slices.Clone(others[0].kernels))
			if err != nil {
				return nil, err
			}
			for _, b := range boxes(axes, others, same) {
				for _, one := range some {
					items = append(items, p.item(at, b, one))
				}
			}
			others = slices.DeleteFunc(others, same)
		}
	}
	some, err := split(r, slices.Clone(base.kernels))
	if err != nil {
		return nil, err
	}
	for _, one := range some[:len(some)-1] {
		items = append(items, p.item(at, nil, one))
	}
	if len(items) > mostRules {
		return nil, p.differ()
	}
	rule := &p.rules.List[at]
	var edits []topology.Edit
	for _, text := range items {
		edits = append(edits, topology.Edit{Rule: &yamlpos.Item{Before: rule.Start, Flow: p.rules.Flow, Text: text}})
	}
	if last := some[len(some)-1]; last.answer != r.answer {
		text, ok := w.TextAt(rule.Pos)
		if !ok {
			return nil, fmt.Errorf("the answer of the rule on line %d has no place of its own", rule.Pos.Line)
		}
		edits = append(edits, topology.Edit{Part: yamlpos.Part{At: rule.Pos, To: len(text), Text: last.answer}})
	}
	return edits, nil
}

// item writes a new rule before another one: about a box of values, and what that one asks of other axes.
func (p *place) item(at int, b box, r ruled) string {
	var values [][2]string
	for a, name := range p.rules.Names {
		asks := p.rules.List[at].Asks(a)
		if set, ok := b[a]; ok {
			asks = make([]bool, len(p.rules.Values[a]))
			for _, v := range set {
				asks[v] = true
			}
		}
		var of []string
		for v, is := range asks {
			if is {
				of = append(of, p.rules.Values[a][v])
			}
		}
		if len(of) > 0 && len(of) < len(p.rules.Values[a]) {
			values = append(values, [2]string{name, topology.RuleValues(of)})
		}
	}
	return topology.RuleText(values, r.bounds(), r.answer)
}

// fewestAxes returns the fewest axes by whose values it follows what combinations answered.
func fewestAxes(axes int, all []member) ([]int, error) {
	if axes > mostAxes {
		return nil, errors.New("too many axes")
	}
	var best []int
	most := 0 // values of the best, which make the rules
	for set := range 1 << axes {
		if n := bits.OnesCount(uint(set)); best != nil && n > len(best) {
			continue
		}
		var of []int
		for a := range axes {
			if set&(1<<a) != 0 {
				of = append(of, a)
			}
		}
		answers := map[string]string{}
		follows := true
		for _, m := range all {
			k := valuesOf(m, of)
			other, ok := answers[k]
			if follows = follows && (!ok || other == m.key()); !follows {
				break
			}
			answers[k] = m.key()
		}
		if follows && (best == nil || len(of) < len(best) || len(answers) < most) {
			best, most = of, len(answers)
		}
	}
	if best == nil {
		return nil, errors.New("combinations that are the same differ")
	}
	return best, nil
}

// valuesOf returns the values of some axes, as a key.
func valuesOf(m member, axes []int) string {
	var words []string
	for _, a := range axes {
		words = append(words, fmt.Sprint(m.values[a]))
	}
	return strings.Join(words, ",")
}

// box is some values, ascending, of each of some axes.
type box map[int][]int

// boxes returns boxes of values that hold those members for which in is true and no others of the same axes.
func boxes(axes []int, all []member, in func(member) bool) []box {
	var found []box
	seen := map[string]bool{}
	for _, m := range all {
		if k := valuesOf(m, axes); in(m) && !seen[k] {
			seen[k] = true
			b := box{}
			for _, a := range axes {
				b[a] = []int{m.values[a]}
			}
			found = append(found, b)
		}
	}
	// Two that differ in one axis alone are one; the last axis first, as combinations are ordered.
	for i := len(axes) - 1; i >= 0; i-- {
		for j := 0; j < len(found); j++ {
			for k := j + 1; k < len(found); k++ {
				if !differOnlyIn(axes[i], axes, found[j], found[k]) {
					continue
				}
				set := append(slices.Clone(found[j][axes[i]]), found[k][axes[i]]...)
				slices.Sort(set)
				found[j][axes[i]] = slices.Compact(set)
				found = slices.Delete(found, k, k+1)
				k--
			}
		}
	}
	return found
}

func differOnlyIn(axis int, axes []int, a, b box) bool {
	return !slices.ContainsFunc(axes, func(x int) bool { return x != axis && !slices.Equal(a[x], b[x]) })
}
