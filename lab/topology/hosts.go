package topology

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"labrun/lab/yamlpos"
)

// layoutKeys are the keys of a file that say what there is, and not what is asked of it.
var layoutKeys = []string{"networks", "defaults", "hosts"}

// LayoutText returns the lines of a topology that declare its networks and hosts, as they stand in it, comments
// too: what another file needs for the same hosts. It is an error where these are not lines of their own, as in a
// file that is one mapping in braces. The file has to be one that Load takes.
func LayoutText(s Source) ([]byte, error) {
	text, _, err := s.open()
	if err != nil {
		return nil, err
	}
	source := yamlpos.NewSource(s.File, text, language)
	var document yaml.Node
	if err := yaml.Unmarshal(source.Text, &document); err != nil {
		return nil, err
	}
	root := &yaml.Node{}
	if len(document.Content) > 0 {
		root = document.Content[0]
	}
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 {
		return nil, fmt.Errorf("%s: its networks and hosts are not on lines of their own, so they cannot be taken from it",
			s.File)
	}
	var all []byte
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i]
		if !slices.Contains(layoutKeys, key.Value) {
			continue
		}
		end := len(source.Lines)
		if i+2 < len(root.Content) {
			end = root.Content[i+2].Line - 1
		}
		lines := bytes.SplitAfter(source.Text[source.Lines[key.Line-1]:], []byte("\n"))[:end-key.Line+1]
		// A comment above the next key is that one's.
		for len(lines) > 1 && (len(bytes.TrimSpace(lines[len(lines)-1])) == 0 || lines[len(lines)-1][0] == '#') {
			lines = lines[:len(lines)-1]
		}
		all = append(all, bytes.TrimRight(bytes.Join(lines, nil), "\n")...)
		all = append(all, "\n\n"...)
	}
	return all, nil
}
