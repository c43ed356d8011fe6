package accept

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
	"labrun/lab/topology"
	"labrun/lab/yamlpos"
)

// Decision is what becomes of the files.
type Decision struct {
	Texts   map[string]string // of the files that change, by their names
	Answers int               // how many places have another answer
	Left    []Left            // in the order of the files
	edited  map[key]string    // what has become of each place
	uses    map[key][]*use
}

// Left is a place that was answered otherwise than its file says and stays as it is.
type Left struct {
	File string
	Pos  lab.Pos
	Why  string // the call, and why
}

func (l Left) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", l.File, l.Pos.Line, l.Pos.Col, l.Why)
}

// Decide decides by all runs so far. It is an error when a file cannot be edited for a reason that is not the file's.
func (s *Session) Decide() (*Decision, error) {
	d := &Decision{Texts: map[string]string{}, edited: map[key]string{}, uses: map[key][]*use{}}
	edits := map[key][]topology.Edit{}
	var order []*place
	for _, p := range s.collect() {
		d.uses[p.key] = p.uses
		w := s.files[p.top]
		some, err := p.edits(w, s)
		switch {
		case err != nil:
			d.leave(p, err)
		case len(some) > 0:
			if _, err := w.Rewrite(p.file, some); err != nil {
				d.leave(p, err)
				continue
			}
			edits[p.key] = some
			order = append(order, p)
		}
	}
	if err := s.check(edits); err != nil {
		// Which of them the file cannot have: an accept that answers EAGAIN makes no socket for what comes next.
		good := map[key][]topology.Edit{}
		for _, p := range order {
			good[p.key] = edits[p.key]
			if err := s.check(good); err != nil {
				delete(good, p.key)
				d.leave(p, fmt.Errorf("with the answer %s the file would have a mistake: %w", p.words(), err))
			}
		}
		edits = good
	}
	for k, some := range edits {
		d.edited[k] = fmt.Sprint(describe(some))
	}
	d.Answers = len(edits)
	slices.SortFunc(d.Left, func(a, b Left) int { return cmp.Or(strings.Compare(a.File, b.File), a.Pos.Compare(b.Pos)) })
	var err error
	d.Texts, err = s.texts(edits)
	return d, err
}

// unasked returns a combination that has a place with placeholders, and that the first run left out, "" for none. What
// the others answered says nothing about it.
func (s *Session) unasked(p *place) string {
	if !strings.Contains(p.text, "${") {
		return ""
	}
	asked := s.asked(p.e)
	shape := lab.ShapeOf(p.e.Axes)
	for _, c := range p.e.Combos {
		if p.axis >= 0 && shape.Values(c)[p.axis] != p.value { // which has a text of its own
			continue
		}
		here := func(step *lab.Step) bool { return step.Pos == p.uses[0].s.Pos }
		if !asked[c] && slices.ContainsFunc(p.e.StepsOf(c), here) {
			return p.e.CellName(c)
		}
	}
	return ""
}

// describe returns edits as values that compare and print.
func describe(edits []topology.Edit) []string {
	var words []string
	for _, e := range edits {
		if e.Rule != nil {
			words = append(words, fmt.Sprintf("+%v", *e.Rule))
		} else {
			words = append(words, fmt.Sprintf("%v", e.Part))
		}
	}
	return words
}

func (d *Decision) leave(p *place, why error) {
	d.Left = append(d.Left, Left{p.file, p.pos,
		fmt.Sprintf("experiment %q: %s: left as it is: %s", p.e.Name, p.call(), why)})
}

// call names the place: the call whose answer it is, or the rules.
func (p *place) call() string {
	if p.rules != nil {
		return "want"
	}
	return p.uses[0].s.Call.String()
}

// words says what the place was answered, each answer once.
func (p *place) words() string {
	var all []string
	for _, u := range p.uses {
		if u.need != "" && !slices.Contains(all, u.need) {
			all = append(all, u.need)
		}
	}
	return strings.Join(all, ", ")
}

// texts returns the files with edits.
func (s *Session) texts(edits map[key][]topology.Edit) (map[string]string, error) {
	of := map[string][]topology.Edit{}
	for k, some := range edits {
		of[k.file] = append(of[k.file], some...)
	}
	texts := map[string]string{}
	for file, some := range of {
		w := s.files[slices.IndexFunc(s.files, func(w *topology.Written) bool { _, ok := w.Text(file); return ok })]
		text, err := w.Rewrite(file, some)
		if err != nil {
			return nil, err
		}
		texts[file] = text
	}
	return texts, nil
}

