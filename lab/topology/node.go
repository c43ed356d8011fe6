package topology

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/syntax"
	"labrun/lab/wording"
)

// entry is a key of a mapping and its value.
type entry struct {
	key   string
	pos   lab.Pos // of the key
	value *yaml.Node
}

// scope is the part of the file that a complaint is about: host "beta", nic "eth0".
type scope struct{ outer, inner string }

func (s scope) String() string {
	if s.outer == "" {
		return s.inner
	}
	return s.outer + ", " + s.inner
}

// in returns the scope of a part: in("nic", "eth0").
func (s scope) in(noun, name string) scope {
	inner := noun + " " + wording.Quote(name)
	return scope{s.String(), inner}
}

// with returns the scope within a combination.
func (s scope) with(combination string) scope { return scope{s.String(), "with " + combination} }

func posOf(n *yaml.Node) lab.Pos { return lab.Pos{Line: n.Line, Col: n.Column} }

// deref follows aliases; that they end was checked before.
func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// isEmpty reports whether nothing at all was written.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0
}

// found says what a node is.
func found(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isEmpty(n):
		return "nothing"
	}
	return wording.Quote(n.Value)
}

// entries returns the entries of a mapping, each key once; what says what the
// mapping should be: "from names to hosts".
func (d *decoder) entries(n *yaml.Node, s scope, what string) ([]entry, bool) {
	n = deref(n)
	if n.Kind != yaml.MappingNode {
		d.complain(posOf(n), "%s must be a mapping %s; found %s", s, what, found(n))
		return nil, false
	}
	n = d.unglued(n)
	lines := make(map[string]int, len(n.Content)/2)
	list := make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := deref(n.Content[i])
		if k.Kind != yaml.ScalarNode {
			d.complain(posOf(k), "%s: a key must be a name, found %s", s, found(k))
			continue
		}
		if line, ok := lines[k.Value]; ok {
			d.complain(posOf(k), "duplicate key %s in %s, first on line %d", wording.Quote(k.Value), s.inner, line)
			continue
		}
		lines[k.Value] = k.Line
		list = append(list, entry{k.Value, posOf(k), deref(n.Content[i+1])})
	}
	return list, true
}

// gluedKey is a key that lacks the blank behind its colon: {red:192.0.2.0/24}.
var gluedKey = once.Regexp(`^([A-Za-z_][A-Za-z0-9._/-]*):([^\s:)]+)$`)

// unglued returns the mapping with a blank put behind each colon that needs one, and complains.
func (d *decoder) unglued(n *yaml.Node) *yaml.Node {
	if n.Style&yaml.FlowStyle == 0 {
		return n
	}
	c := *n
	for i := 0; i+1 < len(c.Content); i += 2 {
		k, v := c.Content[i], c.Content[i+1]
		if k.Style != 0 || !isEmpty(deref(v)) || i > 1 && cutOff(deref(c.Content[i-1])) {
			continue
		}
		m := gluedKey().FindStringSubmatch(k.Value)
		if m == nil {
			continue
		}
		d.complain(posOf(k), "a blank is missing behind this colon: %s: %s", wording.Clip(m[1]), wording.Clip(m[2]))
		key, value := *k, *v
		key.Value, value.Value = m[1], m[2]
		value.Line, value.Column = k.Line, k.Column+len(m[1])+1
		c.Content = slices.Clone(c.Content)
		c.Content[i], c.Content[i+1] = &key, &value
	}
	return &c
}

// outdented puts keys that stand beside the name of what they belong to, which has nothing,
// where they were meant to be, and complains: "alpha:" and below it, as far in, "nics: ...".
func (d *decoder) outdented(list []entry, noun string, keys ...string) []entry {
	var kept []entry
	for _, e := range list {
		last := len(kept) - 1
		if last < 0 || !slices.Contains(keys, e.key) {
			kept = append(kept, e)
			continue
		}
		owner := kept[last]
		begun := owner.value.Kind == yaml.MappingNode && owner.value.Line == 0 // by an earlier turn
		if !begun && (!isEmpty(owner.value) || owner.pos.Col != e.pos.Col || e.value.Kind == yaml.MappingNode &&
			holdsKey(e.value, keys)) {
			kept = append(kept, e)
			continue
		}
		d.complain(e.pos, "%s belongs to %s %s on line %d, and is not further in than that", wording.Quote(e.key), noun,
			wording.Quote(owner.key), owner.pos.Line)
		if !begun {
			kept[last].value = &yaml.Node{Kind: yaml.MappingNode}
		}
		kept[last].value.Content = append(kept[last].value.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Value: e.key, Line: e.pos.Line, Column: e.pos.Col}, e.value)
	}
	return kept
}

