package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"labrun/lab"
)

// longest is what file systems take, NAME_MAX.
const longest = 255

// Name returns the name of the folder of a cell: two-binders,first=x,second=any@alpha.
// Cells of different names have different ones, and none of them leads elsewhere.
func Name(experiment string, axes []lab.Axis, combo lab.Combo, host string) string {
	var b strings.Builder
	b.WriteString(escape(experiment))
	for i, v := range lab.ShapeOf(axes).Values(combo) {
		b.WriteString("," + escape(axes[i].Name) + "=" + escape(axes[i].Values[v]))
	}
	return shorten(b.String(), "@"+escape(host))
}

// escape writes everything but letters, digits and a few signs as %XX. What a name
// is put together with is none of them, so there is one way to take it apart.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '+',
			c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// shorten cuts a name that is too long, and puts a hash of all of it in the place.
// No other name has a tilde.
func shorten(name, end string) string {
	if len(name)+len(end) <= longest {
		return name + end
	}
	sum := sha256.Sum256([]byte(name + end))
	hash := "~" + hex.EncodeToString(sum[:16])
	if room := longest - len(end) - len(hash); room > 0 {
		return name[:room] + hash + end
	}
	return (name + end)[:longest-len(hash)] + hash
}

// Places names the folders of topologies: none when there is one topology, else
// its name, with a number where several have the same.
func Places(topologies []*lab.Topology) []string {
	names := make([]string, len(topologies))
	if len(topologies) == 1 {
		return names
	}
	seen := map[string]int{}
	for i, t := range topologies {
		names[i] = escape(t.Name)
		if seen[t.Name]++; seen[t.Name] > 1 {
			names[i] += fmt.Sprintf("~%d", seen[t.Name])
		}
	}
	return names
}