// check returns the first mistake that the files would have.
func (s *Session) check(edits map[key][]topology.Edit) error {
	texts, err := s.texts(edits)
	if err != nil {
		return err
	}
	_, err = s.With(texts)
	return err
}

// With returns the topologies with other texts for some files.
func (s *Session) With(texts map[string]string) ([]*topology.Written, error) {
	var all []*topology.Written
	for _, w := range s.files {
		other, err := topology.LoadWritten(w.SourceWith(texts))
		if err != nil {
			var found topology.Diagnostics
			if ok := asDiagnostics(err, &found); ok {
				err = fmt.Errorf("%s:%d:%d: %s", found[0].File, found[0].Pos.Line, found[0].Pos.Col, found[0].Msg)
			}
			return nil, err
		}
		all = append(all, other)
	}
	return all, nil
}

// Anew returns which experiments have to be asked after a decision that they were not asked by yet, nil for none:
// those with a place that has changed since the decision before, nil for none. It is a set by topology, in the order
// of the session, and name.
func (d *Decision) Anew(before *Decision) map[int]map[string]bool {
	if before == nil {
		before = &Decision{}
	}
	var again map[int]map[string]bool
	for k := range maps.Keys(d.uses) {
		if d.edited[k] == before.edited[k] {
			continue
		}
		for _, u := range d.uses[k] {
			if again == nil {
				again = map[int]map[string]bool{}
			}
			if again[u.top] == nil {
				again[u.top] = map[string]bool{}
			}
			again[u.top][u.e.Name] = true
		}
	}
	return again
}

// edits returns the edits of a place; none where all is right, and an error that says why it has to stay.
func (p *place) edits(w *topology.Written, s *Session) ([]topology.Edit, error) {
	switch {
	case p.left != "":
		return nil, fmt.Errorf("%s", p.left)
	case !slices.ContainsFunc(p.uses, func(u *use) bool { return u.need != "" }):
		return nil, nil
	case p.rules != nil:
		return p.ruleEdits(w, s)
	case p.text == "" && p.uses[0].s.Call.Name != "together":
		return nil, fmt.Errorf("the answer %s has no place of its own in the file", p.words())
	}
	if e := s.unasked(p); e != "" {
		return nil, fmt.Errorf("it is a step of %s too, which was not asked; run it as well", e)
	}
	var rules []ruled
	for _, r := range p.uses[0].s.Want {
		rules = append(rules, ruled{answer: r.Answer.String(), on: lab.WantRule{On: r.On, Has: r.Has}})
	}
	places, ok := syntax.PlacesOf(p.text)
	if strings.Contains(p.text, "${") {
		after := p.text
		if ok {
			after = p.text[places.Call:]
		}
		if strings.Contains(after, "${") {
			return nil, fmt.Errorf("a part of its text is the value of an axis%s, and the answer, which was %s, stands in that",
				p.valuesIn(w, after), p.words())
		}
	}
	all, err := p.mended(rules)
	if err != nil {
		return nil, err
	}
	if p.text == "" {
		return p.answersBeside(w, all)
	}
	part := func(from, to int, text string) []topology.Edit {
		return []topology.Edit{{Part: yamlpos.Part{At: p.pos, From: from, To: to, Text: text}}}
	}
	switch {
	case !ok || !strings.Contains(p.text, "${") && len(syntax.Parse(p.text).Mistakes) > 0: // a line of strace
		if strings.Contains(p.text, "${") {
			return nil, fmt.Errorf("the call comes from the value of an axis, so the answer %s has no place", p.words())
		}
		want, err := wantOf(p.uses[0].s.Call, all)
		if err != nil {
			return nil, err
		}
		return part(0, len(p.text), syntax.Spell(p.uses[0].s.Call, want)), nil
	case len(places.Answers) == len(rules) && !places.Tilde && slices.EqualFunc(all, rules, sameCondition):
		var edits []topology.Edit
		for i, r := range all {
			if r.answer != rules[i].answer {
				edits = append(edits, part(places.Answers[i][0], places.Answers[i][1], r.answer)...)
			}
		}
		return edits, nil
	}
	want, err := wantOf(p.uses[0].s.Call, all)
	if err != nil {
		return nil, err
	}
	end := len(strings.TrimRight(p.text, " \t"))
	return part(places.Call, max(places.Call, end), " = "+want.String()), nil
}

