package topology

import (
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

// Written is a topology with where its files say what it is: texts of steps, and rules that give their answers. A
// step's Pos names its text. What a file has in one place may be many steps: of combinations, of turns of repeat,
// of experiments that share it by an anchor.
type Written struct {
	*lab.Topology
	texts  map[string]*yamlpos.Texts // by the File of a Pos
	rules  map[string]map[string]*Rules
	values map[string][][]lab.Pos // of axes that are texts, by experiment, axis and value; 0:0 is steps
}

// Rules are a list of rules, want: of an experiment or one of several by names.
type Rules struct {
	Pos    lab.Pos // where the list begins
	Flow   bool    // it is in brackets
	Shared bool    // another experiment has the same list, by an anchor
	List   []Rule  // in the order in which they are tried
	Names  []string
	Values [][]string // what each of those axes may be
}

// Rule gives the combinations that it matches an answer, on kernels for which its condition holds.
type Rule struct {
	Answer string
	On     lab.WantRule // its condition, without an answer
	Pos    lab.Pos      // of the answer
	Start  lab.Pos      // of the rule
	demand matcher
}

// Matches reports whether the rule is about a combination; values are the indices of those of the axes.
func (r *Rule) Matches(values []int) bool { return r.demand.matches(values) }

// Asks returns which values of an axis the rule is about, by index; nil for all.
func (r *Rule) Asks(axis int) []bool {
	for _, d := range r.demand {
		if d.axis == axis {
			return d.values
		}
	}
	return nil
}

// LoadWritten is Load for those who are going to edit the files.
func LoadWritten(s Source) (*Written, error) {
	top, files, x, err := load(s)
	if err != nil {
		return nil, err
	}
	w := &Written{top, map[string]*yamlpos.Texts{}, map[string]map[string]*Rules{}, map[string][][]lab.Pos{}}
	for _, p := range files.parts {
		texts, err := p.Source.Texts()
		if err != nil {
			return nil, err
		}
		w.texts[p.Source.At(lab.Pos{}).File] = texts
	}
	seen := map[lab.Pos]*Rules{}
	for _, e := range x.experiments {
		w.rules[e.Name] = map[string]*Rules{}
		for _, a := range e.axes {
			places := make([]lab.Pos, len(a.values))
			for i, v := range a.values {
				if v.node != nil {
					places[i] = e.source.At(yamlpos.PosOf(v.node))
				}
			}
			w.values[e.Name] = append(w.values[e.Name], places)
		}
		for name, set := range e.wants {
			rules := &Rules{Pos: e.source.At(set.pos), Flow: set.flow}
			for _, a := range e.axes {
				rules.Names, rules.Values = append(rules.Names, a.Name), append(rules.Values, a.Axis.Values)
			}
			for _, r := range set.rules {
				on, _ := syntax.ParseCondition(strings.TrimPrefix(r.on, " on "))
				if r.on == "" {
					on = lab.WantRule{}
				}
				rules.List = append(rules.List, Rule{Answer: r.answer, On: on, Pos: e.source.At(r.pos), Start: e.source.At(r.start),
					demand: r.matcher})
			}
			if other := seen[rules.Pos]; other != nil {
				other.Shared, rules.Shared = true, true
			}
			seen[rules.Pos] = rules
			w.rules[e.Name][name] = rules
		}
	}
	return w, nil
}

// FileOf returns the name of the file that a place is in.
func (w *Written) FileOf(p lab.Pos) string {
	if p.File != "" {
		return p.File
	}
	return w.File
}

// TextAt returns the text of a step, or of a rule's answer, as it is written: with its placeholders, and without a
// comment behind it. False where it is not one text of the file: together: has a list, say.
func (w *Written) TextAt(p lab.Pos) (string, bool) {
	texts := w.texts[p.File]
	if texts == nil {
		return "", false
	}
	text, inLine, ok := texts.TextAt(p)
	if inLine {
		indent := len(text) - len(strings.TrimLeft(text, " \t"))
		text = text[:indent] + withoutComment(text)
	}
	return text, ok
}

// AnswersAt returns where the answers of {together: [CALL, CALL], answers: [ANSWER, ANSWER]} stand, which has no text
// of its own and is at the place of its calls: one text for each, or one for all. It is nil where none is written.
func (w *Written) AnswersAt(p lab.Pos) (texts []lab.Pos, isList bool) {
	if w.texts[p.File] == nil {
		return nil, false
	}
	texts, isList = w.texts[p.File].Beside(p, "answers")
	for i := range texts {
		texts[i].File = p.File
	}
	return texts, isList
}

// ValuesIn returns the axis of an experiment that gives a step its whole text, which is nothing but ${axis}, and where
// the texts of its values stand. It is -1 for any other text, and where a value is steps.
func (w *Written) ValuesIn(experiment, text string) (axis int, places []lab.Pos) {
	m := onlyPlaceholder().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return -1, nil
	}
	e := w.Experiment(experiment)
	axis = slices.IndexFunc(e.Axes, func(a lab.Axis) bool { return a.Name == m[1] })
	if axis < 0 || slices.Contains(w.values[experiment][axis], lab.Pos{}) {
		return -1, nil
	}
	return axis, w.values[experiment][axis]
}