// holdsKey reports whether a mapping has one of the keys.
func holdsKey(n *yaml.Node, keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return hasKey(n, key) })
}

// cutOff reports whether a comma cut off the rest of a text, which looks like keys then:
// {main: bind(a, x:80)}, {stdout: /a, b/}, {run: sh -c 'a, b'}.
func cutOff(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return false
	}
	return strings.Count(n.Value, "(") > strings.Count(n.Value, ")") ||
		strings.HasPrefix(n.Value, "/") && !strings.HasSuffix(n.Value, "/") ||
		strings.Contains(n.Value, " '") && strings.Count(n.Value, "'")%2 > 0
}

// fields returns the entries of a mapping whose keys are fixed, and complains
// about others. One that is misspelt counts as the one that it was meant to be,
// so that nothing else is missing because of it.
func (d *decoder) fields(n *yaml.Node, s scope, allowed ...string) (map[string]entry, bool) {
	list, ok := d.entries(n, s, "with "+strings.Join(wording.Sorted(allowed...), ", "))
	if !ok {
		return nil, false
	}
	m := map[string]entry{}
	var meant []entry
	cut := false
	for i, e := range list {
		if slices.Contains(allowed, e.key) {
			m[e.key] = e
			cut = false
			continue
		}
		if isEmpty(e.value) && deref(n).Style&yaml.FlowStyle != 0 && i > 0 && (cut || cutOff(list[i-1].value)) {
			if u, ok := d.source.unquotedText(posOf(list[i-1].value)); ok && !cut {
				d.complain(u.pos, "%s", u.complaint())
				whole := *list[i-1].value
				whole.Value, whole.Style = u.text, yaml.DoubleQuotedStyle
				m[list[i-1].key] = entry{list[i-1].key, list[i-1].pos, &whole}
			}
			cut = true
			continue
		}
		if d.full() {
			break
		}
		if e.key == "<<" {
			d.complain(e.pos, "merge keys are not for topology files; write the keys out in %s (aliases of whole values are)", s.inner)
			continue
		}
		near := meantKey(e.key, allowed)
		ending := wording.Hint(cmp.Or(near, e.key), "allowed", wording.Sorted(allowed...))
		if other := keysElsewhere[e.key]; near == "" && slices.Contains(allowed, other.of) {
			ending = "; " + other.words
		}
		d.complain(e.pos, "unknown key %s in %s%s", wording.Quote(e.key), s.inner, ending)
		if near != "" {
			meant = append(meant, entry{near, e.pos, e.value})
		}
	}
	for _, e := range meant {
		if _, ok := m[e.key]; !ok {
			m[e.key] = e
		}
	}
	return m, true
}

// text returns a scalar as written.
func (d *decoder) text(n *yaml.Node, what string) (string, bool) {
	n = deref(n)
	if n.Kind != yaml.ScalarNode || isEmpty(n) {
		d.complain(posOf(n), "%s must be text, found %s", what, found(n))
		return "", false
	}
	if i := strings.IndexFunc(n.Value, commands); i >= 0 {
		r, _ := utf8.DecodeRuneInString(n.Value[i:])
		d.complain(posOf(n), "%s has the character %U, which would tell a terminal what to do", what, r)
		return "", false
	}
	return n.Value, true
}

// truth reads a boolean, which is one of two words: names such as yes and on are none.
func (d *decoder) truth(n *yaml.Node, what string) bool {
	text, ok := d.text(n, what)
	if ok && text != "true" && text != "false" {
		d.complain(posOf(n), "%s: %s is not true or false", what, wording.Quote(text))
	}
	return text == "true"
}

// commands reports whether a terminal would obey a character rather than show
// it: control characters and those that turn the direction of writing. In the
// file itself they are seen before; escapes in double quotes make them here.
func commands(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' ||
		r == '\u2029')
}

// list returns the items of a list, or the one scalar that stands for a list of one.
func list(n *yaml.Node) []*yaml.Node {
	n = deref(n)
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		items[i] = deref(c)
	}
	return items
}

func (d *decoder) checkName(pos lab.Pos, r syntax.NameRule, name string) bool {
	problem := r.Check(name)
	if problem != "" {
		d.complain(pos, "%s", problem)
	}
	return problem == ""
}
