package yamlpos

import "regexp"

// Dialect is what a kind of file has beside YAML, so that a complaint about YAML says what
// was meant there. It is all that this package knows of topologies, and a value that topology hands
// in: a second kind of file would be a second Dialect.
type Dialect struct {
	Noun string // of a file: topology
	Item string // of an item of its lists: step
	// Keys may stand at the start of a line.
	Keys []string
	// Goes finds where a mapping goes on with another key: ", exit: ".
	Goes func() *regexp.Regexp
	// NounOf says what a text is: step, regular expression; "" for a text.
	NounOf func(text string) string
	// Meant returns the one of the allowed keys that was meant, "" for none, and what a
	// complaint about the key ends with, "" for the list of those.
	Meant func(found string, allowed []string) (near, ending string)
	// Beside says how a text with keys below it is written.
	Beside func(text string) string
	// Stray says how a text is written that is neither an item nor a value, "" when that
	// is not to be seen.
	Stray func(text string) string
}
