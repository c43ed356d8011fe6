package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"labrun/lab"
	"labrun/lab/syntax"
)

// helpPage returns a page of the reference, and that in one line, as words may be on two.
func helpPage(t *testing.T, topic string) (page, words string) {
	t.Helper()
	var help bytes.Buffer
	if status := execute(rootCommand(), []string{"help", topic}, &help, os.Stderr); status != 0 {
		t.Fatalf("labrun help %s: exit %d", topic, status)
	}
	return help.String(), strings.Join(strings.Fields(help.String()), " ")
}

// examplesThatRun returns the text of all lessons and scripts.
func examplesThatRun(t *testing.T) string {
	t.Helper()
	var examples strings.Builder
	for _, pattern := range []string{"../../topologies/*.yaml", "../../topologies/*/*.yaml", "testdata/script/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, file := range files {
			examples.WriteString(read(t, file))
		}
	}
	return examples.String()
}

var wordOf = regexp.MustCompile(`[A-Za-z0-9_]+`)

// TestVocabulary demands a line of the reference and an example that runs, in a lesson or in
// a script, for every call, every word of an argument, control message, socket option, form of an
// answer or an address, and key of the schema. That each has a row which carries it out is for
// lab/process and lab/kernel/local to test, and that it fits the schema for lab/topology.
func TestVocabulary(t *testing.T) {
	examples := examplesThatRun(t)
	pages, readme := map[string]string{}, read(t, "../../README.md")
	for _, topic := range topicNames(rootCommand()) {
		page, words := helpPage(t, topic)
		pages[topic] = words
		for line := range strings.Lines(page) {
			if length := utf8.RuneCountInString(strings.TrimRight(line, "\n")); length > pageWidth {
				t.Errorf("labrun help %s has a line of %d columns: %s", topic, length, line)
			}
		}
		if !strings.Contains(readme, "`labrun help "+topic+"`") {
			t.Errorf("README.md does not name labrun help %s", topic)
		}
	}
	// A thousand patterns over all of the text take long: most are about a word, and few lines have it.
	lines := map[string]*strings.Builder{}
	for line := range strings.Lines(examples) {
		for _, word := range slices.Compact(slices.Sorted(slices.Values(wordOf.FindAllString(line, -1)))) {
			if lines[word] == nil {
				lines[word] = &strings.Builder{}
			}
			lines[word].WriteString(line)
		}
	}
	check := func(topic, what, pattern, line string) {
		text := examples
		if words := wordOf.FindAllString(what, -1); len(words) > 0 && formPatterns[topic+" "+what] == "" {
			if few := lines[words[len(words)-1]]; few != nil {
				text = few.String()
			}
		}
		if !regexp.MustCompile("(?m)" + pattern).MatchString(text) {
			t.Errorf("no lesson and no script has %s", what)
		}
		if !strings.Contains(pages[topic], strings.Join(strings.Fields(line), " ")) {
			t.Errorf("labrun help %s does not have %s", topic, what)
		}
	}
	for _, s := range lab.Signatures {
		for _, k := range slices.Concat(s.Args, s.Long) {
			for _, word := range syntax.WordsOf(k) {
				check("calls", word, `(^|[^\w-])`+regexp.QuoteMeta(word)+`([^\w-]|$)`, word)
			}
		}
		check("calls", s.Name+"()", `\b`+s.Name+`\(`, s.Name+"(")
	}
	for _, c := range lab.Controls {
		check("calls", c.Name, `\bwith\b.* `+c.Name+`\b`, c.Name+"(")
	}
	for kind, words := range lab.SpecWords {
		for _, w := range words {
			check("hosts", string(kind)+" "+w, `[( \[]`+w+`\b`, w)
		}
		if !strings.Contains(pages["hosts"], string(kind)) {
			t.Errorf("labrun help hosts does not have %s", kind)
		}
	}
	for _, o := range lab.Options {
		check("options", o.Name, `sockopt\(\w+, `+o.Name+`\b`, o.Name+" "+string(o.Value))
	}
	for _, word := range slices.Concat(lab.StateNames, lab.VersionOps) {
		check("answers", word, `[= \[]`+word+`($|[ "'\]}])`, word)
	}
	checkForms := func(topic string, forms []lab.Form) {
		for _, f := range forms {
			pattern, ok := formPatterns[topic+" "+f.Form]
			if !ok {
				t.Errorf("what has %s of help %s? add a pattern", f.Form, topic)
			}
			check(topic, f.Form, pattern, f.Form+" "+f.Doc+" "+f.Example)
		}
	}
	checkForms("answers", lab.AnswerForms)
	checkForms("addresses", lab.AddressForms)
	for topic, part := range keysOf(topologySchema()) {
		for _, key := range slices.Sorted(maps.Keys(part)) {
			check(topic, "key "+key, `(^|[{ ,])`+key+`:`, key+":")
		}
	}
}

