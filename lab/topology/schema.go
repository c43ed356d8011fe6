package topology

import (
	"maps"

	"labrun/lab/syntax"
)

// object is a JSON object of the schema. The schema is made of maps rather than of types for each of
// JSON Schema's words: it has a few dozen of those, nested as the file is, and encoding/json sorts
// the keys of a map, so the schema is the same bytes on every run.
type object map[string]any

// schemas are keys and what their values may be.
type schemas map[string]object

// closed is a mapping with these keys and no others, as Fields reads one.
func closed(doc string, keys schemas, required ...string) object {
	o := object{"type": "object", "description": doc, "properties": titled(keys), "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// titled gives each its key as a title, which editors show above the description.
func titled(keys schemas) schemas {
	all := schemas{}
	for key, o := range keys {
		all[key] = maps.Clone(o)
		if o["title"] == nil {
			all[key]["title"] = key
		}
	}
	return all
}

// named is a mapping from names that the file chooses, as Entries reads one.
func named(doc string, rule syntax.NameRule, value object) object {
	return object{"type": "object", "description": doc, "propertyNames": nameSchema(rule), "additionalProperties": value}
}

// nameSchema is what a name must look like. Lengths are bytes here and characters
// there, so Load may refuse a few more.
func nameSchema(r syntax.NameRule) object {
	o := object{"description": r.Noun + ": " + r.Words, "pattern": syntax.Portable(r.Syntax()), "maxLength": r.Longest,
		"minLength": 1}
	if len(r.Reserved) > 0 {
		o["not"] = object{"enum": r.Reserved}
	}
	return o
}

// nameValue is the same where a value names something.
func nameValue(r syntax.NameRule, doc string) object {
	return nameSchema(r).with("type", texts).with("description", doc)
}

// with adds a word to an object that was just made.
func (o object) with(key string, value any) object {
	o[key] = value
	return o
}

// texts are the types of what is taken as written. An editor has made a number of 80 and a boolean
// of yes before the schema sees them.
var texts = []string{"string", "number", "boolean"}

// text is anything that is not a mapping or a list, as Text reads it.
func text(doc string, examples ...string) object {
	o := object{"type": texts, "description": doc}
	if len(examples) > 0 {
		o["examples"] = examples
	}
	return o
}

// like is a text of some form. Patterns are those of ECMA 262, see syntax.Portable.
func like(doc, pattern string, examples ...string) object {
	return text(doc, examples...).with("pattern", pattern)
}

// either is one of several forms. It is anyOf, not oneOf: some texts are right in two ways.
func either(doc string, forms ...object) object {
	return object{"description": doc, "anyOf": forms}
}

// oneOrMore is a value, or a list of them with at least one, as List reads them.
func oneOrMore(doc string, item object) object {
	return either(doc, item, object{"type": "array", "items": item, "minItems": 1})
}

// ref is one of the definitions. Parts that hold themselves, as steps do, need a name.
func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

// filled is a number that an axis may give too: to the schema ${count} is a text.
func filled(doc string, low, high int64) object {
	return either(doc,
		object{"type": "integer", "minimum": low, "maximum": high},
		object{"type": "string", "pattern": `^[0-9]+$|` + syntax.FillPattern})
}
