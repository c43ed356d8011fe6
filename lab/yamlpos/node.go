package yamlpos

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// Entry is a key of a mapping and its value, which is not an alias.
type Entry struct {
	Key   string
	Pos   lab.Pos // of the key
	Value *yaml.Node
}

// Scope is the part of the file that a complaint is about: host "beta", nic "eth0". Complaints say
// it in words too, since not all that read them can see the file.
type Scope struct{ Outer, Inner string }

func (s Scope) String() string {
	if s.Outer == "" {
		return s.Inner
	}
	return s.Outer + ", " + s.Inner
}

// In returns the scope of a part: in("nic", "eth0").
func (s Scope) In(noun, name string) Scope {
	inner := noun + " " + wording.Quote(name)
	return Scope{s.String(), inner}
}

// With returns the scope within a combination of axes, or whatever else makes one text several.
func (s Scope) With(combination string) Scope { return Scope{s.String(), "with " + combination} }

// Wrong complains about a node, where it begins.
func (c *Complaints) Wrong(n *yaml.Node, format string, args ...any) {
	c.Complain(PosOf(n), format, args...)
}

// Deref follows aliases; that they end was checked before.
func Deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// IsEmpty reports whether nothing at all was written. "" is something, and so is null, which YAML
// takes for nothing and a topology for a name.
func IsEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0
}

// Found says what a node is, for a complaint that something else was expected.
func Found(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case IsEmpty(n):
		return "nothing"
	}
	return wording.Quote(n.Value)
}

// Entries returns the entries of a mapping, each key once; what says what the
// mapping should be: "from names to hosts". A second entry of the same key is a mistake, and its
// value is not looked at: the parser's own check would end at the first one.
func (c *Complaints) Entries(n *yaml.Node, s Scope, what string) ([]Entry, bool) {
	n = Deref(n)
	if n.Kind != yaml.MappingNode {
		c.Wrong(n, "%s must be a mapping %s; found %s", s, what, Found(n))
		return nil, false
	}
	n = c.unglued(n)
	lines := make(map[string]int, len(n.Content)/2)
	list := make([]Entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := Deref(n.Content[i])
		if k.Kind != yaml.ScalarNode {
			c.Wrong(k, "%s: a key must be a name, found %s", s, Found(k))
			continue
		}
		if line, ok := lines[k.Value]; ok {
			c.Wrong(k, "duplicate key %s in %s, first on line %d", wording.Quote(k.Value), s.Inner, line)
			continue
		}
		lines[k.Value] = k.Line
		list = append(list, Entry{k.Value, PosOf(k), Deref(n.Content[i+1])})
	}
	return list, true
}

// gluedKey is a key that lacks the blank behind its colon: {red:192.0.2.0/24}.
var gluedKey = once.Regexp(`^([A-Za-z_][A-Za-z0-9._/-]*):([^\s:)]+)$`)

// unglued returns the mapping with a blank put behind each colon that needs one, and complains. In
// {red:192.0.2.0/24} YAML sees one key without a value, and every rule about networks would be
// broken by it.
func (c *Complaints) unglued(n *yaml.Node) *yaml.Node {
	if n.Style&yaml.FlowStyle == 0 {
		return n
	}
	m := *n
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if k.Style != 0 || !IsEmpty(Deref(v)) || i > 1 && CutOff(Deref(m.Content[i-1])) {
			continue
		}
		found := gluedKey().FindStringSubmatch(k.Value)
		if found == nil {
			continue
		}
		c.Wrong(k, "a blank is missing behind this colon: %s: %s", wording.Clip(found[1]), wording.Clip(found[2]))
		key, value := *k, *v
		key.Value, value.Value = found[1], found[2]
		value.Line, value.Column = k.Line, k.Column+len(found[1])+1
		m.Content = slices.Clone(m.Content)
		m.Content[i], m.Content[i+1] = &key, &value
	}
	return &m
}

// Outdented puts keys that stand beside the name of what they belong to, which has nothing,
// where they were meant to be, and complains: "alpha:" and below it, as far in, "nics: ...".
func (c *Complaints) Outdented(list []Entry, noun string, keys ...string) []Entry {
	var kept []Entry
	for _, e := range list {
		last := len(kept) - 1
		if last < 0 || !slices.Contains(keys, e.Key) {
			kept = append(kept, e)
			continue
		}
		owner := kept[last]
		begun := owner.Value.Kind == yaml.MappingNode && owner.Value.Line == 0 // by an earlier turn
		if !begun && (!IsEmpty(owner.Value) || owner.Pos.Col != e.Pos.Col || e.Value.Kind == yaml.MappingNode &&
			HasKey(e.Value, keys...)) {
			kept = append(kept, e)
			continue
		}
		c.Complain(e.Pos, "%s belongs to %s %s on line %d, and is not further in than that", wording.Quote(e.Key), noun,
			wording.Quote(owner.Key), owner.Pos.Line)
		if !begun {
			kept[last].Value = &yaml.Node{Kind: yaml.MappingNode}
		}
		kept[last].Value.Content = append(kept[last].Value.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Value: e.Key, Line: e.Pos.Line, Column: e.Pos.Col}, e.Value)
	}
	return kept
}