// ValueAt returns where the text of an axis's value stands, by their indices.
func (w *Written) ValueAt(experiment string, axis, value int) lab.Pos {
	return w.values[experiment][axis][value]
}

// RulesIn returns the rules that an answer is which is nothing but ${want} or ${want.NAME}; nil for another one.
func (w *Written) RulesIn(experiment, answer string) *Rules {
	m := onlyPlaceholder().FindStringSubmatch(answer)
	if m == nil {
		return nil
	}
	name, ok := wantName(m[1])
	if !ok {
		return nil
	}
	return w.rules[experiment][name]
}

// Text returns the text of a file, the topology's own or an included one by its name.
func (w *Written) Text(file string) (string, bool) {
	if file == w.File {
		return w.Source, true
	}
	i := slices.IndexFunc(w.Included, func(i lab.Included) bool { return i.File == file })
	if i < 0 {
		return "", false
	}
	return w.Included[i].Text, true
}

// Edit is a change of a file: another text in the place of a part of one, or a new rule.
type Edit struct {
	yamlpos.Part
	Rule *yamlpos.Item // not nil: the new rule, and no part
}

// Rewrite returns the text of a file with edits, all of which are in it. Nothing but that is changed; see
// yamlpos.Texts.Rewrite.
func (w *Written) Rewrite(file string, edits []Edit) (string, error) {
	name := file
	if file == w.File {
		name = ""
	}
	texts, before := w.texts[name], ""
	if before, _ = w.Text(file); texts == nil {
		return "", fmt.Errorf("%s is not a file of the topology", file)
	}
	var parts []yamlpos.Part
	var items []yamlpos.Item
	for _, e := range edits {
		if e.Rule != nil {
			items = append(items, *e.Rule)
		} else {
			parts = append(parts, e.Part)
		}
	}
	after, err := texts.Rewrite(parts, items)
	if err != nil {
		return "", err
	}
	mark := before[:len(before)-len(texts.Source.Text)] // an editor may show none, and still want it
	return mark + string(after), nil
}

// SourceWith returns the source of the topology with other texts for some of its files, by their names.
func (w *Written) SourceWith(texts map[string]string) Source {
	other := func(file, text string) string {
		if t, ok := texts[file]; ok {
			return t
		}
		return text
	}
	s := Source{File: w.File, Text: []byte(other(w.File, w.Source))}
	for _, i := range w.Included {
		s.Included = append(s.Included, lab.Included{File: i.File, Text: other(i.File, i.Text)})
	}
	return s
}

// RuleText writes a rule as it stands in braces: values by the names of their axes, a condition on the kernel's
// version ("" for none), and the answer.
func RuleText(values [][2]string, linux, answer string) string {
	var words []string
	for _, v := range values {
		words = append(words, v[0]+": "+v[1])
	}
	if linux != "" {
		words = append(words, "linux: "+yamlpos.Spelled(linux, true))
	}
	return "{" + strings.Join(append(words, "answer: "+yamlpos.Spelled(answer, true)), ", ") + "}"
}

// RuleValues writes what a rule asks of an axis: a value, or a list of them.
func RuleValues(values []string) string {
	var words []string
	for _, v := range values {
		words = append(words, yamlpos.SpelledName(v))
	}
	if len(words) == 1 {
		return words[0]
	}
	return "[" + strings.Join(words, ", ") + "]"
}
