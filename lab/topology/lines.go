package topology

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"labrun/lab/once"
	"labrun/lab/yamlpos"
)

// processLine is a step with its process before it: peer/web: listen(w, 5). No call has a colon with a
// blank behind it before its parenthesis.
var processLine = once.Regexp(`^([^\s(){}\[\]"',]+):\s+(\S.*)$`)

// CutLine cuts a line of steps into the process before its call, with the colon behind it, the step, and a comment
// with the blanks before it: "web: ", "listen(w, 5)", " # so". The line is what they are together, but for blanks
// around it.
func CutLine(line string) (process, step, comment string) {
	line = strings.TrimSpace(line)
	step = withoutComment(line)
	comment = line[len(step):]
	if m := processLine().FindStringSubmatchIndex(step); m != nil && !strings.HasPrefix(step, "{") {
		process, step = step[:m[4]], step[m[4]:]
	}
	return process, step, comment
}

// stepLines returns the list that steps: | stands for. Each line is a step, as it would stand behind
// "- " in a list but without YAML's quotes, which a call with a comma or a bracket needs in most
// other places; a program, or a step with a limit, is {...} as in a list. Its nodes have the
// places of the lines, so that complaints are as sharp as about a list.
func (d *experimentReader) stepLines(x *experiment, n *yaml.Node) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: n.Line, Column: n.Column}
	for i, text := range strings.Split(n.Value, "\n") {
		step := withoutComment(text)
		if step == "" {
			continue
		}
		line := n.Line + 1 + i
		written := string(d.Source.Line(line))
		column := 1 + len(written) - len(strings.TrimLeft(written, " \t"))
		scalar := func(value string, column int) *yaml.Node {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: line, Column: column}
		}
		switch m := processLine().FindStringSubmatchIndex(step); {
		case strings.HasPrefix(step, "{"):
			if item := d.flowStep(x, step, line, column); item != nil {
				list.Content = append(list.Content, item)
			}
		case m != nil:
			list.Content = append(list.Content, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: line, Column: column,
				Content: []*yaml.Node{scalar(step[m[2]:m[3]], column), scalar(step[m[4]:m[5]], column+m[4])}})
		default:
			list.Content = append(list.Content, scalar(step, column))
		}
	}
	return list
}

// flowStep reads a line of steps that is a mapping of YAML, nil after a complaint.
func (d *experimentReader) flowStep(x *experiment, text string, line, column int) *yaml.Node {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil || len(document.Content) != 1 {
		d.Complain(yamlpos.PosOf(&yaml.Node{Line: line, Column: column}),
			"%s: in a text of steps each line is one; this is not a mapping that ends on it: %s", x.scope, text)
		x.broken = true
		return nil
	}
	item := document.Content[0]
	move(item, line, column)
	return item
}

// move gives the nodes of a text that was parsed by itself their places in the file.
func move(n *yaml.Node, line, column int) {
	n.Line, n.Column = line, n.Column+column-1
	for _, c := range n.Content {
		move(c, line, column)
	}
}

// withoutComment returns a line of steps without blanks around it and a comment behind it, which
// begins with "#" after a blank and outside of quotes.
func withoutComment(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return strings.TrimSpace(line[:i])
		}
	}
	return strings.TrimSpace(line)
}
