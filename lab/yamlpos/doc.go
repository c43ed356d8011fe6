// Package yamlpos reads YAML so that whatever is wrong with it can be shown where it is:
// the text of a file, its nodes and the places of both, complaints with a caret under the
// place, and for a text that YAML reads otherwise than it was meant, how to quote it.
//
// It knows no topologies, but YAML and a Dialect, what a kind of file has beside it. Each
// Source is a file, and Complaints collects what is wrong with all those that belong together.
package yamlpos
