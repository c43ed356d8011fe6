package topology

import (
	"slices"

	"labrun/lab"
	"labrun/lab/syntax"
)

// callSchema is one of the calls; each has its own schema, with its manual page. There is no other
// form of a step's text: an answer is behind the call, in the same text.
func callSchema() object {
	forms := []object{}
	for _, s := range lab.Signatures {
		forms = append(forms, ref("call-"+s.Name))
	}
	// What an axis gives may be anything.
	forms = append(forms, object{"pattern": `^[^(]*` + syntax.FillPattern,
		"description": "A step that begins with the value of an axis."})
	step, _ := syntax.ErrnoPatterns()
	return object{"type": "string", "anyOf": forms,
		"pattern": step, "patternErrorMessage": misspeltErrno,
		"description": "A call as strace writes it: [NAME =] CALL(ARGUMENTS) [= ANSWER].\n\n" +
			"See labrun help calls, addresses and answers."}
}

// misspeltErrno is what an editor says of a word that looks like an errno and is none.
const misspeltErrno = "no such errno: EADDRINUSE, EINVAL and so on, errno(3)"

// noCall is what an editor says instead of a pattern that does not match, which no author would want
// to read; "labrun check" has the words.
const noCall = "not a call that labrun takes: its name, its arguments or its answer; labrun check says which"

// mostShown bounds the examples of a call.
const mostShown = 3

// signatureSchema is one call. One with socket options is a choice of them, so
// that each is completed, and shown with its own manual page.
func signatureSchema(s lab.Signature) object {
	o := object{"title": s.Name, "description": syntax.DescribeCall(s)}
	at := slices.Index(s.Args, lab.KindOption)
	if at < 0 {
		o["pattern"], o["patternErrorMessage"] = syntax.CallPattern(s, ""), noCall
		// Editors complete examples and snippets alike, and show the examples, all of them, beside the call.
		examples := syntax.CallExamples(s)
		shown := min(len(examples), mostShown)
		o["examples"] = examples[:shown]
		var snippets []object
		for _, e := range examples[shown:] {
			snippets = append(snippets, object{"label": e, "body": e})
		}
		if snippets != nil {
			o["defaultSnippets"] = snippets
		}
		return o
	}
	var forms []object
	for _, option := range lab.Options {
		if option.Value == lab.ValueInfo && s.Name == "setsockopt" {
			continue // it can only be read
		}
		args := syntax.KindExamples(s.Args[:len(s.Args)-s.Optional])
		args[at] = option.Name
		if i := slices.Index(s.Args, lab.KindValue); i >= 0 {
			args[i] = syntax.ValueExamples[option.Value]
		}
		forms = append(forms, object{
			"title": option.Name, "description": option.Doc + "; " + string(option.Value),
			"pattern": syntax.CallPattern(s, option.Name), "patternErrorMessage": noCall,
			"examples": []string{syntax.MadeBy(s, args)},
		})
	}
	o["anyOf"] = append(forms, object{"pattern": `^\s*` + s.Name + `\s*\([\s\S]*` + syntax.FillPattern},
		object{"pattern": `^\s*` + s.Name + `\s*\([^,]*,\s*SOL_[A-Z0-9]+:[0-9]+`})
	return o
}