// keysOf returns the keys that the schema has anywhere, by the topic that tells of them.
func keysOf(s schemaPart) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	add := func(topic string, part schemaPart) {
		if all[topic] == nil {
			all[topic] = map[string]bool{}
		}
		forms, _ := part.node["anyOf"].([]any) // a network is a subnet, or a mapping
		for _, form := range append(forms, part.node) {
			properties, _ := form.(map[string]any)["properties"].(map[string]any)
			for key := range properties {
				all[topic][key] = true
			}
		}
	}
	experiment := s.at("properties", "experiments", "additionalProperties")
	host := s.at("properties", "hosts", "additionalProperties")
	add("file", s)
	add("file", experiment)
	add("file", s.at("properties", "probes", "additionalProperties"))
	add("hosts", s.at("properties", "defaults"))
	add("hosts", s.at("properties", "networks", "additionalProperties"))
	add("file", s.at("$defs", "processes", "additionalProperties"))
	add("hosts", host)
	add("hosts", host.at("properties", "nics", "additionalProperties"))
	add("steps", s.at("$defs", "calls"))
	add("programs", s.at("$defs", "program"))
	add("axes", s.at("$defs", "rules", "items"))
	return all
}

// formPatterns find the forms of answers and addresses in lessons and scripts. What they have in the
// place of a name is theirs.
var formPatterns = map[string]string{
	"answers ok":                           `\) = ok`,
	"answers ERRNO":                        `\) = E[A-Z]+`,
	"answers VALUE":                        `getsockname\(\w+\) = x:80`,
	"answers blocked":                      `\) = blocked`,
	"answers ?":                            `\) = \?`,
	"answers ANSWER | ANSWER":              `\) = [^"\n]+ \| `,
	"answers LOW..HIGH":                    `\) = [0-9]+\.\.[0-9]+`,
	"answers ADDR:LOW-HIGH":                `\) = \w+:[0-9]+-[0-9]+`,
	"answers ADDR:odd":                     `\) = \w+:(odd|even)`,
	"answers ADDR:$NAME":                   `\) = \w+:\$\w+`,
	"answers :PORT":                        `\) = :[0-9$]`,
	"answers none":                         `\) = none`,
	"answers ~ STATES":                     `\) ~ [A-Z]`,
	"answers WORD|WORD":                    `\) = [A-Z_]+\|[A-Z_]+`,
	"answers {ANSWER, ANSWER}":             `\) = \{\w+, \w+`,
	"answers ANSWER from ADDR":             `\) = [^=\n]* from \w`,
	"answers ANSWER from PROCESS":          `signals\(\) = [^=\n]* from \w+ user \d`,
	"answers ANSWER with WORDS":            `\) = [^=\n]* with \w`,
	"answers bytes(HEX)":                   `\) = bytes\(`,
	"answers [ANSWER on linux OP VERSION]": `\[\w+ on linux [<>=]+ [0-9.]+`,
	"answers [ANSWER on KIND NAME]":        `\[\w+ on (option|socket|sysctl|probe) \S+\]`,
	"answers [ANSWER on no KIND NAME]":     `\[\w+ on no (option|socket|sysctl|probe) \S+\]`,

	"addresses NAME:PORT":                  `\(\w+, x:[0-9]+`,
	"addresses peer.NAME:PORT":             `\(\w+, peer\.x:[0-9]+`,
	"addresses subject.NAME:PORT":          `\(\w+, subject\.x:[0-9]+`,
	"addresses HOST.NAME:PORT":             `\(\w+, (alpha|beta)\.x:[0-9]+`,
	"addresses any:PORT":                   `\(\w+, any:[0-9]+`,
	"addresses any6:PORT":                  `\(\w+, any6:[0-9]+`,
	"addresses lo:PORT":                    `\(\w+, lo:[0-9]+`,
	"addresses lo6:PORT":                   `\(\w+, lo6:[0-9]+`,
	"addresses mapped(NAME):PORT":          `\(\w+, mapped\(\w+\):[0-9]+`,
	"addresses IPV4:PORT":                  `\(\w+, [0-9.]+:[0-9]+`,
	"addresses [IPV6]:PORT":                `\(\w+, \[[0-9a-f:]+\]:[0-9]+`,
	"addresses [IPV6%NIC]:PORT":            `\(\w+, \[[0-9a-f:]+%\w+\]:[0-9]+`,
	"addresses ADDR:0":                     `\(\w+, \w+:0\)`,
	"addresses ADDR:$NAME":                 `bind\(\w+, \w+:\$\w+\)`,
	"addresses ADDR:$NAME+N":               `:\$\w+\+[0-9]`,
	"addresses unspec":                     `connect\(\w+, unspec\)`,
	"addresses family(AF_NAME, ADDR):PORT": `family\(AF_\w+, \w+\):[0-9]`,
	`addresses "/tmp/NAME"`:                `\(\w+, "/(tmp|run)/`,
	`addresses "NAME"`:                     `bind\(\w+, "\w[^/"]*"\)`,
	`addresses "@NAME"`:                    `\(\w+, "@\w+"\)`,
	`addresses ""`:                         `bind\(\w+, ""\)`,
	`addresses "@$NAME"`:                   `"@\$\w+"`,
	"addresses packet(NIC, PROTOCOL)":      `packet\(\w+, \w+\)`,
	"addresses netlink(PORT, GROUPS)":      `netlink\(self, [0-9]+\)`,
}

