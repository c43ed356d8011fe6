package accept

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/result"
	"labrun/lab/topology"
)

// Session is the runs of some topologies, and what they came to.
type Session struct {
	files []*topology.Written // as they are in the folder
	runs  []ran
}

// ran is a run: the first is that of the files as they are, later ones may be of some experiments alone.
type ran struct {
	files    []*topology.Written // as they were then
	edited   map[key]string      // the places that had been edited, and to what
	matrices []result.Matrix
	versions map[string]lab.KernelVersion // by the names of kernels
}

// New returns a session of topologies that nothing has been asked yet.
func New(files []*topology.Written) *Session { return &Session{files: files} }

// Add takes a run in, and the decision by which its files had been edited, nil for the first one. The files of the
// run are those of the session with its edits, in the same order.
func (s *Session) Add(r result.Report, files []*topology.Written, by *Decision) {
	run := ran{files: files, matrices: r.Matrices, versions: map[string]lab.KernelVersion{}}
	if by != nil {
		run.edited = by.edited
	}
	for _, k := range r.Environment.Kernels {
		run.versions[k.Name] = k.Number()
	}
	s.runs = append(s.runs, run)
}

// key is a place of a file whose answer may be edited: a step's, or a list of rules.
type key struct {
	file string
	pos  lab.Pos // without its file
}

func (k key) String() string { return fmt.Sprintf("%s:%s", k.file, k.pos) }

func (k key) compare(l key) int { return cmp.Or(strings.Compare(k.file, l.file), k.pos.Compare(l.pos)) }

// keyOf returns the place of a position of a topology's file.
func keyOf(w *topology.Written, p lab.Pos) key {
	file := w.FileOf(p)
	p.File = ""
	return key{file, p}
}

// cell is where a step was answered.
type cell struct {
	top    int // index of the topology
	e      *lab.Experiment
	combo  lab.Combo
	host   string
	kernel string
	step   int
}

func (c cell) String() string { return c.e.CellName(c.combo) + " on " + c.host }

// use is a step of a cell, with what it was answered.
type use struct {
	cell
	s       *lab.Step // as the file has it
	version lab.KernelVersion
	wanted  string // the answer that was wanted at first
	need    string // the answer that the file is to have; "" when what it has is right
	got     string
	order   int
}

// place is a place of a file, and all its uses.
type place struct {
	key
	top   int // a topology that has it
	e     *lab.Experiment
	text  string // of a step
	rules *topology.Rules
	uses  []*use
	by    map[cell]*use
	left  string // why it cannot be edited
	axis  int    // of the experiment, one of whose values the text is; -1 for a step's own
	value int
}

// collect finds the places that were answered otherwise than the file says, or where it leaves that open, and all
// uses of these.
func (s *Session) collect() []*place {
	c := collector{Session: s, places: map[key]*place{}, named: map[*lab.Experiment]map[lab.Pos]stepKeys{},
		asking: map[*lab.Experiment]bool{}}
	for i := range s.runs {
		c.each(i, nil, func(_ cell, step *lab.Step, k key, red, varies bool, _ string, _ string) {
			if red || varies || isOpen(step) {
				c.places[k] = nil
			}
		})
	}
	for i := range s.runs {
		c.each(i, c.places, func(at cell, step *lab.Step, k key, red, varies bool, wanted, got string) {
			c.use(i, at, step, k, red, varies, wanted, got)
		})
	}
	var all []*place
	for _, p := range c.places {
		if p != nil {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *place) int { return a.compare(b.key) })
	return all
}

// isOpen reports whether the file asks to record a step's answer.
func isOpen(s *lab.Step) bool {
	return slices.ContainsFunc(s.Want, func(r lab.WantRule) bool { return r.Answer.Outcome == lab.Unasked })
}

type collector struct {
	*Session
	places map[key]*place
	named  map[*lab.Experiment]map[lab.Pos]stepKeys // by the step's place
	asking map[*lab.Experiment]bool
}

// each calls for every answered step of a run that is at one of the places; nil takes all that may be worth a look.
func (c *collector) each(run int, at map[key]*place,
	f func(at cell, s *lab.Step, k key, red, varies bool, wanted, got string)) {
	r := &c.runs[run]
	for i := range r.matrices {
		m := &r.matrices[i]
		top := slices.IndexFunc(c.files, func(w *topology.Written) bool { return w.File == m.File })
		if top < 0 {
			continue
		}
		for j := range m.Cells {
			one := &m.Cells[j]
			e := c.files[top].Experiment(m.Rows[one.Row].Name)
			flaky := one.Note != nil && len(one.Note.Flaky) > 0
			if e == nil || !one.Answered() && !flaky || at == nil && one.Verdict == result.Pass && !c.asks(e) ||
				at != nil && !c.has(at, top, e) {
				continue
			}
			column := m.Columns[one.Column]
			got := one.Answers()
			steps := e.StepsOf(one.Combo)
			n := 0
			for row := range m.RowOf(one).Steps(one.Combo) {
				if n >= len(got) || n >= len(steps) {
					break
				}
				s, k := steps[n], c.keysOf(top, e, steps[n]).in(e, one.Combo).key
				red := one.Reds(n) && !flaky
				varies := flaky && n == len(got)-1 || one.Note != nil && slices.Contains(one.Note.Varies, n)
				if _, ok := at[k]; (at == nil || ok) && s.Run == nil && s.Pending == "" {
					words := got[n]
					if flaky && varies {
						words = one.Note.Flaky.String()
					}
					f(cell{top, e, one.Combo, column.Host, column.Kernel, n}, s, k, red, varies, row.Want, words)
				}
				n++
			}
		}
	}
}

