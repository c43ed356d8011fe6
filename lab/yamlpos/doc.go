// Package yamlpos reads YAML so that whatever is wrong with it can be shown where it is:
// the text of a file, its nodes and the places of both, complaints with a caret under the
// place, and for a text that YAML reads otherwise than it was meant, how to quote it.
//
// It knows no topologies, but YAML and a Dialect, what a kind of file has beside it. Each
// Source is a file, and Complaints collects what is wrong with all those that belong together.
//
// The YAML parser is the library's, go.yaml.in/yaml/v4, used for nodes alone: it decides what is
// YAML, this package what to say of it. Nodes have the line and column where they begin, and
// nothing is decoded into Go values, since a decoder reports what it expected rather than what was
// written, and takes yes, 1e3 and 0x1f for something else than names.
//
// Of a text that is not YAML the parser reports one mistake, where it could not go on. That is
// where reading ended, not where writing went wrong: culprit.go looks at the lines around it for
// what people do (a tab, a missing colon, another indentation), and quoting.go for what else is
// common in lists of calls, a text with commas that lacks its quotes.
package yamlpos
