package topology

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab/syntax"
	"labrun/lab/yamlpos"
)

// fileOrder is the order of a file's keys: what it is, where it happens, what is asked.
var fileOrder = []string{"name", "doc", "question", "found", "level", "see", "include", "networks", "defaults", "hosts", "claims", "probes", "experiments"}

// Format returns the text of a topology, or of a part that topologies include, in the one form that
// labrun fmt writes: that of yamlpos.Format, with calls as labrun prints them. A file with mistakes
// is Diagnostics, since what it was meant to say is not known.
func Format(s Source) (before, after []byte, err error) {
	text, read, err := s.open()
	if err != nil {
		return nil, nil, err
	}
	if s.read == nil && s.Included == nil {
		read = folderOf(s.File).read // a text that did not come from its file includes others all the same
	}
	// Of a part alone not all can be checked: what its names mean depends on the topology.
	if Scan(Source{File: s.File, Text: text, read: read}).Kind != Shared {
		if _, err := Load(Source{File: s.File, Text: text, read: read}); err != nil {
			return nil, nil, err
		}
	}
	source := yamlpos.NewSource(s.File, text, language)
	after, err = source.Format(yamlpos.Style{Order: fileOrder, Respell: respelled})
	return text, after, err
}

// respelled returns the calls of a file that labrun prints otherwise.
func respelled(root *yaml.Node) map[*yaml.Node]string {
	r := respeller{}
	for _, section := range []string{"experiments", "probes"} {
		for _, e := range valuesOf(valueAt(root, section)) {
			r.steps(valueAt(e, "steps"))
			for _, axis := range valuesOf(valueAt(e, "axes")) {
				// Items of a list are names too, and so is a text that only may be a call.
				for _, value := range valuesOf(axis) {
					if value = yamlpos.Deref(value); value.Kind == yaml.SequenceNode {
						r.steps(value)
					}
				}
			}
		}
	}
	return r
}

// valueAt returns what stands at a key of a mapping; an empty node when it has none.
func valueAt(n *yaml.Node, key string) *yaml.Node {
	n = yamlpos.Deref(n)
	if i := yamlpos.KeyAt(n, key); n.Kind == yaml.MappingNode && i >= 0 {
		return n.Content[i+1]
	}
	return &yaml.Node{}
}

// valuesOf returns the values of a mapping.
func valuesOf(n *yaml.Node) (values []*yaml.Node) {
	if n = yamlpos.Deref(n); n.Kind == yaml.MappingNode {
		for i := 1; i < len(n.Content); i += 2 {
			values = append(values, n.Content[i])
		}
	}
	return values
}

type respeller map[*yaml.Node]string

// steps looks at steps, a list of them or one.
func (r respeller) steps(n *yaml.Node) {
	n = yamlpos.Deref(n)
	switch {
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			r.steps(item)
		}
	case n.Kind == yaml.MappingNode && !yamlpos.HasKey(n, "run"):
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !slices.Contains(stepKeys, yamlpos.Deref(n.Content[i]).Value) {
				r.steps(n.Content[i+1])
			}
		}
	case n.Kind == yaml.ScalarNode && n.Style&yaml.LiteralStyle != 0:
		lines := strings.Split(n.Value, "\n")
		for i, line := range lines {
			lines[i] = respelledLine(line)
		}
		r.keep(n, strings.Join(lines, "\n"))
	case n.Kind == yaml.ScalarNode:
		r.keep(n, respelledCall(n.Value))
	}
}

func (r respeller) keep(n *yaml.Node, text string) {
	if text != n.Value {
		r[n] = text
	}
}

// respelledLine returns a line of steps: |, whose comment stays where it is.
func respelledLine(line string) string {
	step := withoutComment(line)
	if step == "" || strings.HasPrefix(step, "{") {
		return line
	}
	call := step
	if m := processLine().FindStringSubmatch(step); m != nil {
		call = m[2]
	}
	return strings.Replace(line, call, respelledCall(call), 1)
}

// respelledCall returns a step as labrun prints it, and as it is when that would be read as something
// else: placeholders may be any part of a step, so one with them is not a call yet.
func respelledCall(text string) string {
	step := syntax.ParseForeign(text)
	if len(step.Mistakes) > 0 || strings.Contains(text, "${") {
		return text
	}
	printed := syntax.Spell(step.Call, step.Want)
	if len(step.WantsAt) > 0 && printed == step.Call.String() {
		printed += " = " + step.Want.String() // an author who writes "= ok" wants it said
	}
	again := syntax.Parse(printed)
	if len(again.Mistakes) > 0 || !reflect.DeepEqual(step.Call, again.Call) || !reflect.DeepEqual(step.Want, again.Want) {
		return text
	}
	return printed
}