// asks reports whether a file leaves any answer of an experiment open.
func (c *collector) asks(e *lab.Experiment) bool {
	asks, ok := c.asking[e]
	if !ok {
		for s := range e.Steps() {
			asks = asks || isOpen(s)
		}
		c.asking[e] = asks
	}
	return asks
}

// has reports whether an experiment has a step at one of the places.
func (c *collector) has(at map[key]*place, top int, e *lab.Experiment) bool {
	for s := range e.Steps() {
		for _, written := range c.keysOf(top, e, s).all {
			if _, ok := at[written.key]; ok {
				return true
			}
		}
	}
	return false
}

// stepKeys are the places where a step's answer may stand: one, or one for each value of an axis.
type stepKeys struct {
	axis int // -1 for one
	all  []stepKey
}

// stepKey is where an answer stands: in a text, or in the rules that the text names.
type stepKey struct {
	key
	text  string
	rules *topology.Rules // nil where the text has it
}

// in returns the place in a combination.
func (k stepKeys) in(e *lab.Experiment, c lab.Combo) stepKey {
	if k.axis < 0 {
		return k.all[0]
	}
	return k.all[lab.ShapeOf(e.Axes).Values(c)[k.axis]]
}

// keysOf returns the places of a step's answer: where its text is, or that of each value of an axis that is the whole
// step, or the rules that give it.
func (c *collector) keysOf(top int, e *lab.Experiment, s *lab.Step) stepKeys {
	known := c.named[e]
	if known == nil {
		known = map[lab.Pos]stepKeys{}
		c.named[e] = known
	}
	keys, ok := known[s.Pos]
	if !ok {
		w := c.files[top]
		text, _ := w.TextAt(s.Pos)
		places := []lab.Pos{s.Pos}
		axis, values := w.ValuesIn(e.Name, text)
		if axis >= 0 {
			places = values
		}
		keys.axis = axis
		for _, p := range places {
			text, ok := w.TextAt(p)
			one := stepKey{key: keyOf(w, p), text: text}
			if ok {
				one.rules = w.RulesIn(e.Name, answerIn(text))
			}
			if one.rules != nil {
				one.key = keyOf(w, one.rules.Pos)
			}
			keys.all = append(keys.all, one)
		}
		known[s.Pos] = keys
	}
	return keys
}

// use notes a use of a place.
func (c *collector) use(run int, at cell, s *lab.Step, k key, red, varies bool, wanted, got string) {
	r := &c.runs[run]
	p := c.places[k]
	if p == nil {
		keys := c.keysOf(at.top, at.e, s)
		one := keys.in(at.e, at.combo)
		p = &place{key: k, top: at.top, e: at.e, by: map[cell]*use{}, rules: one.rules, text: one.text, axis: keys.axis}
		if p.axis >= 0 {
			p.value = lab.ShapeOf(at.e.Axes).Values(at.combo)[p.axis]
		}
		c.places[k] = p
	}
	if varies && p.left == "" {
		p.left = fmt.Sprintf("its answer is not the same in every run (in %s: %s)", at, cmp.Or(got, "?"))
	}
	_, edited := r.edited[k]
	if old := p.by[at]; old != nil {
		// It was answered before, and what was written for that, or was right then, does not hold.
		if red && (edited || old.need == "") && p.left == "" {
			p.left = fmt.Sprintf("its answer is not the same in every run (in %s: %s, then %s)", at, old.got, got)
			if old.got == got {
				p.left = fmt.Sprintf("the answer %s does not match when it is written so (in %s)", got, at)
			}
		}
		return
	}
	u := &use{cell: at, s: s, version: r.versions[at.kernel], wanted: wanted, got: got, order: len(p.uses)}
	switch {
	case red || isOpenWant(wanted):
		u.need = answerFor(s, got, wanted)
	case edited:
		u.need = wanted
	}
	p.by[at] = u
	p.uses = append(p.uses, u)
}

// isOpenWant reports whether a report's word for what was wanted leaves it open altogether.
func isOpenWant(wanted string) bool { return wanted == string(lab.Unasked) }

// asDiagnostics is errors.As for the mistakes of files.
func asDiagnostics(err error, found *topology.Diagnostics) bool { return errors.As(err, found) }
