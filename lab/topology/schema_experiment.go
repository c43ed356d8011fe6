package topology

import (
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/syntax"
)

// experimentsSchema is the section experiments, with snippets that an editor offers for a new one.
func experimentsSchema() object {
	host := text("The name of a host.")
	claim := text("claim: NAME, a pass speaks for the claim; claim: not NAME, a pass speaks against it.")
	experiment := closed("An experiment: a row of the matrix, or with axes a family of rows.", schemas{
		"doc":   ref("doc"),
		"claim": claim,
		"when": text("The circumstances that the claim is tested in, as a clause: the first connection is in " +
			"TIME_WAIT."),
		"hosts":     oneOrMore("The hosts that it runs in; left out: every one.", host),
		"linux":     linuxSchema("Its cells are skipped on other kernels than these"),
		"needs":     oneOrMore("What the kernel has to have; its cells are skipped where it lacks that.", hasSchema()),
		"processes": ref("processes"),
		"axes":      axesSchema(),
		"skip":      pruneSchema("Combinations to leave out: [{AXIS: VALUE, ...}, ...]."),
		"only":      pruneSchema("Combinations that are not to be left out, all others are: [{AXIS: VALUE, ...}, ...]."),
		"want": either("The answers, by rules over the axes: the first rule that matches gives ${want}. Several: {bind: "+
			"[...]} gives ${want.bind}.",
			ref("rules"), named("Several named answers.", axisName, ref("rules"))),
		"steps": stepsOrLines(),
	}, "steps")
	experiment["dependentRequired"] = map[string][]string{"when": {"claim"}}
	o := named("Experiments by name: the rows of the matrix.", syntax.ExperimentName, experiment)
	o["maxProperties"] = maxExperiments
	o["defaultSnippets"] = []object{{"label": "an experiment", "body": object{"${1:name}": object{
		"doc": "${2:what it asks}",
		"steps": []string{"a = socket(tcp)", "bind(a, x:80)", "listen(a, 5)", "b = socket(tcp)",
			"bind(b, any:80) = EADDRINUSE"},
	}}}}
	return o
}

// processesSchema is the users of processes; a process is known from its name's form alone.
func processesSchema() object {
	capabilities := oneOrMore("The capabilities that it keeps, capabilities(7); left out: none.",
		object{"enum": lab.Capabilities})
	o := object{
		"type": "object", "description": "Processes that run as somebody else: {web: {user: 1000}}.",
		"propertyNames": object{"pattern": processPattern, "description": "A process: NAME, peer/NAME or HOST/NAME."},
		"additionalProperties": closed("Who the process is.", schemas{
			"user": either("The number of the user and group that it runs as.",
				object{"type": "integer", "minimum": 0, "maximum": syntax.MaxUser},
				object{"type": "string", "pattern": "^[0-9]+$"}),
			"capabilities": capabilities,
		}, "user"),
	}
	return o
}

// processPattern is NAME, peer/NAME or HOST/NAME.
var processPattern = "^(?:" + syntax.Inner(syntax.HostName) + "/)?" + syntax.Inner(syntax.ProcessName) + "$"

// axesSchema is the axes of an experiment. What is completed are words that most axes are made of.
func axesSchema() object {
	words := slices.Concat(lab.SocketTypes, []string{"any", "any6", "lo", "lo6"})
	for _, o := range lab.Options {
		words = append(words, o.Name)
	}
	value := either("A value: a text, which is its own name too.",
		object{"enum": words, "description": "A socket type, an option or an address."},
		nameValue(valueName, "A text that ${AXIS} stands for."))
	byName := named("Values with names: each a text, or steps.", valueName,
		either("A text, \"\" for none, or steps that ${AXIS} stands for as a whole step.",
			object{"type": []string{"string", "number", "boolean", "null"}},
			ref("call"), object{"type": "array", "items": ref("step")}))
	byName["minProperties"] = 1
	o := named("The experiment runs once for every combination of their values; ${AXIS} stands for the value "+
		"anywhere in a step.", axisName,
		either("A list of texts, or a mapping from names to texts or steps.",
			object{"type": "array", "items": value, "minItems": 1}, byName))
	o["defaultSnippets"] = []object{
		{"label": "a list of values", "body": object{"${1:first}": []string{"x", "any"}}},
		{"label": "values with names", "body": object{"${1:option}": object{"none": "",
			"reuse": "setsockopt(a, SO_REUSEADDR, 1)"}}},
	}
	return o
}

