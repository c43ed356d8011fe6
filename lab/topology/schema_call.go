package topology

import (
	"slices"
	"strings"

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
	return object{"type": "string", "anyOf": forms,
		"description": "A call as strace writes it, with the answer that it must get: [NAME =] CALL(ARGUMENTS) [= " +
			"ANSWER [ANSWER on linux < 6.2]]. ANSWER is " + formsOf(lab.AnswerForms) + ". An address is " +
			formsOf(lab.AddressForms) + "."}
}

// formsOf lists the ways in which something may be written. A pattern would not tell an author what they mean.
func formsOf(forms []lab.Form) string {
	var words []string
	for _, f := range forms {
		words = append(words, f.Form)
	}
	return strings.Join(words, "; ")
}

// noCall is what an editor says instead of a pattern that does not match, which no author would want
// to read; "labrun check" has the words.
const noCall = "not a call that labrun takes: its name, its arguments or its answer; labrun check says which"

// signatureSchema is one call. One with socket options is a choice of them, so
// that each is completed, and shown with its own manual page.
func signatureSchema(s lab.Signature) object {
	o := object{"title": s.Name, "description": syntax.DescribeCall(s)}
	at := slices.Index(s.Args, lab.KindOption)
	if at < 0 {
		o["pattern"], o["patternErrorMessage"] = syntax.CallPattern(s, ""), noCall
		o["examples"] = syntax.CallExamples(s)
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
