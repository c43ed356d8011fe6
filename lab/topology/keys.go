package topology

import (
	"slices"
	"strings"

	"labrun/lab/wording"
)

var experimentKeys = []string{"doc", "claim", "when", "hosts", "linux", "needs", "processes", "axes", "skip", "only",
	"want", "steps"}

// stepKeys are the keys of a step beside its process, and some kept for later. No process has such a
// name, so a key that comes to mean something will not change what a file says.
var stepKeys = []string{"run", "as", "limit", "background", "until", "stdout", "stderr", "exit",
	"repeat", "fds", "together", "answers", "doc", "want", "skip", "only", "axes"}

// topologyKeys are what a topology has for itself, and a file that it includes has not.
var topologyKeys = []string{"name", "networks", "hosts"}

// ownKeys are what a topology may have for itself.
var ownKeys = []string{"question", "found", "level", "see", "defaults", "kernels"}

// sharedKeys are what both have.
var sharedKeys = []string{"doc", "include", "claims", "probes", "experiments"}

// keySynonyms are what keys are called elsewhere, in files of containers, of CI and of other labs. One
// counts as the key that is meant, after a complaint, so that nothing else is missing because of it.
var keySynonyms = map[string][]string{
	"limit":       {"timeout"},
	"address":     {"ip", "ips", "addresses", "addr"},
	"network":     {"net"},
	"as":          {"alias"},
	"subnet":      {"cidr", "prefix"},
	"link":        {"cable"},
	"nics":        {"interfaces", "interface", "ports"},
	"sysctls":     {"sysctl"},
	"routes":      {"route"},
	"rules":       {"rule"},
	"neighbours":  {"neighbors", "neigh", "arp"},
	"count":       {"replicas", "scale"},
	"forwarding":  {"forward", "router", "ip_forward"},
	"stdout":      {"output", "out"},
	"exit":        {"status", "code", "returncode"},
	"background":  {"bg", "daemon"},
	"hosts":       {"nodes", "machines"},
	"name":        {"topology", "title"},
	"kernels":     {"kernel"},
	"doc":         {"description"},
	"experiments": {"tests", "cases", "scenarios"},
	"needs":       {"requires"},
	"include":     {"includes", "import"},
	"want":        {"expect"},
	"axes":        {"params", "parameters", "matrix"},
	"steps":       {"calls", "commands"},
	"user":        {"uid"},
}

// keysElsewhere are keys for what is said otherwise here, beside another key than theirs: what a
// program runs as, where and with which environment.
var keysElsewhere = map[string]struct{ of, words string }{
	"args": {"run", "a command and its arguments are one text or one list: run: [ls, -l]"},
	"user": {"run", "processes: {NAME: {user: 1000}} of the experiment says as which user, and as: NAME which process"},
	"host": {"run", "as: HOST/NAME or peer/NAME says on which host"},
	"on":   {"run", "as: HOST/NAME or peer/NAME says on which host"},
	"env":  {"run", "env(1) sets variables: run: env NAME=value COMMAND"},
	"cwd":  {"run", "a program starts in the folder of the file; run: sh -c 'cd FOLDER && ...' leaves it"},
}

// meantKey returns the one of the allowed keys that was meant, "" when that is not to be seen, and
// what to say of a key that is for something that is said otherwise here.
func meantKey(found string, allowed []string) (near, ending string) {
	if meant := wording.Synonym(keySynonyms, strings.ToLower(found)); slices.Contains(allowed, meant) {
		return meant, ""
	}
	near = wording.Nearest(found, allowed)
	if other := keysElsewhere[found]; near == "" && slices.Contains(allowed, other.of) {
		ending = "; " + other.words
	}
	return near, ending
}