// CutOff reports whether a comma cut off the rest of a text, as it does in YAML's flow style. The
// rest looks like keys without values, and none of those is worth a complaint of its own:
// {main: bind(a, x:80)}, {stdout: /a, b/}, {run: sh -c 'a, b'}.
func CutOff(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return false
	}
	return strings.Count(n.Value, "(") > strings.Count(n.Value, ")") ||
		strings.HasPrefix(n.Value, "/") && !strings.HasSuffix(n.Value, "/") ||
		strings.Contains(n.Value, " '") && strings.Count(n.Value, "'")%2 > 0
}

// Fields returns the entries of a mapping whose keys are fixed, and complains
// about others. One that is misspelt counts as the one that it was meant to be,
// so that nothing else is missing because of it.
func (c *Complaints) Fields(n *yaml.Node, s Scope, allowed ...string) (map[string]Entry, bool) {
	list, ok := c.Entries(n, s, "with "+strings.Join(wording.Sorted(allowed...), ", "))
	if !ok {
		return nil, false
	}
	m := map[string]Entry{}
	cut := false
	for i, e := range list {
		if slices.Contains(allowed, e.Key) {
			m[e.Key] = e
			cut = false
			continue
		}
		if IsEmpty(e.Value) && Deref(n).Style&yaml.FlowStyle != 0 && i > 0 && (cut || CutOff(list[i-1].Value)) {
			if u, ok := c.Source.UnquotedText(PosOf(list[i-1].Value)); ok && !cut {
				c.Complain(u.pos, "%s", u.Complaint())
				whole := *list[i-1].Value
				whole.Value, whole.Style = u.text, yaml.DoubleQuotedStyle
				m[list[i-1].Key] = Entry{list[i-1].Key, list[i-1].Pos, &whole}
			}
			cut = true
			continue
		}
		if c.Full() {
			break
		}
		if e.Key == "<<" {
			c.Complain(e.Pos, "merge keys are not for %s files; write the keys out in %s (aliases of whole values are)",
				c.Source.dialect.Noun, s.Inner)
			continue
		}
		near, ending := c.Source.dialect.Meant(e.Key, allowed)
		ending = cmp.Or(ending, wording.Hint(cmp.Or(near, e.Key), "allowed", wording.Sorted(allowed...)))
		c.Complain(e.Pos, "unknown key %s in %s%s", wording.Quote(e.Key), s.Inner, ending)
		if _, ok := m[near]; !ok && near != "" { // the right key, if it comes, takes its place
			m[near] = Entry{near, e.Pos, e.Value}
		}
	}
	return m, true
}

// Text returns a scalar as written, false after a complaint. An empty text in quotes is one, nothing
// at all is not.
func (c *Complaints) Text(n *yaml.Node, what string) (string, bool) {
	n = Deref(n)
	if n.Kind != yaml.ScalarNode || IsEmpty(n) {
		c.Wrong(n, "%s must be text, found %s", what, Found(n))
		return "", false
	}
	if i := strings.IndexFunc(n.Value, commands); i >= 0 {
		r, _ := utf8.DecodeRuneInString(n.Value[i:])
		c.Wrong(n, "%s has the character %U, which would tell a terminal what to do", what, r)
		return "", false
	}
	return n.Value, true
}

// Truth reads a boolean, which is one of two words: yes and on, which YAML 1.1 takes for true, are
// texts to YAML 1.2 and names to a topology.
func (c *Complaints) Truth(n *yaml.Node, what string) bool {
	text, ok := c.Text(n, what)
	if ok && text != "true" && text != "false" {
		c.Wrong(n, "%s: %s is not true or false", what, wording.Quote(text))
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

// List returns the items of a list, or the one value that stands for a list of one.
func List(n *yaml.Node) []*yaml.Node {
	n = Deref(n)
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		items[i] = Deref(c)
	}
	return items
}

// KeyAt returns the index of a key among the contents of a mapping, -1 when it has no such key.
func KeyAt(n *yaml.Node, key string) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if Deref(n.Content[i]).Value == key {
			return i
		}
	}
	return -1
}

// HasKey reports whether a mapping has one of the keys.
func HasKey(n *yaml.Node, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return KeyAt(n, key) >= 0 })
}
