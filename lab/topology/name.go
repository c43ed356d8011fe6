package topology

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"labrun/lab"
)

// nameRule says how one kind of name is written.
type nameRule struct {
	noun     string
	syntax   func() *regexp.Regexp
	words    string // the syntax in words
	longest  int    // bytes, 0 for any
	reserved []string
}

// lazy compiles a pattern when it is first used: processes of a lab are this
// program too, and read no file.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var (
	topologyName = nameRule{"a topology's name", lazy(`^[A-Za-z0-9][A-Za-z0-9._-]*$`),
		"letters, digits, '.', '_', '-', a letter or digit first", 63, nil}
	experimentName = nameRule{"an experiment's name", topologyName.syntax, topologyName.words, 100, nil}
	networkName    = nameRule{"a network's name", lazy(`^[A-Za-z0-9][A-Za-z0-9_-]*$`),
		"letters, digits, '_', '-', a letter or digit first", 15, []string{"lo", "all", "default"}}
	hostName = nameRule{"a host's name", networkName.syntax, networkName.words, 63, []string{"peer", "subject"}}
	// dev_valid_name, linux/net/core/dev.c; '%' would be a pattern there. all and
	// default are folders beside the links' in /proc/sys/net/ipv4/conf.
	nicName = nameRule{"a nic's name", lazy(`^[^\pZ\pC/:%]+$`),
		"no space, '/', ':', '%'", 15, []string{"lo", "all", "default", ".", ".."}}
	aliasName = nameRule{"a name for an address", lazy(`^[A-Za-z_][A-Za-z0-9_-]*$`),
		"letters, digits, '_', '-', a letter or '_' first", 63,
		[]string{"any", "any6", "lo", "lo6", "peer", "subject", "mapped"}}
	claimName = nameRule{"a claim's name", lazy(`^[^\pC\s]([^\pC]*[^\pC\s])?$`), "text on one line", 100,
		[]string{"not"}}
	processName = nameRule{"a process's name", lazy(`^[A-Za-z0-9_][A-Za-z0-9_-]*$`),
		"letters, digits, '_', '-', not '-' first", 63, []string{"peer", "subject"}}
	socketName = nameRule{"a socket's name", processName.syntax, processName.words, 63, nil}
	portName   = nameRule{"a port variable's name", lazy(`^[A-Za-z_][A-Za-z0-9_]*$`),
		"letters, digits, '_', not a digit first", 63, nil}
)

// check returns what is wrong with a name, or "".
func (r nameRule) check(name string) string {
	switch {
	case name == "":
		return r.noun + " is empty"
	case slices.Contains(r.reserved, name):
		return quote(name) + " is reserved, it cannot be " + r.noun
	case !r.syntax().MatchString(name):
		return quote(name) + " is not " + r.noun + " (" + r.words + ")"
	case r.longest > 0 && len(name) > r.longest:
		return quote(name) + " has " + count(len(name), "byte") + ", " + r.noun + " has at most " +
			count(r.longest, "byte")
	case r.noun == claimName.noun && strings.HasPrefix(name, "not "):
		return quote(name) + ` begins with "not ", which turns a claim round`
	}
	return ""
}

func (d *decoder) checkName(pos lab.Pos, r nameRule, name string) bool {
	problem := r.check(name)
	if problem != "" {
		d.complain(pos, "%s", problem)
	}
	return problem == ""
}
