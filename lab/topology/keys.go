package topology

import (
	"slices"
	"strings"

	"labrun/lab/wording"
)

var experimentKeys = []string{"doc", "claim", "when", "hosts", "processes", "axes", "skip", "only", "want", "steps"}

// stepKeys are the keys of a step beside its process, and some kept for later.
var stepKeys = []string{"run", "as", "limit", "background", "until", "stdout", "stderr", "exit",
	"repeat", "doc", "want", "skip", "only", "axes"}

// topologyKeys are what a topology has for itself, and a file that it includes has not.
var topologyKeys = []string{"name", "networks", "hosts"}

// sharedKeys are what both have.
var sharedKeys = []string{"doc", "include", "claims", "probes", "experiments"}

// keySynonyms are what keys are called elsewhere.
var keySynonyms = map[string]string{
	"timeout":     "limit",
	"ip":          "address",
	"ips":         "address",
	"addresses":   "address",
	"addr":        "address",
	"net":         "network",
	"alias":       "as",
	"cidr":        "subnet",
	"prefix":      "subnet",
	"cable":       "link",
	"interfaces":  "nics",
	"interface":   "nics",
	"ports":       "nics",
	"sysctl":      "sysctls",
	"output":      "stdout",
	"out":         "stdout",
	"status":      "exit",
	"code":        "exit",
	"returncode":  "exit",
	"bg":          "background",
	"daemon":      "background",
	"nodes":       "hosts",
	"machines":    "hosts",
	"topology":    "name",
	"title":       "name",
	"description": "doc",
	"tests":       "experiments",
	"cases":       "experiments",
	"scenarios":   "experiments",
	"includes":    "include",
	"import":      "include",
	"expect":      "want",
	"params":      "axes",
	"parameters":  "axes",
	"matrix":      "axes",
	"calls":       "steps",
	"commands":    "steps",
	"uid":         "user",
}

// keysElsewhere are keys for what is said otherwise here, beside another key than theirs.
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
	if meant := keySynonyms[strings.ToLower(found)]; slices.Contains(allowed, meant) {
		return meant, ""
	}
	near = wording.Nearest(found, allowed)
	if other := keysElsewhere[found]; near == "" && slices.Contains(allowed, other.of) {
		ending = "; " + other.words
	}
	return near, ending
}