// matchSchema is what a rule asks of an axis, as demand reads it. Values are the file's own.
func matchSchema() object {
	value := text("A value of the axis, or \"not VALUE\".")
	return either("A value of the axis, \"not VALUE\", a list of values, or {not: [...]}.", value,
		object{"type": "array", "items": value, "minItems": 1},
		closed("Any value but these.", schemas{"not": oneOrMore("The values that do not match.", value)}, "not"))
}

// pruneSchema is skip or only. Whether an axis of that name exists, Load finds out.
func pruneSchema(doc string) object {
	return oneOrMore(doc, object{
		"type": "object", "propertyNames": nameSchema(axisName), "additionalProperties": ref("match"),
		"description": "A combination matches when all of these do.",
	})
}

// answerText is an answer that stands alone.
func answerText(doc string, examples ...string) object {
	_, answer := syntax.ErrnoPatterns()
	return like(doc, answer, examples...).with("patternErrorMessage", misspeltErrno)
}

// rulesSchema is one list of rules. Keys that are not words of a rule are axes.
func rulesSchema() object {
	words := append([]string{"ok", "blocked", "?", leftOut}, lab.ErrnoNames()...)
	answer := either("The answer: ok, an errno, blocked, ?, a value, or \"-\" to leave the step out.",
		object{"enum": words}, answerText("A value."))
	rule := object{
		"type": "object", "description": "{AXIS: VALUE, ..., answer: ANSWER}, or as the last one {else: ANSWER}.",
		"properties": titled(schemas{
			"answer": answer, "else": answer, "linux": linuxSchema("The rule is for these kernels only"), "has": hasSchema(),
		}),
		"propertyNames":        object{"pattern": syntax.Portable(axisName.Syntax())},
		"additionalProperties": ref("match"),
		"oneOf": []object{{"required": []string{"answer"}},
			{"required": []string{"else"}, "maxProperties": 1}},
	}
	return object{"type": "array", "items": rule, "minItems": 1,
		"description": "Rules; the first one that matches counts.",
		"defaultSnippets": []object{{"label": "rules",
			"body": []object{{"${1:axis}": "${2:value}", "answer": "ok"}, {"else": "EADDRINUSE"}}}}}
}

// linuxSchema and hasSchema are what syntax.ParseCondition reads.
func linuxSchema(what string) object {
	bound := "(?:" + strings.Join(lab.VersionOps, "|") + `)\s*[0-9]+(?:\.[0-9]+){0,2}`
	return object{"type": "string", "pattern": `^\s*` + bound + `(?:\s+` + bound + `)*\s*$`,
		"examples":    []string{"< 6.2", ">= 6.1 < 6.8"},
		"description": what + ": bounds such as \"< 6.2\"."}
}

// hasSchema lists all that has a name in the vocabulary, for an editor to complete; parameters and
// probes are the file's and the kernel's.
func hasSchema() object {
	var words []string
	for _, no := range []string{"", "no "} {
		for _, o := range lab.Options {
			words = append(words, no+"option "+o.Name)
		}
		for _, s := range lab.SocketTypes {
			words = append(words, no+"socket "+s)
		}
	}
	return either("The rule is for kernels with a feature only: option NAME, socket TYPE, sysctl NAME, probe NAME, "+
		"or \"no ...\".",
		object{"enum": words},
		object{"type": "string", "pattern": `^\s*(?:no\s+)?(?:sysctl\s+net\.|probe\s+)\S+\s*$`,
			"examples": []string{"sysctl net.ipv4.tcp_tw_reuse_delay", "probe NAME"}})
}
