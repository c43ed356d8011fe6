package syntax

import (
	"regexp"
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
)

// SysctlSyntax is how the name of a kernel parameter is written.
var SysctlSyntax = once.Regexp(`^net(\.[A-Za-z0-9_/-]+)+$`)

// NameRule says how one kind of name is written. The same rules check a file and stand in its
// JSON Schema, so an editor refuses what Load does. Names stand in cells, in commands and in
// names of files of captures, where a blank or a quote would need quoting.
type NameRule struct {
	Noun     string
	Syntax   func() *regexp.Regexp
	Words    string // the syntax in words
	Longest  int    // bytes, 0 for any
	Reserved []string
}

var (
	TopologyName = NameRule{"a topology's name", once.Regexp(`^[A-Za-z0-9][A-Za-z0-9._-]*$`),
		"letters, digits, '.', '_', '-', a letter or digit first", 63, nil}
	// An experiment's name may be longer, as people write a sentence into it.
	ExperimentName = NameRule{"an experiment's name", TopologyName.Syntax, TopologyName.Words, 100, nil}
	NetworkName    = NameRule{"a network's name", once.Regexp(`^[A-Za-z0-9][A-Za-z0-9_-]*$`),
		"letters, digits, '_', '-', a letter or digit first", 15, []string{"lo", "all", "default"}}
	// In a step peer and subject stand for hosts, whichever those are in a column.
	HostName = NameRule{"a host's name", NetworkName.Syntax, NetworkName.Words, 63, []string{"peer", "subject"}}
	// dev_valid_name, linux/net/core/dev.c; '%' would be a pattern there. all and
	// default are folders beside the links' in /proc/sys/net/ipv4/conf.
	NicName = NameRule{"a nic's name", once.Regexp(`^[^\pZ\pC/:%]+$`),
		"no space, '/', ':', '%'", 15, []string{"lo", "all", "default", ".", ".."}}
	// Names for addresses stand where any, lo and their like do.
	AliasName = NameRule{"a name for an address", once.Regexp(`^[A-Za-z_][A-Za-z0-9_-]*$`),
		"letters, digits, '_', '-', a letter or '_' first", 63,
		[]string{"any", "any6", "lo", "lo6", "peer", "subject", "mapped"}}
	// A claim may be put as a sentence; "claim: not NAME" turns it round.
	ClaimName = NameRule{"a claim's name", once.Regexp(`^[^\pC\s]([^\pC]*[^\pC\s])?$`), "text on one line", 100,
		[]string{"not"}}
	ProcessName = NameRule{"a process's name", once.Regexp(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`),
		"letters, digits, '_', '-', not '-' first", 63, []string{"peer", "subject"}}
	SocketName = NameRule{"a socket's name", ProcessName.Syntax, ProcessName.Words, 63, nil}
	// A call in the background has a name of its own, or that of the socket which it makes.
	PendingName = NameRule{"the name of a call in the background", ProcessName.Syntax, ProcessName.Words, 63, nil}
	portName    = NameRule{"a port variable's name", once.Regexp(`^[A-Za-z_][A-Za-z0-9_]*$`),
		"letters, digits, '_', not a digit first", 63, nil}
)

// Check returns what is wrong with a name, or "".
func (r NameRule) Check(name string) string {
	switch {
	case name == "":
		return r.Noun + " is empty"
	case slices.Contains(r.Reserved, name):
		return wording.Quote(name) + " is reserved, it cannot be " + r.Noun
	case !r.Syntax().MatchString(name):
		return wording.Quote(name) + " is not " + r.Noun + " (" + r.Words + ")"
	case r.Longest > 0 && len(name) > r.Longest:
		return wording.Quote(name) + " has " + wording.Count(len(name), "byte") + ", " + r.Noun + " has at most " +
			wording.Count(r.Longest, "byte")
	case r.Noun == ClaimName.Noun && strings.HasPrefix(name, "not "):
		return wording.Quote(name) + ` begins with "not ", which turns a claim round`
	}
	return ""
}

// CallNames returns the names of all calls, sorted.
func CallNames() []string {
	return namesOf(lab.Signatures, func(s lab.Signature) string { return s.Name })
}

// optionNames returns the names of all socket options, sorted.
func optionNames() []string { return namesOf(lab.Options, func(o lab.Option) string { return o.Name }) }

func namesOf[T any](rows []T, name func(T) string) []string {
	var names []string
	for _, row := range rows {
		names = append(names, name(row))
	}
	return wording.Sorted(names...)
}