// TestForms: each example of an answer and an address is a step without mistakes.
func TestForms(t *testing.T) {
	for _, f := range slices.Concat(lab.AnswerForms, lab.AddressForms) {
		if mistakes := syntax.Parse(f.Example).Mistakes; len(mistakes) > 0 {
			t.Errorf("%s: %v", f.Example, mistakes)
		}
	}
}

// TestTopicExamples runs what the pages of the reference show.
func TestTopicExamples(t *testing.T) {
	needNetNS(t)
	head := "name: page\nnetworks: {red: 192.0.2.0/24}\nhosts:\n  alpha: {nics: {eth0: {network: red, as: x}}}\n" +
		"  beta: {nics: {eth0: {network: red, as: x}}}\nexperiments:\n"
	for topic, wrapped := range map[string]string{"steps": head + "  one:\n%s", "programs": head + "  one:\n%s",
		"axes": head + "%s", "hosts": "name: page\n%sexperiments: {one: {steps: [\"bind(a, x:80) = EBADF\"]}}\n"} {
		page, _ := helpPage(t, topic)
		indent := strings.Repeat(" ", strings.Count(strings.SplitN(wrapped, "%s", 2)[0], "  one:\n")*4)
		if topic == "axes" {
			indent = "  "
		}
		n := 0
		for block := range strings.SplitSeq(page, "\n\n") {
			if !strings.HasPrefix(block, "    ") || !strings.Contains(block, ":\n") || strings.HasPrefix(block[4:], " ") ||
				!regexp.MustCompile(`^    (steps|two-binders|networks):( \||)\n`).MatchString(block+"\n") {
				continue
			}
			n++
			var lines strings.Builder
			for line := range strings.Lines(strings.TrimRight(block, "\n") + "\n") {
				lines.WriteString(indent + strings.TrimPrefix(line, "    "))
			}
			file := filepath.Join(t.TempDir(), fmt.Sprintf("%s-%d.yaml", topic, n))
			text := fmt.Sprintf(wrapped, lines.String())
			if topic == "hosts" {
				text = strings.Replace(text, "bind(a, x:80) = EBADF", "a = socket(tcp)", 1)
			}
			write(t, file, text)
			if out, err := labrun(t, file).CombinedOutput(); err != nil {
				t.Errorf("labrun help %s: %v\n%s\n%s", topic, err, text, out)
			}
		}
		if n == 0 {
			t.Errorf("labrun help %s has no example", topic)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
