package topology

import (
	"slices"
	"strings"

	"labrun/lab/once"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// language is what topology files have beside YAML. What looks like a step is told by its parenthesis
// or placeholder, and an expression by its slash: at that point nothing is read yet that could say.
var language = &yamlpos.Dialect{
	Noun: "topology", Item: "step",
	Keys: slices.Concat(topologyKeys, sharedKeys, stepKeys, ownKeys, []string{"sysctls", "routes", "rules",
		"neighbours", "forwarding", "nft", "count", "type", "netem", "master", "nics", "network",
		"address", "subnet", "subnet6", "link", "steps", "claim", "when", "processes", "hosts", "user", "capabilities"}),
	// A program may stand in one line, and its command have commas: only before a key of its own has
	// the command ended.
	Goes: once.Regexp(`, (run|as|stdout|stderr|exit|limit|until|background): `),
	NounOf: func(text string) string {
		switch {
		case text[0] == '/':
			return "regular expression"
		case strings.ContainsRune(text, '('), strings.Contains(text, "${"):
			return "step"
		}
		return ""
	},
	Meant: meantKey,
	Beside: func(text string) string {
		return "a step with keys beside it names the process that makes the call: main: " + wording.Clip(text)
	},
	Stray: func(text string) string {
		if !callLine().MatchString(text) {
			return ""
		}
		return `this call is neither an item of a list, "- ` + wording.Clip(text) + `", nor behind a process: "main: ` +
			wording.Clip(text) + `"`
	},
}

// callLine is a line that begins as a call does.
var callLine = once.Regexp(`^([A-Za-z0-9_]+ *= *)?[a-z_]+\(`)
