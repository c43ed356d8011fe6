package topology

import (
	"fmt"
	"slices"

	"labrun/lab"
	"labrun/lab/syntax"
)

// besideCalls are the keys that may stand beside a process and its calls. All other keys of steps
// cannot be a process, as in experimentReader.process.
var besideCalls = []string{"limit", "until", "repeat", "background", "as", "together", "answers"}

// stepsSchema is a list of steps, of an experiment or of a process.
func stepsSchema() object {
	return object{"type": "array", "items": ref("step"), "minItems": 1,
		"description": "What the processes do, one after the other: calls with the answers expected."}
}

// stepsOrLines is the steps of an experiment, which may be a text with one on each line.
func stepsOrLines() object {
	return either("What the processes do: a list, or with steps: | a call on each line, as PROCESS: CALL by another process.",
		ref("steps"), object{"type": "string", "minLength": 1})
}

// stepSchema is one step. "if" chooses between a program and calls by the key run, so that an editor
// complains about a program's keys and not, as with anyOf, that it is not a call either.
func stepSchema() object {
	return object{
		"description": "A step: a call of the process main, {PROCESS: CALL} or {PROCESS: [CALL, ...]}, or a program " +
			"{run: ...}.",
		"if":   object{"type": "object", "required": []string{"run"}},
		"then": ref("program"),
		"else": object{"anyOf": []object{ref("call"), ref("calls")}},
	}
}

// durationSchema is what time.ParseDuration reads, or a placeholder.
func durationSchema() object {
	return object{"type": "string", "description": fmt.Sprintf("A time, at most %s.", syntax.MaxWait),
		"examples": []string{"100ms", "1.5s", "5s"},
		"pattern":  `^\+?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$|` + syntax.FillPattern}
}

// described is a reference with a text of its own.
func described(doc, name string) object { return ref(name).with("description", doc) }

// repeatSchema is the key repeat, beside calls and beside a program.
func repeatSchema() object {
	return filled("Do the step so many times; ${i} is 1 the first time.", 1, maxTurns)
}

// callsSchema is a process and its calls. The process is the key that no property has.
func callsSchema() object {
	taken := slices.DeleteFunc(slices.Clone(stepKeys), func(k string) bool { return slices.Contains(besideCalls, k) })
	return object{
		"type":        "object",
		"description": "{PROCESS: CALL} or {PROCESS: [CALL, ...]}, by a process NAME, peer/NAME or HOST/NAME.",
		"properties": titled(schemas{
			"limit": described(fmt.Sprintf("How long a call may take before its answer is \"blocked\" (%s).",
				lab.DefaultLimit), "duration"),
			"until":  described("Make the call again until it is answered so, for at most this long.", "duration"),
			"repeat": repeatSchema(),
			"background": either("true: go on once the call waits in the kernel; answer(NAME) gets its answer.",
				object{"type": "boolean"}, object{"type": "string", "pattern": "^(?:true|false)$|" + syntax.FillPattern}),
			"as": like("With background: the NAME for answer(NAME), else that of the socket which the call makes.",
				"^"+syntax.Inner(syntax.PendingName)+"$|"+syntax.FillPattern, "r"),
			"together": object{"type": "array", "minItems": 2, "items": object{"type": []string{"string", "object"}},
				"description": "Calls, CALL or PROCESS: CALL, that are released at the same instant."},
			"answers": either("What they answer, in any order, whichever call that is.",
				object{"type": "array", "minItems": 2, "items": answerText("What one of them answers.", "ok", "EADDRINUSE")},
				object{"type": "string", "pattern": `^\s*\{|` + syntax.FillPattern}),
			"run": runSchema(), // with it the step is a program; here it is for editors to complete
		}),
		"propertyNames": object{"pattern": processPattern + "|" + syntax.FillPattern,
			"not":                 object{"enum": append(taken, "peer")},
			"patternErrorMessage": "a process is NAME, peer/NAME or HOST/NAME"},
		"additionalProperties": either("A call, or a list of calls, of this process.",
			ref("call"), object{"type": "array", "items": ref("step"), "minItems": 1},
			ref("step").with("type", "object")),
		"minProperties": 1, "maxProperties": 1 + len(besideCalls),
		"defaultSnippets": []object{
			{"label": "calls of the peer", "body": object{"peer/${1:web}": []string{"a = socket(tcp)", "bind(a, x:80)",
				"listen(a, 5)"}}},
			{"label": "a call of another process", "body": object{"${1:second}": "b = socket(tcp)"}},
			{"label": "a server in the background", "body": object{
				"run": "${1:python3 -m http.server 80}", "as": "peer/${2:web}", "background": true,
				"until": "sockets(any:80) = LISTEN",
			}},
			{"label": "a program and what it prints",
				"body": object{"run": "${1:curl -s http://peer.x/}", "stdout": "/${2:text}/", "exit": 0}},
		},
	}
}

// runSchema is the command of a program.
func runSchema() object {
	return either("A real program: words as a shell would take them apart, without any expansion; or a list of words.",
		object{"type": "string", "minLength": 1}, object{"type": "array", "items": text("A word of the command."),
			"minItems": 1})
}

// programSchema is a real program.
func programSchema() object {
	printed := func(name string) object {
		return object{"type": []string{"string", "number", "boolean", "null"},
			"examples": []string{"", "/a regular expression/"},
			"description": "What the program must print on its standard " + name +
				", but for a line end at the very end; or a regular expression between slashes."}
	}
	o := closed("A real program of the machine, which runs in a host and dies with the cell.", schemas{
		"run": runSchema(),
		"as": like("The process that it is, for kill and wait: NAME, peer/NAME or HOST/NAME.",
			processPattern+"|"+syntax.FillPattern, "web", "peer/web"),
		"background": either("true: do not wait for its end.", object{"type": "boolean"},
			object{"type": "string", "pattern": "^(?:true|false)$|" + syntax.FillPattern}),
		"until":  described("With background: the call that says that it is ready, sockets(any:80) = LISTEN.", "call"),
		"stdout": printed("output"),
		"stderr": printed("error"),
		"exit":   filled("The exit status that it must have (0).", 0, 255),
		"fds": object{"type": "array", "minItems": 1,
			"items":       text("A socket of main, w, or of another process, web:w.", "w"),
			"description": "Sockets that it is given as descriptors 3 and up, with LISTEN_FDS and LISTEN_PID."},
		"limit":  described(fmt.Sprintf("How long it may take (%s).", programLimit), "duration"),
		"repeat": repeatSchema(),
	}, "run")
	o["dependentRequired"] = map[string][]string{"until": {"background"}}
	return o
}