// mended returns rules that are right for every kernel that was asked, in the place of those that the file has.
func (p *place) mended(rules []ruled) ([]ruled, error) {
	by := make([]map[string]answered, len(rules)) // by kernel
	for _, u := range p.uses {
		i := holding(rules, u.version, u.wanted)
		if by[i] == nil {
			by[i] = map[string]answered{}
		}
		a := answered{u.kernel, u.version, cmp.Or(u.need, rules[i].answer)}
		if other, ok := by[i][u.kernel]; ok && other.answer != a.answer {
			return nil, p.differ()
		}
		by[i][u.kernel] = a
	}
	var all []ruled
	for i, r := range rules {
		if len(by[i]) == 0 {
			all = append(all, r)
			continue
		}
		some, err := split(r, kernelsOf(by[i]))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return simpler(all), nil
}

// answersBeside returns the edits of the answers that stand beside the calls of together: in a list, or in a text.
func (p *place) answersBeside(w *topology.Written, rules []ruled) ([]topology.Edit, error) {
	call := p.uses[0].s.Call
	want, err := wantOf(call, rules)
	if err != nil {
		return nil, err
	}
	at := p.pos
	at.File = p.uses[0].s.Pos.File
	places, isList := w.AnswersAt(at)
	var texts []string
	for _, pos := range places {
		text, ok := w.TextAt(pos)
		if !ok || strings.Contains(text, "${") {
			return nil, fmt.Errorf("answers: on line %d is not a list or a text without placeholders, and %s was answered",
				pos.Line, want)
		}
		texts = append(texts, text)
	}
	edit := func(i int, text string) topology.Edit {
		pos := places[i]
		pos.File = ""
		return topology.Edit{Part: yamlpos.Part{At: pos, To: len(texts[i]), Text: text}}
	}
	if len(texts) == 1 && !isList {
		return []topology.Edit{edit(0, want.String())}, nil
	}
	outcomes, ok := want[0].Answer.Value.(lab.Outcomes)
	if !ok || len(want) > 1 || len(outcomes) != len(texts) {
		return nil, fmt.Errorf("no list beside it has room for the answer; write below together: answers: %q", want)
	}
	// Those that are right already stay where they are.
	var missing []string
	for _, o := range outcomes {
		missing = append(missing, o.String())
	}
	var wrong []int
	for i, text := range texts {
		if j := slices.Index(missing, strings.TrimSpace(text)); j >= 0 {
			missing = slices.Delete(missing, j, j+1)
		} else {
			wrong = append(wrong, i)
		}
	}
	var edits []topology.Edit
	for n, i := range wrong {
		edits = append(edits, edit(i, missing[n]))
	}
	return edits, nil
}

// valuesIn says where the values of the axes stand that a text names, of those of the place's first use.
func (p *place) valuesIn(w *topology.Written, text string) string {
	values := lab.ShapeOf(p.e.Axes).Values(p.uses[0].combo)
	var words []string
	for i, a := range p.e.Axes {
		if !strings.Contains(text, "${"+a.Name+"}") {
			continue
		}
		name := fmt.Sprintf("%s=%s", a.Name, a.Values[values[i]])
		if at := w.ValueAt(p.e.Name, i, values[i]); at.Line > 0 {
			name += fmt.Sprintf(" on line %d", at.Line)
		}
		words = append(words, name)
	}
	if words == nil {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// sameCondition reports whether two rules are about the same kernels.
func sameCondition(a, b ruled) bool { return reflect.DeepEqual(a.on, b.on) }

// kernelsOf returns the kernels of a rule, in an order that does not change.
func kernelsOf(by map[string]answered) []answered {
	var all []answered
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, by[name])
	}
	return all
}

// wantOf returns rules as a step writes them.
func wantOf(call lab.Call, rules []ruled) (lab.Want, error) {
	var want lab.Want
	for _, r := range rules {
		a, err := syntax.ParseAnswer(call, r.answer)
		if err != nil {
			return nil, err
		}
		want = append(want, lab.WantRule{Answer: a, On: r.on.On, Has: r.on.Has})
	}
	return want, nil
}

// differ says which cells were answered what, where the file has one place for all of them.
func (p *place) differ() error {
	cells := map[string][]*use{}
	var answers []string
	for _, u := range p.uses {
		a := cmp.Or(u.need, u.wanted)
		if cells[a] == nil {
			answers = append(answers, a)
		}
		cells[a] = append(cells[a], u)
	}
	const most = 6 // answers that are listed
	var words []string
	for i, a := range answers {
		if i == most {
			words = append(words, "and others")
			break
		}
		first := cells[a][0]
		text := fmt.Sprintf("%s in %s", a, first.cell)
		if first.kernel != "" {
			text += ", linux " + first.kernel
		}
		if n := len(cells[a]) - 1; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		words = append(words, text)
	}
	return fmt.Errorf("cells differ that this place is for: %s", strings.Join(words, "; "))
}
