package topology

import (
	"slices"
	"strings"

	"labrun/lab"
	"labrun/lab/once"
	"labrun/lab/wording"
	"labrun/lab/yamlpos"
)

// seePattern is a topology's name, or a manual page: overlap, socket(7). Whether there is such a one depends on where
// the file is.
const seePattern = `^(?:[A-Za-z0-9][A-Za-z0-9._-]*|[A-Za-z0-9_.+-]+\([1-9][a-z]*\))$`

var seeSyntax = once.Regexp(seePattern)

// maxSee is how many references a file may have: a list to read is short.
const maxSee = 20

// lesson reads what a file teaches.
func (c complaints) lesson(p *part) lab.Lesson {
	text := func(key string) string {
		e, ok := p.keys[key]
		if !ok {
			return ""
		}
		text, ok := c.Text(e.Value, key)
		if ok && strings.TrimSpace(text) == "" {
			c.Wrong(e.Value, "%s is empty; leave the key out", key)
		}
		return text
	}
	l := lab.Lesson{Question: text("question"), Found: text("found"), Level: text("level")}
	if e, ok := p.keys["level"]; ok && l.Level != "" && !slices.Contains(lab.LevelNames(), l.Level) {
		c.Wrong(e.Value, "level: %s is not a level%s", wording.Quote(l.Level),
			wording.Hint(l.Level, "allowed", lab.LevelNames()))
		l.Level = ""
	}
	if e, ok := p.keys["see"]; ok {
		l.See = c.see(e)
	}
	return l
}

// see reads the section see.
func (c complaints) see(e yamlpos.Entry) []string {
	items := yamlpos.List(e.Value)
	switch {
	case len(items) == 0:
		c.Wrong(e.Value, "see is empty; leave the key out")
	case len(items) > maxSee:
		c.Wrong(e.Value, "see has %d; at most %d are allowed", len(items), maxSee)
		return nil
	}
	var all []string
	lines := map[string]int{}
	for _, item := range items {
		name, ok := c.Text(item, "see")
		switch {
		case !ok:
		case lines[name] > 0:
			c.Wrong(item, "see: %s is named twice, first on line %d", wording.Quote(name), lines[name])
		case !seeSyntax().MatchString(name):
			c.Wrong(item, "see: %s is neither the name of a topology, as overlap, nor a manual page, as socket(7)",
				wording.Quote(name))
		default:
			lines[name] = item.Line
			all = append(all, name)
		}
	}
	return all
}

func levelSchema() object {
	var all []object
	for _, l := range lab.Levels {
		all = append(all, object{"const": l.Name, "description": l.Doc})
	}
	return object{"anyOf": all, "description": "The shelf that the file stands on, in the order in which lessons " +
		"are read: " + strings.Join(lab.LevelNames(), ", ") + "."}
}

func seeSchema() object {
	o := oneOrMore("What to read next: names of topologies, and manual pages.",
		like("A topology's name, or a manual page.", seePattern, "overlap", "socket(7)"))
	o["anyOf"].([]object)[1]["maxItems"] = maxSee
	o["anyOf"].([]object)[1]["uniqueItems"] = true
	return o
}
